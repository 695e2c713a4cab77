/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libcuda.so.1 that has one Hopper GPU and computes nothing: enough to make and run plans where
 * there is no GPU, so that what surrounds the kernels is tested on every machine. It counts what it
 * is asked.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

/* Asks for the visibility that the project's flags take away. */
#define EXPORT __attribute__((visibility("default")))

enum { NOT_FOUND = 500, INVALID_IMAGE = 200, MULTIPROCESSORS = 132, DEPTH = 16 };

EXPORT int fake_cuda_loads, fake_cuda_launches, fake_cuda_retained;
static _Thread_local CUcontext stack[DEPTH];
static _Thread_local int depth;
static int primary;

/* Functions that have nothing to do. */
#define SUCCEED(name, parameters)                                                                  \
    EXPORT CUresult name parameters;                                                               \
    CUresult name parameters                                                                       \
    {                                                                                              \
        return 0;                                                                                  \
    }

#define DEFINE(name, parameters)                                                                   \
    EXPORT CUresult name parameters;                                                               \
    CUresult name parameters

#pragma GCC diagnostic ignored "-Wunused-parameter"

SUCCEED(cuInit, (unsigned flags))
SUCCEED(cuCtxSynchronize, (void))
SUCCEED(cuModuleUnload, (CUmodule module))
SUCCEED(cuFuncSetAttribute, (CUfunction function, int attribute, int value))
SUCCEED(cuStreamDestroy_v2, (CUstream stream))
SUCCEED(cuStreamSynchronize, (CUstream stream))
SUCCEED(cuEventDestroy_v2, (CUevent event))
SUCCEED(cuEventRecord, (CUevent event, CUstream stream))

/* NVRTC opens the driver for its private tables and calls this without a look whether it is there.
 */
DEFINE(cuGetExportTable, (const void **table, const void *id))
{
    return NOT_FOUND;
}

DEFINE(cuDriverGetVersion, (int *version))
{
    *version = 13000;
    return 0;
}

DEFINE(cuGetErrorName, (CUresult error, const char **name))
{
    *name = "CUDA_ERROR_FAKE";
    return 0;
}

DEFINE(cuGetErrorString, (CUresult error, const char **text))
{
    *text = "the fake driver's only error";
    return 0;
}

DEFINE(cuDeviceGetCount, (int *count))
{
    *count = 1;
    return 0;
}

DEFINE(cuDeviceGet, (CUdevice * device, int ordinal))
{
    *device = ordinal;
    return 0;
}

DEFINE(cuDeviceGetName, (char *name, int size, CUdevice device))
{
    snprintf(name, (size_t)size, "Fake H100");
    return 0;
}

DEFINE(cuDeviceGetAttribute, (int *value, int attribute, CUdevice device))
{
    switch (attribute) {
    case STILE_CU_DEVICE_COMPUTE_CAPABILITY_MAJOR:
        *value = 9;
        break;
    case STILE_CU_DEVICE_COMPUTE_CAPABILITY_MINOR:
        *value = 0;
        break;
    case STILE_CU_DEVICE_MULTIPROCESSOR_COUNT:
        *value = MULTIPROCESSORS;
        break;
    default:
        *value = 227 * 1024;
    }
    return 0;
}

DEFINE(cuDeviceTotalMem_v2, (size_t * bytes, CUdevice device))
{
    *bytes = (size_t)80 << 30;
    return 0;
}

DEFINE(cuDeviceGetPCIBusId, (char *id, int size, CUdevice device))
{
    snprintf(id, (size_t)size, "0000:00:00.0");
    return 0;
}

DEFINE(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))
{
    __atomic_add_fetch(&fake_cuda_retained, 1, __ATOMIC_SEQ_CST);
    *context = (CUcontext)&primary;
    return 0;
}

DEFINE(cuDevicePrimaryCtxRelease_v2, (CUdevice device))
{
    __atomic_sub_fetch(&fake_cuda_retained, 1, __ATOMIC_SEQ_CST);
    return 0;
}

DEFINE(cuCtxPushCurrent_v2, (CUcontext context))
{
    if (depth == DEPTH)
        return INVALID_IMAGE;
    stack[depth++] = context;
    return 0;
}

DEFINE(cuCtxPopCurrent_v2, (CUcontext * context))
{
    if (depth == 0)
        return INVALID_IMAGE;
    *context = stack[--depth];
    return 0;
}

DEFINE(cuCtxGetCurrent, (CUcontext * context))
{
    *context = depth ? stack[depth - 1] : NULL;
    return 0;
}

DEFINE(cuModuleLoadData, (CUmodule * module, const void *image))
{
    if (memcmp(image, "\177ELF", 4) != 0 || depth == 0)
        return INVALID_IMAGE;
    __atomic_add_fetch(&fake_cuda_loads, 1, __ATOMIC_SEQ_CST);
    *module = (CUmodule)&primary;
    return 0;
}

DEFINE(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char *name))
{
    *function = (CUfunction)&primary;
    return strncmp(name, "stile_", 6) == 0 ? 0 : NOT_FOUND;
}

DEFINE(cuLaunchKernel, (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                        CUstream stream, void **parameters, void **extra))
{
    __atomic_add_fetch(&fake_cuda_launches, 1, __ATOMIC_SEQ_CST);
    return grid_x && block_x && depth ? 0 : INVALID_IMAGE;
}

DEFINE(cuTensorMapEncodeTiled,
       (void *map, int data_type, uint32_t rank, void *address, const uint64_t *extents,
        const uint64_t *strides, const uint32_t *box, const uint32_t *element_strides,
        int interleave, int swizzle, int l2_promotion, int oob_fill))
{
    memset(map, 0, 128);
    return 0;
}

/* Device memory is host memory. */

DEFINE(cuMemAlloc_v2, (CUdeviceptr * pointer, size_t bytes))
{
    void *memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
    *pointer = (CUdeviceptr)(uintptr_t)memory;
    return memory ? 0 : 2;
}

DEFINE(cuMemFree_v2, (CUdeviceptr pointer))
{
    free((void *)(uintptr_t)pointer);
    return 0;
}

DEFINE(cuMemGetInfo_v2, (size_t * available, size_t *total))
{
    *available = *total = (size_t)80 << 30;
    return 0;
}

static CUresult copy(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    memmove((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes);
    return 0;
}

DEFINE(cuMemcpyHtoD_v2, (CUdeviceptr to, const void *from, size_t bytes))
{
    return copy(to, (CUdeviceptr)(uintptr_t)from, bytes);
}

DEFINE(cuMemcpyDtoH_v2, (void *to, CUdeviceptr from, size_t bytes))
{
    return copy((CUdeviceptr)(uintptr_t)to, from, bytes);
}

DEFINE(cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))
{
    return copy(to, (CUdeviceptr)(uintptr_t)from, bytes);
}

DEFINE(cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))
{
    return copy(to, from, bytes);
}

DEFINE(cuMemsetD8_v2, (CUdeviceptr pointer, unsigned char value, size_t bytes))
{
    memset((void *)(uintptr_t)pointer, value, bytes);
    return 0;
}

DEFINE(cuStreamCreate, (CUstream * stream, unsigned flags))
{
    *stream = (CUstream)&primary;
    return 0;
}

DEFINE(cuEventCreate, (CUevent * event, unsigned flags))
{
    *event = (CUevent)&primary;
    return 0;
}

DEFINE(cuEventElapsedTime, (float *milliseconds, CUevent start, CUevent end))
{
    *milliseconds = 1;
    return 0;
}
