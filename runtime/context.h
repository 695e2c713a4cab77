/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a context: a device, its kernel cache and its log. */
#ifndef STILE_RUNTIME_CONTEXT_H
#define STILE_RUNTIME_CONTEXT_H

#include <stdbool.h>

#include <stile/stile.h>

#include "arch.h"
#include "cache.h"
#include "driver.h"

struct stile_context {
    int device;             /* CUDA ordinal or STILE_DEVICE_CPU */
    int threads;            /* at least 1 */
    stile_log_callback log; /* NULL: silent */
    void *log_user;
    /* CUDA devices only: */
    const stile_driver *driver; /* NULL on the CPU device */
    CUdevice cu_device;
    CUcontext cu_context; /* the primary context, retained */
    stile_arch arch;
    char device_name[128];
    int multiprocessors;
    stile_cache *cache;
};

/* Sends a message to the log callback, if any. */
__attribute__((format(printf, 3, 4))) void
stile_context_log(const stile_context *context, stile_log_level level, const char *format, ...);

/*
 * Makes the context's CUDA context current for this thread; leave with the value that enter gave.
 * Cheap where it is current already. No-ops on the CPU device. Errors: DEVICE.
 */
typedef struct stile_context_scope {
    bool pushed;
} stile_context_scope;
int stile_context_enter(const stile_context *context, stile_context_scope *scope);
void stile_context_leave(const stile_context *context, const stile_context_scope *scope);

#endif
