/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a context: a device, its kernel cache and its log. */
#ifndef STILE_RUNTIME_CONTEXT_H
#define STILE_RUNTIME_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>

#include <stile/stile.h>

#include "arch.h"
#include "cache.h"
#include "config.h"
#include "driver.h"
#include "kernel.h"
#include "winners.h"

/* Bundles that were loaded, the newest first. */
typedef struct stile_loaded_bundle stile_loaded_bundle;

struct stile_context {
    int device;             /* CUDA ordinal or STILE_DEVICE_CPU */
    int threads;            /* at least 1 */
    stile_log_callback log; /* NULL: silent */
    void *log_user;
    _Atomic(stile_loaded_bundle *) bundles; /* grows at its head alone */
    /* CUDA devices only: */
    const stile_driver *driver; /* NULL on the CPU device */
    CUdevice cu_device;
    CUcontext cu_context; /* the primary context, retained */
    stile_arch arch;
    char device_name[128];
    int multiprocessors;
    stile_cache *cache;
    stile_winners *winners; /* of tuning */
};

/*
 * Makes the context's CUDA context current for this thread; leave with the value that enter gave.
 * Cheap where it is current already. No-ops on the CPU device. Errors: DEVICE.
 */
typedef struct stile_context_scope {
    bool pushed;
} stile_context_scope;
int stile_context_enter(const stile_context *context, stile_context_scope *scope);
void stile_context_leave(const stile_context *context, const stile_context_scope *scope);

/* --- context_log.c --------------------------------------------------------------------------- */

/* Takes over the callback of `params`; without one, $STILE_LOG decides. */
void stile_context_choose_log(stile_context *context, const stile_context_params *params);

/* Sends a message to the log callback, if any. */
__attribute__((format(printf, 3, 4))) void
stile_context_log(const stile_context *context, stile_log_level level, const char *format, ...);

/* --- context_kernels.c ----------------------------------------------------------------------- */

/*
 * The cubin of a kernel of `config` for the context's device: from the bundles loaded, else from
 * the cache, else compiled. Thread-safe. Errors: those of stile_cache_get; where it cannot be had
 * here, the text ends in the command that builds it elsewhere.
 */
int stile_context_get_kernel(const stile_context *context, stile_cubin *out,
                             const stile_config *config, const stile_kernel *kernel);

/* Whether a bundle that was loaded holds the kernel. */
bool stile_context_has_bundled(const stile_context *context, const stile_kernel *kernel);

void stile_context_unload_bundles(stile_context *context);

#endif
