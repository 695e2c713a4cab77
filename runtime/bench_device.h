/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A variant on a shape, on a device: operands that rotate, a stream, and events to time with. What
 * benchmarks and tuning share. The context must be current in every call (stile_context_enter).
 */
#ifndef STILE_RUNTIME_BENCH_DEVICE_H
#define STILE_RUNTIME_BENCH_DEVICE_H

#include "bench.h"
#include "bench_operands.h"

/* Zero-initialise. */
typedef struct stile_bench_device {
    const stile_driver *driver;
    const stile_config *config;
    stile_bench_host host;
    CUstream stream;
    CUevent *events;
    int event_count;
    double l2_bytes;
    int sets;                         /* that the operands rotate over */
    stile_rotation x, w, y, residual; /* w: Ŵ, or W where it is encoded online */
    stile_device_buffer bias;
} stile_bench_device;

/*
 * Makes the operands of `params`; `plan` encodes the weights, in a `workspace` that has been
 * initialised, or will be before anything runs. A failure leaves what was made to
 * stile_bench_device_destroy. Errors: MEMORY, DEVICE.
 */
int stile_bench_device_create(stile_bench_device *device, const stile_context *context,
                              const stile_config *config, const stile_bench_params *params,
                              int event_count);
int stile_bench_device_fill(stile_bench_device *device, const stile_plan *plan, void *workspace);
void stile_bench_device_destroy(stile_bench_device *device);

/* The operands of run number `turn`. */
stile_operands stile_bench_device_operands(const stile_bench_device *device, int turn);

int stile_bench_device_record(const stile_bench_device *device, int event);
int stile_bench_device_synchronize(const stile_bench_device *device);

/* The time between events step·i + first and the next one, for each i, as quantiles. */
int stile_bench_device_collect(const stile_bench_device *device, stile_quantiles *out, int step,
                               int first, int count);

/* Seconds of a clock that only goes forward. */
double stile_bench_seconds(void);

#endif
