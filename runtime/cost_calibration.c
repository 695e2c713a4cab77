/* SPDX-License-Identifier: Apache-2.0 */
#include "cost_calibration.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "driver.h"

/*
 * Measured on one H200 with `stile bench` (docs/benchmarks/), driver 580, CUDA 13.0, at 1455–1590
 * MHz under load; the generic blocks, and encoding and decoding by plain arithmetic, once each
 * (docs/performance.md).
 */
/* fit: docs/benchmarks/fit.py */
static const stile_calibration h200 = {
    .encode = {.launch = 0.002158, .mma = 3.235, .code = 3.537, .fma = 2.988},
    .decode = {.launch = 0.003067, .mma = 3.56, .code = 3.916, .fma = 2.92},
    .overlap = 0.001017,
    .dense = {.launch = 0.00362, .rate = 714.3},
    .gemm_launch = 0.007952,
    .blocks =
        {
            {STILE_FAMILY_SM_90A, 128, 256, 128, 4, 0.7529, 1.643},
            {STILE_FAMILY_SM_80, 128, 256, 128, 4, 1.32, 3.959},
            {STILE_FAMILY_SM_80, 128, 256, 128, 3, 1.325, 3.975},
            {STILE_FAMILY_SM_80, 256, 128, 128, 4, 1.32, 3.959},
            {STILE_FAMILY_SM_80, 128, 128, 128, 2, 1.38, 4.141},
            {STILE_FAMILY_SM_80, 128, 128, 128, 3, 1.422, 4.265},
            {STILE_FAMILY_SM_80, 128, 128, 128, 4, 0.7509, 2.253},
        },
    .block_count = 7,
};
/* end of fit */

/*
 * Data sheets: multiprocessors, boost clock, memory bandwidth. The H200's clock is the middle of
 * what it was calibrated at.
 */
static const struct {
    const char *name, *arch;
    int multiprocessors;
    double clock, bandwidth;
    const stile_calibration *calibration; /* NULL: never measured */
} gpus[] = {
    {"NVIDIA H200", "sm_90a", 132, 1525, 4.8, &h200},
    {"NVIDIA H100 80GB HBM3", "sm_90a", 132, 1980, 3.35, NULL},
    {"NVIDIA H100 PCIe", "sm_90a", 114, 1755, 2.0, NULL},
    {"NVIDIA A100-SXM4-80GB", "sm_80", 108, 1410, 2.039, NULL},
    {"NVIDIA RTX A6000", "sm_86", 84, 1800, 0.768, NULL},
    {"NVIDIA L40S", "sm_89", 142, 2520, 0.864, NULL},
    {"NVIDIA GeForce RTX 4090", "sm_89", 128, 2520, 1.008, NULL},
    {"NVIDIA B200", "sm_100", 148, 1965, 8.0, NULL},
    {"NVIDIA GeForce RTX 5090", "sm_120", 170, 2407, 1.792, NULL},
};

enum { GPUS = sizeof gpus / sizeof *gpus };

static void take(stile_gpu *out, int index)
{
    stile_gpu gpu = {
        .multiprocessors = gpus[index].multiprocessors,
        .clock = gpus[index].clock,
        .bandwidth = gpus[index].bandwidth,
        .calibration = gpus[index].calibration ? gpus[index].calibration : &h200,
        .calibrated = gpus[index].calibration != NULL,
    };
    snprintf(gpu.name, sizeof gpu.name, "%s", gpus[index].name);
    stile_arch_parse(&gpu.arch, gpus[index].arch); /* the table's are good */
    *out = gpu;
}

stile_gpu stile_gpu_reference(void)
{
    stile_gpu gpu;
    take(&gpu, 0);
    return gpu;
}

static bool contains(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < length && text[i] &&
               tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == length)
            return length > 0;
    }
    return false;
}

bool stile_gpu_find(stile_gpu *out, const char *name)
{
    for (int i = 0; i < GPUS; i++) {
        if (contains(gpus[i].name, name)) {
            take(out, i);
            return true;
        }
    }
    return false;
}

const char *stile_gpu_name(int index)
{
    return index >= 0 && index < GPUS ? gpus[index].name : NULL;
}

void stile_gpu_of_arch(stile_gpu *out, const stile_arch *arch)
{
    int best = 0, best_distance = 1000;
    for (int i = 0; i < GPUS; i++) {
        stile_arch known;
        stile_arch_parse(&known, gpus[i].arch);
        int away =
            known.number > arch->number ? known.number - arch->number : arch->number - known.number;
        if (away < best_distance) {
            best = i;
            best_distance = away;
        }
    }
    take(out, best);
    out->arch = *arch;
}

static int attribute(const stile_context *context, int which)
{
    int value = 0;
    if (context->driver->cuDeviceGetAttribute(&value, which, context->cu_device))
        return 0;
    return value;
}

void stile_gpu_of_context(stile_gpu *out, const stile_context *context)
{
    for (int i = 0; i < GPUS; i++) {
        if (strcmp(gpus[i].name, context->device_name) == 0) {
            take(out, i);
            out->arch = context->arch;
            out->multiprocessors = context->multiprocessors;
            return;
        }
    }
    stile_gpu_of_arch(out, &context->arch);
    out->calibration = &h200;
    out->calibrated = false;
    out->multiprocessors = context->multiprocessors;
    snprintf(out->name, sizeof out->name, "%s", context->device_name);
    double clock = attribute(context, STILE_CU_DEVICE_CLOCK_RATE) * 1e-3;
    double memory = attribute(context, STILE_CU_DEVICE_MEMORY_CLOCK_RATE) * 1e3; /* Hz */
    double width = attribute(context, STILE_CU_DEVICE_MEMORY_BUS_WIDTH) / 8.0;
    if (clock > 0)
        out->clock = clock;
    if (memory > 0 && width > 0) /* two transfers in a cycle */
        out->bandwidth = 2 * memory * width * 1e-12;
}
