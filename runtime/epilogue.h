/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to each element of Y after decoding, in fp64. */
#ifndef STILE_RUNTIME_EPILOGUE_H
#define STILE_RUNTIME_EPILOGUE_H

#include "reference.h"

/* NaN stays NaN in all of them. */
double stile_activate(stile_activation activation, double value);

/*
 * What an activation makes of the gradient `dy` of its result: dy·activation'(z). Where relu is flat,
 * 0 included, the result is zero whatever dy is; NaN in z stays NaN.
 */
double stile_activate_backward(stile_activation activation, double z, double dy);

/* activation(value + bias) + residual for element (row, column); NULL where the spec has none. */
double stile_epilogue_apply(const stile_problem *problem, double value, int64_t row, int64_t column,
                            const void *bias, const void *residual);

/* That bias and residual are given exactly where the spec has them. Errors: ARGUMENT. */
int stile_epilogue_check(const stile_problem *problem, const void *bias, const void *residual);

#endif
