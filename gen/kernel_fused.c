/* SPDX-License-Identifier: Apache-2.0 */
#include "fail.h"
#include "kernel_builder.h"

enum {
    ENCODE_COLUMNS = 128,  /* tiles of a piece: a row of them is 1 KiB of a 16-bit X with 4×4 tiles */
    ENCODE_ROW_PIECES = 4, /* of a block's 128 rows */
    DECODE_PIECES = 8,     /* 16 rows each, two for each of the consumers' warps */
    FRAGMENT_TILES = 2,    /* neighbours in a fragment */
};

int stile_build_fused_kernel(builder *b)
{
    const stile_config *config = b->config;
    const stile_basis *basis = config->basis;
    const stile_precision *precision = &config->precision;
    stile_basis_matrix u = stile_basis_u(basis), d = stile_basis_d(basis);
    stile_gemm_schedule s;

    int error = stile_gemm_schedule_choose(&s, config, b->arch);
    if (error)
        return error;
    if (!stile_can_fuse(config, &s) || !config->schedule.region)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: schedule.region asks for the fused kernel, which does not exist "
                          "here: it is for sm_90a, encoded types of 16 bits or tf32, and sparse "
                          "bases or dense ones on 4×4 tiles; leave schedule.region out",
                          config->name);
    const int tiles = stile_tiles_per_thread(basis->k * stile_type_size(precision->input), u.columns,
                                             stile_type_size(precision->encoded));
    const stile_fused_pieces pieces = {
        .encode_tiles = tiles,
        .encode_columns = 32 * tiles > ENCODE_COLUMNS ? 32 * tiles : ENCODE_COLUMNS,
        .encode_row_pieces = ENCODE_ROW_PIECES,
        .decode_pieces = DECODE_PIECES,
        .region = config->schedule.region,
    };

    b->kernel.entry = "stile_fused";
    add_type(b, "Input", stile_type_name(precision->input), "precision.input");
    add_type(b, "Encoded", stile_type_name(precision->encoded), "precision.encoded");
    add_type(b, "Product", stile_type_name(precision->product), "precision.product");
    add_type(b, "Output", stile_type_name(precision->output), "precision.output");
    add_type(b, "Activation", activation_type(config->epilogue.activation), "epilogue.activation");
    add(b, "HAS_BIAS", config->epilogue.bias, "epilogue.bias");
    add(b, "HAS_RESIDUAL", config->epilogue.residual, "epilogue.residual");
    add(b, "TILE_ROWS", basis->m, "of X and Y");
    add(b, "TILE_COLUMNS", basis->n, "of Y");
    add(b, "TILE_INNER", basis->k, "columns of X");
    add(b, "RANK", basis->rank, "basis.rank");
    add(b, "SPARSE", config->sparse, "basis: coefficients are code, or else operands");
    add(b, "ENTRIES_BY_COLUMN", 0, "how the encoder numbers a tile's entries");
    add(b, "BLOCK_M", s.block_m, "schedule.block[0]");
    add(b, "BLOCK_N", s.block_n, "schedule.block[1]");
    add(b, "BLOCK_K", s.block_k, "schedule.block[2]");
    add(b, "NUM_STAGES", s.stages, "schedule.stages");
    add(b, "REGION_PAIRS", pieces.region, "row pairs of a region");
    add(b, "ENCODE_COLUMNS", pieces.encode_columns, "tiles of a piece of encoding");
    add(b, "ENCODE_ROW_PIECES", pieces.encode_row_pieces, "of a block");
    add(b, "DECODE_PIECES", pieces.decode_pieces, "of a block");
    if (config->sparse) {
        add(b, "ENCODE_TILES", pieces.encode_tiles, "of a thread, neighbours along K");
        add(b, "TILES_PER_THREAD", FRAGMENT_TILES, "that a thread decodes");
        if ((error = add_program(b, "encode_map", u)) || (error = add_program(b, "linear_map", d)))
            return error;
    }

    b->kernel.family = s.family;
    b->kernel.cluster = s.cluster;
    b->kernel.threads_x = s.threads;
    b->kernel.threads_y = 1;
    b->kernel.block_rows = s.block_m;
    b->kernel.block_columns = s.block_n;
    b->kernel.block_inner = s.block_k;
    b->kernel.tiles_per_thread = FRAGMENT_TILES;
    b->kernel.shared_bytes = s.shared_bytes;
    b->kernel.fused = pieces;
    return 0;
}
