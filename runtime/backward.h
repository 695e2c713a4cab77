/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of backward plans on CUDA devices. */
#ifndef STILE_RUNTIME_BACKWARD_H
#define STILE_RUNTIME_BACKWARD_H

#include "gradient.h"
#include "plan.h"

enum {
    STILE_MAX_CONTRACT_BLOCKS = 512, /* that sum over tiles, and leave a partial sum each */
    STILE_MAX_STRIPS = 256,          /* of rows, for the sums of columns */
    STILE_STRIP_ROWS = 32,           /* at least */
};

/* Byte offsets into the workspace; parts that a plan does not need are empty. */
typedef struct stile_backward_layout {
    size_t dz;                        /* where an activation is undone */
    size_t input_u, input_v, input_d; /* coefficients of the input's gradient: dense bases */
    size_t weight_d;                  /* those of the weight's decoder */
    size_t support_u, support_d;      /* floats; where rows are kept apart */
    size_t x_encoded, dy_encoded;     /* X̂, dŶ */
    size_t w_encoded, w_transposed;   /* Ŵ where it is encoded online, Ŵᵀ */
    size_t product;                   /* dX̂, then Ŷ */
    size_t weight_product;            /* dŴ where weights are dense */
    size_t partials;
} stile_backward_layout;

typedef struct stile_backward_plan {
    stile_gradient_configs configs;
    stile_plan_kernel kernels[STILE_STEP_COUNT]; /* by step */
    stile_gradient_step order[STILE_STEP_COUNT]; /* of a run */
    int order_count;
    stile_backward_layout layout;
    int64_t dz_pitch;
    float *support_u, *support_d; /* as the workspace gets them, or NULL */
} stile_backward_plan;

/* Blocks that sum over so many tiles, and strips of so many rows: by the shape alone. */
int64_t stile_contract_blocks(int64_t tile_rows, int64_t tile_columns, int run);
int64_t stile_strips(int64_t rows);

#endif
