/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stile: Strassen-Tile operators, generated, compiled and run on CUDA devices.
 *
 * Life cycle: load a spec, create a context on a device, create a plan for a shape, allocate the
 * workspace and (for offline weights) the encoded weights, call stile_workspace_init once, encode
 * the weights once, then run as often as wanted. Plans compile and load; runs only launch kernels
 * on the stream they are given, so a run can be captured in a CUDA graph. examples/host/ is a
 * complete program.
 *
 * Kernels come, in this order, from bundles that the context loaded, from the cache on disk, and
 * from NVRTC, which is opened when something has to be compiled and not before. With STILE_JIT=off
 * in the environment nothing is compiled: a kernel that is neither in a bundle nor in the cache is
 * an error whose text holds the `stile build` command that makes a bundle of it.
 *
 * All matrices are row-major, leading dimensions count elements. X is [M, K], W is [N, K] (spec
 * `weight.layout: nk`) or [K, N] (`kn`), Y and the residual are [M, N], the bias is [N]:
 *
 *     Y = activation(STL(X, W) + bias) + residual
 *
 * Ownership: what a create, load or parse function stores in *out belongs to the caller, who
 * destroys it: plans before their context, specs at any time. Strings that a query returns belong
 * to the object asked and live as long as it. Buffers (operands, workspaces, encoded weights) are
 * always the caller's; stile keeps no pointer to one beyond the work that a call put on its stream.
 *
 * Errors: a function that can fail returns 0 or a negative STILE_ERROR_ code, and
 * stile_last_error() then has the details, for each thread on its own. A failed call leaves its
 * outputs untouched. NULL in place of an object, operand or output that is needed is an ARGUMENT
 * error; queries, which cannot fail, answer it with 0 or NULL.
 *
 * Threads: contexts, specs and plans may be shared between threads, and one process may have
 * several contexts, on one device or on several. A plan is immutable; concurrent runs of one plan
 * need workspaces of their own. Destroying an object must be the last use of it. Functions leave
 * the caller's current CUDA context as it was, and need none to be current.
 *
 * The CPU device computes the same operator in fp64 on host pointers and rounds once, to the output
 * type. There, streams are ignored and calls return when the result is complete. It compiles
 * nothing.
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

/* A CUstream or cudaStream_t of the context's device and its primary CUDA context; NULL is the
   legacy default stream. */
typedef void *stile_stream;

typedef enum stile_log_level {
    STILE_LOG_ERROR,
    STILE_LOG_WARNING,
    STILE_LOG_INFO,
    STILE_LOG_DEBUG,
} stile_log_level;

/*
 * Receives one message without a newline; `message` lives until the callback returns. Called from
 * any thread that uses the context and from threads that stile starts for the length of a call,
 * from several at once: it must be thread-safe, and must not call back into the context. Never
 * called by stile_run.
 */
typedef void (*stile_log_callback)(void *user, stile_log_level level, const char *message);

enum {
    STILE_DEVICE_CPU = -1, /* the fp64 reference on host memory */
};

/* All zero is a good start: CUDA device 0 with all defaults. */
typedef struct stile_context_params {
    int device;             /* CUDA ordinal from 0, or STILE_DEVICE_CPU */
    const char *cache_dir;  /* kernel cache; NULL or unusable: $STILE_CACHE_DIR, else
                               $XDG_CACHE_HOME/stile, else $HOME/.cache/stile, else stile-<user id>
                               in $TMPDIR or /tmp, else in memory only */
    stile_log_callback log; /* NULL: silent, or stderr where $STILE_LOG asks for it */
    void *log_user;
    int threads; /* compile threads, and those of the CPU device; 0: one per core */
} stile_context_params;

/*
 * Opens a device; NULL `params` means CUDA device 0 with all defaults. On a CUDA device the context
 * retains the device's primary CUDA context, the one that the CUDA runtime uses, and makes it
 * current only for the length of a call. `params` and what it points to are copied; `log_user` must
 * live as long as the context. A kernel cache that cannot be used is no error but a warning through
 * `log`.
 * Errors: ARGUMENT, UNSUPPORTED (no driver, no such device, or one that is too old), DEVICE,
 * MEMORY.
 */
STILE_API int stile_context_create(stile_context **out, const stile_context_params *params);

/* Destroys *context and sets it to NULL; NULL is allowed. Its plans must have been destroyed. */
STILE_API void stile_context_destroy(stile_context **context);

/*
 * Makes the kernels of a bundle, a file that `stile build` wrote, available to plans that this
 * context creates from now on: they are looked for there before the cache is asked. Several bundles
 * may be loaded. The file stays open until the context is destroyed; it may be deleted or replaced
 * by renaming meanwhile.
 *
 * The index is checked now. Each kernel is read and checked against its checksum when a plan uses
 * it; a damaged one is passed over with a warning through the log, as if the bundle did not have
 * it. A bundle that lacks what a plan needs, or was built for other architectures, is no error
 * here. On the CPU device, which needs no kernels, the file is only checked.
 *
 * Checksums find accidents, not forgery: load only what you would run.
 * Errors: ARGUMENT, IO (the file cannot be read, is no bundle, or is damaged), UNSUPPORTED (a
 * bundle of another format version: build it again), MEMORY.
 */
STILE_API int stile_context_load_bundle(stile_context *context, const char *path);

/* The device's name, as the driver gives it; "CPU" on the CPU device; NULL for a NULL context. */
STILE_API const char *stile_context_device_name(const stile_context *context);

/*
 * The architecture that the context's kernels are compiled for, as `stile build --arch` takes it:
 * "sm_90a". NULL on the CPU device and for a NULL context.
 */
STILE_API const char *stile_context_arch(const stile_context *context);

/* What happened in a kernel cache. */
typedef struct stile_cache_counters {
    uint64_t hits;     /* kernels that were found, in the directory or in memory */
    uint64_t misses;   /* kernels that were not */
    uint64_t compiles; /* compilations begun, also those that failed */
    uint64_t waits; /* kernels for which a thread or process waited while another compiled them */
    uint64_t evictions; /* entries taken out of the directory: $STILE_CACHE_SIZE, or a full disk */
    uint64_t damaged; /* entries that failed a check; they were not used, and removed if possible */
} stile_cache_counters;

/*
 * What this context's kernel cache did so far; zeros on the CPU device, which compiles nothing.
 * `stile cache stats` shows the sums over all processes that use a directory. Thread-safe.
 * Errors: ARGUMENT (NULL).
 */
STILE_API int stile_context_cache_counters(stile_cache_counters *out, const stile_context *context);

/*
 * What a plan computes. The backward operations are bits: a plan of several (or of all:
 * STILE_OP_BACKWARD) computes what they share once. With dZ = dY ∘ activation'(Z):
 *
 *     INPUT    dX                              from dY and the weights
 *     WEIGHT   dW (trained weights: dŴ), dbias from dY and X
 *     BASIS    dU, dD; online weights: dV      from dY, X and the weights
 *
 * The residual's gradient is dY itself.
 */
typedef enum stile_op {
    STILE_OP_FORWARD = 0, /* Y from X and W */
    STILE_OP_BACKWARD_INPUT = 1,
    STILE_OP_BACKWARD_WEIGHT = 2,
    STILE_OP_BACKWARD_BASIS = 4,
    STILE_OP_BACKWARD = 7,
} stile_op;

/* Fields left zero have their defaults; M, K and N have none. */
typedef struct stile_plan_params {
    stile_op op;
    int64_t M, K, N;        /* M: the most rows a run may have */
    int64_t rows_per_group; /* R > 0: rows are groups of R that tiles never straddle; 0: one */
    int64_t ldx, ldw;       /* leading dimensions of X and W; 0: dense */
    int64_t ldy, ldr;       /* those of Y (and dY) and the residual */
    int64_t ldz;            /* that of Z, what the activation is applied to */
    int64_t lddx, lddw;     /* those of dX and dW */
    bool keep_z;            /* forward: runs also write Z, which the backward plan of a spec with
                               an activation reads; costs M·N elements of the output type */
    int alignment;          /* bytes to which all pointers and rows are promised to be aligned;
                               0: no promise, each run looks at its pointers */
    const char *variant;    /* name of a variant; NULL where the spec has only one */
} stile_plan_params;

/*
 * Makes a plan: renders, compiles (or finds in a bundle or the cache) and loads every kernel it
 * needs. Allocates no device memory but what the driver needs for the code. The spec and `params`
 * may be destroyed afterwards, the context must outlive the plan.
 *
 * Takes milliseconds where the kernels are in a bundle or the cache, else seconds, on as many
 * threads as the context has. Threads and processes that need the same kernel compile it once.
 * Errors: ARGUMENT (a size, leading dimension or variant that cannot work), UNSUPPORTED (what the
 * spec asks for is not possible on this device; or kernels are missing and cannot be compiled here:
 * the text says why, and which command builds them), COMPILE, DEVICE, MEMORY.
 */
STILE_API int stile_plan_create(stile_plan **out, stile_context *context, const stile_spec *spec,
                                const stile_plan_params *params);

/*
 * Destroys *plan and sets it to NULL; NULL is allowed. Its runs must have finished, and CUDA graphs
 * that hold one must not be launched any more.
 */
STILE_API void stile_plan_destroy(stile_plan **plan);

/* What a plan was made of, for hosts that do not know the spec. */
typedef struct stile_plan_info {
    const char *variant;                            /* its name */
    int m, k, n, rank;                              /* the base case ⟨m,k,n;r⟩ */
    const char *input, *encoded, *product, *output; /* types: f32, tf32, f16, bf16, e4m3, e5m2 */
    int input_size, output_size; /* bytes per element of X and W, and of Y, bias and residual */
    const char *weight_layout;   /* "nk" or "kn" */
    const char *weight_encode;   /* "offline", "online" or "trained" */
    bool bias, residual;         /* whether runs need them */
    const char *activation;      /* "none", "relu", "gelu", "gelu_tanh" or "silu" */
    bool dense_basis;            /* whether runs take u, v and d */
    int64_t M, K, N, rows_per_group;
    int64_t ldx, ldw, ldy, ldr; /* with defaults filled in */
    stile_op op;
    int64_t ldz, lddx, lddw;
    bool z; /* whether runs need z */
} stile_plan_info;

/* Fills in *out; its strings live as long as the plan. Errors: ARGUMENT. */
STILE_API int stile_plan_get_info(stile_plan_info *out, const stile_plan *plan);

/*
 * Bytes of device memory (host memory on the CPU device) a run needs, aligned to 256 bytes; 0 for a
 * NULL plan. Plans may take turns on one buffer, which must be initialised anew when another takes
 * over.
 */
STILE_API size_t stile_plan_workspace_size(const stile_plan *plan);

/*
 * Bytes of the encoded weights, aligned to 256 bytes. On a CUDA device their layout depends on the
 * spec, K and N alone: [rank][ceil(N/n)][pitch] elements of the encoded type, K-major, the pitch
 * being ceil(K/k) rounded up to 128 bytes and the padding zero. One encoded weight serves every
 * plan of the spec with that K and N, whatever M, schedule and architecture. On the CPU device it
 * is an array of doubles with a layout of its own. 0 where weights are encoded online, and for a
 * NULL plan.
 */
STILE_API size_t stile_plan_weight_size(const stile_plan *plan);

/*
 * Prepares a workspace: once per buffer, before anything else uses it. Copies the coefficients of a
 * dense basis into it. On `stream` without waiting for it; must not be captured in a graph, and the
 * plan must live until the stream has come past it.
 * Errors: ARGUMENT, DEVICE.
 */
STILE_API int stile_workspace_init(const stile_plan *plan, void *workspace, stile_stream stream);

/*
 * Encodes W (with `weight.encode: trained`: packs logical weights [rank, ceil(N/n), ceil(K/k)] of
 * the input type, densely stored) into `w_hat` of stile_plan_weight_size bytes. On `stream` without
 * waiting for it. Runs on other streams must be made to wait, by an event or a synchronisation.
 * Errors: ARGUMENT (also where the spec encodes online, and of backward plans: a forward plan with
 * the same K and N makes what they read), DEVICE.
 */
STILE_API int stile_encode_weight(const stile_plan *plan, const void *w, void *w_hat,
                                  void *workspace, stile_stream stream);

/* The operands of a run: device pointers (host pointers on the CPU device). */
typedef struct stile_operands {
    int64_t M;        /* rows of this run, at most the plan's and a multiple of rows_per_group where
                         groups are used; 0: the plan's */
    const void *x;    /* [M, K], input type */
    const void *w;    /* encoded weights, or W itself where the spec encodes online */
    void *y;          /* [M, N], output type; may alias the residual, never X */
    const void *bias; /* [N], output type; required exactly where the spec has a bias */
    const void *residual;   /* [M, N], output type; required exactly where the spec has one */
    const float *u, *v, *d; /* coefficients of a dense basis, f32, each shaped as in the basis file;
                               NULL: those that stile_workspace_init copied */
    void *z; /* [M, N], output type: STL(X, W) + bias. Forward plans with keep_z write it, backward
                plans of a spec with an activation read it; NULL elsewhere */
    /* Backward plans only; all that the plan's operations name must be given, and nothing else. */
    const void *dy;      /* [M, N], output type */
    void *dx;            /* [M, K], input type */
    void *dw;            /* shaped and laid out as W, or logical [rank, ceil(N/n), ceil(K/k)] where
                            weights are trained; input type */
    void *dbias;         /* [N], output type, where the spec has a bias */
    float *du, *dv, *dd; /* shaped as u, v and d; dv where weights are encoded online */
} stile_operands;

/*
 * Computes Y, or the gradients of the plan's operations, on `stream`.
 *
 * Backward plans read x (WEIGHT, BASIS), w as forward plans do (INPUT, BASIS), dy and z, and no
 * bias or residual; they write, and do not add to, the gradients. Where the spec demands rows:
 * causal or none, dU and dD are zero wherever the spec's U and D are, so that no step along them
 * couples rows that were apart. Sums over rows and tiles are formed in f32 in an order that depends
 * on the shape alone: the same inputs give the same bits.
 *
 * Launches kernels only: no allocation, no synchronisation, no output, so
 * it may be captured in a CUDA graph; the graph then holds the pointers given here, not their
 * contents. `operands` is read before the call returns. Pointers are not checked beyond NULL,
 * alignment and what the fields above say.
 * Errors: ARGUMENT, DEVICE (launch failures; faults of the kernels surface at the caller's next
 * synchronisation).
 */
STILE_API int stile_run(const stile_plan *plan, const stile_operands *operands, void *workspace,
                        stile_stream stream);

#ifdef __cplusplus
}
#endif
#endif
