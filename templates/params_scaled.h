/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of kernels whose encoded elements have 8 bits and scales; see params.h. A scale is a
 * power of two, for STILE_SCALE_K elements along K of one row of X̂_c, or of STILE_SCALE_ROWS rows of
 * Ŵ_c: [rank][k_blocks][rows or blocks of rows].
 */
#ifndef STILE_TEMPLATES_PARAMS_SCALED_H
#define STILE_TEMPLATES_PARAMS_SCALED_H

#include "params.h"

#define STILE_SCALE_K 128
#define STILE_SCALE_ROWS 128

typedef struct stile_encode_scaled_params {
    stile_encode_params encode;
    float *scales;
    int scale_rows; /* from one block of K to the next */
} stile_encode_scaled_params;

typedef struct stile_pack_scaled_params {
    stile_pack_params pack;
    float *scales;
    int scale_rows;
} stile_pack_scaled_params;

/* In units of blocks: see templates/sm_90a/channel_gemm_scaled.cu. */
typedef struct stile_gemm_scaled_params {
    stile_tensor_map x_encoded, w_encoded; /* {tile_inner, tile rows or columns, rank} */
    const float *x_scales, *w_scales;
    void *product; /* [rows][columns][rank] fragment blocks */
    int rows, columns, k_blocks;
    int x_scale_rows, w_scale_rows;
} stile_gemm_scaled_params;

#endif
