/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy arrays of plain numbers (.npy, versions 1 to 3) as doubles: integers below 2^53 and
 * floats, little-endian, of up to three dimensions. Python objects are never read.
 */
#ifndef STILE_GEN_NUMPY_ARRAY_H
#define STILE_GEN_NUMPY_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "diagnostics.h"

enum { STILE_NUMPY_MAX_RANK = 3, STILE_NUMPY_MAX_COUNT = 1 << 20 };

typedef struct stile_numpy_array {
    int rank;
    int64_t dims[STILE_NUMPY_MAX_RANK]; /* 1 from `rank` on */
    double *elements;                   /* in C order */
} stile_numpy_array;

/*
 * Reads an array into the arena; `what` names it in messages ("the array"). Errors: SPEC
 * (diagnosed at `mark`), MEMORY.
 */
int stile_numpy_array_parse(stile_numpy_array *out, stile_arena *arena, const unsigned char *bytes,
                            size_t size, const char *what, stile_mark mark,
                            stile_diagnostics *diagnostics);

#endif
