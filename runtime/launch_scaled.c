/* SPDX-License-Identifier: Apache-2.0 */
/* Launching kernels whose encoded elements have 8 bits and scales; see templates/params_scaled.h. */
#include "launch.h"
#include "params_scaled.h"
#include "tensor_map.h"

static int64_t scale_blocks(const stile_config *config, int64_t K)
{
    return ceil_div(ceil_div(K, config->basis->k), STILE_SCALE_K);
}

size_t stile_x_scales_size(const stile_config *config, int64_t tile_rows, int64_t K)
{
    if (!stile_type_is_scaled(config->precision.encoded))
        return 0;
    return (size_t)config->basis->rank * (size_t)scale_blocks(config, K) * (size_t)tile_rows *
           sizeof(float);
}

size_t stile_w_scales_size(const stile_config *config, int64_t tile_columns, int64_t K)
{
    if (!stile_type_is_scaled(config->precision.encoded))
        return 0;
    return (size_t)config->basis->rank * (size_t)scale_blocks(config, K) *
           (size_t)ceil_div(tile_columns, STILE_SCALE_ROWS) * sizeof(float);
}

/* The scales of Ŵ lie behind it. */
static float *w_scales(const stile_plan *plan, const void *w_hat)
{
    const stile_config *config = plan->config;
    size_t encoded = (size_t)config->basis->rank *
                     (size_t)ceil_div(plan->N, config->basis->n) *
                     (size_t)stile_encoded_pitch(config, plan->K);
    return (float *)((char *)(uintptr_t)w_hat + stile_align(encoded));
}

int stile_launch_scaled_encode_x(const stile_plan *plan, const stile_operands *o, char *workspace,
                                 stile_stream stream)
{
    const stile_plan_kernel *k = &plan->kernels[STILE_KERNEL_ENCODE_X];
    stile_encode_scaled_params params = {
        .encode = stile_encode_x_params(plan, o, workspace, k->kernel.tiles_per_thread),
        .scales = (float *)(workspace + plan->workspace.x_scales),
    };
    params.scale_rows = params.encode.groups.tile_rows;
    int64_t blocks = stile_looping_grid(plan, &k->kernel, params.scale_rows,
                                        params.encode.encoded_pitch);
    return stile_launch_kernel(plan, k, blocks, 1, &params, stream);
}

int stile_launch_scaled_encode_w(const stile_plan *plan, const stile_encode_params *encode,
                                 stile_stream stream)
{
    const stile_plan_kernel *k = &plan->kernels[STILE_KERNEL_ENCODE_W];
    stile_encode_scaled_params params = {
        .encode = *encode,
        .scales = w_scales(plan, encode->encoded),
        .scale_rows = (int)ceil_div(encode->groups.tile_rows, STILE_SCALE_ROWS),
    };
    int64_t blocks = stile_looping_grid(plan, &k->kernel, encode->groups.tile_rows,
                                        encode->encoded_pitch);
    return stile_launch_kernel(plan, k, blocks, 1, &params, stream);
}

int stile_launch_scaled_pack_w(const stile_plan *plan, const stile_pack_params *pack,
                               stile_stream stream)
{
    const stile_plan_kernel *k = &plan->kernels[STILE_KERNEL_ENCODE_W];
    stile_pack_scaled_params params = {
        .pack = *pack,
        .scales = w_scales(plan, pack->encoded),
        .scale_rows = (int)ceil_div(pack->tile_rows, STILE_SCALE_ROWS),
    };
    int64_t rows = (int64_t)plan->config->basis->rank * params.scale_rows * STILE_SCALE_ROWS;
    int64_t blocks = stile_looping_grid(plan, &k->kernel, rows, pack->encoded_pitch);
    return stile_launch_kernel(plan, k, blocks, 1, &params, stream);
}

int stile_launch_scaled_channel_gemm(const stile_plan *plan, const stile_operands *o,
                                     char *workspace, stile_stream stream)
{
    const stile_config *config = plan->config;
    const stile_plan_kernel *k = &plan->kernels[STILE_KERNEL_CHANNEL_GEMM];
    const stile_kernel *kernel = &k->kernel;
    const stile_driver *driver = plan->context->driver;
    const stile_type type = config->precision.encoded;
    const stile_gemm_params gemm = stile_gemm_params_of(plan, o, workspace);
    int64_t rank = config->basis->rank;
    stile_gemm_scaled_params params = {
        .x_scales = (const float *)(workspace + plan->workspace.x_scales),
        .w_scales = w_scales(plan, gemm.w_encoded),
        .product = gemm.product,
        .rows = (int)ceil_div(gemm.tile_rows, kernel->block_rows),
        .columns = (int)ceil_div(gemm.tile_columns, kernel->block_columns),
        .k_blocks = (int)ceil_div(gemm.tile_inner, kernel->block_inner),
        .x_scale_rows = gemm.tile_rows,
        .w_scale_rows = (int)ceil_div(gemm.tile_columns, STILE_SCALE_ROWS),
    };
    int64_t tiles = rank * params.rows * ceil_div(params.columns, kernel->cluster);
    int error = stile_check_tiles(kernel, tiles);
    if (!error)
        error = stile_tensor_map_encode(&params.x_encoded, driver, type, gemm.x_encoded,
                                        gemm.tile_inner, gemm.tile_rows, rank, gemm.encoded_pitch,
                                        kernel->block_rows / kernel->cluster);
    if (!error)
        error = stile_tensor_map_encode(&params.w_encoded, driver, type, gemm.w_encoded,
                                        gemm.tile_inner, gemm.tile_columns, rank,
                                        gemm.encoded_pitch, kernel->block_columns);
    if (error)
        return error;
    return stile_launch_kernel(plan, k, stile_persistent_grid(plan, kernel, tiles), 1, &params,
                               stream);
}
