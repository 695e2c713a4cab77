/* SPDX-License-Identifier: Apache-2.0 */
/* GPU architectures: their names and the limits that decide a schedule. */
#ifndef STILE_GEN_ARCH_H
#define STILE_GEN_ARCH_H

#include <stdbool.h>

typedef struct stile_arch {
    int number;                 /* 90 for sm_90 and sm_90a */
    char suffix;                /* 'a', 'f' or 0 */
    int shared_bytes_per_block; /* the most dynamic shared memory a block may have */
    char name[16];              /* "sm_90a" */
} stile_arch;

/* Parses "sm_90a". Errors: ARGUMENT (unknown form), UNSUPPORTED (before sm_80). */
int stile_arch_parse(stile_arch *out, const char *name);

/* The architecture to compile for on a device of compute capability major.minor. */
int stile_arch_of_device(stile_arch *out, int major, int minor);

/*
 * FLOP that the tensor cores of one multiprocessor do in a clock, dense 16-bit operands, f32
 * accumulation, by mma.sync and by the fastest instructions there are (data sheets; what mma.sync
 * reaches on sm_90 was measured). Architectures that are not known count as their predecessor.
 */
typedef struct stile_mma_rate {
    double mma_sync, fastest;
} stile_mma_rate;

stile_mma_rate stile_arch_mma_rate(const stile_arch *arch);

#endif
