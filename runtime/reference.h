/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator in fp64 on the CPU: the truth that every kernel is measured against, and the `cpu`
 * device.
 *
 * The fast way encodes, multiplies channel by channel and decodes, as the kernels do but without
 * any rounding to smaller types. The direct way contracts with T̂ tile by tile; it is slow and
 * independent of the first, which it checks.
 */
#ifndef STILE_RUNTIME_REFERENCE_H
#define STILE_RUNTIME_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/* An application of the operator to host arrays in the types of the configuration. */
typedef struct stile_problem {
    const stile_config *config;
    int64_t M, K, N;
    int64_t rows_per_group;     /* 0: one group */
    int64_t ldx, ldw, ldy, ldr; /* elements; 0: dense */
    int64_t ldz;                /* pre-activations, of gradients alone; 0: dense */
    const double *u, *v, *d;    /* NULL: the basis' own */
} stile_problem;

/* Tiles per group and in all, along each dimension. */
typedef struct stile_tiling {
    int64_t groups, rows_per_group, tile_rows_per_group;
    int64_t tile_rows;    /* groups × tile_rows_per_group */
    int64_t tile_inner;   /* ceil(K/k) */
    int64_t tile_columns; /* ceil(N/n) */
} stile_tiling;

/*
 * 0 where the problem makes sense: K, N ≥ 1, M ≥ 0 and a multiple of rows_per_group where that is
 * not 0, leading dimensions no shorter than their rows, nothing past 64-bit indices.
 * Errors: ARGUMENT.
 */
int stile_problem_check(const stile_problem *problem);

/* Of a problem that passes stile_problem_check. */
stile_tiling stile_problem_tiling(const stile_problem *problem);

/* Doubles of Ŵ, rank × tile_columns × tile_inner; SIZE_MAX where memory cannot hold that many. */
size_t stile_reference_weight_size(const stile_problem *problem);

/*
 * Ŵ = V·W: [rank][tile_columns][tile_inner] doubles from W in the input type and layout of the
 * spec. Errors, of all below: ARGUMENT (stile_problem_check), MEMORY.
 */
int stile_reference_encode_weight(const stile_problem *problem, const void *w, double *w_hat,
                                  int threads);

/* Widens logical (trained) Ŵ [rank, tile_columns, tile_inner] of the input type to doubles. */
int stile_reference_pack_weight(const stile_problem *problem, const void *w_logical, double *w_hat,
                                int threads);

/*
 * Doubles of scratch that stile_reference_run needs: X, X̂ and Ŷ of a few tile rows at a time, for
 * each of `threads` threads (0: one per core); SIZE_MAX where that many bytes cannot be addressed.
 */
size_t stile_reference_scratch_size(const stile_problem *problem, int threads);

/*
 * Y = activation(STL + bias) + residual from encoded weights, in fp64, into `y` of [M, N] with ldy.
 * `y` has the output type (rounded once), or is of doubles where `y_doubles` is set; where it has
 * the output type, it may be the residual itself. Bias and residual have the output type and must
 * be given exactly where the spec has them. `scratch`: stile_reference_scratch_size doubles, or
 * NULL to allocate. The result does not depend on `threads` (0: one per core). M = 0 does nothing.
 *
 * Coefficients that are zero are skipped, so Inf and NaN reach only the outputs that depend on
 * them; relu passes NaN on.
 */
int stile_reference_run(const stile_problem *problem, const void *x, const double *w_hat,
                        const void *bias, const void *residual, void *y, bool y_doubles,
                        double *scratch, int threads);

/*
 * The same result by direct contraction with T̂, tile by tile, as dense doubles [M, N]. `w` is dense
 * W, or logical Ŵ where the spec trains it. M·K·N·mkn multiplications: small shapes only. Exists to
 * check the fast way, with which it shares no code but loading and the epilogue.
 */
int stile_reference_contract(const stile_problem *problem, const void *x, const void *w,
                             const void *bias, const void *residual, double *y);

/*
 * True Y = activation(X·W + bias) + residual as dense doubles [M, N], whatever the basis.
 * Errors: also ARGUMENT where the spec has trained weights, for there is no W.
 */
int stile_reference_dense(const stile_problem *problem, const void *x, const void *w,
                          const void *bias, const void *residual, double *y, int threads);

#endif
