/* SPDX-License-Identifier: Apache-2.0 */
/* Bases from groups as programs and scripts ask for them (basis_group.h makes them). */
#ifndef STILE_RUNTIME_GROUP_BASIS_H
#define STILE_RUNTIME_GROUP_BASIS_H

#include "basis_group.h"

typedef struct stile_group_request {
    const char *group; /* its name */
    int m, k, n;
    int rank;               /* the most products; 0: as many as it takes */
    bool relaxed, truncate; /* stile_group_freedom */
    int moves;              /* of stile_group_curve_improve */
    uint64_t seed;
} stile_group_request;

/*
 * Makes the basis, whose source is the command that makes it again. Errors: ARGUMENT (no such group
 * or tile; truncate or moves without a rank; there is no such basis, or none was found, and then
 * the text says what to try), MEMORY.
 */
int stile_group_basis_make(stile_basis **out, stile_arena *arena,
                           const stile_group_request *request);

#endif
