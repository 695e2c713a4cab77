/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels: from a configuration and an architecture to the CUDA source of each kernel of a plan.
 */
#ifndef STILE_GEN_KERNEL_H
#define STILE_GEN_KERNEL_H

#include "arch.h"
#include "arena.h"
#include "config.h"
#include "schedule.h"

typedef enum stile_kernel_role {
    STILE_KERNEL_ENCODE_X,
    STILE_KERNEL_ENCODE_W, /* dense W → Ŵ; with trained weights logical Ŵ → Ŵ */
    STILE_KERNEL_CHANNEL_GEMM,
    STILE_KERNEL_DECODE,
    STILE_KERNEL_FUSED, /* encode_x, channel_gemm and decode at once: schedule.region */
    /* Backward plans have these besides; see gradient.h. */
    STILE_KERNEL_PERMUTE_COEFFICIENTS,
    STILE_KERNEL_ACTIVATION_GRADIENT,
    STILE_KERNEL_COLUMN_SUMS,
    STILE_KERNEL_SUM_COLUMNS, /* partial sums → the output type */
    STILE_KERNEL_TRANSPOSE_WEIGHT,
    STILE_KERNEL_WEIGHT_GEMM,
    STILE_KERNEL_CONTRACT_TILES,
    STILE_KERNEL_SUM_TILES, /* partial sums → f32 */
    /* Forward plans that keep Z have this besides. */
    STILE_KERNEL_ACTIVATE,
} stile_kernel_role;

/* Those of forward plans come first, and of them those that every configuration has. */
enum {
    STILE_KERNEL_ROLE_COUNT = STILE_KERNEL_DECODE + 1,
    STILE_KERNEL_FORWARD_ROLE_COUNT = STILE_KERNEL_FUSED + 1,
    STILE_KERNEL_ALL_ROLE_COUNT = STILE_KERNEL_ACTIVATE + 1,
};

/* "encode_x", "encode_w", "channel_gemm", …: file names, cache names and messages. */
const char *stile_kernel_role_name(stile_kernel_role role);

/* How the fused kernel cuts its work: see templates/sm_90a/tasks.cuh. */
typedef struct stile_fused_pieces {
    int encode_tiles;      /* neighbours that a thread encodes as one chunk */
    int encode_columns;    /* tiles of a piece of encoding along K … */
    int encode_row_pieces; /* … and pieces of a block along M */
    int decode_pieces;     /* of a block of Ŷ */
    int region;            /* row pairs */
} stile_fused_pieces;

typedef struct stile_kernel {
    stile_kernel_role role;
    stile_kernel_family family;
    const char *name;   /* role name */
    const char *entry;  /* extern "C" symbol */
    const char *source; /* complete CUDA source, deterministic to the byte */
    int threads_x, threads_y;
    int shared_bytes; /* dynamic */
    /* What one thread block covers of the kernel's output: rows and columns, in tiles for encoders
       and the decoder, in elements of Ŷ_c for the channel GEMM. */
    int block_rows, block_columns;
    int block_inner;      /* channel GEMM: elements of the inner dimension per stage */
    int tiles_per_thread; /* encoders, decoder: neighbours that a thread moves as one chunk */
    int cluster;          /* thread blocks per cluster, neighbours along the rows; at least 1 */
    stile_fused_pieces fused; /* all 0 in other kernels */
} stile_kernel;

/* The kernels that forward plans with this schedule have: how many. */
int stile_forward_roles(stile_kernel_role out[static STILE_KERNEL_ROLE_COUNT],
                        const stile_schedule *schedule);

/*
 * Renders one kernel. Everything lives in `arena`.
 * Errors: ARGUMENT (a pinned schedule cannot work on `arch`), UNSUPPORTED (no kernel for this
 * precision yet), INTERNAL, MEMORY.
 */
int stile_kernel_render(stile_kernel *out, stile_arena *arena, const stile_config *config,
                        const stile_arch *arch, stile_kernel_role role);

/* Elements from one row of X̂_c or Ŵ_c to the next: ceil(K/k), rounded up to 128 bytes. */
int64_t stile_encoded_pitch(const stile_config *config, int64_t K);

/* sm_80: elements from one row of Ŷ_c to the next, ceil(N/n) rounded up to 128 bytes. */
int64_t stile_product_pitch(const stile_config *config, int64_t N);

/* Elements of Ŷ as the channel GEMM `gemm` leaves it, for that many rows and columns of tiles. */
int64_t stile_product_elements(const stile_config *config, const stile_kernel *gemm,
                               int64_t tile_rows, int64_t N);

#endif
