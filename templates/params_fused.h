/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of the fused kernel, templates/sm_90a/fused.cu; see params.h. */
#ifndef STILE_TEMPLATES_PARAMS_FUSED_H
#define STILE_TEMPLATES_PARAMS_FUSED_H

#include "params.h"

/*
 * The counters are zero before and after every launch: a ticket, the blocks that have finished, then
 * from STILE_COUNTERS_FIRST on the pieces encoded of each row block and the channels multiplied of
 * each block of Ŷ.
 */
#define STILE_COUNTERS_FIRST 64

typedef struct stile_fused_params {
    stile_gemm_tma_params gemm;
    stile_encode_params encode;
    stile_decode_params decode;
    unsigned *counters;
    int encode_pieces; /* of a row pair */
    int lag;           /* see templates/sm_90a/tasks.cuh */
} stile_fused_params;

#endif
