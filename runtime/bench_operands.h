/* SPDX-License-Identifier: Apache-2.0 */
/* Operands of a benchmark: on the host, and as rotating device copies. */
#ifndef STILE_RUNTIME_BENCH_OPERANDS_H
#define STILE_RUNTIME_BENCH_OPERANDS_H

#include "bench.h"
#include "device_buffer.h"

/* Equal device buffers, used in turn. Zero-initialise. */
typedef struct stile_rotation {
    int count;
    stile_device_buffer *buffers;
} stile_rotation;

/* `host` (may be NULL: poison) is copied into each. Errors: MEMORY, DEVICE. */
int stile_rotation_create(stile_rotation *out, const stile_driver *driver, int count, size_t size,
                          const void *host);

/* Copies the first buffer's data into the others. Errors: DEVICE. */
int stile_rotation_spread(const stile_rotation *rotation);
void stile_rotation_destroy(stile_rotation *rotation);

static inline void *stile_rotation_pointer(const stile_rotation *rotation, int turn)
{
    return rotation->count ? stile_device_pointer(&rotation->buffers[turn % rotation->count])
                           : NULL;
}

/* How many sets of `bytes` pass twice an L2 cache, at least 2. */
int stile_rotation_length(double bytes, double l2_bytes);

/* Dense host arrays in the types of the spec; NULL where the spec has no such operand. */
typedef struct stile_bench_host {
    void *x, *w;   /* W in the spec's layout */
    void *logical; /* trained Ŵ [rank, ceil(N/n), ceil(K/k)] */
    void *bias, *residual;
    size_t x_size, w_size, logical_size, bias_size, residual_size, y_size; /* bytes */
} stile_bench_host;

/* Errors: MEMORY. */
int stile_bench_host_create(stile_bench_host *out, const stile_config *config,
                            const stile_bench_params *params, int threads);
void stile_bench_host_destroy(stile_bench_host *host);

/* The same W in either layout. */
void stile_bench_fill_weight(void *w, const stile_config *config, const stile_bench_params *params,
                             stile_weight_layout layout, int threads);

#endif
