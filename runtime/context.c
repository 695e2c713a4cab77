/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <stdlib.h>

#include "fail.h"
#include "parallel.h"

static int find_device(stile_context *context)
{
    int count = 0;
    int error = stile_driver_check(context->driver, context->driver->cuDeviceGetCount(&count),
                                   "cuDeviceGetCount");
    if (error)
        return error;
    if (context->device >= count)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "there is no CUDA device %d: the driver sees %d, numbered from 0",
                          context->device, count);
    return stile_driver_check(context->driver,
                              context->driver->cuDeviceGet(&context->cu_device, context->device),
                              "cuDeviceGet");
}

static int describe_device(stile_context *context)
{
    const stile_driver *driver = context->driver;
    int major = 0, minor = 0;
    int error =
        stile_driver_check(driver,
                           driver->cuDeviceGetName(context->device_name,
                                                   sizeof context->device_name, context->cu_device),
                           "cuDeviceGetName");
    if (!error)
        error = stile_driver_check(
            driver,
            driver->cuDeviceGetAttribute(&major, STILE_CU_DEVICE_COMPUTE_CAPABILITY_MAJOR,
                                         context->cu_device),
            "cuDeviceGetAttribute");
    if (!error)
        error = stile_driver_check(
            driver,
            driver->cuDeviceGetAttribute(&minor, STILE_CU_DEVICE_COMPUTE_CAPABILITY_MINOR,
                                         context->cu_device),
            "cuDeviceGetAttribute");
    if (!error)
        error = stile_driver_check(
            driver,
            driver->cuDeviceGetAttribute(&context->multiprocessors,
                                         STILE_CU_DEVICE_MULTIPROCESSOR_COUNT, context->cu_device),
            "cuDeviceGetAttribute");
    return error ? error : stile_arch_of_device(&context->arch, major, minor);
}

/* The CUDA half of a context. A failure leaves what it got to stile_context_destroy. */
static int open_device(stile_context *context, const char *cache_dir)
{
    int error = stile_driver_get(&context->driver);
    if (!error)
        error = find_device(context);
    if (!error)
        error = describe_device(context);
    if (!error)
        error = stile_driver_check(
            context->driver,
            context->driver->cuDevicePrimaryCtxRetain(&context->cu_context, context->cu_device),
            "cuDevicePrimaryCtxRetain");
    if (!error)
        error = stile_cache_open(&context->cache, cache_dir, context->log, context->log_user);
    if (!error)
        error = stile_winners_create(&context->winners, stile_cache_place(context->cache),
                                     context->log, context->log_user);
    return error;
}

int stile_context_create(stile_context **out, const stile_context_params *params)
{
    static const stile_context_params defaults = {0};
    if (!out)
        return stile_fail(STILE_ERROR_ARGUMENT, "stile_context_create: out is NULL");
    if (!params)
        params = &defaults;
    if (params->device < STILE_DEVICE_CPU)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "device %d: CUDA devices count from 0, STILE_DEVICE_CPU is %d",
                          params->device, STILE_DEVICE_CPU);
    if (params->threads < 0)
        return stile_fail(STILE_ERROR_ARGUMENT, "threads is %d; 0 means one per core",
                          params->threads);

    stile_context *context = calloc(1, sizeof *context);
    if (!context)
        return stile_fail_memory();
    context->device = params->device;
    context->threads = params->threads ? params->threads : stile_core_count();
    stile_context_choose_log(context, params);
    if (context->device != STILE_DEVICE_CPU) {
        int error = open_device(context, params->cache_dir);
        if (error) {
            stile_context_destroy(&context);
            return error;
        }
        stile_context_log(context, STILE_LOG_INFO, "device %d: %s, %s", context->device,
                          context->device_name, context->arch.name);
    }
    *out = context;
    return STILE_OK;
}

void stile_context_destroy(stile_context **context)
{
    if (!context || !*context)
        return;
    stile_context_unload_bundles(*context);
    stile_winners_destroy(&(*context)->winners);
    stile_cache_close(&(*context)->cache);
    if ((*context)->cu_context)
        (*context)->driver->cuDevicePrimaryCtxRelease((*context)->cu_device);
    free(*context);
    *context = NULL;
}

const char *stile_context_device_name(const stile_context *context)
{
    return !context ? NULL : context->device == STILE_DEVICE_CPU ? "CPU" : context->device_name;
}

const char *stile_context_arch(const stile_context *context)
{
    return context && context->device != STILE_DEVICE_CPU ? context->arch.name : NULL;
}

int stile_context_cache_counters(stile_cache_counters *out, const stile_context *context)
{
    if (!out || !context)
        return stile_fail(STILE_ERROR_ARGUMENT, "stile_context_cache_counters: %s is NULL",
                          out ? "context" : "out");
    *out = context->cache ? stile_cache_count(context->cache) : (stile_cache_counters){0};
    return STILE_OK;
}

int stile_context_enter(const stile_context *context, stile_context_scope *scope)
{
    scope->pushed = false; /* so that leaving does no harm, whatever happens here */
    if (!context->driver)
        return STILE_OK;
    CUcontext current = NULL;
    int error = stile_driver_check(context->driver, context->driver->cuCtxGetCurrent(&current),
                                   "cuCtxGetCurrent");
    if (error)
        return error;
    bool push = current != context->cu_context;
    if (push)
        error = stile_driver_check(context->driver,
                                   context->driver->cuCtxPushCurrent(context->cu_context),
                                   "cuCtxPushCurrent");
    if (!error)
        scope->pushed = push;
    return error;
}

void stile_context_leave(const stile_context *context, const stile_context_scope *scope)
{
    CUcontext ours;
    if (scope->pushed)
        context->driver->cuCtxPopCurrent(&ours);
}
