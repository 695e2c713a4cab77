/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With the toolkit's <cuda.h> and -lcuda, this block would not be needed. */
static struct {
    int (*cuInit)(unsigned flags);
    int (*cuDeviceGet)(int *device, int ordinal);
    int (*cuDevicePrimaryCtxRetain)(void **context, int device);
    int (*cuDevicePrimaryCtxRelease)(int device);
    int (*cuCtxSetCurrent)(void *context);
    int (*cuMemAlloc)(unsigned long long *pointer, size_t size);
    int (*cuMemFree)(unsigned long long pointer);
    int (*cuMemcpyHtoD)(unsigned long long to, const void *from, size_t size);
    int (*cuMemcpyDtoH)(void *to, unsigned long long from, size_t size);
    int (*cuStreamCreate)(void **stream, unsigned flags);
    int (*cuStreamSynchronize)(void *stream);
    int (*cuStreamDestroy)(void *stream);
    int (*cuStreamBeginCapture)(void *stream, int mode);
    int (*cuStreamEndCapture)(void *stream, void **graph);
    int (*cuGraphInstantiate)(void **executable, void *graph, unsigned long long flags);
    int (*cuGraphDestroy)(void *graph);
    int (*cuGraphLaunch)(void *executable, void *stream);
    int (*cuGraphExecDestroy)(void *executable);
} cuda;

static const struct {
    const char *symbol;
    void *function; /* a member of `cuda` */
} symbols[] = {
    {"cuInit", &cuda.cuInit},
    {"cuDeviceGet", &cuda.cuDeviceGet},
    {"cuDevicePrimaryCtxRetain", &cuda.cuDevicePrimaryCtxRetain},
    {"cuDevicePrimaryCtxRelease_v2", &cuda.cuDevicePrimaryCtxRelease},
    {"cuCtxSetCurrent", &cuda.cuCtxSetCurrent},
    {"cuMemAlloc_v2", &cuda.cuMemAlloc},
    {"cuMemFree_v2", &cuda.cuMemFree},
    {"cuMemcpyHtoD_v2", &cuda.cuMemcpyHtoD},
    {"cuMemcpyDtoH_v2", &cuda.cuMemcpyDtoH},
    {"cuStreamCreate", &cuda.cuStreamCreate},
    {"cuStreamSynchronize", &cuda.cuStreamSynchronize},
    {"cuStreamDestroy_v2", &cuda.cuStreamDestroy},
    {"cuStreamBeginCapture_v2", &cuda.cuStreamBeginCapture},
    {"cuStreamEndCapture", &cuda.cuStreamEndCapture},
    {"cuGraphInstantiateWithFlags", &cuda.cuGraphInstantiate},
    {"cuGraphDestroy", &cuda.cuGraphDestroy},
    {"cuGraphLaunch", &cuda.cuGraphLaunch},
    {"cuGraphExecDestroy", &cuda.cuGraphExecDestroy},
};

static bool on_cpu;
static int ordinal;

static void check(int result, const char *call)
{
    if (result) {
        fprintf(stderr, "%s failed with CUDA error %d\n", call, result);
        exit(1);
    }
}

static void open_driver(void)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (!library) {
        fprintf(stderr, "no CUDA driver: %s; try the device cpu\n", dlerror());
        exit(1);
    }
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *found = dlsym(library, symbols[i].symbol);
        if (!found) {
            fprintf(stderr, "the CUDA driver has no %s\n", symbols[i].symbol);
            exit(1);
        }
        memcpy(symbols[i].function, &found, sizeof found);
    }
}

void device_open(bool cpu)
{
    void *context;
    on_cpu = cpu;
    if (cpu)
        return;
    open_driver();
    check(cuda.cuInit(0), "cuInit");
    check(cuda.cuDeviceGet(&ordinal, 0), "cuDeviceGet");
    check(cuda.cuDevicePrimaryCtxRetain(&context, ordinal), "cuDevicePrimaryCtxRetain");
    check(cuda.cuCtxSetCurrent(context), "cuCtxSetCurrent");
}

void device_close(void)
{
    if (!on_cpu)
        cuda.cuDevicePrimaryCtxRelease(ordinal);
}

void *device_alloc(size_t size)
{
    size = (size + 255) / 256 * 256;
    if (on_cpu) {
        void *memory = aligned_alloc(256, size ? size : 256);
        check(memory ? 0 : 2, "aligned_alloc");
        return memory;
    }
    unsigned long long pointer;
    check(cuda.cuMemAlloc(&pointer, size ? size : 256), "cuMemAlloc");
    return (void *)(uintptr_t)pointer;
}

void device_free(void *memory)
{
    if (on_cpu)
        free(memory);
    else
        check(cuda.cuMemFree((uintptr_t)memory), "cuMemFree");
}

void device_upload(void *to, const void *from, size_t size)
{
    if (on_cpu)
        memcpy(to, from, size);
    else
        check(cuda.cuMemcpyHtoD((uintptr_t)to, from, size), "cuMemcpyHtoD");
}

void device_download(void *to, const void *from, size_t size)
{
    if (on_cpu)
        memcpy(to, from, size);
    else
        check(cuda.cuMemcpyDtoH(to, (uintptr_t)from, size), "cuMemcpyDtoH");
}

void *device_stream_create(void)
{
    void *stream = NULL;
    if (!on_cpu)
        check(cuda.cuStreamCreate(&stream, 0), "cuStreamCreate"); /* waits for stream 0: copies */
    return stream;
}

void device_stream_wait(void *stream)
{
    if (!on_cpu)
        check(cuda.cuStreamSynchronize(stream), "cuStreamSynchronize");
}

void device_stream_destroy(void *stream)
{
    if (!on_cpu)
        check(cuda.cuStreamDestroy(stream), "cuStreamDestroy");
}

void device_capture_begin(void *stream)
{
    check(cuda.cuStreamBeginCapture(stream, 1), "cuStreamBeginCapture"); /* this thread's calls */
}

void *device_capture_end(void *stream)
{
    void *graph, *executable;
    check(cuda.cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
    check(cuda.cuGraphInstantiate(&executable, graph, 0), "cuGraphInstantiate");
    check(cuda.cuGraphDestroy(graph), "cuGraphDestroy");
    return executable;
}

void device_graph_launch(void *graph, void *stream)
{
    check(cuda.cuGraphLaunch(graph, stream), "cuGraphLaunch");
}

void device_graph_destroy(void *graph)
{
    check(cuda.cuGraphExecDestroy(graph), "cuGraphExecDestroy");
}
