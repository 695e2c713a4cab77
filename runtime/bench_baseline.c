/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_baseline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "context.h"
#include "fail.h"

enum {
    SELECTION_WARMUP = 3, /* runs of each dense candidate, untimed and timed */
    SELECTION_RUNS = STILE_BASELINE_EVENTS - 1,
};

/* What making the baselines needs. */
typedef struct maker {
    stile_baseline *baseline;
    const stile_context *context;
    stile_bench_device *device;
    const stile_bench_params *params;
    stile_bench_result *result;
} maker;

static int run_dense(const stile_baseline *b, const stile_dense_product *product, int candidate,
                     const stile_rotation *w, int turn)
{
    return stile_dense_run(product, candidate, stile_rotation_pointer(&b->x, turn),
                           stile_rotation_pointer(w, turn), stile_rotation_pointer(&b->y, turn),
                           b->stream);
}

int stile_baseline_run_dense(const stile_baseline *b, int turn)
{
    return b->dense ? run_dense(b, b->dense, b->candidate, &b->w, turn) : 0;
}

int stile_baseline_run_sparse(const stile_baseline *b, int turn)
{
    if (!b->sparse)
        return 0;
    return stile_sparse_run(b->sparse, stile_rotation_pointer(&b->x, turn),
                            stile_rotation_pointer(&b->sparse_w, turn),
                            stile_rotation_pointer(&b->y, turn), b->stream);
}

int stile_baseline_read_dense(const stile_baseline *b, void *y, size_t size)
{
    /* The sparse product may have come last. */
    int error = stile_baseline_run_dense(b, 0);
    if (!error)
        error = stile_driver_check(b->driver, b->driver->cuStreamSynchronize(b->stream),
                                   "cuStreamSynchronize");
    return error ? error : stile_device_buffer_read(&b->y.buffers[0], 0, y, size);
}

/* --- dense ----------------------------------------------------------------------------------- */

/* The median time of one candidate. */
static int time_candidate(const maker *m, const stile_dense_product *product, int candidate,
                          const stile_rotation *w, double *out)
{
    int error = 0;
    for (int i = 0; i < SELECTION_WARMUP && !error; i++)
        error = run_dense(m->baseline, product, candidate, w, i);
    for (int i = 0; i < SELECTION_RUNS && !error; i++) {
        error = stile_bench_device_record(m->device, i);
        if (!error)
            error = run_dense(m->baseline, product, candidate, w, i);
    }
    if (!error)
        error = stile_bench_device_record(m->device, SELECTION_RUNS);
    if (!error)
        error = stile_bench_device_synchronize(m->device);
    stile_quantiles times;
    if (!error)
        error = stile_bench_device_collect(m->device, &times, 1, 0, SELECTION_RUNS);
    if (!error)
        *out = times.median;
    return error;
}

/* W in one layout, in a rotation. */
static int make_weight(const maker *m, stile_rotation *out, stile_weight_layout layout)
{
    void *host = malloc(m->device->host.w_size);
    if (!host)
        return stile_fail_memory();
    stile_bench_fill_weight(host, m->device->config, m->params, layout, m->context->threads);
    int error = stile_rotation_create(out, m->context->driver, m->result->dense_sets,
                                      m->device->host.w_size, host);
    free(host);
    return error;
}

/* Tries W in one layout; takes over product and weights where they are the fastest so far. */
static int try_layout(const maker *m, stile_weight_layout layout, double *best)
{
    stile_baseline *b = m->baseline;
    stile_dense_product *product = NULL;
    stile_rotation w = {0};
    int error = stile_dense_create(&product, b->cublaslt, &m->params->shape, layout,
                                   m->device->config->precision.input, m->result->dense_output,
                                   STILE_DENSE_MAX_CANDIDATES);
    if (error)
        return error;
    error = make_weight(m, &w, layout);
    int fastest = -1;
    for (int i = 0; i < stile_dense_candidates(product) && !error; i++) {
        double time = INFINITY;
        error = time_candidate(m, product, i, &w, &time);
        if (!error && time < *best) {
            *best = time;
            fastest = i;
        }
    }
    if (!error && fastest >= 0) {
        m->result->dense_layout = layout;
        m->result->dense_candidate = fastest;
        m->result->dense_candidates = stile_dense_candidates(product);
        stile_dense_destroy(&b->dense);
        stile_rotation_destroy(&b->w);
        b->dense = product;
        b->w = w;
        b->candidate = fastest;
        product = NULL;
        w = (stile_rotation){0};
    }
    stile_dense_destroy(&product);
    stile_rotation_destroy(&w);
    return error;
}

/* Leaves the product NULL, with a note, where there is none. */
static int make_dense(const maker *m)
{
    stile_bench_result *result = m->result;
    const stile_precision *precision = &m->device->config->precision;
    const size_t note_size = sizeof result->dense_note;
    double best = INFINITY;

    int error = stile_cublaslt_create(&m->baseline->cublaslt, m->context->driver);
    if (!error) {
        result->cublaslt_version = stile_cublaslt_version(m->baseline->cublaslt);
        error = try_layout(m, STILE_WEIGHT_NK, &best);
        if (error == STILE_ERROR_UNSUPPORTED && result->dense_output != precision->input) {
            result->dense_output = precision->input;
            snprintf(result->dense_note, note_size,
                     "the dense result is %s: cuBLASLt makes no %s of %s",
                     stile_type_name(result->dense_output), stile_type_name(precision->output),
                     stile_type_name(precision->input));
            error = try_layout(m, STILE_WEIGHT_NK, &best);
        }
        if (!error || error == STILE_ERROR_UNSUPPORTED)
            error = try_layout(m, STILE_WEIGHT_KN, &best);
    }
    if (error == STILE_ERROR_UNSUPPORTED) {
        if (!m->baseline->dense)
            snprintf(result->dense_note, note_size, "no dense baseline: %s", stile_last_error());
        error = 0;
    }
    result->has_dense = !error && m->baseline->dense;
    return error;
}

/* --- sparse ---------------------------------------------------------------------------------- */

static int make_sparse_product(const maker *m)
{
    stile_baseline *b = m->baseline;
    const stile_precision *precision = &m->device->config->precision;
    stile_rotation w = {0};
    size_t size = 0;
    int error = stile_cusparselt_create(&b->cusparselt, m->context->driver);
    if (error)
        return error;
    m->result->cusparselt_version = stile_cusparselt_version(b->cusparselt);
    error = make_weight(m, &w, STILE_WEIGHT_NK);
    if (!error)
        error = stile_sparse_create(&b->sparse, b->cusparselt, &m->params->shape, precision->input,
                                    precision->output, stile_rotation_pointer(&b->x, 0),
                                    stile_rotation_pointer(&w, 0), stile_rotation_pointer(&b->y, 0),
                                    b->stream);
    stile_rotation_destroy(&w);
    if (error)
        return error;

    const void *compressed = stile_sparse_weight(b->sparse, &size);
    error =
        stile_rotation_create(&b->sparse_w, m->context->driver, m->result->dense_sets, size, NULL);
    for (int i = 0; i < b->sparse_w.count && !error; i++)
        error = stile_driver_check(
            m->context->driver,
            m->context->driver->cuMemcpyDtoDAsync(
                (CUdeviceptr)stile_rotation_pointer(&b->sparse_w, i),
                (CUdeviceptr)(uintptr_t)compressed, size, b->stream),
            "cuMemcpyDtoDAsync");
    return error ? error : stile_bench_device_synchronize(m->device);
}

static int make_sparse(const maker *m)
{
    int error = make_sparse_product(m);
    if (error == STILE_ERROR_UNSUPPORTED) {
        snprintf(m->result->sparse_note, sizeof m->result->sparse_note, "no 2:4 baseline: %s",
                 stile_last_error());
        error = 0;
    }
    m->result->has_sparse = !error && m->baseline->sparse;
    return error;
}

/* --- both ------------------------------------------------------------------------------------ */

int stile_baseline_create(stile_baseline *b, const stile_context *context,
                          stile_bench_device *device, const stile_bench_params *params,
                          stile_bench_result *result)
{
    const maker m = {b, context, device, params, result};
    const stile_bench_host *host = &device->host;
    if (!params->against_cublas && !params->against_cusparselt)
        return 0;

    b->driver = context->driver;
    b->stream = device->stream;
    result->dense_output = device->config->precision.output;
    result->dense_sets = stile_rotation_length(
        (double)host->x_size + (double)host->w_size + (double)host->y_size, result->l2_bytes);
    size_t elements = (size_t)params->shape.M * (size_t)params->shape.N;
    int error =
        stile_rotation_create(&b->x, context->driver, result->dense_sets, host->x_size, host->x);
    if (!error) /* 4 bytes: the output type may yet change */
        error =
            stile_rotation_create(&b->y, context->driver, result->dense_sets, 4 * elements, NULL);
    if (!error && params->against_cublas)
        error = make_dense(&m);
    if (!error && params->against_cusparselt)
        error = make_sparse(&m);
    return error;
}

void stile_baseline_destroy(stile_baseline *b)
{
    stile_rotation_destroy(&b->x);
    stile_rotation_destroy(&b->w);
    stile_rotation_destroy(&b->y);
    stile_rotation_destroy(&b->sparse_w);
    stile_dense_destroy(&b->dense);
    stile_cublaslt_destroy(&b->cublaslt);
    stile_sparse_destroy(&b->sparse);
    stile_cusparselt_destroy(&b->cusparselt);
}
