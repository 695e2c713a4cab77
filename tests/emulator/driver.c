/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcuda.so.1 of the emulated GPU: the device, contexts, modules, tensor maps and memory; stream.c
 * has the rest. A kernel that breaks a rule makes its launch and all later calls fail, with the
 * reason in the error's text.
 */
#include <dlfcn.h>
#include <elf.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "machine.h"
#include "tensor_map.h"

enum { DEPTH = 16, VERSION = 98000 }; /* not older than the emulated NVRTC */
static const size_t memory_bytes = (size_t)8 << 30;

struct CUmod_st {
    void *library;
    int file; /* open while it is loaded: the loader takes a path that it knows for the same library
               */
};

static _Thread_local CUcontext contexts[DEPTH];
static _Thread_local int depth;
static int primary_context;

/* The failure that ended all work: written once. */
static char failure[4096];
static bool failed;

#pragma GCC diagnostic ignored "-Wunused-parameter"

/* --- the library and its device --- */

/* Kernels find the emulator's functions among the process's own. */
DEFINE(cuInit, (unsigned flags))
{
    Dl_info self;
    if (dladdr((void *)(uintptr_t)cuInit, &self) && self.dli_fname)
        dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
    return 0;
}

DEFINE(cuGetExportTable, (const void **table, const void *id))
{
    return NOT_FOUND;
}

DEFINE(cuDriverGetVersion, (int *version))
{
    *version = VERSION;
    return 0;
}

DEFINE(cuGetErrorName, (CUresult error, const char **name))
{
    *name = error == LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED" : "CUDA_ERROR_OF_THE_EMULATOR";
    return 0;
}

DEFINE(cuGetErrorString, (CUresult error, const char **text))
{
    switch (error) {
    case INVALID_VALUE:
        *text = "an argument is not valid";
        break;
    case OUT_OF_MEMORY:
        *text = "out of memory";
        break;
    case INVALID_IMAGE:
        *text = "this is no kernel that the emulated NVRTC compiled";
        break;
    case LAUNCH_FAILED:
        *text = failure;
        break;
    default:
        *text = "the emulated driver refuses";
    }
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
    return ordinal == 0 ? 0 : INVALID_VALUE;
}

static int architecture(void)
{
    return (int)machine_setting("STILE_EMULATOR_ARCH", 90, 999);
}

DEFINE(cuDeviceGetName, (char *name, int size, CUdevice device))
{
    snprintf(name, (size_t)size, "emulated GPU");
    return 0;
}

DEFINE(cuDeviceGetAttribute, (int *value, int attribute, CUdevice device))
{
    enum { MAX_SHARED_OPTIN = 97, WARP = 10, CLOCK_RATE = 13, MAX_THREADS_PER_SM = 39 };
    switch (attribute) {
    case STILE_CU_DEVICE_COMPUTE_CAPABILITY_MAJOR:
        *value = architecture() / 10;
        break;
    case STILE_CU_DEVICE_COMPUTE_CAPABILITY_MINOR:
        *value = architecture() % 10;
        break;
    case STILE_CU_DEVICE_MULTIPROCESSOR_COUNT:
        *value = (int)machine_setting("STILE_EMULATOR_SMS", 4, 256);
        break;
    case STILE_CU_DEVICE_L2_CACHE_SIZE:
        *value = 4 << 20;
        break;
    case MAX_SHARED_OPTIN:
        *value = (architecture() == 80 ? 163 : 227) * 1024;
        break;
    case WARP:
        *value = WARP_SIZE;
        break;
    case MAX_THREADS_PER_SM:
        *value = 2 * MAX_THREADS;
        break;
    case CLOCK_RATE:
        *value = 1000 * 1000;
        break;
    default:
        *value = 0;
    }
    return 0;
}

DEFINE(cuDeviceTotalMem_v2, (size_t * bytes, CUdevice device))
{
    *bytes = memory_bytes;
    return 0;
}

DEFINE(cuDeviceGetPCIBusId, (char *id, int size, CUdevice device))
{
    snprintf(id, (size_t)size, "0000:00:00.0");
    return 0;
}

/* --- contexts --- */

DEFINE(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))
{
    *context = (CUcontext)&primary_context;
    return 0;
}

DEFINE(cuDevicePrimaryCtxRelease_v2, (CUdevice device))
{
    return 0;
}

/* Forgets a failure. */
DEFINE(cuDevicePrimaryCtxReset_v2, (CUdevice device))
{
    __atomic_store_n(&failed, false, __ATOMIC_RELEASE);
    return 0;
}

DEFINE(cuCtxPushCurrent_v2, (CUcontext context))
{
    if (depth == DEPTH)
        return INVALID_CONTEXT;
    contexts[depth++] = context;
    return 0;
}

DEFINE(cuCtxCreate_v2, (CUcontext * context, unsigned flags, CUdevice device))
{
    *context = malloc(1); /* a name */
    return *context ? cuCtxPushCurrent_v2(*context) : OUT_OF_MEMORY;
}

DEFINE(cuCtxDestroy_v2, (CUcontext context))
{
    if (depth && contexts[depth - 1] == context)
        depth--;
    free(context);
    return 0;
}

DEFINE(cuCtxPopCurrent_v2, (CUcontext * context))
{
    if (depth == 0)
        return INVALID_CONTEXT;
    *context = contexts[--depth];
    return 0;
}

DEFINE(cuCtxGetCurrent, (CUcontext * context))
{
    *context = depth ? contexts[depth - 1] : NULL;
    return 0;
}

CUresult device_state(void)
{
    if (!depth)
        return INVALID_CONTEXT;
    return __atomic_load_n(&failed, __ATOMIC_ACQUIRE) ? LAUNCH_FAILED : 0;
}

DEFINE(cuCtxSynchronize, (void))
{
    return device_state();
}

/* --- modules --- */

/* The size of a shared object, whose section headers are last. */
static size_t image_bytes(const void *image)
{
    const Elf64_Ehdr *header = image;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_type != ET_DYN)
        return 0;
    return header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
}

static bool write_all(int file, const char *bytes, size_t size)
{
    while (size) {
        ssize_t written = write(file, bytes, size);
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

DEFINE(cuModuleLoadData, (CUmodule * module, const void *image))
{
    char path[64];
    size_t size = image_bytes(image);
    CUresult error = device_state();
    if (error || !size)
        return error ? error : INVALID_IMAGE;
    struct CUmod_st *m = malloc(sizeof *m);
    int file = memfd_create("kernel", MFD_CLOEXEC);
    void *library = NULL;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (m && file >= 0 && write_all(file, image, size))
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *why = dlerror();
        fprintf(stderr, "emulator: a kernel cannot be loaded: %s\n", why ? why : "out of memory");
        if (file >= 0)
            close(file);
        free(m);
        return INVALID_IMAGE;
    }
    *m = (struct CUmod_st){library, file};
    *module = m;
    return 0;
}

DEFINE(cuModuleUnload, (CUmodule module))
{
    dlclose(module->library);
    close(module->file);
    free(module);
    return 0;
}

DEFINE(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char *name))
{
    char symbol[256];
    snprintf(symbol, sizeof symbol, "emulator_kernel_%s", name);
    void *found = dlsym(module->library, symbol);
    *function = found;
    return found ? 0 : NOT_FOUND;
}

DEFINE(cuFuncSetAttribute, (CUfunction function, int attribute, int value))
{
    return 0;
}

/* --- launches --- */

CUresult device_launch(CUfunction function, emulator_dim3 grid, emulator_dim3 block_size,
                       unsigned shared_bytes, void *const *parameters)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    CUresult error = device_state();
    if (error)
        return error;
    char why[sizeof failure];
    if (machine_run((const void *)function, grid, block_size, shared_bytes, parameters, why,
                    sizeof why))
        return 0;
    pthread_mutex_lock(&lock);
    if (!failed)
        memcpy(failure, why, sizeof failure);
    __atomic_store_n(&failed, true, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
    return LAUNCH_FAILED;
}

DEFINE(cuOccupancyMaxActiveBlocksPerMultiprocessor,
       (int *blocks, CUfunction function, int threads, size_t shared_bytes))
{
    *blocks = (int)machine_setting("STILE_EMULATOR_BLOCKS_PER_SM", 1, 32);
    return 0;
}

/* --- tensor maps --- */

static unsigned element_bytes(int data_type)
{
    static const uint8_t sizes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
    return data_type >= 0 && data_type < (int)sizeof sizes ? sizes[data_type] : 0;
}

DEFINE(cuTensorMapEncodeTiled,
       (void *map, int data_type, uint32_t rank, void *address, const uint64_t *extents,
        const uint64_t *strides, const uint32_t *box, const uint32_t *element_strides,
        int interleave, int swizzle, int l2_promotion, int oob_fill))
{
    enum { MAX_BOX = 256, SWIZZLES = 4 };
    const unsigned element = element_bytes(data_type);
    if (!element || rank < 1 || rank > TENSOR_MAP_RANK || (uintptr_t)address % 16 ||
        (uintptr_t)map % 64 || interleave || swizzle < 0 || swizzle >= SWIZZLES)
        return INVALID_VALUE;
    tensor_map m = {
        .mark = TENSOR_MAP_MARK,
        .rank = (uint8_t)rank,
        .element_bytes = (uint8_t)element,
        .swizzle_shift = (uint8_t)swizzle,
        .fill_nan = oob_fill != 0,
        .address = (uintptr_t)address,
    };
    for (uint32_t i = 0; i < rank; i++) {
        m.extents[i] = extents[i];
        m.strides[i] = i ? strides[i - 1] : element;
        m.box[i] = (uint16_t)box[i];
        if (!extents[i] || extents[i] > UINT64_C(1) << 32 || !box[i] || box[i] > MAX_BOX ||
            element_strides[i] != 1 ||
            (i && (strides[i - 1] % 16 || strides[i - 1] >= UINT64_C(1) << 40)))
            return INVALID_VALUE;
    }
    if (box[0] * element % 16 || (swizzle && box[0] * element > 16u << swizzle))
        return INVALID_VALUE;
    memset(map, 0, 128);
    memcpy(map, &m, sizeof m);
    return 0;
}

/* --- memory --- */

DEFINE(cuMemAlloc_v2, (CUdeviceptr * pointer, size_t bytes))
{
    CUresult error = device_state();
    if (error || !bytes)
        return error ? error : INVALID_VALUE;
    void *memory = bytes > memory_bytes ? NULL : memory_allocate(bytes);
    *pointer = (CUdeviceptr)(uintptr_t)memory;
    return memory ? 0 : OUT_OF_MEMORY;
}

DEFINE(cuMemFree_v2, (CUdeviceptr pointer))
{
    if (!pointer)
        return 0;
    return memory_free((void *)(uintptr_t)pointer) ? 0 : INVALID_VALUE;
}

DEFINE(cuMemGetInfo_v2, (size_t * available, size_t *total))
{
    *available = *total = memory_bytes;
    return 0;
}
