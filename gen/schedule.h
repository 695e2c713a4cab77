/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: how a kernel cuts its work into thread blocks on an architecture. */
#ifndef STILE_GEN_SCHEDULE_H
#define STILE_GEN_SCHEDULE_H

#include "arch.h"
#include "config.h"

/* "sm_80", "sm_90a": the folder of the templates; that of sm_80 where any would do. */
const char *stile_kernel_family_name(stile_kernel_family family);

/* "any", "fma", "mma". */
const char *stile_method_name(stile_method method);

/* The channel GEMM: block and warp tiles in elements of Ŷ_c, the ring of shared-memory stages. */
typedef struct stile_gemm_schedule {
    stile_kernel_family family;
    int block_m, block_n, block_k;
    int warp_m, warp_n; /* sm_80 */
    int cluster;        /* blocks along M that share operands; 1 on sm_80 */
    int band_rows;      /* rows of clusters that run side by side */
    int stages;
    int threads;
    int shared_bytes;
} stile_gemm_schedule;

/*
 * What the spec pins, the rest by rule: the newest family that `arch` runs and that knows the types
 * and the pinned block, with the largest block and the deepest ring that fit. Errors: ARGUMENT
 * where what is pinned cannot work; the text names the field and what would.
 */
int stile_gemm_schedule_choose(stile_gemm_schedule *out, const stile_config *config,
                               const stile_arch *arch);

/* Whether the fused kernel can take the place of that GEMM's and of those beside it. */
bool stile_can_fuse(const stile_config *config, const stile_gemm_schedule *gemm);

/*
 * How X is encoded and Y decoded (by a GEMM of `family`): what is pinned where that can work, else
 * on tensor cores where they suit the basis. They suit dense matrices without zeros on 4×4 tiles of
 * 16-bit types.
 */
stile_method stile_encode_method(const stile_config *config);
stile_method stile_decode_method(const stile_config *config, stile_kernel_family family);

/* Whether tensor cores suit the encoding of W stored [N, K]. */
bool stile_encode_w_suits_mma(const stile_config *config);

/*
 * How many neighbouring tiles a thread of an encoder or decoder takes: enough for 16-byte accesses
 * to the matrix and 4-byte accesses to the channels, unless the tiles then fill too many registers.
 * `row_bytes`: of one tile row in the matrix; `entries`: of a tile; `channel_bytes`: of one
 * element.
 */
int stile_tiles_per_thread(int row_bytes, int entries, int channel_bytes);

#endif
