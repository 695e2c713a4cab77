/* SPDX-License-Identifier: Apache-2.0 */
/* What a backward plan costs on a shape, counted as in cost.h. */
#ifndef STILE_RUNTIME_COST_BACKWARD_H
#define STILE_RUNTIME_COST_BACKWARD_H

#include "cost.h"
#include "gradient.h"

typedef struct stile_step_cost {
    stile_gradient_step step;
    double flops;
    double bytes_read, bytes_written; /* each array once, padding included */
} stile_step_cost;

typedef struct stile_backward_cost {
    stile_step_cost steps[STILE_STEP_COUNT]; /* those that run, in order; sums of coefficients and
                                                partial sums are small and count as nothing */
    int step_count;
    double mma_flops;       /* of all channel GEMMs, whole tiles */
    double dense_flops;     /* of the dense dX and dW among the gradients */
    double workspace_bytes; /* dZ, dŶ, X̂, Ŵ, Ŵᵀ, dX̂ or Ŷ, dŴ as far as they are there */
    double kept_bytes;      /* Z, which the forward pass keeps; 0 without an activation */
} stile_backward_cost;

/* `gradients`: the bits of gradient.h. Errors: MEMORY. */
int stile_backward_cost_count(stile_backward_cost *out, const stile_config *config,
                              const stile_shape *shape, int64_t rows_per_group, int gradients);

#endif
