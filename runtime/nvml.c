/* SPDX-License-Identifier: Apache-2.0 */
#include "nvml.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

typedef struct nvml_device *nvml_device;

enum { NVML_CLOCK_SM = 1, NVML_TEMPERATURE_GPU = 0 };

/* X(symbol, parameters): the functions used, all returning 0 on success. */
#define NVML_FUNCTIONS(X)                                                                          \
    X(nvmlInit_v2, (void))                                                                         \
    X(nvmlShutdown, (void))                                                                        \
    X(nvmlSystemGetDriverVersion, (char *text, unsigned size))                                     \
    X(nvmlDeviceGetHandleByPciBusId_v2, (const char *id, nvml_device *device))                     \
    X(nvmlDeviceGetClockInfo, (nvml_device device, int clock, unsigned *mhz))                      \
    X(nvmlDeviceGetMaxClockInfo, (nvml_device device, int clock, unsigned *mhz))                   \
    X(nvmlDeviceGetTemperature, (nvml_device device, int sensor, unsigned *celsius))               \
    X(nvmlDeviceGetPowerUsage, (nvml_device device, unsigned *milliwatts))

typedef struct nvml {
#define X(symbol, parameters) int(*symbol) parameters;
    NVML_FUNCTIONS(X)
#undef X
} nvml;

static void read_device(stile_gpu_state *out, const nvml *n, nvml_device device)
{
    unsigned value;
    if (n->nvmlDeviceGetClockInfo(device, NVML_CLOCK_SM, &value) == 0)
        out->sm_clock = (int)value;
    if (n->nvmlDeviceGetMaxClockInfo(device, NVML_CLOCK_SM, &value) == 0)
        out->max_sm_clock = (int)value;
    if (n->nvmlDeviceGetTemperature(device, NVML_TEMPERATURE_GPU, &value) == 0)
        out->temperature = (int)value;
    if (n->nvmlDeviceGetPowerUsage(device, &value) == 0)
        out->power = value / 1000.0;
}

void stile_gpu_state_read(stile_gpu_state *out, const stile_driver *driver, CUdevice device)
{
    memset(out, 0, sizeof *out);
    void *object = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!object)
        return;
    nvml n;
    bool complete = true;
#define X(symbol, parameters)                                                                      \
    n.symbol = (int(*) parameters)dlsym(object, #symbol);                                          \
    complete = complete && n.symbol;
    NVML_FUNCTIONS(X)
#undef X
    if (complete && n.nvmlInit_v2() == 0) {
        char bus_id[32];
        nvml_device handle;
        if (n.nvmlSystemGetDriverVersion(out->driver_version, sizeof out->driver_version) != 0)
            out->driver_version[0] = '\0';
        if (driver->cuDeviceGetPCIBusId(bus_id, sizeof bus_id, device) == 0 &&
            n.nvmlDeviceGetHandleByPciBusId_v2(bus_id, &handle) == 0)
            read_device(out, &n, handle);
        n.nvmlShutdown();
    }
    dlclose(object);
}
