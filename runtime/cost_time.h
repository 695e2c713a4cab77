/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a run should take: a model of each kernel with constants from measurements
 * (cost_calibration.h). On a GPU that was not measured they are scaled by its multiprocessors,
 * clock, tensor cores and memory bandwidth. docs/tuning.md says how well it fits.
 */
#ifndef STILE_RUNTIME_COST_TIME_H
#define STILE_RUNTIME_COST_TIME_H

#include "cost.h"
#include "cost_calibration.h"
#include "schedule.h"

/* Milliseconds. */
typedef struct stile_time {
    double kernels[STILE_KERNEL_ROLE_COUNT]; /* by role, also those that run once per weight */
    double total;                            /* of a call */
    bool block_measured;                     /* else the rate of the channel GEMM is a guess */
} stile_time;

/*
 * Of `config` with a complete schedule (schedule_space.h) in place of its own. `cost` needs what
 * stile_cost_count_sizes fills in. Errors: ARGUMENT where the schedule does not work.
 */
int stile_time_predict(stile_time *out, const stile_gpu *gpu, const stile_config *config,
                       const stile_schedule *schedule, const stile_cost *cost);

/* Of a dense product by cuBLAS in the types of `config`, without an epilogue. */
double stile_time_predict_dense(const stile_gpu *gpu, const stile_config *config,
                                const stile_shape *shape);

/*
 * Of the same product with weights pruned 2:4, by cuSPARSELt: the dense time over a gain that was
 * measured at 8192³ (1.1) and 16384³ (1.5), interpolated in between and no less or more elsewhere.
 * NaN for types that have no such kernels.
 */
double stile_time_predict_sparse(const stile_gpu *gpu, const stile_config *config,
                                 const stile_shape *shape);

#endif
