/* SPDX-License-Identifier: Apache-2.0 */
/* How large the rounding errors of gradients should be. */
#ifndef STILE_RUNTIME_NUMERICS_BACKWARD_H
#define STILE_RUNTIME_NUMERICS_BACKWARD_H

#include "gradient.h"
#include "numerics.h"

typedef enum stile_gradient {
    STILE_GRADIENT_DX,
    STILE_GRADIENT_DW, /* dŴ where weights are trained */
    STILE_GRADIENT_DBIAS,
    STILE_GRADIENT_DU,
    STILE_GRADIENT_DV,
    STILE_GRADIENT_DD,
} stile_gradient;

enum { STILE_GRADIENT_COUNT = 6 };

/* "dX", "dW", "dbias", "dU", "dV", "dD". */
const char *stile_gradient_name(stile_gradient gradient);

/*
 * Predicted RMS error of a gradient relative to its RMS, for independent N(0,1) in X, W and dZ.
 * `configs` are those of the problem's configuration.
 *
 * dX and dense dW are results of operators of their own, whose prediction is that of
 * stile_predicted_error. The entries of dŴ, dU, dV and dD are sums of products in which every
 * factor carries its own rounding: u² is the sum over X̂, Ŵ, dŶ as far as they take part, the
 * product's where it is stored in between, that of accumulation in f32 (as in numerics.h) and of
 * the result. Where an activation is undone, dZ is rounded to the output type first, which adds
 * u_o² to all.
 */
stile_prediction stile_predict_gradient(const stile_problem *problem,
                                        const stile_gradient_configs *configs,
                                        stile_gradient gradient);

/* Terms of the sum that an element of the gradient is, in each channel. */
double stile_gradient_terms(const stile_problem *problem, stile_gradient gradient);

#endif
