/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels that only backward plans have. */
#include "fail.h"
#include "kernel_builder.h"

enum {
    ELEMENT_THREADS_Y = 4, /* of 32 threads each */
    SUM_THREADS_Y = 8,
    ACTIVATION_CHUNK_BYTES = 16,
    CONTRACT_THREADS = 256,
    CONTRACT_RUN = 64,          /* tiles */
    CONTRACT_MAX_CHANNELS = 64, /* of a thread block */
    LARGE_SHARED = 160 * 1024,  /* room for the larger blocks of the weight GEMM */
    WEIGHT_BLOCK = 128,
    WEIGHT_LARGE_BLOCK = 256,
    WEIGHT_WARP = 64,        /* accumulators: 64 × 64 elements take 128 registers of a thread */
    WEIGHT_STAGE_BYTES = 64, /* of tile rows, for one column */
    WEIGHT_STAGES = 4,
};

static void set_threads(builder *b, int x, int y)
{
    b->kernel.threads_x = x;
    b->kernel.threads_y = y;
}

static int build_permute_coefficients(builder *b)
{
    b->kernel.entry = "stile_permute_coefficients";
    add(b, "THREADS", CONTRACT_THREADS, NULL);
    set_threads(b, CONTRACT_THREADS, 1);
    return 0;
}

/* Both directions of the activation, element by element. */
static int build_activation(builder *b, const char *entry)
{
    const stile_type type = b->config->precision.output;
    const int chunk = ACTIVATION_CHUNK_BYTES / stile_type_size(type);
    b->kernel.entry = entry;
    add_type(b, "Output", stile_type_name(type), "precision.output");
    add_type(b, "Activation", activation_type(b->config->epilogue.activation),
             "epilogue.activation");
    add(b, "CHUNK", chunk, "elements that a thread moves at a time");
    add(b, "THREADS_Y", ELEMENT_THREADS_Y, NULL);
    set_threads(b, 32, ELEMENT_THREADS_Y);
    b->kernel.block_rows = ELEMENT_THREADS_Y;
    b->kernel.block_columns = 32 * chunk;
    b->kernel.tiles_per_thread = chunk;
    return 0;
}

static int build_column_sums(builder *b)
{
    b->kernel.entry = "stile_column_sums";
    add_type(b, "Output", stile_type_name(b->config->precision.output), "precision.output");
    add(b, "THREADS_Y", SUM_THREADS_Y, NULL);
    set_threads(b, 32, SUM_THREADS_Y);
    return 0;
}

static int build_sum_partials(builder *b, stile_type type)
{
    b->kernel.entry = "stile_sum_partials";
    add_type(b, "Result", stile_type_name(type), NULL);
    add(b, "THREADS_Y", SUM_THREADS_Y, NULL);
    set_threads(b, 32, SUM_THREADS_Y);
    return 0;
}

static int build_transpose_weight(builder *b)
{
    b->kernel.entry = "stile_transpose_weight";
    add_type(b, "Encoded", stile_type_name(b->config->precision.encoded), "precision.encoded");
    add(b, "THREADS_Y", SUM_THREADS_Y, NULL);
    set_threads(b, 32, SUM_THREADS_Y);
    return 0;
}

static int build_contract_tiles(builder *b)
{
    const stile_basis *basis = b->config->basis;
    int channels = basis->rank < CONTRACT_MAX_CHANNELS ? basis->rank : CONTRACT_MAX_CHANNELS;
    channels = (channels + 3) / 4 * 4;
    b->kernel.entry = "stile_contract_tiles";
    add_type(b, "Product", stile_type_name(b->config->precision.product), "of the channels");
    add_type(b, "Matrix", stile_type_name(b->config->precision.output), "that is tiled");
    add(b, "TILE_ROWS", basis->m, NULL);
    add(b, "TILE_COLUMNS", basis->n, NULL);
    add(b, "RANK", basis->rank, "basis.rank");
    add(b, "CHANNELS", channels, "of a thread block");
    add(b, "RUN", CONTRACT_RUN, "tiles in shared memory");
    add(b, "THREADS", CONTRACT_THREADS, NULL);
    /* Channels and entries of each tile, four floats of padding behind either. */
    b->kernel.shared_bytes =
        4 * CONTRACT_RUN * (channels + 4 + (basis->m * basis->n + 3) / 4 * 4 + 4);
    set_threads(b, CONTRACT_THREADS, 1);
    b->kernel.block_rows = channels;
    b->kernel.block_columns = CONTRACT_RUN;
    return 0;
}

static int build_weight_gemm(builder *b)
{
    const stile_type encoded = b->config->precision.encoded;
    const int block_k = WEIGHT_STAGE_BYTES / stile_type_size(encoded);
    const bool large = b->arch->shared_bytes_per_block >= LARGE_SHARED;
    const int block_n = large ? WEIGHT_LARGE_BLOCK : WEIGHT_BLOCK;

    b->kernel.entry = "stile_weight_gemm";
    add_type(b, "Encoded", stile_type_name(encoded), "precision.encoded");
    add_type(b, "Product", stile_type_name(b->config->precision.product), NULL);
    add(b, "BLOCK_M", WEIGHT_BLOCK, NULL);
    add(b, "BLOCK_N", block_n, NULL);
    add(b, "BLOCK_K", block_k, "tile rows");
    add(b, "NUM_STAGES", WEIGHT_STAGES, NULL);
    add(b, "WARP_M", WEIGHT_WARP, NULL);
    add(b, "WARP_N", WEIGHT_WARP, NULL);
    set_threads(b, 32 * (WEIGHT_BLOCK / WEIGHT_WARP) * (block_n / WEIGHT_WARP), 1);
    b->kernel.block_rows = WEIGHT_BLOCK;
    b->kernel.block_columns = block_n;
    b->kernel.block_inner = block_k;
    b->kernel.shared_bytes = WEIGHT_STAGES * (WEIGHT_BLOCK + block_n) * WEIGHT_STAGE_BYTES;
    return 0;
}

int stile_build_gradient_kernel(builder *b)
{
    b->kernel.family = STILE_FAMILY_SM_80;
    switch (b->kernel.role) {
    case STILE_KERNEL_PERMUTE_COEFFICIENTS:
        return build_permute_coefficients(b);
    case STILE_KERNEL_ACTIVATION_GRADIENT:
        return build_activation(b, "stile_activation_gradient");
    case STILE_KERNEL_ACTIVATE:
        add(b, "HAS_RESIDUAL", b->config->epilogue.residual, "epilogue.residual");
        return build_activation(b, "stile_activate");
    case STILE_KERNEL_COLUMN_SUMS:
        return build_column_sums(b);
    case STILE_KERNEL_SUM_COLUMNS:
        return build_sum_partials(b, b->config->precision.output);
    case STILE_KERNEL_TRANSPOSE_WEIGHT:
        return build_transpose_weight(b);
    case STILE_KERNEL_WEIGHT_GEMM:
        return build_weight_gemm(b);
    case STILE_KERNEL_CONTRACT_TILES:
        return build_contract_tiles(b);
    case STILE_KERNEL_SUM_TILES:
        return build_sum_partials(b, STILE_TYPE_F32);
    default:
        return stile_fail(STILE_ERROR_INTERNAL, "no kernel has role %d", (int)b->kernel.role);
    }
}
