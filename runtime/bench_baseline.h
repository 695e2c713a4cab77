/* SPDX-License-Identifier: Apache-2.0 */
/* What a benchmark compares with: the dense product of cuBLASLt, the 2:4 sparse one of cuSPARSELt. */
#ifndef STILE_RUNTIME_BENCH_BASELINE_H
#define STILE_RUNTIME_BENCH_BASELINE_H

#include "bench.h"
#include "bench_device.h"
#include "cublaslt.h"
#include "cusparselt.h"

enum { STILE_BASELINE_EVENTS = 13 }; /* of the device's, that selecting an algorithm needs */

/* Zero-initialise. */
typedef struct stile_baseline {
    const stile_driver *driver;
    stile_cublaslt *cublaslt;
    stile_dense_product *dense; /* NULL: none */
    int candidate;
    stile_cusparselt *cusparselt;
    stile_sparse_product *sparse; /* NULL: none */
    CUstream stream;
    stile_rotation x, w, y; /* for both, but w */
    stile_rotation sparse_w;
    stile_type output;
} stile_baseline;

/*
 * Finds the fastest products of those that `params` asks for, on the operands of `device`. Fills in
 * what *result says of them, notes where there are none included. A failure leaves what was made to
 * stile_baseline_destroy. Errors: DEVICE, MEMORY.
 */
int stile_baseline_create(stile_baseline *baseline, const stile_context *context,
                          stile_bench_device *device, const stile_bench_params *params,
                          stile_bench_result *result);
void stile_baseline_destroy(stile_baseline *baseline);

/* Launches run number `turn`, where there is such a product. Errors: DEVICE. */
int stile_baseline_run_dense(const stile_baseline *baseline, int turn);
int stile_baseline_run_sparse(const stile_baseline *baseline, int turn);

/* Computes the dense result of run 0 and copies it to the host. Errors: DEVICE. */
int stile_baseline_read_dense(const stile_baseline *baseline, void *y, size_t size);

#endif
