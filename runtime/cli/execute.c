/* SPDX-License-Identifier: Apache-2.0 */
#include "execute.h"

#include <stdlib.h>
#include <time.h>

#include "device_buffer.h"
#include "fail.h"
#include "plan.h"

enum { X, W, BIAS, RESIDUAL, Y, W_HAT, WORKSPACE, BUFFER_COUNT };

/* Host arrays and their sizes, in the order above; NULL for those that only the device has. */
typedef struct arrays {
    const void *host[BUFFER_COUNT];
    size_t sizes[BUFFER_COUNT];
} arrays;

static arrays list_arrays(const stile_plan *plan, const stile_operand_files *o)
{
    const stile_config *config = plan->config;
    size_t in = (size_t)stile_type_size(config->precision.input);
    size_t out = (size_t)stile_type_size(config->precision.output);
    stile_problem problem = stile_plan_problem(plan, 0);
    bool trained = config->encode == STILE_ENCODE_TRAINED;
    size_t w_elements = trained ? stile_reference_weight_size(&problem) : (size_t)(o->K * o->N);
    return (arrays){
        .host = {o->x, o->w, o->bias, o->residual},
        .sizes =
            {
                [X] = in * (size_t)(o->M * o->K),
                [W] = in * w_elements,
                [BIAS] = o->bias ? out * (size_t)o->N : 0,
                [RESIDUAL] = o->residual ? out * (size_t)(o->M * o->N) : 0,
                [Y] = out * (size_t)(o->M * o->N),
                [W_HAT] = stile_plan_weight_size(plan),
                [WORKSPACE] = stile_plan_workspace_size(plan),
            },
    };
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

/* The calls of the API, the same on every device. */
static int run_plan(const stile_plan *plan, void *const pointers[BUFFER_COUNT],
                    const stile_driver *driver, double *milliseconds)
{
    bool online = plan->config->encode == STILE_ENCODE_ONLINE;
    stile_operands operands = {
        .x = pointers[X],
        .w = online ? pointers[W] : pointers[W_HAT],
        .y = pointers[Y],
        .bias = pointers[BIAS],
        .residual = pointers[RESIDUAL],
    };
    int error = stile_workspace_init(plan, pointers[WORKSPACE], NULL);
    if (!error && !online)
        error = stile_encode_weight(plan, pointers[W], pointers[W_HAT], pointers[WORKSPACE], NULL);
    if (!error && driver)
        error = stile_driver_check(driver, driver->cuCtxSynchronize(), "cuCtxSynchronize");
    double start = now();
    if (!error)
        error = stile_run(plan, &operands, pointers[WORKSPACE], NULL);
    if (!error && driver)
        error = stile_driver_check(driver, driver->cuCtxSynchronize(), "cuCtxSynchronize");
    *milliseconds = now() - start;
    return error;
}

static int execute_on_gpu(const stile_plan *plan, const arrays *a, void *y, double *milliseconds)
{
    const stile_driver *driver = plan->context->driver;
    stile_device_buffer buffers[BUFFER_COUNT] = {0};
    void *pointers[BUFFER_COUNT] = {NULL};
    stile_context_scope scope;
    int error = stile_context_enter(plan->context, &scope);
    if (error)
        return error;
    for (int i = 0; i < BUFFER_COUNT && !error; i++) {
        if (a->sizes[i] || i == WORKSPACE)
            error = stile_device_buffer_create(&buffers[i], driver, a->sizes[i]);
        if (!error && a->host[i])
            error = stile_device_buffer_write(&buffers[i], 0, a->host[i], a->sizes[i]);
        pointers[i] = stile_device_pointer(&buffers[i]);
    }
    if (!error)
        error = run_plan(plan, pointers, driver, milliseconds);
    if (!error)
        error = stile_device_buffer_read(&buffers[Y], 0, y, a->sizes[Y]);
    for (int i = 0; i < BUFFER_COUNT; i++)
        stile_device_buffer_destroy(&buffers[i]);
    stile_context_leave(plan->context, &scope);
    return error;
}

static int execute_on_cpu(const stile_plan *plan, const stile_operand_files *o, const arrays *a,
                          void *y, double *milliseconds)
{
    void *aligned[2] = {NULL};
    int error = 0;
    for (int i = 0; i < 2; i++) {
        size_t size = a->sizes[W_HAT + i] / STILE_ALIGNMENT * STILE_ALIGNMENT + STILE_ALIGNMENT;
        aligned[i] = aligned_alloc(STILE_ALIGNMENT, size);
        if (!aligned[i])
            error = stile_fail_memory();
    }
    void *const pointers[BUFFER_COUNT] = {o->x, o->w,       o->bias,   o->residual,
                                          y,    aligned[0], aligned[1]};
    if (!error)
        error = run_plan(plan, pointers, NULL, milliseconds);
    free(aligned[0]);
    free(aligned[1]);
    return error;
}

int stile_execute(const stile_plan *plan, const stile_operand_files *operands, void *y,
                  double *milliseconds)
{
    arrays a = list_arrays(plan, operands);
    if (plan->context->device == STILE_DEVICE_CPU)
        return execute_on_cpu(plan, operands, &a, y, milliseconds);
    return execute_on_gpu(plan, &a, y, milliseconds);
}
