/* SPDX-License-Identifier: Apache-2.0 */
/* The real irreducible representations of a group, of which its Fourier transform is made. */
#ifndef STILE_GEN_BASIS_GROUP_BLOCKS_H
#define STILE_GEN_BASIS_GROUP_BLOCKS_H

#include "basis_group.h"

/* The algebras that representations generate, and the coordinates in them. */
typedef enum stile_block_kind {
    STILE_BLOCK_REAL,       /* x */
    STILE_BLOCK_COMPLEX,    /* x + y·i */
    STILE_BLOCK_EISENSTEIN, /* x + y·ω, ω² = −1 − ω: the complex numbers, with integers for thirds */
    STILE_BLOCK_MATRIX2,    /* 2×2, row-major */
    STILE_BLOCK_MATRIX3,
    STILE_BLOCK_QUATERNION, /* x + y·i + z·j + w·k */
} stile_block_kind;

enum { STILE_BLOCK_MAX_SIZE = 9 };

typedef struct stile_block {
    stile_block_kind kind;
    bool integral;  /* all values are integers */
    double *values; /* order × size: the coordinates of each element */
} stile_block;

/* Coordinates of a block of this kind. */
int stile_block_size(stile_block_kind kind);

/*
 * Sets rank, rational, a, b and c of a group from its blocks, which must be all there are: the sizes
 * add to the order. Errors: MEMORY.
 */
int stile_group_transform(stile_group *group, stile_arena *arena, const stile_block *blocks,
                          int count);

#endif
