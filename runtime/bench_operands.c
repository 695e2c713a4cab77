/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_operands.h"

#include <stdlib.h>

#include "fail.h"
#include "random_data.h"
#include "reference.h"

enum { MAX_SETS = 1024 };

int stile_rotation_create(stile_rotation *out, const stile_driver *driver, int count, size_t size,
                          const void *host)
{
    stile_rotation rotation = {0, calloc((size_t)count, sizeof *rotation.buffers)};
    int error = rotation.buffers ? 0 : stile_fail_memory();
    for (; rotation.count < count && !error; rotation.count += !error)
        error = stile_device_buffer_create(&rotation.buffers[rotation.count], driver, size);
    if (!error && host)
        error = stile_device_buffer_write(&rotation.buffers[0], 0, host, size);
    if (!error && host)
        error = stile_rotation_spread(&rotation);
    if (error)
        stile_rotation_destroy(&rotation);
    else
        *out = rotation;
    return error;
}

int stile_rotation_spread(const stile_rotation *rotation)
{
    const stile_device_buffer *first = &rotation->buffers[0];
    int error = 0;
    for (int i = 1; i < rotation->count && !error; i++)
        error = stile_driver_check(
            first->driver,
            first->driver->cuMemcpyDtoDAsync(rotation->buffers[i].base + STILE_GUARD_BYTES,
                                             first->base + STILE_GUARD_BYTES, first->size, NULL),
            "cuMemcpyDtoDAsync");
    if (!error)
        error = stile_driver_check(first->driver, first->driver->cuCtxSynchronize(),
                                   "cuCtxSynchronize");
    return error;
}

void stile_rotation_destroy(stile_rotation *rotation)
{
    for (int i = 0; i < rotation->count; i++)
        stile_device_buffer_destroy(&rotation->buffers[i]);
    free(rotation->buffers);
    *rotation = (stile_rotation){0};
}

int stile_rotation_length(double bytes, double l2_bytes)
{
    double sets = 1 + 2 * l2_bytes / bytes;
    return sets < 2 ? 2 : sets > MAX_SETS ? MAX_SETS : (int)sets;
}

void stile_bench_fill_weight(void *w, const stile_config *config, const stile_bench_params *params,
                             stile_weight_layout layout, int threads)
{
    const stile_shape *s = &params->shape;
    bool nk = layout == STILE_WEIGHT_NK;
    stile_fill_normal(config->precision.input, w, nk ? s->N : s->K, nk ? s->K : s->N,
                      nk ? s->K : s->N, !nk, stile_random_bits(params->seed, 2), threads);
}

int stile_bench_host_create(stile_bench_host *out, const stile_config *config,
                            const stile_bench_params *params, int threads)
{
    const stile_shape *s = &params->shape;
    const stile_basis *b = config->basis;
    stile_type in = config->precision.input, result = config->precision.output;
    size_t in_size = (size_t)stile_type_size(in), out_size = (size_t)stile_type_size(result);
    stile_problem problem = {config, s->M, s->K, s->N, params->rows_per_group};
    stile_tiling t = stile_problem_tiling(&problem);
    bool trained = config->encode == STILE_ENCODE_TRAINED;
    int64_t logical_rows = b->rank * t.tile_columns;

    stile_bench_host h = {
        .x_size = in_size * (size_t)(s->M * s->K),
        .w_size = in_size * (size_t)(s->K * s->N),
        .logical_size = trained ? in_size * (size_t)(logical_rows * t.tile_inner) : 0,
        .bias_size = config->epilogue.bias ? out_size * (size_t)s->N : 0,
        .residual_size = config->epilogue.residual ? out_size * (size_t)(s->M * s->N) : 0,
        .y_size = out_size * (size_t)(s->M * s->N),
    };
    h.x = malloc(h.x_size);
    h.w = malloc(h.w_size);
    h.logical = h.logical_size ? malloc(h.logical_size) : NULL;
    h.bias = h.bias_size ? malloc(h.bias_size) : NULL;
    h.residual = h.residual_size ? malloc(h.residual_size) : NULL;
    if (!h.x || !h.w || (h.logical_size && !h.logical) || (h.bias_size && !h.bias) ||
        (h.residual_size && !h.residual)) {
        stile_bench_host_destroy(&h);
        return stile_fail_memory();
    }
    stile_fill_normal(in, h.x, s->M, s->K, s->K, false, stile_random_bits(params->seed, 1),
                      threads);
    stile_bench_fill_weight(h.w, config, params, config->layout, threads);
    if (h.logical)
        stile_fill_normal(in, h.logical, logical_rows, t.tile_inner, t.tile_inner, false,
                          stile_random_bits(params->seed, 3), threads);
    if (h.bias)
        stile_fill_normal(result, h.bias, 1, s->N, s->N, false, stile_random_bits(params->seed, 4),
                          threads);
    if (h.residual)
        stile_fill_normal(result, h.residual, s->M, s->N, s->N, false,
                          stile_random_bits(params->seed, 5), threads);
    *out = h;
    return 0;
}

void stile_bench_host_destroy(stile_bench_host *host)
{
    free(host->x);
    free(host->w);
    free(host->logical);
    free(host->bias);
    free(host->residual);
    *host = (stile_bench_host){0};
}
