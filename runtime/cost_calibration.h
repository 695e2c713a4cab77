/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GPUs as the time model knows them: facts from data sheets, and constants that were measured.
 * docs/benchmarks/fit.py fits the constants to the measurements beside it.
 */
#ifndef STILE_RUNTIME_COST_CALIBRATION_H
#define STILE_RUNTIME_COST_CALIBRATION_H

#include <stdbool.h>

#include "arch.h"
#include "context.h"
#include "schedule.h"

/* Times in milliseconds, rates of memory in TB/s, of arithmetic in TFLOP/s, clocks in MHz. */

/* An encoder or decoder: launch + bytes / rate, by how the map is applied. */
typedef struct stile_linear_calibration {
    double launch;
    double mma, code, fma; /* dense on tensor cores, straight-line code, dense by arithmetic */
} stile_linear_calibration;

/* A channel GEMM of 16-bit types: launch + waves · (steps · step + tile), step and tile in us. */
typedef struct stile_block_calibration {
    stile_kernel_family family;
    int block_m, block_n, row_bytes, stages;
    double step, tile;
} stile_block_calibration;

typedef struct stile_calibration {
    stile_linear_calibration encode, decode;
    double overlap; /* of two kernels, one after the other */
    struct {
        double launch, rate;
    } dense; /* cuBLAS, 16-bit types, whole waves of 128 × 128 */
    double gemm_launch;
    stile_block_calibration blocks[8];
    int block_count;
} stile_calibration;

/* A GPU to predict for. */
typedef struct stile_gpu {
    char name[128]; /* as the driver gives it */
    stile_arch arch;
    int multiprocessors;
    double clock;     /* under load where it was measured, else the highest */
    double bandwidth; /* of memory */
    const stile_calibration *calibration;
    bool calibrated; /* the constants were measured on this GPU: nothing is scaled */
} stile_gpu;

/* What everything else is scaled from: an NVIDIA H200. */
stile_gpu stile_gpu_reference(void);

/* A GPU of the table by its name or a part of it, whatever the case; false where there is none. */
bool stile_gpu_find(stile_gpu *out, const char *name);

/* The first of the table with kernels for `arch`, or else one like it; what `explain` assumes. */
void stile_gpu_of_arch(stile_gpu *out, const stile_arch *arch);

/* The GPU of a context, of the table or as the driver describes it. Not for the CPU device. */
void stile_gpu_of_context(stile_gpu *out, const stile_context *context);

/* The name of GPU `index` of the table; NULL past the end. */
const char *stile_gpu_name(int index);

#endif
