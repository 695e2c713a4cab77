/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

#include <string.h>

#include "fail.h"
#include "kernel_builder.h"

enum {
    PITCH_BYTES = 128, /* rows of X̂, Ŵ and Ŷ start at multiples of this */
    ENCODE_THREADS_Y = 4, /* of 32 threads each; also the decoder's */
    MAX_PATCH_BYTES = 32 * 1024,
    MMA_TILES_PER_WARP = 64,
};

static int round_up(int value, int multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

int stile_add_linear_map(builder *b, const linear_map *map, int *floats)
{
    int pitch = round_up(map->coefficient_columns, 4);
    bool zeros = stile_basis_nonzeros(map->matrix) < map->matrix.rows * map->matrix.columns;

    add(b, "SPARSE", b->config->sparse, "basis: coefficients are code, or else operands");
    add(b, "SKIP_ZEROS", !b->config->sparse && zeros, "basis: some operands are zero");
    if (!b->config->sparse) {
        add(b, "INPUTS", map->matrix.columns, NULL);
        add(b, "OUTPUTS", map->matrix.rows, NULL);
        add(b, "COEFFICIENT_PITCH", pitch, NULL);
        *floats = map->coefficient_rows * pitch;
        return 0;
    }

    *floats = 0;
    return add_program(b, "linear_map", map->matrix);
}

int stile_check_shared(const builder *b)
{
    if (b->kernel.shared_bytes <= b->arch->shared_bytes_per_block)
        return 0;
    return stile_fail(
        STILE_ERROR_UNSUPPORTED,
        "%s: the coefficients of a dense basis of rank %d need %d bytes of shared memory "
        "in %s, %s has %d: use a basis of lower rank or smaller tiles",
        b->config->name, b->config->basis->rank, b->kernel.shared_bytes, b->kernel.name,
        b->arch->name, b->arch->shared_bytes_per_block);
}

static int build_encode_mma(builder *b, int tile_rows, bool entries_by_column)
{
    const stile_precision *precision = &b->config->precision;

    b->kernel.entry = "stile_encode_mma";
    add_type(b, "Input", stile_type_name(precision->input), "precision.input");
    add_type(b, "Encoded", stile_type_name(precision->encoded), "precision.encoded");
    add(b, "TILE_ROWS", tile_rows, "of the source");
    add(b, "TILE_COLUMNS", b->config->basis->k, NULL);
    add(b, "ENTRIES_BY_COLUMN", entries_by_column, "how the encoder numbers a tile's entries");
    add(b, "RANK", b->config->basis->rank, "basis.rank");
    add(b, "TILES_PER_WARP", MMA_TILES_PER_WARP, NULL);
    add(b, "THREADS_Y", ENCODE_THREADS_Y, NULL);

    b->kernel.threads_x = 32;
    b->kernel.threads_y = ENCODE_THREADS_Y;
    b->kernel.block_rows = ENCODE_THREADS_Y;
    b->kernel.block_columns = MMA_TILES_PER_WARP;
    b->kernel.tiles_per_thread = 2;
    return 0;
}

/* Encoders of matrices whose rows run along K: X, and W stored [N, K]. */
static int build_encode_rows(builder *b, stile_basis_matrix matrix, int tile_rows,
                             bool entries_by_column, bool mma)
{
    const stile_basis *basis = b->config->basis;
    const stile_precision *precision = &b->config->precision;
    int tiles = stile_tiles_per_thread(basis->k * stile_type_size(precision->input), matrix.columns,
                                       stile_type_size(precision->encoded));
    linear_map map = {matrix, matrix.rows, matrix.columns};
    int floats;

    if (mma)
        return build_encode_mma(b, tile_rows, entries_by_column);

    b->kernel.entry = "stile_encode_rows";
    add_type(b, "Input", stile_type_name(precision->input), "precision.input");
    add_type(b, "Encoded", stile_type_name(precision->encoded), "precision.encoded");
    add(b, "TILE_ROWS", tile_rows, "of the source");
    add(b, "TILE_COLUMNS", basis->k, NULL);
    add(b, "ENTRIES_BY_COLUMN", entries_by_column, "how the encoder numbers a tile's entries");
    int error = stile_add_linear_map(b, &map, &floats);
    if (error)
        return error;
    add(b, "TILES_PER_THREAD", tiles, NULL);
    add(b, "THREADS_Y", ENCODE_THREADS_Y, NULL);

    b->kernel.threads_x = 32;
    b->kernel.threads_y = ENCODE_THREADS_Y;
    b->kernel.block_rows = ENCODE_THREADS_Y;
    b->kernel.block_columns = 32 * tiles;
    b->kernel.tiles_per_thread = tiles;
    b->kernel.shared_bytes = 4 * floats;
    return stile_check_shared(b);
}

/* The encoder of W stored [K, N]. */
static int build_encode_columns(builder *b)
{
    const stile_basis *basis = b->config->basis;
    const stile_precision *precision = &b->config->precision;
    stile_basis_matrix matrix = stile_basis_v(basis);
    int input_bytes = stile_type_size(precision->input);
    int tiles = stile_tiles_per_thread(16, matrix.columns, stile_type_size(precision->encoded));
    linear_map map = {matrix, matrix.rows, matrix.columns};
    int floats;

    /* A lane's part of the patch, an odd number of 4-byte banks from the next. */
    int threads_y = 8;
    while (threads_y > 1 && 32 * tiles * matrix.columns * threads_y * input_bytes > MAX_PATCH_BYTES)
        threads_y /= 2;
    int lane_pitch = tiles * matrix.columns * threads_y;
    while (lane_pitch * input_bytes % 8 != 4)
        lane_pitch++;

    b->kernel.entry = "stile_encode_columns";
    add_type(b, "Input", stile_type_name(precision->input), "precision.input");
    add_type(b, "Encoded", stile_type_name(precision->encoded), "precision.encoded");
    add(b, "TILE_ROWS", basis->k, "of the source");
    add(b, "TILE_COLUMNS", basis->n, NULL);
    int error = stile_add_linear_map(b, &map, &floats);
    if (error)
        return error;
    add(b, "COEFFICIENT_FLOATS", floats, "of shared memory, before the patch");
    add(b, "TILES_PER_THREAD", tiles, NULL);
    add(b, "THREADS_Y", threads_y, NULL);
    add(b, "PATCH_LANE_PITCH", lane_pitch, NULL);

    b->kernel.threads_x = 32;
    b->kernel.threads_y = threads_y;
    b->kernel.block_rows = threads_y;
    b->kernel.block_columns = 32 * tiles;
    b->kernel.tiles_per_thread = tiles;
    b->kernel.shared_bytes = 4 * floats + 32 * lane_pitch * input_bytes;
    return stile_check_shared(b);
}

static int build_pack_weight(builder *b)
{
    b->kernel.entry = "stile_pack_weight";
    add_type(b, "Input", stile_type_name(b->config->precision.input), "precision.input");
    add_type(b, "Encoded", stile_type_name(b->config->precision.encoded), "precision.encoded");
    add(b, "RANK", b->config->basis->rank, "basis.rank");
    add(b, "THREADS_Y", ENCODE_THREADS_Y, NULL);
    b->kernel.threads_x = 32;
    b->kernel.threads_y = ENCODE_THREADS_Y;
    b->kernel.block_rows = ENCODE_THREADS_Y;
    b->kernel.block_columns = 64;
    return 0;
}

static int build_encode_w(builder *b)
{
    const stile_basis *basis = b->config->basis;
    if (b->config->encode == STILE_ENCODE_TRAINED)
        return build_pack_weight(b);
    if (b->config->layout == STILE_WEIGHT_KN)
        return build_encode_columns(b);
    return build_encode_rows(b, stile_basis_v(basis), basis->n, true,
                             stile_encode_w_suits_mma(b->config));
}

static int build_channel_gemm(builder *b)
{
    stile_gemm_schedule s;
    int error = stile_gemm_schedule_choose(&s, b->config, b->arch);
    if (error)
        return error;

    b->kernel.entry = "stile_channel_gemm";
    add_type(b, "Encoded", stile_type_name(b->config->precision.encoded), "precision.encoded");
    add_type(b, "Product", stile_type_name(b->config->precision.product), "precision.product");
    add(b, "BLOCK_M", s.block_m, "schedule.block[0]");
    add(b, "BLOCK_N", s.block_n, "schedule.block[1]");
    add(b, "BLOCK_K", s.block_k, "schedule.block[2]");
    add(b, "NUM_STAGES", s.stages, "schedule.stages");
    if (s.family == STILE_FAMILY_SM_80) {
        add(b, "WARP_M", s.warp_m, NULL);
        add(b, "WARP_N", s.warp_n, NULL);
    } else {
        add(b, "RANK", b->config->basis->rank, "basis.rank");
    }
    add(b, "BAND_ROWS", s.band_rows, "that run side by side");

    b->kernel.family = s.family;
    b->kernel.cluster = s.cluster;

    b->kernel.threads_x = s.threads;
    b->kernel.threads_y = 1;
    b->kernel.block_rows = s.block_m;
    b->kernel.block_columns = s.block_n;
    b->kernel.block_inner = s.block_k;
    b->kernel.shared_bytes = s.shared_bytes;
    return 0;
}

static int build_decode(builder *b)
{
    const stile_basis *basis = b->config->basis;
    const stile_precision *precision = &b->config->precision;
    stile_basis_matrix matrix = stile_basis_d(basis);
    int tiles = stile_tiles_per_thread(basis->n * stile_type_size(precision->output), matrix.rows,
                                       stile_type_size(precision->product));
    linear_map map = {matrix, matrix.columns, matrix.rows}; /* the dense map keeps the transpose */
    stile_gemm_schedule s;
    int floats;

    int error = stile_gemm_schedule_choose(&s, b->config, b->arch);
    if (error)
        return error;
    bool hopper = s.family == STILE_FAMILY_SM_90A;
    bool mma = stile_decode_method(b->config, s.family) == STILE_METHOD_MMA;
    b->kernel.family = s.family;
    b->kernel.entry = mma ? "stile_decode_mma" : "stile_decode";
    add_type(b, "Product", stile_type_name(precision->product), "precision.product");
    add_type(b, "Output", stile_type_name(precision->output), "precision.output");
    add_type(b, "Activation", activation_type(b->config->epilogue.activation),
             "epilogue.activation");
    add(b, "HAS_BIAS", b->config->epilogue.bias, "epilogue.bias");
    add(b, "HAS_RESIDUAL", b->config->epilogue.residual, "epilogue.residual");
    add(b, "TILE_ROWS", basis->m, NULL);
    add(b, "TILE_COLUMNS", basis->n, NULL);
    if (hopper) {
        tiles = 2; /* neighbours in a fragment */
        add(b, "RANK", basis->rank, "basis.rank");
        add(b, "BLOCK_M", s.block_m, "schedule.block[0]");
        add(b, "BLOCK_N", s.block_n, "schedule.block[1]");
    }
    if (!mma) {
        error = stile_add_linear_map(b, &map, &floats);
        if (error)
            return error;
        add(b, "TILES_PER_THREAD", tiles, NULL);
        b->kernel.shared_bytes = 4 * floats;
    }
    add(b, "THREADS_Y", ENCODE_THREADS_Y, NULL);

    b->kernel.threads_x = 32;
    b->kernel.threads_y = ENCODE_THREADS_Y;
    /* A run of fragments, or a row per warp. */
    b->kernel.block_rows = hopper ? 8 : ENCODE_THREADS_Y;
    b->kernel.block_columns = hopper ? 32 : 32 * tiles;
    b->kernel.tiles_per_thread = tiles;
    return stile_check_shared(b);
}

static int build(builder *b)
{
    const stile_basis *basis = b->config->basis;
    if (stile_type_is_scaled(b->config->precision.encoded) &&
        b->kernel.role < STILE_KERNEL_DECODE)
        return stile_build_scaled_kernel(b);
    switch (b->kernel.role) {
    case STILE_KERNEL_ENCODE_X:
        return build_encode_rows(b, stile_basis_u(basis), basis->m, false,
                                 stile_encode_method(b->config) == STILE_METHOD_MMA);
    case STILE_KERNEL_ENCODE_W:
        return build_encode_w(b);
    case STILE_KERNEL_CHANNEL_GEMM:
        return build_channel_gemm(b);
    case STILE_KERNEL_DECODE:
        return build_decode(b);
    case STILE_KERNEL_FUSED:
        return stile_build_fused_kernel(b);
    default:
        return stile_build_gradient_kernel(b);
    }
}

const char *stile_kernel_role_name(stile_kernel_role role)
{
    static const char *const names[STILE_KERNEL_ALL_ROLE_COUNT] = {
        [STILE_KERNEL_ENCODE_X] = "encode_x",
        [STILE_KERNEL_ENCODE_W] = "encode_w",
        [STILE_KERNEL_CHANNEL_GEMM] = "channel_gemm",
        [STILE_KERNEL_DECODE] = "decode",
        [STILE_KERNEL_FUSED] = "fused",
        [STILE_KERNEL_PERMUTE_COEFFICIENTS] = "permute",
        [STILE_KERNEL_ACTIVATION_GRADIENT] = "activation",
        [STILE_KERNEL_COLUMN_SUMS] = "column_sums",
        [STILE_KERNEL_SUM_COLUMNS] = "sum_columns",
        [STILE_KERNEL_TRANSPOSE_WEIGHT] = "transpose_w",
        [STILE_KERNEL_WEIGHT_GEMM] = "weight_gemm",
        [STILE_KERNEL_CONTRACT_TILES] = "contract_tiles",
        [STILE_KERNEL_SUM_TILES] = "sum_tiles",
        [STILE_KERNEL_ACTIVATE] = "activate",
    };
    return names[role];
}

int stile_forward_roles(stile_kernel_role out[static STILE_KERNEL_ROLE_COUNT],
                        const stile_schedule *schedule)
{
    if (schedule->region) {
        out[0] = STILE_KERNEL_ENCODE_W;
        out[1] = STILE_KERNEL_FUSED;
        return 2;
    }
    for (int role = 0; role < STILE_KERNEL_ROLE_COUNT; role++)
        out[role] = (stile_kernel_role)role;
    return STILE_KERNEL_ROLE_COUNT;
}

int stile_kernel_render(stile_kernel *out, stile_arena *arena, const stile_config *config,
                        const stile_arch *arch, stile_kernel_role role)
{
    builder b = {.arena = arena, .config = config, .arch = arch};
    b.kernel.role = role;
    b.kernel.name = stile_kernel_role_name(role);
    b.kernel.cluster = 1;
    int error = build(&b);
    if (error)
        return error;

    /* A kernel's entry is its template's name behind the prefix. */
    const char *template_name =
        stile_arena_printf(arena, "%s/%s.cu", stile_kernel_family_name(b.kernel.family),
                           b.kernel.entry + strlen("stile_"));
    if (!template_name)
        return stile_fail_memory();
    stile_template_data data = {
        .constants = b.constants,
        .constant_count = b.constant_count,
        .programs = b.programs,
        .program_count = b.program_count,
    };
    error = stile_template_render(&b.kernel.source, arena, template_name, &data);
    if (error)
        return error;
    *out = b.kernel;
    return 0;
}

static int64_t pitch(int64_t elements, stile_type type)
{
    int64_t multiple = PITCH_BYTES / stile_type_size(type);
    return (elements + multiple - 1) / multiple * multiple;
}

int64_t stile_encoded_pitch(const stile_config *config, int64_t K)
{
    int64_t tiles = (K + config->basis->k - 1) / config->basis->k;
    return pitch(tiles, config->precision.encoded);
}

int64_t stile_product_pitch(const stile_config *config, int64_t N)
{
    int64_t tiles = (N + config->basis->n - 1) / config->basis->n;
    return pitch(tiles, config->precision.product);
}

int64_t stile_product_elements(const stile_config *config, const stile_kernel *gemm,
                               int64_t tile_rows, int64_t N)
{
    int64_t rank = config->basis->rank;
    if (gemm->family == STILE_FAMILY_SM_80)
        return rank * tile_rows * stile_product_pitch(config, N);

    /* Whole blocks, whole clusters of them. */
    int64_t rows = gemm->block_rows * gemm->cluster, columns = gemm->block_columns;
    int64_t tile_columns = (N + config->basis->n - 1) / config->basis->n;
    return rank * ((tile_rows + rows - 1) / rows * rows) *
           ((tile_columns + columns - 1) / columns * columns);
}
