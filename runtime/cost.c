/* SPDX-License-Identifier: Apache-2.0 */
#include "cost.h"

#include "fail.h"
#include "plan.h"
#include "straight_line.h"

static int count_additions(int *out, stile_arena *arena, const stile_rational *matrix, int rows,
                           int columns)
{
    stile_straight_line *program;
    int error = stile_straight_line_compile(&program, arena, matrix, rows, columns);
    if (!error)
        *out = program->addition_count;
    return error;
}

/* The additions of U, V and D where they become straight-line code. */
static int count_basis_additions(stile_cost *cost, const stile_config *config)
{
    const stile_basis *b = config->basis;
    if (!config->sparse)
        return STILE_OK;
    stile_arena *arena = stile_arena_create();
    if (!arena)
        return stile_fail_memory();
    int error = count_additions(&cost->additions_x, arena, b->u_exact, b->rank, b->m * b->k);
    if (!error)
        error = count_additions(&cost->additions_w, arena, b->v_exact, b->rank, b->k * b->n);
    if (!error)
        error = count_additions(&cost->additions_y, arena, b->d_exact, b->m * b->n, b->rank);
    stile_arena_destroy(&arena);
    return error;
}

static void add_kernel(stile_cost *cost, stile_kernel_role role, bool per_call, double flops,
                       double bytes_read, double bytes_written)
{
    cost->kernels[cost->kernel_count++] =
        (stile_kernel_cost){role, per_call, flops, bytes_read, bytes_written};
}

/* All but the additions, which must be there. */
static void count_sizes(stile_cost *cost, const stile_config *config, const stile_shape *shape,
                        int64_t rows_per_group)
{
    const stile_basis *b = config->basis;
    const stile_precision *types = &config->precision;
    stile_problem problem = {config, shape->M, shape->K, shape->N, rows_per_group};
    stile_tiling tiling = stile_problem_tiling(&problem);
    double M = (double)shape->M, K = (double)shape->K, N = (double)shape->N, rank = b->rank;
    double tile_rows = (double)tiling.tile_rows, tile_inner = (double)tiling.tile_inner;
    double tile_columns = (double)tiling.tile_columns;
    double in = stile_type_size(types->input), encoded = stile_type_size(types->encoded);
    double product = stile_type_size(types->product), out_size = stile_type_size(types->output);
    double encoded_pitch = (double)stile_encoded_pitch(config, shape->K);
    double product_pitch = (double)stile_product_pitch(config, shape->N);

    cost->tiling = tiling;
    cost->limit = (double)(b->m * b->k * b->n) / rank;
    cost->dense_flops = 2 * M * K * N;
    cost->mma_flops = 2 * rank * tile_rows * tile_inner * tile_columns;
    cost->dense_bytes = in * (M * K + K * N) + out_size * M * N;
    cost->dense_weight_bytes = in * K * N;
    cost->weight_bytes = encoded * rank * tile_columns * tile_inner;

    double x_hat = encoded * rank * tile_rows * encoded_pitch +
                   (double)stile_x_scales_size(config, tiling.tile_rows, shape->K);
    double w_hat = encoded * rank * tile_columns * encoded_pitch +
                   (double)stile_w_scales_size(config, tiling.tile_columns, shape->K);
    double y_hat = product * rank * tile_rows * product_pitch;
    bool online = config->encode == STILE_ENCODE_ONLINE;
    cost->workspace_bytes = x_hat + y_hat + (online ? w_hat : 0);

    double flops_x = config->sparse ? cost->additions_x : 2 * rank * b->m * b->k;
    double flops_w = config->sparse ? cost->additions_w : 2 * rank * b->k * b->n;
    double flops_y = config->sparse ? cost->additions_y : 2 * rank * b->m * b->n;
    bool trained = config->encode == STILE_ENCODE_TRAINED;
    double extras = (config->epilogue.bias ? N : 0) + (config->epilogue.residual ? M * N : 0);

    add_kernel(cost, STILE_KERNEL_ENCODE_W, online,
               trained ? 0 : flops_w * tile_columns * tile_inner,
               in * (trained ? rank * tile_columns * tile_inner : K * N), w_hat);
    add_kernel(cost, STILE_KERNEL_ENCODE_X, true, flops_x * tile_rows * tile_inner, in * M * K,
               x_hat);
    add_kernel(cost, STILE_KERNEL_CHANNEL_GEMM, true, cost->mma_flops, x_hat + w_hat, y_hat);
    add_kernel(cost, STILE_KERNEL_DECODE, true, flops_y * tile_rows * tile_columns,
               y_hat + out_size * extras, out_size * M * N);
}

int stile_cost_count(stile_cost *out, const stile_config *config, const stile_shape *shape,
                     int64_t rows_per_group)
{
    stile_cost cost = {0};
    int error = count_basis_additions(&cost, config);
    if (error)
        return error;
    count_sizes(&cost, config, shape, rows_per_group);
    *out = cost;
    return STILE_OK;
}

void stile_cost_count_sizes(stile_cost *out, const stile_config *config, const stile_shape *shape,
                            int64_t rows_per_group)
{
    *out = (stile_cost){0};
    count_sizes(out, config, shape, rows_per_group);
}
