/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: how a kernel cuts its work into thread blocks on an architecture. */
#ifndef STILE_GEN_SCHEDULE_H
#define STILE_GEN_SCHEDULE_H

#include "arch.h"
#include "config.h"

/* The channel GEMM: block and warp tiles in elements of Ŷ_c, and the ring of shared-memory stages. */
typedef struct stile_gemm_schedule {
    int block_m, block_n, block_k;
    int warp_m, warp_n;
    int stages;
    int threads;
    int shared_bytes;
} stile_gemm_schedule;

/*
 * What the spec pins, the rest by rule: the largest block and the deepest ring that `arch` holds.
 * Errors: ARGUMENT where what is pinned cannot work; the text names the field and what would.
 */
int stile_gemm_schedule_choose(stile_gemm_schedule *out, const stile_config *config,
                               const stile_arch *arch);

/*
 * How many neighbouring tiles a thread of an encoder or decoder takes: enough for 16-byte accesses to
 * the matrix and 4-byte accesses to the channels, unless the tiles then fill too many registers.
 * `row_bytes`: of one tile row in the matrix; `entries`: of a tile; `channel_bytes`: of one element.
 */
int stile_tiles_per_thread(int row_bytes, int entries, int channel_bytes);

#endif
