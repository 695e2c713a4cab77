/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_device.h"

#include <stdlib.h>
#include <time.h>

#include "context.h"
#include "fail.h"

static int check(const stile_bench_device *d, CUresult result, const char *call)
{
    return stile_driver_check(d->driver, result, call);
}

/* --- time ------------------------------------------------------------------------------------ */

int stile_bench_device_record(const stile_bench_device *d, int event)
{
    return check(d, d->driver->cuEventRecord(d->events[event], d->stream), "cuEventRecord");
}

int stile_bench_device_synchronize(const stile_bench_device *d)
{
    return check(d, d->driver->cuStreamSynchronize(d->stream), "cuStreamSynchronize");
}

int stile_bench_device_collect(const stile_bench_device *d, stile_quantiles *out, int step,
                               int first, int count)
{
    double *samples = malloc((size_t)count * sizeof *samples);
    int error = samples ? 0 : stile_fail_memory();
    for (int i = 0; i < count && !error; i++) {
        float milliseconds = 0;
        CUevent start = d->events[step * i + first], end = d->events[step * i + first + 1];
        error = check(d, d->driver->cuEventElapsedTime(&milliseconds, start, end),
                      "cuEventElapsedTime");
        samples[i] = milliseconds;
    }
    if (!error)
        *out = stile_quantiles_of(samples, count);
    free(samples);
    return error;
}

double stile_bench_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* --- operands -------------------------------------------------------------------------------- */

stile_operands stile_bench_device_operands(const stile_bench_device *d, int turn)
{
    return (stile_operands){
        .x = stile_rotation_pointer(&d->x, turn),
        .w = stile_rotation_pointer(&d->w, turn),
        .y = stile_rotation_pointer(&d->y, turn),
        .bias = d->host.bias ? stile_device_pointer(&d->bias) : NULL,
        .residual = stile_rotation_pointer(&d->residual, turn),
    };
}

/* Ŵ, encoded once and copied, or W itself. */
static int make_weights(stile_bench_device *d, const stile_plan *plan, void *workspace)
{
    if (d->config->encode == STILE_ENCODE_ONLINE)
        return stile_rotation_create(&d->w, d->driver, d->sets, d->host.w_size, d->host.w);
    bool trained = d->config->encode == STILE_ENCODE_TRAINED;
    const void *host = trained ? d->host.logical : d->host.w;
    size_t size = trained ? d->host.logical_size : d->host.w_size;
    stile_device_buffer source = {0};
    int error = stile_device_buffer_create(&source, d->driver, size);
    if (!error)
        error = stile_device_buffer_write(&source, 0, host, size);
    if (!error)
        error =
            stile_rotation_create(&d->w, d->driver, d->sets, stile_plan_weight_size(plan), NULL);
    if (!error)
        error = stile_encode_weight(plan, stile_device_pointer(&source),
                                    stile_rotation_pointer(&d->w, 0), workspace, d->stream);
    if (!error)
        error = stile_bench_device_synchronize(d);
    if (!error)
        error = stile_rotation_spread(&d->w);
    stile_device_buffer_destroy(&source);
    return error;
}

int stile_bench_device_fill(stile_bench_device *d, const stile_plan *plan, void *workspace)
{
    const stile_bench_host *h = &d->host;
    bool online = d->config->encode == STILE_ENCODE_ONLINE;
    size_t w_size = online ? h->w_size : stile_plan_weight_size(plan);
    double bytes =
        (double)h->x_size + (double)w_size + (double)h->y_size + (double)h->residual_size;
    d->sets = stile_rotation_length(bytes, d->l2_bytes);

    int error = make_weights(d, plan, workspace);
    if (!error)
        error = stile_rotation_create(&d->x, d->driver, d->sets, h->x_size, h->x);
    if (!error)
        error = stile_rotation_create(&d->y, d->driver, d->sets, h->y_size, NULL);
    if (!error && h->residual)
        error =
            stile_rotation_create(&d->residual, d->driver, d->sets, h->residual_size, h->residual);
    if (!error && h->bias)
        error = stile_device_buffer_create(&d->bias, d->driver, h->bias_size);
    if (!error && h->bias)
        error = stile_device_buffer_write(&d->bias, 0, h->bias, h->bias_size);
    return error;
}

int stile_bench_device_create(stile_bench_device *d, const stile_context *context,
                              const stile_config *config, const stile_bench_params *params,
                              int event_count)
{
    int l2 = 0;
    d->driver = context->driver;
    d->config = config;
    int error = check(
        d, d->driver->cuDeviceGetAttribute(&l2, STILE_CU_DEVICE_L2_CACHE_SIZE, context->cu_device),
        "cuDeviceGetAttribute");
    d->l2_bytes = l2;
    if (!error)
        error = stile_bench_host_create(&d->host, config, params, context->threads);
    if (!error && !(d->events = calloc((size_t)event_count, sizeof *d->events)))
        error = stile_fail_memory();
    if (!error)
        error = check(d, d->driver->cuStreamCreate(&d->stream, 1), "cuStreamCreate");
    for (; d->event_count < event_count && !error; d->event_count += !error)
        error = check(d, d->driver->cuEventCreate(&d->events[d->event_count], 0), "cuEventCreate");
    return error;
}

void stile_bench_device_destroy(stile_bench_device *d)
{
    if (d->stream)
        d->driver->cuStreamSynchronize(d->stream);
    stile_rotation_destroy(&d->x);
    stile_rotation_destroy(&d->w);
    stile_rotation_destroy(&d->y);
    stile_rotation_destroy(&d->residual);
    stile_device_buffer_destroy(&d->bias);
    for (int i = 0; i < d->event_count; i++)
        d->driver->cuEventDestroy(d->events[i]);
    free(d->events);
    if (d->stream)
        d->driver->cuStreamDestroy(d->stream);
    stile_bench_host_destroy(&d->host);
    *d = (stile_bench_device){0};
}
