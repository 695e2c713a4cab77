/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of a plan on their way from source to a loaded function. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "parallel.h"
#include "plan.h"

/* Errors carry their text out of the worker thread. */
typedef struct job {
    const stile_context *context;
    const stile_config *config;
    stile_plan_kernel *kernel;
    stile_cubin cubin;
    int error;
    char error_text[4096];
} job;

static void compile(void *user, int64_t index)
{
    job *j = (job *)user + index;
    j->error = stile_context_get_kernel(j->context, &j->cubin, j->config, &j->kernel->kernel);
    if (j->error)
        snprintf(j->error_text, sizeof j->error_text, "%s", stile_last_error());
}

static int load(const stile_driver *driver, stile_plan_kernel *k, const stile_cubin *cubin)
{
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

int stile_plan_load_kernels(stile_context *context, const stile_config *config,
                                     stile_plan_kernel *const *kernels, int count)
{
    job *jobs = calloc((size_t)count, sizeof *jobs);
    if (!jobs)
        return stile_fail_memory();
    for (int i = 0; i < count; i++) {
        jobs[i].context = context;
        jobs[i].config = config;
        jobs[i].kernel = kernels[i];
    }
    stile_parallel_for(context->threads, count, compile, jobs);

    stile_context_scope scope;
    int error = stile_context_enter(context, &scope);
    for (int i = 0; i < count; i++) {
        if (!error && jobs[i].error)
            error = stile_fail(jobs[i].error, "%s", jobs[i].error_text);
        if (!error)
            error = load(context->driver, kernels[i], &jobs[i].cubin);
        stile_cubin_free(&jobs[i].cubin);
    }
    stile_context_leave(context, &scope);
    free(jobs);
    return error;
}

int stile_plan_load_training_kernels(stile_context *context, const stile_config *config,
                                     stile_plan_kernel *const *kernels, int count)
{
    const char suffix[] = ".stile";
    char text[4096];
    int error = stile_plan_load_kernels(context, config, kernels, count);
    if (!error)
        return 0;
    snprintf(text, sizeof text, "%s", stile_last_error());
    const size_t size = strlen(text), length = sizeof suffix - 1;
    if (size < length || strcmp(text + size - length, suffix) != 0)
        return error;
    return stile_fail(error, "%s --training", text);
}
