/* SPDX-License-Identifier: Apache-2.0 */
/* How large the rounding error of an operator should be, and how large it is. */
#ifndef STILE_RUNTIME_NUMERICS_H
#define STILE_RUNTIME_NUMERICS_H

#include <stdbool.h>
#include <stdint.h>

#include "reference.h"

/*
 * Predicted RMS error of Y (before bias and activation) relative to the RMS of the fp64 operator,
 * for independent N(0,1) inputs:
 *
 *     error² = Φ_x u_x² + Φ_w u_w² + Φ_y (u_y² + u_a²) + u_o²
 *
 * where u are the RMS roundings of the encoded (X̂, Ŵ), product and output types and each Φ is
 * Σ ‖u_c‖²‖v_c‖²‖d_c‖² / ‖T̂‖² over the channels in which that rounding happens: a channel whose
 * encoder only copies (one entry, a power of two) rounds nothing if the encoded type holds the
 * input type. Tails count as the kernels see them: entries of U, V and D that meet padding are left
 * out there. Trained weights have no V: their channels are independent and of one variance.
 *
 * u_a stands for accumulation in f32 over ceil(K/k) terms. Tensor cores truncate after every 8 or
 * 16 of them, which adds up instead of averaging out: u_a = 2^-24 (2 + ceil(K/k)/8).
 *
 * 0 where Y is empty or identically zero.
 */
double stile_predicted_error(const stile_problem *problem);

/* RMS errors relative to the RMS of the result: over all of it, and of the entry of a tile that
   fares worst. */
typedef struct stile_prediction {
    double overall, worst;
} stile_prediction;

stile_prediction stile_predict(const stile_problem *problem);

typedef struct stile_comparison {
    double relative_rms;  /* ‖y − ref‖ / ‖ref‖ over the elements finite in both */
    double worst_element; /* max |y − ref| / scale, see stile_compare */
    int64_t worst_row, worst_column; /* of that element, or of the first non-finite mismatch */
    int64_t nonfinite; /* elements finite in only one of the two, or infinite in different ways */
    int64_t count;
} stile_comparison;

/*
 * Compares y (of `type`, leading dimension ldy, 0: dense) with ref (doubles, [rows, columns]
 * dense).
 *
 * The scale of element (i, j) is max(|ref_ij|, rms, R_i·C_j/rms): its own size, because the last
 * rounding is relative to it; the RMS of ref, the floor; and where rows or columns differ in size
 * (few inner terms, uneven data), what row i and column j make likely. R_i is the largest RMS of a
 * row of ref that may share a tile with row i, C_j likewise. All come from ref alone, so a wrong y
 * cannot loosen its own bound. Errors: MEMORY.
 */
int stile_compare(stile_comparison *out, stile_type type, const void *y, int64_t ldy,
                  const double *ref, int64_t rows, int64_t columns);

/*
 * The same for doubles against doubles, without scales: relative_rms as above, worst_element the
 * largest difference in units of the RMS of ref. Non-finite elements must be of one kind.
 */
stile_comparison stile_compare_doubles(const double *a, const double *reference, int64_t rows,
                                       int64_t columns);

/*
 * Whether y is as good as predicted for `problem`: no non-finite mismatch, relative_rms at most
 * twice the prediction, and worst_element at most 8 times the prediction for the entry of the tile
 * that fares worst (the upper left one of Strassen² has 1.5 times the average error). 8 standard
 * deviations would occur once in 10^15 elements, were errors Gaussian; they are sums of bounded
 * roundings, whose tails are shorter.
 *
 * With few elements both are ratios of two random sizes, and ‖ref‖ may come out small by chance:
 * both bounds are multiplied by 10^(8/e), e being the elements of the smallest of X, W and Y. That
 * is 1.2 for 100 elements and 1 for many. Sums of few products have heavier tails than R_i·C_j
 * tells (an emulation of ⟨2,2,2;7⟩ in bf16 meets 9.8 times the prediction at 744×16×1184): with
 * T = ceil(K/k) of them in each channel the elementwise bound is multiplied by 1 + 2/T.
 */
bool stile_comparison_passes(const stile_comparison *comparison, const stile_problem *problem);

/* Elements of the smallest of X, W and Y. */
double stile_fewest_elements(const stile_problem *problem);

/* The same for any prediction: `elements` is e, `terms` T. */
bool stile_comparison_within(const stile_comparison *comparison, stile_prediction predicted,
                             double elements, double terms);

#endif
