/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stile: Strassen-Tile operators, generated, compiled and run on CUDA devices.
 *
 * Life cycle: load a spec, create a context on a device, create a plan for a shape, allocate the
 * workspace and (for offline weights) the encoded weights, call stile_workspace_init once, encode
 * the weights once, then run as often as wanted. Plans compile and load; runs only launch kernels on
 * the stream they are given, so a run can be captured in a CUDA graph.
 *
 * All matrices are row-major, leading dimensions count elements. X is [M, K], W is [N, K] (spec
 * `weight.layout: nk`) or [K, N] (`kn`), Y and the residual are [M, N], the bias is [N]. The operator:
 *
 *     Y = activation(STL(X, W) + bias) + residual
 *
 * Threads: contexts, specs and plans may be shared. A plan is immutable; concurrent runs of one plan
 * need workspaces of their own. Functions leave the caller's current CUDA context as it was.
 *
 * The CPU device computes the same operator in fp64 on host pointers and rounds once, to the output
 * type. There, streams are ignored and calls return when the result is complete.
 *
 * 0.x versions promise no ABI.
 */
#ifndef STILE_STILE_H
#define STILE_STILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stile/diagnostics.h>
#include <stile/error.h>
#include <stile/spec.h>
#include <stile/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stile_context stile_context;
typedef struct stile_plan stile_plan;

/* A CUstream or cudaStream_t; NULL is the legacy default stream. */
typedef void *stile_stream;

typedef enum stile_log_level {
    STILE_LOG_ERROR,
    STILE_LOG_WARNING,
    STILE_LOG_INFO,
    STILE_LOG_DEBUG,
} stile_log_level;

/* Receives one message without a newline. Called from any thread that uses the context. */
typedef void (*stile_log_callback)(void *user, stile_log_level level, const char *message);

enum {
    STILE_DEVICE_CPU = -1, /* the fp64 reference on host memory */
};

typedef struct stile_context_params {
    int device;            /* CUDA ordinal from 0, or STILE_DEVICE_CPU */
    const char *cache_dir; /* kernel cache; NULL: $STILE_CACHE_DIR, else $XDG_CACHE_HOME/stile, else
                              $HOME/.cache/stile, else in memory only */
    stile_log_callback log; /* NULL: silent, or stderr where $STILE_LOG asks for it */
    void *log_user;
    int threads; /* compile threads, and those of the CPU device; 0: one per core */
} stile_context_params;

/*
 * Opens a device; NULL `params` means CUDA device 0 with all defaults. On a CUDA device the context
 * uses the device's primary context. The caller destroys it after its plans.
 * Errors: UNSUPPORTED (no driver or no such device), DEVICE, MEMORY.
 */
STILE_API int stile_context_create(stile_context **out, const stile_context_params *params);

/* Destroys *context and sets it to NULL; NULL is allowed. */
STILE_API void stile_context_destroy(stile_context **context);

/* What a plan computes. */
typedef enum stile_op {
    STILE_OP_FORWARD, /* Y from X and W */
} stile_op;

typedef struct stile_plan_params {
    stile_op op;
    int64_t M, K, N;        /* M: the most rows a run may have */
    int64_t rows_per_group; /* R > 0: rows are groups of R, tiles never straddle two; 0: one group */
    int64_t ldx, ldw, ldy, ldr; /* leading dimensions of X, W, Y and the residual; 0: dense */
    int alignment;          /* bytes to which all pointers and rows are promised aligned; 0: no promise,
                               each run looks at its pointers */
    const char *variant;    /* name of a variant; NULL where the spec has only one */
} stile_plan_params;

/*
 * Makes a plan: renders, compiles (or finds in the cache) and loads every kernel it needs. Allocates
 * no device memory. The spec may be destroyed afterwards, the context must outlive the plan.
 * Errors: ARGUMENT, UNSUPPORTED, COMPILE, DEVICE, MEMORY.
 */
STILE_API int stile_plan_create(stile_plan **out, stile_context *context, const stile_spec *spec,
                                const stile_plan_params *params);

/* Destroys *plan and sets it to NULL; NULL is allowed. Its runs must have finished. */
STILE_API void stile_plan_destroy(stile_plan **plan);

/* Bytes of device memory (host memory on the CPU device) a run needs, aligned to 256 bytes. */
STILE_API size_t stile_plan_workspace_size(const stile_plan *plan);

/*
 * Bytes of the encoded weights, aligned to 256 bytes. On a CUDA device their layout depends on the
 * spec, K and N alone: [rank][ceil(N/n)][pitch] elements of the encoded type, K-major, the pitch being
 * ceil(K/k) rounded up to 128 bytes and the padding zero. One encoded weight serves every plan of the
 * spec with that K and N, whatever M, schedule and architecture. 0 where weights are encoded online.
 */
STILE_API size_t stile_plan_weight_size(const stile_plan *plan);

/*
 * Prepares a workspace: once per buffer, before anything else uses it. Copies the coefficients of a
 * dense basis into it. Asynchronous; must not be captured in a graph.
 */
STILE_API int stile_workspace_init(const stile_plan *plan, void *workspace, stile_stream stream);

/*
 * Encodes W (with `weight.encode: trained`: packs logical weights [rank, ceil(N/n), ceil(K/k)] of the
 * input type, densely stored) into `w_hat` of stile_plan_weight_size bytes.
 * Errors: ARGUMENT (also where the spec encodes online), DEVICE.
 */
STILE_API int stile_encode_weight(const stile_plan *plan, const void *w, void *w_hat,
                                  void *workspace, stile_stream stream);

/* The operands of a run: device pointers (host pointers on the CPU device). */
typedef struct stile_operands {
    int64_t M;            /* rows of this run, at most the plan's and a multiple of rows_per_group where
                             groups are used; 0: the plan's */
    const void *x;        /* [M, K], input type */
    const void *w;        /* encoded weights, or W itself where the spec encodes online */
    void *y;              /* [M, N], output type; may alias the residual, never X */
    const void *bias;     /* [N], output type; required exactly where the spec has a bias */
    const void *residual; /* [M, N], output type; required exactly where the spec has one */
    const float *u, *v, *d; /* coefficients of a dense basis, f32, each shaped as in the basis file;
                               NULL: those that stile_workspace_init copied */
} stile_operands;

/*
 * Computes Y on `stream`. Launches kernels only: no allocation, no synchronisation, no output.
 * Errors: ARGUMENT, DEVICE (launch failures; faults of the kernels surface at the caller's next
 * synchronisation).
 */
STILE_API int stile_run(const stile_plan *plan, const stile_operands *operands, void *workspace,
                        stile_stream stream);

#ifdef __cplusplus
}
#endif
#endif
