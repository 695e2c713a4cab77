/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients as operators: what a backward pass computes in terms of the operator itself.
 *
 * The gradient of X is an STL product with the factors rotated: encoder Dᵀ on tiles of dY, the
 * weights transposed, decoder Uᵀ. So is that of W, with X and dY as its factors and decoder Vᵀ.
 * Configurations of these two make the kernels of a forward plan serve the backward pass; the steps
 * below say which kernels, of which configuration, make up a plan.
 */
#ifndef STILE_GEN_GRADIENT_H
#define STILE_GEN_GRADIENT_H

#include "kernel.h"

/* What a backward plan computes, as bits: those of the public stile_op. */
enum { STILE_GRADIENT_INPUT = 1, STILE_GRADIENT_WEIGHT = 2, STILE_GRADIENT_BASIS = 4 };

/* The operators of a backward pass. */
typedef struct stile_gradient_configs {
    const stile_config *forward; /* the spec's, Ŷ row by row */
    /* dX [M,K] from dZ [M,N] and Wᵀ: ⟨m,n,k;r⟩, U' = Dᵀ, V'[c,(d,b)] = V[c,(b,d)], D' = Uᵀ. */
    const stile_config *input;
    /* The same, with dense W instead of dZ as what its encoders read: makes Ŵᵀ. */
    const stile_config *weight_transposed;
    /* dW as it is laid out. [N,K]: from dZᵀ and X, ⟨n,m,k;r⟩, D''[(d,b),c] = V[c,(b,d)]; [K,N]:
       from Xᵀ and dZ, ⟨k,m,n;r⟩, D'' = Vᵀ. dŴ itself where weights are trained. */
    const stile_config *weight;
} stile_gradient_configs;

/*
 * Derives them, in `arena`. What the spec pins of a schedule is the forward pass' and is dropped.
 * `gradients`: with STILE_GRADIENT_BASIS, dX̂ must lie row by row. Errors: MEMORY.
 */
int stile_gradient_configure(stile_gradient_configs *out, stile_arena *arena,
                             const stile_config *config, int gradients);

/*
 * Whether there are backward kernels for the types of the spec. Errors: UNSUPPORTED (types with
 * scales: 8-bit encoded elements).
 */
int stile_gradient_check_types(const stile_config *config);

/* The kernels of a backward plan, in the order of a run. */
typedef enum stile_gradient_step {
    STILE_STEP_PERMUTE,     /* dense bases: coefficients as the other kernels read them */
    STILE_STEP_ACTIVATION,  /* dZ, where there is an activation */
    STILE_STEP_COLUMN_SUMS, /* dZ → partial dbias */
    STILE_STEP_SUM_BIAS,    /* → dbias */
    STILE_STEP_ENCODE_DY,   /* dZ → dŶ */
    STILE_STEP_TRANSPOSE_W, /* W or Ŵ → Ŵᵀ */
    STILE_STEP_PRODUCT_DX,  /* dŶ Ŵ → dX̂ */
    STILE_STEP_DECODE_DX,   /* dX̂ → dX */
    STILE_STEP_CONTRACT_U,  /* X, dX̂ → partial dU */
    STILE_STEP_SUM_U,       /* → dU */
    STILE_STEP_ENCODE_X,    /* X → X̂ */
    STILE_STEP_PRODUCT_DW,  /* dŶᵀ X̂ → dŴ */
    STILE_STEP_DECODE_DW,   /* dŴ → dW */
    STILE_STEP_CONTRACT_V,  /* W, dŴ → partial dV */
    STILE_STEP_SUM_V,       /* → dV */
    STILE_STEP_ENCODE_W,    /* W → Ŵ, where it is encoded online */
    STILE_STEP_PRODUCT_Y,   /* X̂ Ŵᵀ → Ŷ */
    STILE_STEP_CONTRACT_D,  /* dZ, Ŷ → partial dD */
    STILE_STEP_SUM_D,       /* → dD */
} stile_gradient_step;

enum { STILE_STEP_COUNT = STILE_STEP_SUM_D + 1 };

/* "encode_dy", "product_dx", …: for benchmarks and messages. */
const char *stile_gradient_step_name(stile_gradient_step step);

/* Whether a plan of `gradients` has the step. */
bool stile_gradient_step_runs(stile_gradient_step step, const stile_config *config, int gradients);

/* Renders the kernel of a step. Errors: those of stile_kernel_render. */
int stile_gradient_step_render(stile_kernel *out, stile_arena *arena,
                               const stile_gradient_configs *configs, const stile_arch *arch,
                               stile_gradient_step step);

/* --- all kernels of training -------------------------------------------------------------------
 */

/* A kernel to render, and what to call it: "backward_encode_dy". */
typedef struct stile_training_kernel {
    const char *name;
    const stile_config *config;
    stile_kernel_role role;
} stile_training_kernel;

/*
 * What backward plans of any operations need, and forward plans that keep Z: all that a forward
 * plan does not have anyway. Some may render to the same source. In `arena`; *count of them.
 * Errors: UNSUPPORTED (stile_gradient_check_types), MEMORY.
 */
int stile_training_kernels(stile_training_kernel **out, int *count, stile_arena *arena,
                           const stile_config *config);

/* The configuration of a forward plan that stops at Z: without activation and residual. NULL:
   memory. */
const stile_config *stile_config_to_z(stile_arena *arena, const stile_config *config);

#endif
