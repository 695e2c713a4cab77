/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver's management library says of a GPU, where there is one. */
#ifndef STILE_RUNTIME_NVML_H
#define STILE_RUNTIME_NVML_H

#include "driver.h"

typedef struct stile_gpu_state {
    char driver_version[64];    /* "580.95"; "" unknown */
    int sm_clock, max_sm_clock; /* MHz; 0 unknown */
    int temperature;            /* °C; 0 unknown */
    double power;               /* W; 0 unknown */
} stile_gpu_state;

/* Fills in what can be read now. Never fails; what is not known stays 0. */
void stile_gpu_state_read(stile_gpu_state *out, const stile_driver *driver, CUdevice device);

#endif
