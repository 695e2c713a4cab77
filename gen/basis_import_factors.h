/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of basis_import.h share: a basis filled one coefficient at a time. */
#ifndef STILE_GEN_BASIS_IMPORT_FACTORS_H
#define STILE_GEN_BASIS_IMPORT_FACTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "basis_import.h"

typedef struct stile_factors {
    stile_basis *basis; /* exact until finished */
    int sizes[3];       /* of the vectors: m·k, k·n, m·n */
    bool rational;      /* so far */
    stile_diagnostics *diagnostics;
} stile_factors;

/*
 * Finds the tile (m, k, n) whose vectors have these sizes, m·k, k·n and m·n: m² is the quotient of
 * them, so there is one at most. False where there is none within STILE_MAX_TILE.
 */
bool stile_factors_find_tile(int out[3], const int64_t sizes[3]);

/*
 * Starts a basis of zeros from the sizes of its vectors, which determine the tile. Diagnoses at
 * `mark` where there is no such tile or rank. Errors: SPEC, MEMORY.
 */
int stile_factors_create(stile_factors *out, stile_arena *arena, const int64_t sizes[3],
                         int64_t rank, stile_mark mark, stile_diagnostics *diagnostics);

/*
 * Sets coefficient `index` of vector `channel` of a factor (0: X, 1: W, 2: Y) from text as in basis
 * files. Diagnoses at `mark` and returns false where it is no such number, or too large for f32.
 */
bool stile_factors_set(stile_factors *factors, int factor, int channel, int index, const char *text,
                       stile_mark mark);

/* The finished basis: rational where every coefficient is. */
stile_basis *stile_factors_finish(stile_factors *factors);

/*
 * Runs a reader with a list of errors of its own, which is appended to `diagnostics` when it is
 * done; the reader fails where it has reported anything. *out is untouched on failure.
 */
typedef int (*stile_factors_reader)(stile_basis **out, stile_arena *arena, void *user,
                                    stile_diagnostics *diagnostics);
int stile_factors_read(stile_basis **out, stile_arena *arena, stile_factors_reader read, void *user,
                       stile_diagnostics *diagnostics);

#endif
