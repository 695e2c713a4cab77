/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a plan: what was asked for, its kernels, and where things lie in the workspace.
 */
#ifndef STILE_RUNTIME_PLAN_H
#define STILE_RUNTIME_PLAN_H

#include <stile/stile.h>

#include "context.h"
#include "kernel.h"
#include "reference.h"
#include "schedule_choice.h"

enum {
    STILE_ALIGNMENT = 256,               /* of workspaces, encoded weights and their parts */
    STILE_MAX_EXTENT = INT32_MAX - 1024, /* of M, K and N: kernels count tiles in 31 bits */
};

/* A kernel of the plan; `module` is NULL until it is loaded. */
typedef struct stile_plan_kernel {
    CUmodule module;
    CUfunction function;
    stile_kernel kernel;
} stile_plan_kernel;

/* Byte offsets into the workspace; parts that a plan does not need are empty. */
typedef struct stile_workspace_layout {
    size_t u, v, d;   /* coefficients of a dense basis: floats, doubles on the CPU device */
    size_t x_encoded; /* X̂; the reference's scratch on the CPU device */
    size_t x_scales;  /* of 8-bit elements */
    size_t w_encoded; /* Ŵ where it is encoded online; its scales follow it */
    size_t product;   /* Ŷ */
    size_t counters;  /* of the fused kernel */
    size_t size;
} stile_workspace_layout;

struct stile_plan {
    stile_context *context;
    stile_arena *arena;         /* owns what the plan points to */
    const stile_config *config; /* a copy */
    int64_t M, K, N;
    int64_t rows_per_group;     /* 0: one group */
    int64_t ldx, ldw, ldy, ldr; /* never 0 */
    int64_t ldz, lddx, lddw;
    stile_op op;
    bool keep_z;
    int alignment;
    stile_schedule_choice choice; /* CUDA devices only; `config` has its schedule */
    stile_workspace_layout workspace;
    size_t weight_size;
    /* CUDA devices only: kernels by role, which there are, which of them a run launches in order. */
    stile_plan_kernel kernels[STILE_KERNEL_FORWARD_ROLE_COUNT];
    stile_kernel_role roles[STILE_KERNEL_ROLE_COUNT], order[STILE_KERNEL_ROLE_COUNT];
    int role_count, order_count;
    float *coefficients[3]; /* U, V, D of a dense basis as the workspace gets them, or NULL */
    size_t counters_size;
    void *zero_counters; /* as the workspace gets them; NULL where there are none */
    struct stile_backward_plan *backward; /* plan_cuda_backward.c; NULL of other plans */
    /* Those with keep_z on CUDA devices: the plan that makes Z, and the kernel that makes Y of it. */
    stile_plan *to_z;
    stile_plan_kernel activate;
};

/* `bytes` rounded up to STILE_ALIGNMENT. */
static inline size_t stile_align(size_t bytes)
{
    return (bytes + STILE_ALIGNMENT - 1) / STILE_ALIGNMENT * STILE_ALIGNMENT;
}

/* The problem of a run with M rows (or, with 0, the plan's), for the reference. */
static inline stile_problem stile_plan_problem(const stile_plan *plan, int64_t M)
{
    return (stile_problem){
        .config = plan->config,
        .M = M ? M : plan->M,
        .K = plan->K,
        .N = plan->N,
        .rows_per_group = plan->rows_per_group,
        .ldx = plan->ldx,
        .ldw = plan->ldw,
        .ldy = plan->ldy,
        .ldr = plan->ldr,
        .ldz = plan->ldz,
    };
}

/* Whether all bits of `op` are among what the plan computes; never of a forward plan. */
static inline bool stile_plan_does(const stile_plan *plan, stile_op op)
{
    return op != STILE_OP_FORWARD && (plan->op & op) == op;
}

/* --- plan_backward.c: what only backward plans need ------------------------------------------- */

/* "forward", "backward_input", "backward_weight", "backward_basis", "backward"; NULL for other
   combinations. */
const char *stile_op_name(stile_op op);

/* The operation of such a name of `size` characters; false, with *out untouched, for any other. */
bool stile_op_parse(stile_op *out, const char *name, size_t size);

/* Checks the operands of a run of a backward plan, whose M has been filled in. */
int stile_plan_backward_check(const stile_plan *plan, const stile_operands *operands);

/* --- plan.c --- */

/* stile_plan_create of a variant that need not be of a spec; its schedule may be complete. */
int stile_plan_create_config(stile_plan **out, stile_context *context, const stile_config *config,
                             const stile_plan_params *params);

/* --- launch_scaled.c: encoded elements of 8 bits --- */

/* Bytes of the scales of X̂ and of Ŵ; 0 where the encoded type has none. */
size_t stile_x_scales_size(const stile_config *config, int64_t tile_rows, int64_t K);
size_t stile_w_scales_size(const stile_config *config, int64_t tile_columns, int64_t K);

/* --- launch_fused.c --- */

/* Bytes of counters that the fused kernel needs for so many rows and columns of tiles. */
size_t stile_fused_counters_size(const stile_kernel *kernel, int64_t tile_rows,
                                 int64_t tile_columns);

/* --- run.c --- */

/* A pointer and its rows must lie on whole elements, and keep the promise made to the plan. */
int stile_check_operand(const stile_plan *plan, const char *name, const void *pointer,
                        int64_t leading_dimension, stile_type type);

/* The same where the pointer is `wanted`; elsewhere it must be NULL. */
int stile_check_optional_operand(const stile_plan *plan, const char *name, bool wanted,
                                 const void *pointer, int64_t leading_dimension, stile_type type);

/* That the encoded weights, or online W itself, are given. */
int stile_check_weights(const stile_plan *plan, const void *w);

/* The kernels of a run in order. On the CPU device there are none. */
int stile_plan_kernel_count(const stile_plan *plan);
const char *stile_plan_kernel_name(const stile_plan *plan, int index);

/* Launches kernel `index` of a run alone; its inputs are those the kernels before it left. */
int stile_run_kernel(const stile_plan *plan, int index, const stile_operands *operands,
                     void *workspace, stile_stream stream);

/* --- plan_cpu.c: the CPU device --- */

/* Lays out the workspace. */
int stile_plan_cpu_create(stile_plan *plan);
int stile_plan_cpu_encode_weight(const stile_plan *plan, const void *w, void *w_hat);
int stile_plan_cpu_run(const stile_plan *plan, const stile_operands *operands, void *workspace);

/* --- plan_cpu_backward.c --- */

/* Allocates what it needs: unlike kernels, the reference keeps its intermediates. */
int stile_plan_cpu_run_backward(const stile_plan *plan, const stile_operands *operands);

/* --- plan_cuda.c: CUDA devices --- */

/* Lays out the workspace and makes the kernels; on failure the caller unloads what was loaded. */
int stile_plan_cuda_create(stile_plan *plan);
void stile_plan_cuda_unload(stile_plan *plan);

/* Rounds the coefficients of a dense basis to what the kernels read. Errors: MEMORY. */
int stile_plan_round_coefficients(stile_plan *plan);

/* --- plan_cuda_backward.c: their backward plans --- */

int stile_plan_cuda_create_backward(stile_plan *plan);
const char *stile_backward_kernel_name(const stile_plan *plan, int index);
void stile_plan_cuda_unload_backward(stile_plan *plan);

/* --- plan_cuda_keep.c: their forward plans that keep Z --- */

int stile_plan_cuda_create_keeping(stile_plan *plan);
void stile_plan_cuda_unload_keeping(stile_plan *plan);

/* --- plan_kernels.c --- */

/*
 * Compiles (or finds) and loads kernels that have been rendered from `config`. On failure what was
 * loaded stays, for the caller to unload.
 */
int stile_plan_load_kernels(stile_context *context, const stile_config *config,
                            stile_plan_kernel *const *kernels, int count);

/* The same for those of stile_training_kernels(config): the command that an error names builds
   them, too. */
int stile_plan_load_training_kernels(stile_context *context, const stile_config *config,
                                     stile_plan_kernel *const *kernels, int count);

/* --- launch.c: CUDA devices --- */

int stile_launch_workspace_init(const stile_plan *plan, void *workspace, stile_stream stream);
int stile_launch_encode_weight(const stile_plan *plan, const void *w, void *w_hat, void *workspace,
                               stile_stream stream);

/* Launches `count` kernels of a run from number `first` on; `operands` are checked. */
int stile_launch_kernels(const stile_plan *plan, int first, int count,
                         const stile_operands *operands, void *workspace, stile_stream stream);

#endif
