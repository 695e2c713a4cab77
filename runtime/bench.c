/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_baseline.h"
#include "bench_device.h"
#include "bench_error.h"
#include "context.h"
#include "fail.h"
#include "numerics.h"
#include "plan.h"

enum {
    MAX_ITERATIONS = 10000,
    WARMUP_BATCH = 8, /* turns between two looks at the clock */
};

/* Everything that one benchmark holds. */
typedef struct bench {
    const stile_bench_params *params;
    const stile_config *config;
    stile_context *context;
    const stile_driver *driver;
    stile_plan *plan;
    stile_bench_device device;
    stile_device_buffer workspace;

    stile_baseline baseline;
} bench;

/* --- statistics ------------------------------------------------------------------------------ */

static int compare_samples(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The q-quantile of sorted samples, interpolated. */
static double quantile(const double *sorted, int count, double q)
{
    double place = q * (count - 1);
    int below = (int)place;
    int above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

stile_quantiles stile_quantiles_of(double *samples, int count)
{
    qsort(samples, (size_t)count, sizeof *samples, compare_samples);
    return (stile_quantiles){
        .count = count,
        .min = samples[0],
        .lower = quantile(samples, count, 0.25),
        .median = quantile(samples, count, 0.5),
        .upper = quantile(samples, count, 0.75),
        .max = samples[count - 1],
    };
}

/* --- running --------------------------------------------------------------------------------- */

static int run_stl(const bench *b, int turn)
{
    stile_operands operands = stile_bench_device_operands(&b->device, turn);
    return stile_run(b->plan, &operands, stile_device_pointer(&b->workspace), b->device.stream);
}

static int run_baselines(const bench *b, int turn)
{
    int error = stile_baseline_run_dense(&b->baseline, turn);
    return error ? error : stile_baseline_run_sparse(&b->baseline, turn);
}

static int synchronize(const bench *b)
{
    return stile_bench_device_synchronize(&b->device);
}

static int record(const bench *b, int event)
{
    return stile_bench_device_record(&b->device, event);
}

static int collect(const bench *b, stile_quantiles *out, int step, int first, int count)
{
    return stile_bench_device_collect(&b->device, out, step, first, count);
}

/* --- preparation ----------------------------------------------------------------------------- */

static int make_plan(bench *b, const stile_spec *spec)
{
    const stile_bench_params *p = b->params;
    stile_plan_params params = {
        .op = STILE_OP_FORWARD,
        .M = p->shape.M,
        .K = p->shape.K,
        .N = p->shape.N,
        .rows_per_group = p->rows_per_group,
        .variant = b->config->name,
    };
    return stile_plan_create(&b->plan, b->context, spec, &params);
}

static int make_operands(bench *b, stile_bench_result *result)
{
    int events = (STILE_KERNEL_ROLE_COUNT + 1) * b->params->iterations;
    if (events < STILE_BASELINE_EVENTS)
        events = STILE_BASELINE_EVENTS;
    int error = stile_bench_device_create(&b->device, b->context, b->config, b->params, events);
    if (!error)
        error = stile_device_buffer_create(&b->workspace, b->driver,
                                           stile_plan_workspace_size(b->plan));
    if (!error)
        error =
            stile_workspace_init(b->plan, stile_device_pointer(&b->workspace), b->device.stream);
    if (!error)
        error = stile_bench_device_fill(&b->device, b->plan, stile_device_pointer(&b->workspace));
    result->stl_sets = b->device.sets;
    result->l2_bytes = b->device.l2_bytes;
    return error;
}

/* --- measurement ----------------------------------------------------------------------------- */

static int warm_up(const bench *b)
{
    double end = stile_bench_seconds() + b->params->warmup_seconds;
    int error = 0, turn = 0;
    do {
        for (int i = 0; i < WARMUP_BATCH && !error; i++, turn++) {
            error = run_stl(b, turn);
            if (!error)
                error = run_baselines(b, turn);
        }
        if (!error)
            error = synchronize(b);
    } while (!error && stile_bench_seconds() < end);
    return error;
}

/* STL and each baseline in turn, an event between them. */
static int time_turns(bench *b, stile_bench_result *result)
{
    enum { STEP = 4 };
    int count = b->params->iterations, error = 0;
    for (int i = 0; i < count && !error; i++) {
        error = record(b, STEP * i);
        if (!error)
            error = run_stl(b, i);
        if (!error)
            error = record(b, STEP * i + 1);
        if (!error)
            error = stile_baseline_run_dense(&b->baseline, i);
        if (!error)
            error = record(b, STEP * i + 2);
        if (!error)
            error = stile_baseline_run_sparse(&b->baseline, i);
        if (!error)
            error = record(b, STEP * i + 3);
    }
    if (!error) /* while it runs: the clocks under load */
        stile_gpu_state_read(&result->gpu, b->driver, b->context->cu_device);
    if (!error)
        error = synchronize(b);
    if (!error)
        error = collect(b, &result->stl, STEP, 0, count);
    if (!error && result->has_dense)
        error = collect(b, &result->dense, STEP, 1, count);
    if (!error && result->has_sparse)
        error = collect(b, &result->sparse, STEP, 2, count);
    return error;
}

/* A second series with an event between kernels, and the baseline still between runs. */
static int time_kernels(bench *b, stile_bench_result *result)
{
    int kernels = stile_plan_kernel_count(b->plan), count = b->params->iterations, error = 0;
    int step = kernels + 1;
    void *workspace = stile_device_pointer(&b->workspace);
    for (int i = 0; i < count && !error; i++) {
        stile_operands operands = stile_bench_device_operands(&b->device, i);
        error = record(b, step * i);
        for (int k = 0; k < kernels && !error; k++) {
            error = stile_run_kernel(b->plan, k, &operands, workspace, b->device.stream);
            if (!error)
                error = record(b, step * i + k + 1);
        }
        if (!error)
            error = run_baselines(b, i);
    }
    if (!error)
        error = synchronize(b);
    result->kernel_count = kernels;
    for (int k = 0; k < kernels && !error; k++) {
        result->kernels[k].name = stile_plan_kernel_name(b->plan, k);
        error = collect(b, &result->kernels[k].time, step, k, count);
    }
    return error;
}

static int measure_errors(bench *b, stile_bench_result *result)
{
    const stile_shape *s = &b->params->shape;
    stile_problem problem = {b->config, s->M, s->K, s->N, b->params->rows_per_group};
    size_t dense_size = (size_t)stile_type_size(result->dense_output) * (size_t)s->M * (size_t)s->N;
    void *y = malloc(b->device.host.y_size), *dense_y = result->has_dense ? malloc(dense_size) : NULL;
    int error = y && (dense_y || !result->has_dense) ? 0 : stile_fail_memory();
    if (!error)
        error = stile_device_buffer_read(&b->device.y.buffers[0], 0, y, b->device.host.y_size);
    if (!error && result->has_dense)
        error = stile_baseline_read_dense(&b->baseline, dense_y, dense_size);
    stile_sampled_result dense = {dense_y, result->dense_output};
    stile_sampled_result stl = {y, b->config->precision.output};
    stile_sampled_errors errors;
    if (!error)
        error = stile_sample_errors(&errors, &problem, &b->device.host, stl,
                                    result->has_dense ? &dense : NULL, b->params->seed, b->context->threads);
    if (!error) {
        result->predicted_error = stile_predicted_error(&problem);
        result->operator_error = errors.to_operator;
        result->true_error = errors.to_truth;
        result->dense_true_error = errors.dense_to_truth;
        result->sampled_elements = errors.elements;
    }
    free(y);
    free(dense_y);
    return error;
}

static int run_all(bench *b, stile_bench_result *result)
{
    int error = make_operands(b, result);
    if (!error)
        error = stile_baseline_create(&b->baseline, b->context, &b->device, b->params, result);
    if (!error)
        error = warm_up(b);
    if (!error)
        error = time_turns(b, result);
    if (!error)
        error = time_kernels(b, result);
    if (!error)
        error = measure_errors(b, result);
    return error;
}

static void release(bench *b)
{
    if (b->device.stream)
        b->driver->cuStreamSynchronize(b->device.stream);
    stile_baseline_destroy(&b->baseline);
    stile_bench_device_destroy(&b->device);
    stile_device_buffer_destroy(&b->workspace);
}

int stile_bench_run(stile_bench_result *out, stile_context *context, const stile_spec *spec,
                    const stile_config *config, const stile_bench_params *params)
{
    if (context->device == STILE_DEVICE_CPU)
        return stile_fail(STILE_ERROR_ARGUMENT, "benchmarks need a GPU");
    if (params->iterations < 1 || params->iterations > MAX_ITERATIONS)
        return stile_fail(STILE_ERROR_ARGUMENT, "iterations is %d: it must be between 1 and %d",
                          params->iterations, MAX_ITERATIONS);
    bench b = {
        .params = params,
        .config = config,
        .context = context,
        .driver = context->driver,
    };
    stile_bench_result result = {.true_error = NAN, .dense_true_error = NAN};
    int error = make_plan(&b, spec);
    if (!error) {
        result.schedule = b.plan->choice.schedule;
        result.origin = stile_schedule_origin_name(b.plan->choice.origin);
    }
    stile_context_scope scope;
    if (!error)
        error = stile_context_enter(context, &scope);
    if (!error) {
        error = run_all(&b, &result);
        release(&b);
        stile_context_leave(context, &scope);
    }
    stile_plan_destroy(&b.plan);
    if (!error)
        *out = result;
    return error;
}
