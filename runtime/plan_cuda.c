/* SPDX-License-Identifier: Apache-2.0 */
/* Plans on CUDA devices: the layout of the workspace, and kernels rendered, compiled and loaded. */
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "fail.h"
#include "parallel.h"

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
    const stile_kernel *gemm = &plan->kernels[STILE_KERNEL_CHANNEL_GEMM].kernel;
    size_t product = (size_t)stile_product_elements(config, gemm, tiling.tile_rows, plan->N) *
                     (size_t)stile_type_size(config->precision.product);
    stile_workspace_layout *w = &plan->workspace;

    plan->weight_size = stile_align((size_t)tiling.tile_columns * encoded);
    if (!config->sparse) {
        int error = stile_plan_round_coefficients(plan);
        if (error)
            return error;
        w->v = w->u + stile_align((size_t)(b->rank * b->m * b->k) * sizeof(float));
        w->d = w->v + stile_align((size_t)(b->rank * b->k * b->n) * sizeof(float));
        w->x_encoded = w->d + stile_align((size_t)(b->rank * b->m * b->n) * sizeof(float));
    }
    w->w_encoded = w->x_encoded + stile_align((size_t)tiling.tile_rows * encoded);
    w->product = w->w_encoded + (config->encode == STILE_ENCODE_ONLINE ? plan->weight_size : 0);
    w->size = w->product + stile_align(product);
    return 0;
}

/* --- kernels --- */

/* One kernel on its way from source to cubin; errors carry their text out of the worker thread. */
typedef struct job {
    stile_plan *plan;
    stile_kernel_role role;
    stile_cubin cubin;
    int error;
    char error_text[4096];
} job;

static void compile(void *user, int64_t index)
{
    job *j = (job *)user + index;
    const stile_context *context = j->plan->context;
    const stile_kernel *kernel = &j->plan->kernels[j->role].kernel;
    j->error = stile_context_get_kernel(context, &j->cubin, j->plan->config, kernel);
    if (j->error)
        snprintf(j->error_text, sizeof j->error_text, "%s", stile_last_error());
}

static int load(stile_plan *plan, stile_kernel_role role, const stile_cubin *cubin)
{
    const stile_driver *driver = plan->context->driver;
    stile_plan_kernel *k = &plan->kernels[role];
    int error = stile_driver_check(driver, driver->cuModuleLoadData(&k->module, cubin->data),
                                   "cuModuleLoadData");
    if (error)
        return error;
    error = stile_driver_check(
        driver, driver->cuModuleGetFunction(&k->function, k->module, k->kernel.entry),
        "cuModuleGetFunction");
    if (error)
        return error;
    return stile_driver_check(
        driver,
        driver->cuFuncSetAttribute(k->function, STILE_CU_ATTRIBUTE_MAX_DYNAMIC_SHARED_BYTES,
                                   k->kernel.shared_bytes),
        "cuFuncSetAttribute");
}

/* Renders every role: offline weights are encoded by a kernel of the plan, too. */
static int render(stile_plan *plan)
{
    int error = 0;
    for (int role = 0; role < STILE_KERNEL_ROLE_COUNT && !error; role++)
        error = stile_kernel_render(&plan->kernels[role].kernel, plan->arena, plan->config,
                                    &plan->context->arch, (stile_kernel_role)role);
    return error ? error : lay_out(plan);
}

/* Compiles and loads what was rendered. */
static int compile_and_load(stile_plan *plan)
{
    stile_context *context = plan->context;
    job jobs[STILE_KERNEL_ROLE_COUNT] = {0};
    const int job_count = STILE_KERNEL_ROLE_COUNT;
    int error = 0;

    for (int role = 0; role < job_count; role++) {
        jobs[role].plan = plan;
        jobs[role].role = (stile_kernel_role)role;
    }
    stile_parallel_for(context->threads, job_count, compile, jobs);

    stile_context_scope scope;
    error = stile_context_enter(context, &scope);
    for (int i = 0; i < job_count; i++) {
        if (!error && jobs[i].error)
            error = stile_fail(jobs[i].error, "%s", jobs[i].error_text);
        if (!error)
            error = load(plan, jobs[i].role, &jobs[i].cubin);
        stile_cubin_free(&jobs[i].cubin);
    }
    stile_context_leave(context, &scope);
    return error;
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
    for (int role = 0; role < STILE_KERNEL_ROLE_COUNT; role++)
        if (!stile_context_has_bundled(plan->context, &plan->kernels[role].kernel))
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

    if (plan->op != STILE_OP_FORWARD)
        return stile_plan_cuda_create_backward(plan);
    if (plan->keep_z)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "keep_z is for the CPU device alone so far: on CUDA devices, take "
                          "a spec without activation and apply that yourself");

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
    for (int role = 0; role < STILE_KERNEL_ROLE_COUNT; role++) {
        if (plan->kernels[role].module)
            plan->context->driver->cuModuleUnload(plan->kernels[role].module);
        plan->kernels[role].module = NULL;
    }
    stile_context_leave(plan->context, &scope);
}
