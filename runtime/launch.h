/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that launch kernels share. */
#ifndef STILE_RUNTIME_LAUNCH_H
#define STILE_RUNTIME_LAUNCH_H

#include "params.h"
#include "plan.h"

static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Whether rows can be moved in whole chunks of `elements`: see Chunk in templates/common/chunk.cuh.
 */
int stile_can_vectorize(const void *pointer, int64_t leading_dimension, stile_type type,
                        int elements);

stile_row_groups stile_row_groups_of(int64_t rows, int64_t rows_per_group, int rows_per_tile);

/* A grid for a kernel that loops: no more blocks than there is work, and no more than help. */
int64_t stile_looping_grid(const stile_plan *plan, const stile_kernel *kernel, int64_t rows,
                           int64_t columns);

/* A grid of `blocks` × `grid_y` thread blocks. */
int stile_launch_kernel(const stile_plan *plan, const stile_plan_kernel *kernel, int64_t blocks,
                        unsigned grid_y, void *params, stile_stream stream);

/* A grid for a kernel whose clusters stay and draw tasks: no more than are resident, or there are. */
int64_t stile_persistent_grid(const stile_plan *plan, const stile_kernel *kernel, int64_t tasks);

/* That a persistent kernel can count its tiles. Errors: ARGUMENT. */
int stile_check_tiles(const stile_kernel *kernel, int64_t tiles);

/* Parameters from the operands of a run; `tiles`: neighbours that a thread moves as one chunk. */
stile_encode_params stile_encode_x_params(const stile_plan *plan, const stile_operands *operands,
                                          char *workspace, int tiles);
stile_gemm_params stile_gemm_params_of(const stile_plan *plan, const stile_operands *operands,
                                       char *workspace);
stile_decode_params stile_decode_params_of(const stile_plan *plan, const stile_operands *operands,
                                           char *workspace, int tiles);

/* The same for sm_90a, of a kernel that was rendered from `config`. Errors: ARGUMENT (more tiles
   than can be counted), DEVICE. */
int stile_gemm_tma_params_of(stile_gemm_tma_params *out, const stile_plan *plan,
                             const stile_kernel *kernel, const stile_config *config,
                             const stile_gemm_params *gemm);

/* The channel GEMM of either family; `config` is the one that it was rendered from. */
int stile_launch_channel_gemm(const stile_plan *plan, const stile_plan_kernel *kernel,
                              const stile_config *config, stile_gemm_params *params,
                              stile_stream stream);

/* --- launch_scaled.c -------------------------------------------------------------------------- */

/* Launches encode_x, encode_w or channel_gemm of a plan whose encoded elements have scales. */
int stile_launch_scaled_encode_x(const stile_plan *plan, const stile_operands *operands,
                                 char *workspace, stile_stream stream);
int stile_launch_scaled_encode_w(const stile_plan *plan, const stile_encode_params *params,
                                 stile_stream stream);
int stile_launch_scaled_pack_w(const stile_plan *plan, const stile_pack_params *params,
                               stile_stream stream);
int stile_launch_scaled_channel_gemm(const stile_plan *plan, const stile_operands *operands,
                                     char *workspace, stile_stream stream);

/* --- launch_fused.c --------------------------------------------------------------------------- */

int stile_launch_fused(const stile_plan *plan, const stile_operands *operands, char *workspace,
                       stile_stream stream);

/* --- plan_cuda_keep.c ------------------------------------------------------------------------- */

/* Launches kernel `index` of a run that keeps Z. */
int stile_launch_keeping(const stile_plan *plan, int index, const stile_operands *operands,
                         void *workspace, stile_stream stream);

/* --- launch_backward.c ------------------------------------------------------------------------ */

/* Copies to a workspace what kernels of the backward pass read besides coefficients. */
int stile_launch_backward_init(const stile_plan *plan, void *workspace, stile_stream stream);

/* Launches kernel `index` of a run of a backward plan; `operands` are checked. */
int stile_launch_backward_step(const stile_plan *plan, int index, const stile_operands *operands,
                               void *workspace, stile_stream stream);

#endif
