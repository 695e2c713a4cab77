/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_device.h"
#include "bench_error.h"
#include "context.h"
#include "cublaslt.h"
#include "fail.h"
#include "numerics.h"
#include "plan.h"

enum {
    MAX_ITERATIONS = 10000,
    WARMUP_BATCH = 8,     /* pairs between two looks at the clock */
    SELECTION_WARMUP = 3, /* runs of each dense candidate, untimed and timed */
    SELECTION_RUNS = 12,
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

    stile_cublaslt *cublaslt;
    stile_dense_product *dense; /* NULL: no baseline */
    int candidate;
    stile_rotation dense_x, dense_w, dense_y;
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

static int run_dense(const bench *b, const stile_dense_product *product, int candidate,
                     const stile_rotation *w, int turn)
{
    return stile_dense_run(product, candidate, stile_rotation_pointer(&b->dense_x, turn),
                           stile_rotation_pointer(w, turn),
                           stile_rotation_pointer(&b->dense_y, turn), b->device.stream);
}

static int run_baseline(const bench *b, int turn)
{
    return b->dense ? run_dense(b, b->dense, b->candidate, &b->dense_w, turn) : 0;
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
    if (events < SELECTION_RUNS + 1)
        events = SELECTION_RUNS + 1;
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

/* --- the baseline ---------------------------------------------------------------------------- */

/* The median time of one candidate. */
static int time_candidate(bench *b, const stile_dense_product *product, int candidate,
                          const stile_rotation *w, double *out)
{
    int error = 0;
    for (int i = 0; i < SELECTION_WARMUP && !error; i++)
        error = run_dense(b, product, candidate, w, i);
    for (int i = 0; i < SELECTION_RUNS && !error; i++) {
        error = record(b, i);
        if (!error)
            error = run_dense(b, product, candidate, w, i);
    }
    if (!error)
        error = record(b, SELECTION_RUNS);
    if (!error)
        error = synchronize(b);
    stile_quantiles times;
    if (!error)
        error = collect(b, &times, 1, 0, SELECTION_RUNS);
    if (!error)
        *out = times.median;
    return error;
}

/* Tries W in one layout; takes over product and weights where they are the fastest so far. */
static int try_layout(bench *b, stile_bench_result *result, stile_weight_layout layout,
                      double *best)
{
    stile_dense_product *product = NULL;
    stile_rotation w = {0};
    void *host = NULL;
    int error = stile_dense_create(&product, b->cublaslt, &b->params->shape, layout,
                                   b->config->precision.input, result->dense_output,
                                   STILE_DENSE_MAX_CANDIDATES);
    if (error)
        return error;
    host = malloc(b->device.host.w_size);
    if (!host)
        error = stile_fail_memory();
    if (!error) {
        stile_bench_fill_weight(host, b->config, b->params, layout, b->context->threads);
        error =
            stile_rotation_create(&w, b->driver, result->dense_sets, b->device.host.w_size, host);
    }
    int fastest = -1;
    for (int i = 0; i < stile_dense_candidates(product) && !error; i++) {
        double time = INFINITY;
        error = time_candidate(b, product, i, &w, &time);
        if (!error && time < *best) {
            *best = time;
            fastest = i;
        }
    }
    if (!error && fastest >= 0) {
        result->dense_layout = layout;
        result->dense_candidate = fastest;
        result->dense_candidates = stile_dense_candidates(product);
        stile_dense_destroy(&b->dense);
        stile_rotation_destroy(&b->dense_w);
        b->dense = product;
        b->dense_w = w;
        b->candidate = fastest;
        product = NULL;
        w = (stile_rotation){0};
    }
    stile_dense_destroy(&product);
    stile_rotation_destroy(&w);
    free(host);
    return error;
}

/* Finds the fastest dense product; leaves b->dense NULL, with a note, where there is none. */
static int make_baseline(bench *b, stile_bench_result *result)
{
    size_t note_size = sizeof result->dense_note;
    if (!b->params->against_cublas)
        return 0;
    int error = stile_cublaslt_create(&b->cublaslt, b->driver);
    if (error == STILE_ERROR_UNSUPPORTED) {
        snprintf(result->dense_note, note_size, "no dense baseline: %s", stile_last_error());
        return 0;
    }
    if (error)
        return error;
    result->cublaslt_version = stile_cublaslt_version(b->cublaslt);
    result->dense_output = b->config->precision.output;
    double bytes = (double)b->device.host.x_size + (double)b->device.host.w_size +
                   (double)b->device.host.y_size;
    result->dense_sets = stile_rotation_length(bytes, result->l2_bytes);
    double best = INFINITY;
    size_t elements = (size_t)b->params->shape.M * (size_t)b->params->shape.N;
    error = stile_rotation_create(&b->dense_x, b->driver, result->dense_sets, b->device.host.x_size,
                                  b->device.host.x);
    if (!error) /* 4 bytes: the output type may yet change */
        error =
            stile_rotation_create(&b->dense_y, b->driver, result->dense_sets, 4 * elements, NULL);
    if (!error)
        error = try_layout(b, result, STILE_WEIGHT_NK, &best);
    if (error == STILE_ERROR_UNSUPPORTED && result->dense_output != b->config->precision.input) {
        result->dense_output = b->config->precision.input;
        snprintf(
            result->dense_note, note_size, "the dense result is %s: cuBLASLt makes no %s of %s",
            stile_type_name(result->dense_output), stile_type_name(b->config->precision.output),
            stile_type_name(b->config->precision.input));
        error = try_layout(b, result, STILE_WEIGHT_NK, &best);
    }
    if (!error || error == STILE_ERROR_UNSUPPORTED)
        error = try_layout(b, result, STILE_WEIGHT_KN, &best);
    if (error == STILE_ERROR_UNSUPPORTED) {
        if (!b->dense)
            snprintf(result->dense_note, note_size, "no dense baseline: %s", stile_last_error());
        error = 0;
    }
    result->has_dense = !error && b->dense;
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
                error = run_baseline(b, turn);
        }
        if (!error)
            error = synchronize(b);
    } while (!error && stile_bench_seconds() < end);
    return error;
}

static int time_pairs(bench *b, stile_bench_result *result)
{
    int count = b->params->iterations, error = 0;
    for (int i = 0; i < count && !error; i++) {
        error = record(b, 3 * i);
        if (!error)
            error = run_stl(b, i);
        if (!error)
            error = record(b, 3 * i + 1);
        if (!error)
            error = run_baseline(b, i);
        if (!error)
            error = record(b, 3 * i + 2);
    }
    if (!error) /* while it runs: the clocks under load */
        stile_gpu_state_read(&result->gpu, b->driver, b->context->cu_device);
    if (!error)
        error = synchronize(b);
    if (!error)
        error = collect(b, &result->stl, 3, 0, count);
    if (!error && b->dense)
        error = collect(b, &result->dense, 3, 1, count);
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
            error = run_baseline(b, i);
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
    void *y = malloc(b->device.host.y_size), *dense_y = b->dense ? malloc(dense_size) : NULL;
    int error = y && (dense_y || !b->dense) ? 0 : stile_fail_memory();
    if (!error)
        error = stile_device_buffer_read(&b->device.y.buffers[0], 0, y, b->device.host.y_size);
    if (!error && b->dense)
        error = stile_device_buffer_read(&b->dense_y.buffers[0], 0, dense_y, dense_size);
    stile_sampled_result dense = {dense_y, result->dense_output};
    stile_sampled_result stl = {y, b->config->precision.output};
    stile_sampled_errors errors;
    if (!error)
        error = stile_sample_errors(&errors, &problem, &b->device.host, stl,
                                    b->dense ? &dense : NULL, b->params->seed, b->context->threads);
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
        error = make_baseline(b, result);
    if (!error)
        error = warm_up(b);
    if (!error)
        error = time_pairs(b, result);
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
    stile_rotation_destroy(&b->dense_x);
    stile_rotation_destroy(&b->dense_w);
    stile_rotation_destroy(&b->dense_y);
    stile_dense_destroy(&b->dense);
    stile_cublaslt_destroy(&b->cublaslt);
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
