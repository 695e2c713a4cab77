/* SPDX-License-Identifier: Apache-2.0 */
/*
 * U, V and D alike: each is a list of channels, and a channel's part in it is a small matrix, of
 * the shape of a tile of X, W or Y. For the files of the algebra.
 */
#ifndef STILE_GEN_BASIS_FACTOR_H
#define STILE_GEN_BASIS_FACTOR_H

#include "square.h"

typedef struct stile_basis_factor {
    int rows, columns, rank;
    int channel_step, entry_step; /* of the arrays */
    double *entries;
    stile_rational *exact; /* NULL where the basis is not rational */
} stile_basis_factor;

/* Factor 0 is U, 1 is V, 2 is D. */
stile_basis_factor stile_basis_factor_of(const stile_basis *basis, int index);

/* Where entry `entry` (row-major) of a channel stands in the arrays. */
static inline int stile_factor_at(const stile_basis_factor *factor, int channel, int entry)
{
    return channel * factor->channel_step + entry * factor->entry_step;
}

/* One entry to another place, both as doubles and exactly where `to` is exact. */
void stile_factor_copy(const stile_basis_factor *to, int to_at, const stile_basis_factor *from,
                       int from_at);

/* The inner product of two channels, as doubles. */
double stile_factor_dot(const stile_basis_factor *factor, int channel, int other);

/* Sets each channel of `to` to left · channel of `from` · right. False: an exact entry overflows.
 */
bool stile_factor_enclose(const stile_basis_factor *to, const stile_basis_factor *from,
                          const stile_square *left, const stile_square *right);

/* "what(name)", or "what(...)" where that would grow past all bounds; NULL: memory. */
const char *stile_basis_compose_name(stile_arena *arena, const char *what, const char *name);

/*
 * Rounds the exact entries of a finished basis. Errors: ARGUMENT where an entry is past the range
 * of f32, in which kernels hold it.
 */
int stile_basis_finish(stile_basis *basis);

#endif
