/* SPDX-License-Identifier: Apache-2.0 */
#include "driver.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"

#define LIBRARY "libcuda.so.1"
#define WITHOUT_GPU "check, generate, build and `--device cpu` work without a driver"

/* Results that get texts or codes of their own. */
enum {
    CU_ERROR_OUT_OF_MEMORY = 2,
    CU_ERROR_STUB_LIBRARY = 34,
    CU_ERROR_NO_DEVICE = 100,
    CU_ERROR_SYSTEM_DRIVER_MISMATCH = 803,
    CU_ERROR_COMPAT_NOT_SUPPORTED = 804,
};

/* Where each function goes and what the library calls it: the suffix picks the 64-bit version. */
#define ENTRY(name, suffix)                                                                        \
    {                                                                                              \
        offsetof(stile_driver, name), #name suffix                                                 \
    }
static const struct {
    size_t offset;
    const char *symbol;
} entries[] = {
    ENTRY(cuInit, ""),
    ENTRY(cuDriverGetVersion, ""),
    ENTRY(cuGetErrorName, ""),
    ENTRY(cuGetErrorString, ""),
    ENTRY(cuDeviceGetCount, ""),
    ENTRY(cuDeviceGet, ""),
    ENTRY(cuDeviceGetName, ""),
    ENTRY(cuDeviceGetAttribute, ""),
    ENTRY(cuDeviceTotalMem, "_v2"),
    ENTRY(cuDeviceGetPCIBusId, ""),
    ENTRY(cuDevicePrimaryCtxRetain, ""),
    ENTRY(cuDevicePrimaryCtxRelease, "_v2"),
    ENTRY(cuCtxPushCurrent, "_v2"),
    ENTRY(cuCtxPopCurrent, "_v2"),
    ENTRY(cuCtxGetCurrent, ""),
    ENTRY(cuCtxSynchronize, ""),
    ENTRY(cuModuleLoadData, ""),
    ENTRY(cuModuleUnload, ""),
    ENTRY(cuModuleGetFunction, ""),
    ENTRY(cuFuncSetAttribute, ""),
    ENTRY(cuLaunchKernel, ""),
    ENTRY(cuTensorMapEncodeTiled, ""),
    ENTRY(cuMemAlloc, "_v2"),
    ENTRY(cuMemFree, "_v2"),
    ENTRY(cuMemGetInfo, "_v2"),
    ENTRY(cuMemcpyHtoD, "_v2"),
    ENTRY(cuMemcpyDtoH, "_v2"),
    ENTRY(cuMemcpyHtoDAsync, "_v2"),
    ENTRY(cuMemcpyDtoDAsync, "_v2"),
    ENTRY(cuMemsetD8, "_v2"),
    ENTRY(cuStreamCreate, ""),
    ENTRY(cuStreamDestroy, "_v2"),
    ENTRY(cuStreamSynchronize, ""),
    ENTRY(cuEventCreate, ""),
    ENTRY(cuEventDestroy, "_v2"),
    ENTRY(cuEventRecord, ""),
    ENTRY(cuEventElapsedTime, ""), /* _v2 exists only since CUDA 12.8 */
};
enum { ENTRY_COUNT = sizeof entries / sizeof entries[0] };
_Static_assert(ENTRY_COUNT * sizeof(void (*)(void)) == sizeof(stile_driver),
               "every member of stile_driver has one entry");

/* The driver, or why there is none: written once, by open_driver. */
static struct {
    stile_driver driver;
    int error;
    char text[1024];
} state;
static pthread_once_t once = PTHREAD_ONCE_INIT;

__attribute__((format(printf, 2, 3))) static void give_up(int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(state.text, sizeof state.text, format, arguments);
    va_end(arguments);
    state.error = error;
}

static bool resolve(void *library)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        void *symbol = dlsym(library, entries[i].symbol);
        if (!symbol) {
            give_up(STILE_ERROR_UNSUPPORTED,
                    "the CUDA driver is too old: " LIBRARY " has no %s; " WITHOUT_GPU,
                    entries[i].symbol);
            return false;
        }
        memcpy((char *)&state.driver + entries[i].offset, &symbol, sizeof symbol);
    }
    return true;
}

static void refuse(CUresult result, const char *call)
{
    switch (result) {
    case CU_ERROR_NO_DEVICE:
        give_up(STILE_ERROR_UNSUPPORTED,
                "no CUDA device: the driver sees no GPU (see CUDA_VISIBLE_DEVICES); " WITHOUT_GPU);
        break;
    case CU_ERROR_STUB_LIBRARY:
        give_up(STILE_ERROR_UNSUPPORTED,
                "no CUDA driver: the " LIBRARY " found is the toolkit's stub for linking; take its "
                "folder out of LD_LIBRARY_PATH; " WITHOUT_GPU);
        break;
    case CU_ERROR_SYSTEM_DRIVER_MISMATCH:
    case CU_ERROR_COMPAT_NOT_SUPPORTED:
        stile_driver_check(&state.driver, result, call);
        give_up(STILE_ERROR_UNSUPPORTED,
                "the CUDA driver does not fit this system: %s; " WITHOUT_GPU, stile_last_error());
        break;
    default:
        stile_driver_check(&state.driver, result, call);
        give_up(STILE_ERROR_DEVICE, "the CUDA driver does not start: %s", stile_last_error());
    }
}

static void open_driver(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        give_up(STILE_ERROR_UNSUPPORTED,
                "no CUDA driver: %s; install the NVIDIA driver to use a GPU; " WITHOUT_GPU,
                reason ? reason : LIBRARY " cannot be opened");
        return;
    }
    if (!resolve(library))
        return;
    CUresult result = state.driver.cuInit(0);
    if (result) {
        refuse(result, "cuInit");
        return;
    }
    int count = 0;
    result = state.driver.cuDeviceGetCount(&count);
    if (!result && count == 0)
        result = CU_ERROR_NO_DEVICE;
    if (result)
        refuse(result, "cuDeviceGetCount");
}

int stile_driver_get(const stile_driver **out)
{
    pthread_once(&once, open_driver);
    if (state.error)
        return stile_fail(state.error, "%s", state.text);
    *out = &state.driver;
    return STILE_OK;
}

int stile_driver_check(const stile_driver *driver, CUresult result, const char *call)
{
    if (!result)
        return STILE_OK;
    const char *name = NULL, *text = NULL;
    if (driver->cuGetErrorName(result, &name) || !name)
        name = "unknown error";
    if (driver->cuGetErrorString(result, &text) || !text)
        text = "the driver has no text for it";
    return stile_fail(result == CU_ERROR_OUT_OF_MEMORY ? STILE_ERROR_MEMORY : STILE_ERROR_DEVICE,
                      "%s: %s (%d: %s)", call, name, result, text);
}
