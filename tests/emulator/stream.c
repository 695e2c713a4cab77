/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams, graphs and events of the emulated GPU. What goes to a stream happens before the call
 * returns, unless the stream is being captured: then a graph remembers it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

enum { MAX_PARAMETERS = 16 };

typedef enum command_kind { LAUNCH, COPY, FILL } command_kind;

/* Something that a stream does. */
typedef struct command {
    struct command *next;
    command_kind kind;
    /* LAUNCH; a graph's command has parameters of its own */
    CUfunction function;
    emulator_dim3 grid, block;
    unsigned shared_bytes;
    void **parameters;
    /* COPY, FILL */
    CUdeviceptr to, from;
    size_t bytes;
    unsigned value, value_bytes;
} command;

typedef struct graph {
    command *first, **last;
} graph;

struct CUstream_st {
    graph *captured; /* NULL: none */
};

/* --- commands --- */

static CUresult execute(const command *c)
{
    CUresult error = device_state();
    if (error)
        return error;
    switch (c->kind) {
    case LAUNCH:
        return device_launch(c->function, c->grid, c->block, c->shared_bytes, c->parameters);
    case COPY:
        memmove((void *)(uintptr_t)c->to, (const void *)(uintptr_t)c->from, c->bytes);
        break;
    case FILL:
        for (size_t i = 0; i < c->bytes; i += c->value_bytes)
            memcpy((char *)(uintptr_t)c->to + i, &c->value, c->value_bytes);
    }
    return 0;
}

static void free_commands(command *c)
{
    for (command *next; c; c = next) {
        next = c->next;
        for (unsigned i = 0; c->parameters && i < MAX_PARAMETERS; i++)
            free(c->parameters[i]);
        free(c->parameters);
        free(c);
    }
}

/* Copies of what the parameters point to, as they are now. */
static bool keep_parameters(command *c)
{
    const emulator_kernel *kernel = (const void *)c->function;
    void *const *given = c->parameters;
    c->parameters = calloc(MAX_PARAMETERS, sizeof *c->parameters);
    for (unsigned i = 0; c->parameters && i < kernel->parameter_count; i++) {
        void *copy = i < MAX_PARAMETERS ? malloc(kernel->parameter_sizes[i]) : NULL;
        if (!copy)
            return false;
        c->parameters[i] = memcpy(copy, given[i], kernel->parameter_sizes[i]);
    }
    return c->parameters != NULL;
}

static CUresult submit(CUstream stream, const command *c)
{
    if (!stream || !stream->captured)
        return execute(c);
    command *kept = malloc(sizeof *kept);
    if (!kept)
        return OUT_OF_MEMORY;
    *kept = *c;
    if (c->kind == LAUNCH && !keep_parameters(kept)) {
        free_commands(kept);
        return OUT_OF_MEMORY;
    }
    *stream->captured->last = kept;
    stream->captured->last = &kept->next;
    return 0;
}

DEFINE(cuLaunchKernel, (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                        CUstream stream, void **parameters, void **extra))
{
    if (extra)
        return INVALID_VALUE;
    return submit(stream, &(command){.kind = LAUNCH,
                                     .function = function,
                                     .grid = {grid_x, grid_y, grid_z},
                                     .block = {block_x, block_y, block_z},
                                     .shared_bytes = shared_bytes,
                                     .parameters = parameters});
}

static CUresult copy(CUstream stream, CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    return submit(stream, &(command){.kind = COPY, .to = to, .from = from, .bytes = bytes});
}

static CUresult fill(CUstream stream, CUdeviceptr to, unsigned value, unsigned value_bytes,
                     size_t count)
{
    return submit(stream, &(command){.kind = FILL,
                                     .to = to,
                                     .bytes = count * value_bytes,
                                     .value = value,
                                     .value_bytes = value_bytes});
}

DEFINE(cuMemcpyHtoD_v2, (CUdeviceptr to, const void *from, size_t bytes))
{
    return copy(NULL, to, (CUdeviceptr)(uintptr_t)from, bytes);
}

DEFINE(cuMemcpyDtoH_v2, (void *to, CUdeviceptr from, size_t bytes))
{
    return copy(NULL, (CUdeviceptr)(uintptr_t)to, from, bytes);
}

DEFINE(cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))
{
    return copy(stream, to, (CUdeviceptr)(uintptr_t)from, bytes);
}

DEFINE(cuMemcpyDtoHAsync_v2, (void *to, CUdeviceptr from, size_t bytes, CUstream stream))
{
    return copy(stream, (CUdeviceptr)(uintptr_t)to, from, bytes);
}

DEFINE(cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))
{
    return copy(stream, to, from, bytes);
}

DEFINE(cuMemsetD8_v2, (CUdeviceptr to, unsigned char value, size_t bytes))
{
    return fill(NULL, to, value, 1, bytes);
}

DEFINE(cuMemsetD8Async, (CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream))
{
    return fill(stream, to, value, 1, bytes);
}

DEFINE(cuMemsetD32Async, (CUdeviceptr to, unsigned value, size_t count, CUstream stream))
{
    return fill(stream, to, value, 4, count);
}

/* --- streams and graphs --- */

DEFINE(cuStreamCreate, (CUstream * stream, unsigned flags))
{
    *stream = calloc(1, sizeof **stream);
    return *stream ? 0 : OUT_OF_MEMORY;
}

DEFINE(cuGraphDestroy, (void *destroyed))
{
    graph *g = destroyed;
    if (g)
        free_commands(g->first);
    free(g);
    return 0;
}

DEFINE(cuStreamDestroy_v2, (CUstream stream))
{
    cuGraphDestroy(stream->captured);
    free(stream);
    return 0;
}

DEFINE(cuStreamSynchronize, (CUstream stream))
{
    return device_state();
}

DEFINE(cuStreamBeginCapture_v2, (CUstream stream, int mode))
{
    if (!stream || stream->captured)
        return INVALID_HANDLE;
    stream->captured = calloc(1, sizeof *stream->captured);
    if (!stream->captured)
        return OUT_OF_MEMORY;
    stream->captured->last = &stream->captured->first;
    return 0;
}

DEFINE(cuStreamEndCapture, (CUstream stream, void **captured))
{
    if (!stream || !stream->captured)
        return INVALID_HANDLE;
    *captured = stream->captured;
    stream->captured = NULL;
    return 0;
}

/* An executable graph is a copy, which outlives the graph. */
DEFINE(cuGraphInstantiateWithFlags, (void **executable, void *from, unsigned long long flags))
{
    struct CUstream_st stream = {0};
    CUresult error = cuStreamBeginCapture_v2(&stream, 0);
    for (const command *c = ((graph *)from)->first; c && !error; c = c->next) {
        command copied = *c;
        copied.next = NULL;
        error = submit(&stream, &copied);
    }
    if (error)
        cuGraphDestroy(stream.captured);
    else
        *executable = stream.captured;
    return error;
}

DEFINE(cuGraphExecDestroy, (void *executable))
{
    return cuGraphDestroy(executable);
}

DEFINE(cuGraphLaunch, (void *executable, CUstream stream))
{
    CUresult error = device_state();
    for (const command *c = ((graph *)executable)->first; c && !error; c = c->next)
        error = execute(c);
    return error;
}

/* --- events --- */

struct CUevent_st {
    struct timespec time;
};

DEFINE(cuEventCreate, (CUevent * event, unsigned flags))
{
    *event = calloc(1, sizeof **event);
    return *event ? 0 : OUT_OF_MEMORY;
}

DEFINE(cuEventDestroy_v2, (CUevent event))
{
    free(event);
    return 0;
}

DEFINE(cuEventRecord, (CUevent event, CUstream stream))
{
    clock_gettime(CLOCK_MONOTONIC, &event->time);
    return device_state();
}

DEFINE(cuEventElapsedTime, (float *milliseconds, CUevent start, CUevent end))
{
    *milliseconds = (float)(end->time.tv_sec - start->time.tv_sec) * 1e3f +
                    (float)(end->time.tv_nsec - start->time.tv_nsec) * 1e-6f;
    return 0;
}
