/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CUDA driver, opened at run time: our own declarations of the few types and functions used, so
 * that building needs no CUDA header and running without a driver is an error, not a crash.
 */
#ifndef STILE_RUNTIME_DRIVER_H
#define STILE_RUNTIME_DRIVER_H

#include <stddef.h>
#include <stdint.h>

typedef int CUresult; /* 0 is success */
typedef int CUdevice;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef unsigned long long CUdeviceptr;

enum {
    /* of a function */
    STILE_CU_ATTRIBUTE_MAX_DYNAMIC_SHARED_BYTES = 8,
    /* of a device */
    STILE_CU_DEVICE_CLOCK_RATE = 13, /* kHz */
    STILE_CU_DEVICE_MULTIPROCESSOR_COUNT = 16,
    STILE_CU_DEVICE_MEMORY_CLOCK_RATE = 36, /* kHz */
    STILE_CU_DEVICE_MEMORY_BUS_WIDTH = 37,  /* bits */
    STILE_CU_DEVICE_L2_CACHE_SIZE = 38,
    STILE_CU_DEVICE_COMPUTE_CAPABILITY_MAJOR = 75,
    STILE_CU_DEVICE_COMPUTE_CAPABILITY_MINOR = 76,
};

/*
 * Entry points under the driver's own names without the version suffixes: driver->cuMemAlloc calls
 * cuMemAlloc_v2. A new member also needs its line in driver.c's table, which does not compile
 * otherwise.
 */
typedef struct stile_driver {
    CUresult (*cuInit)(unsigned flags);
    CUresult (*cuDriverGetVersion)(int *version);
    CUresult (*cuGetErrorName)(CUresult error, const char **name);
    CUresult (*cuGetErrorString)(CUresult error, const char **text);
    CUresult (*cuDeviceGetCount)(int *count);
    CUresult (*cuDeviceGet)(CUdevice *device, int ordinal);
    CUresult (*cuDeviceGetName)(char *name, int size, CUdevice device);
    CUresult (*cuDeviceGetAttribute)(int *value, int attribute, CUdevice device);
    CUresult (*cuDeviceTotalMem)(size_t *bytes, CUdevice device);
    CUresult (*cuDeviceGetPCIBusId)(char *id, int size, CUdevice device);
    CUresult (*cuDevicePrimaryCtxRetain)(CUcontext *context, CUdevice device);
    CUresult (*cuDevicePrimaryCtxRelease)(CUdevice device);
    CUresult (*cuCtxPushCurrent)(CUcontext context);
    CUresult (*cuCtxPopCurrent)(CUcontext *context);
    CUresult (*cuCtxGetCurrent)(CUcontext *context);
    CUresult (*cuCtxSynchronize)(void);
    CUresult (*cuModuleLoadData)(CUmodule *module, const void *image);
    CUresult (*cuModuleUnload)(CUmodule module);
    CUresult (*cuModuleGetFunction)(CUfunction *function, CUmodule module, const char *name);
    CUresult (*cuFuncSetAttribute)(CUfunction function, int attribute, int value);
    CUresult (*cuLaunchKernel)(CUfunction function, unsigned grid_x, unsigned grid_y,
                               unsigned grid_z, unsigned block_x, unsigned block_y,
                               unsigned block_z, unsigned shared_bytes, CUstream stream,
                               void **parameters, void **extra);
    CUresult (*cuTensorMapEncodeTiled)(void *map, int data_type, uint32_t rank, void *address,
                                       const uint64_t *extents, const uint64_t *strides,
                                       const uint32_t *box, const uint32_t *element_strides,
                                       int interleave, int swizzle, int l2_promotion, int oob_fill);
    CUresult (*cuMemAlloc)(CUdeviceptr *pointer, size_t bytes);
    CUresult (*cuMemFree)(CUdeviceptr pointer);
    CUresult (*cuMemGetInfo)(size_t *available, size_t *total);
    CUresult (*cuMemcpyHtoD)(CUdeviceptr to, const void *from, size_t bytes);
    CUresult (*cuMemcpyDtoH)(void *to, CUdeviceptr from, size_t bytes);
    CUresult (*cuMemcpyHtoDAsync)(CUdeviceptr to, const void *from, size_t bytes, CUstream stream);
    CUresult (*cuMemcpyDtoDAsync)(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream);
    CUresult (*cuMemsetD8)(CUdeviceptr pointer, unsigned char value, size_t bytes);
    CUresult (*cuStreamCreate)(CUstream *stream, unsigned flags);
    CUresult (*cuStreamDestroy)(CUstream stream);
    CUresult (*cuStreamSynchronize)(CUstream stream);
    CUresult (*cuEventCreate)(CUevent *event, unsigned flags);
    CUresult (*cuEventDestroy)(CUevent event);
    CUresult (*cuEventRecord)(CUevent event, CUstream stream);
    CUresult (*cuEventElapsedTime)(float *milliseconds, CUevent start, CUevent end);
} stile_driver;

/*
 * The driver, opened and initialised on first use; thread-safe. Errors: UNSUPPORTED (no
 * libcuda.so.1, a symbol missing, no device: the text says which and what still works), DEVICE.
 */
int stile_driver_get(const stile_driver **out);

/* 0 where `result` is success; else sets the thread's error ("cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY
   (2: out of memory)") and returns MEMORY for exhausted memory, DEVICE otherwise. */
int stile_driver_check(const stile_driver *driver, CUresult result, const char *call);

#endif
