/* SPDX-License-Identifier: Apache-2.0 */
#include "fail.h"
#include "kernel_builder.h"
#include "params_scaled.h"

enum {
    TILES = STILE_SCALE_K / 32, /* a warp encodes what shares a scale */
    MAX_TILE_ENTRIES = 64 / TILES,
    ENCODE_THREADS_Y = 8,
};

static int build_encode(builder *b, stile_basis_matrix matrix, int tile_rows,
                        bool entries_by_column, int scale_rows)
{
    const stile_basis *basis = b->config->basis;
    linear_map map = {matrix, matrix.rows, matrix.columns};
    int floats;

    if (matrix.columns > MAX_TILE_ENTRIES)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: 8-bit encoders take tiles of up to %d entries, not %d: use smaller "
                          "tiles, or precision.encoded bf16",
                          b->config->name, MAX_TILE_ENTRIES, matrix.columns);
    b->kernel.entry = "stile_encode_scaled";
    add(b, "TILE_ROWS", tile_rows, "of the source");
    add(b, "TILE_COLUMNS", basis->k, NULL);
    add(b, "ENTRIES_BY_COLUMN", entries_by_column, "how the encoder numbers a tile's entries");
    add(b, "SCALE_ROWS", scale_rows, "of the encoded matrix that share a scale");
    int error = stile_add_linear_map(b, &map, &floats);
    if (error)
        return error;
    add(b, "TILES_PER_THREAD", TILES, NULL);
    b->kernel.block_rows = scale_rows > 1 ? scale_rows : ENCODE_THREADS_Y;
    b->kernel.block_columns = STILE_SCALE_K;
    b->kernel.tiles_per_thread = TILES;
    b->kernel.shared_bytes = 4 * floats;
    return stile_check_shared(b);
}

static int build_pack(builder *b)
{
    b->kernel.entry = "stile_pack_scaled";
    b->kernel.block_rows = STILE_SCALE_ROWS;
    b->kernel.block_columns = STILE_SCALE_K;
    return 0;
}

static int build_gemm(builder *b, const stile_gemm_schedule *s)
{
    b->kernel.entry = "stile_channel_gemm_scaled";
    add_type(b, "Product", stile_type_name(b->config->precision.product), "precision.product");
    add(b, "BLOCK_M", s->block_m, "schedule.block[0]");
    add(b, "BLOCK_N", s->block_n, "schedule.block[1]");
    add(b, "BLOCK_K", s->block_k, "schedule.block[2]");
    add(b, "NUM_STAGES", s->stages, "schedule.stages");
    add(b, "BAND_ROWS", s->band_rows, "that run side by side");
    b->kernel.cluster = s->cluster;
    b->kernel.threads_x = s->threads;
    b->kernel.threads_y = 1;
    b->kernel.block_rows = s->block_m;
    b->kernel.block_columns = s->block_n;
    b->kernel.block_inner = s->block_k;
    b->kernel.shared_bytes = s->shared_bytes;
    return 0;
}

int stile_build_scaled_kernel(builder *b)
{
    const stile_config *config = b->config;
    const stile_basis *basis = config->basis;
    stile_gemm_schedule s;
    int error = stile_gemm_schedule_choose(&s, config, b->arch);
    if (error)
        return error;
    if (config->layout == STILE_WEIGHT_KN && config->encode != STILE_ENCODE_TRAINED)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: precision.encoded %s has no encoder for weight.layout kn yet: use nk",
                          config->name, stile_type_name(config->precision.encoded));

    add_type(b, "Encoded", stile_type_name(config->precision.encoded), "precision.encoded");
    add(b, "RANK", basis->rank, "basis.rank");
    b->kernel.family = STILE_FAMILY_SM_90A;
    if (b->kernel.role == STILE_KERNEL_CHANNEL_GEMM)
        return build_gemm(b, &s);

    add_type(b, "Input", stile_type_name(config->precision.input), "precision.input");
    add(b, "THREADS_Y", ENCODE_THREADS_Y, NULL);
    b->kernel.threads_x = 32;
    b->kernel.threads_y = ENCODE_THREADS_Y;
    if (b->kernel.role == STILE_KERNEL_ENCODE_X)
        return build_encode(b, stile_basis_u(basis), basis->m, false, 1);
    if (config->encode == STILE_ENCODE_TRAINED)
        return build_pack(b);
    return build_encode(b, stile_basis_v(basis), basis->n, true, STILE_SCALE_ROWS);
}
