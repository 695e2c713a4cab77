/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Straight-line programs: a sparse rational matrix times a vector as additions of multiples, with
 * shared subexpressions.
 *
 * Values are numbered: 0 … inputs−1 are the inputs, each addition makes the next value. The order
 * of the steps is deterministic; each output comes right after the last value it needs.
 */
#ifndef STILE_GEN_STRAIGHT_LINE_H
#define STILE_GEN_STRAIGHT_LINE_H

#include "arena.h"
#include "rational.h"

/* A coefficient times a value. */
typedef struct stile_term {
    stile_rational coefficient; /* never zero */
    int value;
} stile_term;

/* Either makes the next value from two terms, or says that output `output` is `a`. */
typedef struct stile_step {
    int output;     /* output number, the output being `a` or zero (term_count 0); −1: a value */
    int term_count; /* value: 2; output: 0, 1 */
    stile_term a, b;
} stile_step;

typedef struct stile_straight_line {
    int input_count, output_count;
    int addition_count; /* steps that make values */
    int step_count;     /* addition_count + output_count */
    stile_step *steps;
} stile_straight_line;

/*
 * Compiles out[i] = Σ_j matrix[i·columns + j] · in[j]. Pairs of terms that recur (up to a common
 * factor) become one value: the most frequent pair first, ties to the newest value (Paar's greedy
 * algorithm). An integer matrix makes integer coefficients only. Errors: MEMORY.
 */
int stile_straight_line_compile(stile_straight_line **out, stile_arena *arena,
                                const stile_rational *matrix, int rows, int columns);

#endif
