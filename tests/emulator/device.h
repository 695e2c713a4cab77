/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the emulated driver share. */
#ifndef STILE_TESTS_EMULATOR_DEVICE_H
#define STILE_TESTS_EMULATOR_DEVICE_H

#include "driver.h"
#include "emulator.h"

/* The driver's error codes. */
enum {
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    LAUNCH_FAILED = 719,
};

/* Begins the definition of an entry point. */
#define DEFINE(name, parameters)                                                                   \
    EMULATOR_API CUresult name parameters;                                                         \
    CUresult name parameters

/* What every call that touches the device returns first. */
CUresult device_state(void);

/* Runs a kernel to its end. */
CUresult device_launch(CUfunction function, emulator_dim3 grid, emulator_dim3 block_size,
                       unsigned shared_bytes, void *const *parameters);

#endif
