/* SPDX-License-Identifier: Apache-2.0 */
#include "epilogue.h"

#include <math.h>

#include "fail.h"
#include "formats.h"

double stile_activate(stile_activation activation, double value)
{
    switch (activation) {
    case STILE_ACTIVATION_NONE:
        return value;
    case STILE_ACTIVATION_RELU:
        return value < 0 ? 0 : value;
    case STILE_ACTIVATION_GELU: /* erfc keeps its digits where 1 + erf cancels */
        return 0.5 * value * erfc(-value * M_SQRT1_2);
    case STILE_ACTIVATION_GELU_TANH: /* (1 + tanh t)/2 = 1/(1 + e^-2t), without cancelling */
        return value / (1 + exp(-2 * sqrt(2 / M_PI) * (value + 0.044715 * value * value * value)));
    case STILE_ACTIVATION_SILU:
        return value / (1 + exp(-value));
    }
    return value;
}

double stile_activate_backward(stile_activation activation, double z, double dy)
{
    switch (activation) {
    case STILE_ACTIVATION_NONE:
        return dy;
    case STILE_ACTIVATION_RELU:
        return z <= 0 ? 0 : z > 0 ? dy : z;
    case STILE_ACTIVATION_GELU: /* Φ(z) + z·φ(z) */
        return dy * (0.5 * erfc(-z * M_SQRT1_2) + z * exp(-0.5 * z * z) / sqrt(2 * M_PI));
    case STILE_ACTIVATION_GELU_TANH: { /* s(t) + z·s(t)·s(−t)·t', s being the logistic function */
        const double t = 2 * sqrt(2 / M_PI) * (z + 0.044715 * z * z * z);
        const double slope = 2 * sqrt(2 / M_PI) * (1 + 3 * 0.044715 * z * z);
        const double s = 1 / (1 + exp(-t));
        return dy * (s + z * s / (1 + exp(t)) * slope);
    }
    case STILE_ACTIVATION_SILU:
        return dy / (1 + exp(-z)) * (1 + z / (1 + exp(z)));
    }
    return dy;
}

double stile_epilogue_apply(const stile_problem *problem, double value, int64_t row, int64_t column,
                            const void *bias, const void *residual)
{
    const stile_config *config = problem->config;
    const stile_type type = config->precision.output;
    if (bias)
        value += stile_load_element(type, bias, column);
    value = stile_activate(config->epilogue.activation, value);
    if (residual) {
        const int64_t ldr = problem->ldr ? problem->ldr : problem->N;
        value += stile_load_element(type, residual, row * ldr + column);
    }
    return value;
}

int stile_epilogue_check(const stile_problem *problem, const void *bias, const void *residual)
{
    const stile_epilogue *epilogue = &problem->config->epilogue;
    if (epilogue->bias && !bias)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the spec has epilogue.bias: true, but no bias is given");
    if (!epilogue->bias && bias)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "a bias is given, but the spec has epilogue.bias: false");
    if (epilogue->residual && !residual)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the spec has epilogue.residual: true, but no residual is given");
    if (!epilogue->residual && residual)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "a residual is given, but the spec has epilogue.residual: false");
    return 0;
}
