/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error of large results, from some of their tiles: the operator on sampled rows and columns of
 * tiles is exactly that part of the whole, so a small fp64 problem tells what it should be.
 */
#ifndef STILE_RUNTIME_BENCH_ERROR_H
#define STILE_RUNTIME_BENCH_ERROR_H

#include "bench_operands.h"
#include "reference.h"

typedef struct stile_sampled_result {
    const void *y; /* [M, N] on the host, dense */
    stile_type type;
} stile_sampled_result;

typedef struct stile_sampled_errors {
    double to_operator, to_truth, dense_to_truth; /* relative RMS; NaN where there is none */
    int64_t elements;
} stile_sampled_errors;

/*
 * `problem` is the whole one, with dense rows; `dense` (NULL: none) is Y = X·W without epilogue.
 * Errors: MEMORY.
 */
int stile_sample_errors(stile_sampled_errors *out, const stile_problem *problem,
                        const stile_bench_host *host, stile_sampled_result stl,
                        const stile_sampled_result *dense, uint64_t seed, int threads);

#endif
