/* SPDX-License-Identifier: Apache-2.0 */
/* Square matrices up to the side of a tile, exact where all their entries are rational. */
#ifndef STILE_GEN_SQUARE_H
#define STILE_GEN_SQUARE_H

#include "basis.h"
#include "diagnostics.h"
#include "yaml_tree.h"

/* Row-major. A value: it owns nothing. */
typedef struct stile_square {
    int size;
    bool rational; /* whether `exact` holds the entries too */
    double entries[STILE_MAX_TILE * STILE_MAX_TILE];
    stile_rational exact[STILE_MAX_TILE * STILE_MAX_TILE];
} stile_square;

/* Rational. */
stile_square stile_square_identity(int size);

/* Rational, from `size`² integers. */
stile_square stile_square_integers(int size, const int *entries);

stile_square stile_square_transpose(const stile_square *a);

/* a·b; false where an exact entry overflows. */
bool stile_square_multiply(stile_square *out, const stile_square *a, const stile_square *b);

/*
 * The inverse. Errors: ARGUMENT (the matrix, called `name` in the text, is singular, or so close to
 * it that doubles cannot invert it; an exact entry overflows).
 */
int stile_square_invert(stile_square *out, const stile_square *a, const char *name);

/*
 * Reads a list of `size` rows of numbers as basis files have them, called `name` in what is
 * diagnosed. False, with *out untouched, where it is none.
 */
bool stile_square_read(stile_square *out, int size, const stile_node *node, const char *name,
                       stile_diagnostics *diagnostics);

#endif
