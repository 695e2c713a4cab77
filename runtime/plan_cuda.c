/* SPDX-License-Identifier: Apache-2.0 */
/* Plans on CUDA devices: the layout of the workspace, and kernels rendered, compiled and loaded. */
#include "plan.h"

#include <inttypes.h>
#include <string.h>

#include "fail.h"

static const double MAX_PART = 0x1p60; /* bytes */
enum { BLOCK_ROUNDING = 1024 };        /* more than blocks and clusters round a side up by */

/* --- layout --- */

int stile_plan_round_coefficients(stile_plan *plan)
{
    const stile_basis *b = plan->config->basis;
    const double *matrices[3] = {b->u, b->v, b->d};
    const size_t sizes[3] = {(size_t)b->m * b->k, (size_t)b->k * b->n, (size_t)b->m * b->n};

    for (int i = 0; i < 3; i++) {
        size_t count = sizes[i] * (size_t)b->rank;
        plan->coefficients[i] = stile_arena_array(plan->arena, count, sizeof(float));
        if (!plan->coefficients[i])
            return stile_fail_memory();
        for (size_t j = 0; j < count; j++)
            plan->coefficients[i][j] = (float)matrices[i][j];
    }
    return 0;
}

static int lay_out(stile_plan *plan)
{
    const stile_config *config = plan->config;
    const stile_basis *b = config->basis;
    stile_problem problem = stile_plan_problem(plan, 0);
    stile_tiling tiling = stile_problem_tiling(&problem);
    int64_t encoded_pitch = stile_encoded_pitch(config, plan->K);

    /* No part is larger than this; beyond it, sizes would not fit their types. */
    double most = (double)b->rank * sizeof(float) * (double)(tiling.tile_rows + BLOCK_ROUNDING) *
                  (double)(tiling.tile_columns + BLOCK_ROUNDING);
    double most_encoded =
        (double)b->rank * sizeof(float) * (double)encoded_pitch *
        (double)(tiling.tile_rows > tiling.tile_columns ? tiling.tile_rows : tiling.tile_columns);
    if (most > MAX_PART || most_encoded > MAX_PART)
        return stile_fail(STILE_ERROR_MEMORY, "%s: a problem of this size cannot be addressed",
                          config->name);
    size_t encoded = (size_t)b->rank * (size_t)encoded_pitch *
                     (size_t)stile_type_size(config->precision.encoded);
    const bool fused = config->schedule.region;
    const stile_kernel *gemm =
        &plan->kernels[fused ? STILE_KERNEL_FUSED : STILE_KERNEL_CHANNEL_GEMM].kernel;
    size_t product = (size_t)stile_product_elements(config, gemm, tiling.tile_rows, plan->N) *
                     (size_t)stile_type_size(config->precision.product);
    stile_workspace_layout *w = &plan->workspace;

    plan->weight_size = stile_align((size_t)tiling.tile_columns * encoded) +
                        stile_align(stile_w_scales_size(config, tiling.tile_columns, plan->K));
    if (!config->sparse) {
        int error = stile_plan_round_coefficients(plan);
        if (error)
            return error;
        w->v = w->u + stile_align((size_t)(b->rank * b->m * b->k) * sizeof(float));
        w->d = w->v + stile_align((size_t)(b->rank * b->k * b->n) * sizeof(float));
        w->x_encoded = w->d + stile_align((size_t)(b->rank * b->m * b->n) * sizeof(float));
    }
    w->x_scales = w->x_encoded + stile_align((size_t)tiling.tile_rows * encoded);
    w->w_encoded = w->x_scales + stile_align(stile_x_scales_size(config, tiling.tile_rows, plan->K));
    w->product = w->w_encoded + (config->encode == STILE_ENCODE_ONLINE ? plan->weight_size : 0);
    w->counters = w->product + stile_align(product);
    w->size = w->counters;
    if (fused) {
        plan->counters_size =
            stile_fused_counters_size(gemm, tiling.tile_rows, tiling.tile_columns);
        if (!(plan->zero_counters = stile_arena_alloc(plan->arena, plan->counters_size)))
            return stile_fail_memory();
        memset(plan->zero_counters, 0, plan->counters_size);
        w->size += stile_align(plan->counters_size);
    }
    return 0;
}

/* --- kernels --- */

/* Renders every kernel: offline weights are encoded by one of the plan, too. */
static int render(stile_plan *plan)
{
    int error = 0;
    plan->role_count = stile_forward_roles(plan->roles, &plan->config->schedule);
    plan->order_count = 0;
    for (int i = 0; i < plan->role_count && !error; i++) {
        stile_kernel_role role = plan->roles[i];
        if (role != STILE_KERNEL_ENCODE_W || plan->config->encode == STILE_ENCODE_ONLINE)
            plan->order[plan->order_count++] = role;
        error = stile_kernel_render(&plan->kernels[role].kernel, plan->arena, plan->config,
                                    &plan->context->arch, role);
    }
    return error ? error : lay_out(plan);
}

/* Compiles and loads what was rendered. */
static int compile_and_load(stile_plan *plan)
{
    stile_plan_kernel *kernels[STILE_KERNEL_ROLE_COUNT];
    for (int i = 0; i < plan->role_count; i++)
        kernels[i] = &plan->kernels[plan->roles[i]];
    return stile_plan_load_kernels(plan->context, plan->config, kernels, plan->role_count);
}

/* --- the schedule --- */

static int take_choice(stile_plan *plan, const stile_schedule_choice *choice)
{
    stile_config *config = stile_arena_alloc(plan->arena, sizeof *config);
    if (!config)
        return stile_fail_memory();
    *config = *plan->config;
    config->schedule = choice->schedule;
    plan->config = config;
    plan->choice = *choice;
    return 0;
}

static bool all_bundled(const stile_plan *plan)
{
    for (int i = 0; i < plan->role_count; i++)
        if (!stile_context_has_bundled(plan->context, &plan->kernels[plan->roles[i]].kernel))
            return false;
    return true;
}

int stile_plan_cuda_create(stile_plan *plan)
{
    stile_context *context = plan->context;
    const stile_config *config = plan->config;
    const stile_shape shape = {plan->M, plan->K, plan->N};
    stile_schedule_choice choice;
    stile_gpu gpu;

    if (plan->op != STILE_OP_FORWARD && stile_type_is_scaled(config->precision.encoded))
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: backward operations have no kernels for precision.encoded %s yet: "
                          "train with bf16 or f16",
                          config->name, stile_type_name(config->precision.encoded));
    if (plan->op != STILE_OP_FORWARD)
        return stile_plan_cuda_create_backward(plan);
    if (plan->keep_z)
        return stile_plan_cuda_create_keeping(plan);

    stile_gpu_of_context(&gpu, context);
    int error = stile_schedule_choose(&choice, context->winners, &gpu, config, &shape,
                                      plan->rows_per_group);
    if (error || (error = take_choice(plan, &choice)) || (error = render(plan)))
        return error;
    if (choice.origin == STILE_SCHEDULE_BY_RULE || choice.origin == STILE_SCHEDULE_PINNED)
        return compile_and_load(plan);

    /* A bundle holds the kernels by rule: one that was loaded is to be enough. */
    if (!atomic_load(&context->bundles) || all_bundled(plan)) {
        error = compile_and_load(plan);
        if (error != STILE_ERROR_UNSUPPORTED && error != STILE_ERROR_COMPILE)
            return error;
        stile_context_log(context, STILE_LOG_INFO, "%s: the %s schedule cannot be had: %s",
                          config->name, stile_schedule_origin_name(choice.origin),
                          stile_last_error());
        stile_plan_cuda_unload(plan);
    }
    if ((error = stile_schedule_choose_rule(&choice, config, &context->arch)) ||
        (error = take_choice(plan, &choice)) || (error = render(plan)))
        return error;
    return compile_and_load(plan);
}

void stile_plan_cuda_unload(stile_plan *plan)
{
    stile_context_scope scope;
    if (stile_context_enter(plan->context, &scope))
        return;
    stile_plan_cuda_unload_backward(plan);
    stile_plan_cuda_unload_keeping(plan);
    for (int role = 0; role < STILE_KERNEL_FORWARD_ROLE_COUNT; role++) {
        if (plan->kernels[role].module)
            plan->context->driver->cuModuleUnload(plan->kernels[role].module);
        plan->kernels[role].module = NULL;
    }
    stile_context_leave(plan->context, &scope);
}
