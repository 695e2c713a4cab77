/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gradients of the operator in fp64 on the CPU.
 *
 * With dZ = dY ∘ activation'(Z), Z being what the activation was applied to, and per channel
 *
 *     X̂ = u·x   Ŵ = v·w (or trained)   dŶ = d·dz   Ŷ = X̂ Ŵᵀ   dX̂ = dŶ Ŵ   dŴ = dŶᵀ X̂
 *
 * over tiles: dx = Σ_c u dX̂_c, dw = Σ_c v dŴ_c, and dU, dV, dD are the sums over all tiles of
 * x ⊗ dX̂, w ⊗ dŴ and dz ⊗ Ŷ. The bias gets the column sums of dZ, the residual dY itself.
 */
#ifndef STILE_RUNTIME_REFERENCE_BACKWARD_H
#define STILE_RUNTIME_REFERENCE_BACKWARD_H

#include "reference.h"

/* What gradients are computed from; arrays in the types of the configuration. */
typedef struct stile_backward_inputs {
    const void *x;       /* [M,K] with ldx, input type */
    const double *w_hat; /* encoded as stile_reference_encode_weight does, or trained */
    const void *w;       /* W itself, needed for dV alone */
    const void *dy;      /* [M,N] with ldy, output type */
    const void *z;       /* [M,N] with ldz, output type; NULL where the spec has no activation */
} stile_backward_inputs;

/* Where gradients go: dense doubles, NULL for those that nobody wants. */
typedef struct stile_gradients {
    double *dx;           /* [M,K] */
    double *dw;           /* W's shape; with trained weights that of logical Ŵ */
    double *dbias;        /* [N] */
    double *du, *dv, *dd; /* shaped as U, V, D */
} stile_gradients;

/*
 * Computes the gradients asked for. The result does not depend on `threads` (0: one per core).
 * Coefficients that are zero are skipped. M = 0 gives zeros.
 *
 * With rows: causal or none in the spec, the entries of dU and dD where U and D of the spec's basis
 * are zero are zero: a step along the gradient couples no rows that were apart. With rows: any
 * every entry has its gradient.
 *
 * Errors: ARGUMENT (stile_problem_check; z missing or given for nothing; dV or dense dW with
 * trained weights), MEMORY.
 */
int stile_reference_backward(const stile_problem *problem, const stile_backward_inputs *inputs,
                             const stile_gradients *out, int threads);

/*
 * The same by the definition, one product of two tiles after the other; `w` must be given (logical
 * Ŵ where weights are trained), `w_hat` is not used. M·K·N·r/(mkn) steps of (mk + kn + mn): small
 * shapes only. Exists to check the fast way.
 */
int stile_reference_backward_direct(const stile_problem *problem,
                                    const stile_backward_inputs *inputs,
                                    const stile_gradients *out);

/* Elements of dW: those of W, or of logical Ŵ. */
size_t stile_weight_gradient_size(const stile_problem *problem);

/* Zeroes what `rows` keeps apart: see stile_reference_backward. */
void stile_mask_basis_gradients(const stile_config *config, double *du, double *dd);

/* What both ways share: errors of the inputs, and the element of dZ. */
int stile_backward_check(const stile_problem *problem, const stile_backward_inputs *inputs,
                         const stile_gradients *out);
double stile_backward_dz(const stile_problem *problem, const stile_backward_inputs *inputs,
                         int64_t row, int64_t column);

#endif
