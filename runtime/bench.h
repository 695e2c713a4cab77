/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Benchmarks: one plan on one shape, interleaved with cuBLASLt and cuSPARSELt in the same run.
 *
 * They run in turn on one stream until the GPU is warm, then in turns that events time one by one.
 * X, W, Ŵ, Y and the residual rotate over more than twice the L2 cache, of their own for each side,
 * so that none finds its operands, nor another's, in the cache. Data is N(0,1): power, and
 * with it the clock, depends on it.
 */
#ifndef STILE_RUNTIME_BENCH_H
#define STILE_RUNTIME_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <stile/stile.h>

#include "config.h"
#include "kernel.h"
#include "nvml.h"

typedef struct stile_bench_params {
    stile_shape shape;
    int64_t rows_per_group; /* 0: one group */
    bool against_cublas, against_cusparselt;
    double warmup_seconds; /* of turns, before the timed ones */
    int iterations;        /* timed turns, 1 … 10000 */
    uint64_t seed;         /* of the data */
} stile_bench_params;

/* Times in milliseconds. */
typedef struct stile_quantiles {
    int count;
    double min, lower, median, upper, max; /* lower and upper: quartiles */
} stile_quantiles;

typedef struct stile_bench_result {
    stile_schedule schedule; /* of the plan */
    const char *origin;      /* why that: "rule", "pinned", "tuned", "model" */
    stile_quantiles stl;
    int kernel_count; /* kernels of a run, timed one by one in a second series */
    struct {
        const char *name; /* static storage */
        stile_quantiles time;
    } kernels[STILE_KERNEL_ROLE_COUNT];

    bool has_dense;
    char dense_note[256]; /* why there is no dense time, or how it differs; "" otherwise */
    stile_quantiles dense;
    stile_weight_layout dense_layout; /* the faster of nk and kn */
    stile_type dense_output;
    int dense_candidate, dense_candidates; /* the algorithm in the heuristics' order, of how many */
    int cublaslt_version;                  /* 130000 for 13.0.0 */

    bool has_sparse; /* 2:4 sparse weights, by cuSPARSELt; its result is not checked */
    char sparse_note[256];
    stile_quantiles sparse;
    int cusparselt_version; /* 1000 for 0.10.0 */

    /* Relative RMS errors, from sampled rows and columns of tiles. */
    double predicted_error;
    double operator_error;   /* STL against the fp64 operator */
    double true_error;       /* STL against true X·W; NaN where weights are trained */
    double dense_true_error; /* cuBLAS against true X·W; NaN without */
    int64_t sampled_elements;

    int stl_sets, dense_sets; /* that the operands rotate over */
    double l2_bytes;
    stile_gpu_state gpu; /* while the timed turns ran */
} stile_bench_result;

/* Errors: ARGUMENT (also on the CPU device), those of making and running a plan. */
int stile_bench_run(stile_bench_result *out, stile_context *context, const stile_spec *spec,
                    const stile_config *config, const stile_bench_params *params);

/* Sorts the samples. count >= 1. */
stile_quantiles stile_quantiles_of(double *samples, int count);

#endif
