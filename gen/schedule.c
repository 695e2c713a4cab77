/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include "fail.h"

enum {
    ROW_BYTES = 128,    /* of a stage's rows, unless block[2] is pinned to half of it */
    MAX_WARP_TILE = 64, /* accumulators: 64 × 64 elements take 128 registers of a thread */
    MAX_BLOCK_ELEMENTS = 1 << 15, /* and 128 × 256 half of the register file */
    MIN_WARPS = 4,
    MAX_ENTRIES = 64,  /* registers of an encoder's or decoder's tiles */
    BAND = 2048,       /* rows of Ŷ_c that concurrent blocks cover: about square in a wave */
    MMA_TILE = 4,      /* side of the tiles that the tensor cores encode and decode */
    MMA_MAX_RANK = 64, /* more coefficients than that leave the registers */

    /* sm_90a: two warpgroups of 64 rows and one that copies, pairs of blocks in clusters. */
    HOPPER_BLOCK_M = 128,
    HOPPER_BLOCK_N = 256,
    HOPPER_MIN_BLOCK_N = 128,
    HOPPER_CLUSTER = 2,
    HOPPER_THREADS = 384,
    HOPPER_STAGES = 4,
    SCALED_BLOCK_M = 256, /* with 8-bit operands, see templates/sm_90a/channel_gemm_scaled.cu */
    SCALED_BLOCK_N = 128,
    STATIC_SHARED = 1024, /* barriers, and the stages' alignment */
};

static int stage_bytes(const stile_gemm_schedule *s, int element_bytes)
{
    return (s->block_m + s->block_n) * s->block_k * element_bytes;
}

/* Warp tiles as square as they get, at least MIN_WARPS of them where the block allows it. */
static void choose_warps(stile_gemm_schedule *s)
{
    s->warp_m = s->block_m < MAX_WARP_TILE ? s->block_m : MAX_WARP_TILE;
    s->warp_n = s->block_n < MAX_WARP_TILE ? s->block_n : MAX_WARP_TILE;
    while (s->block_m / s->warp_m * (s->block_n / s->warp_n) < MIN_WARPS &&
           s->warp_m * s->warp_n > 16 * 16) {
        if (s->warp_m >= s->warp_n)
            s->warp_m /= 2;
        else
            s->warp_n /= 2;
    }
    s->threads = 32 * (s->block_m / s->warp_m) * (s->block_n / s->warp_n);
}

static void choose_band(stile_gemm_schedule *s, const stile_schedule *pinned)
{
    int rows = (pinned->band ? pinned->band : BAND) / (s->block_m * s->cluster);
    s->band_rows = rows > 1 ? rows : 1;
}

const char *stile_kernel_family_name(stile_kernel_family family)
{
    return family == STILE_FAMILY_SM_90A ? "sm_90a" : "sm_80";
}

const char *stile_method_name(stile_method method)
{
    static const char *const names[] = {"any", "fma", "mma"};
    return names[method];
}

static bool is_16_bit(stile_type type)
{
    return type == STILE_TYPE_F16 || type == STILE_TYPE_BF16;
}

/* Whether the sm_90a kernels can run the configuration; if so, their schedule. */
static bool choose_hopper(stile_gemm_schedule *out, const stile_config *config,
                          const stile_arch *arch)
{
    const stile_schedule *pinned = &config->schedule;
    const stile_basis *basis = config->basis;
    const bool scaled = stile_type_is_scaled(config->precision.encoded);
    stile_gemm_schedule s = {
        .family = STILE_FAMILY_SM_90A,
        .block_m = scaled ? SCALED_BLOCK_M : HOPPER_BLOCK_M,
        .block_n = scaled ? SCALED_BLOCK_N : pinned->block_n ? pinned->block_n : HOPPER_BLOCK_N,
        .block_k = ROW_BYTES / stile_type_size(config->precision.encoded),
        .cluster = HOPPER_CLUSTER,
        .stages = pinned->stages ? pinned->stages : HOPPER_STAGES,
        .threads = HOPPER_THREADS,
    };
    s.shared_bytes = s.stages * stage_bytes(&s, stile_type_size(config->precision.encoded));

    bool runs = arch->number == 90 && arch->suffix == 'a';
    bool block = (!pinned->block_m || pinned->block_m == s.block_m) &&
                 (!pinned->block_n || pinned->block_n == s.block_n) &&
                 (!pinned->block_k || pinned->block_k == s.block_k) &&
                 s.block_n >= HOPPER_MIN_BLOCK_N && s.block_n <= HOPPER_BLOCK_N;
    bool family = pinned->family == STILE_FAMILY_ANY || pinned->family == s.family;
    bool fits = s.shared_bytes + STATIC_SHARED <= arch->shared_bytes_per_block &&
                2 * basis->m * basis->n <= MAX_ENTRIES;
    if (!runs || !family || !block || !fits)
        return false;
    choose_band(&s, pinned);
    *out = s;
    return true;
}

int stile_gemm_schedule_choose(stile_gemm_schedule *out, const stile_config *config,
                               const stile_arch *arch)
{
    if (choose_hopper(out, config, arch))
        return 0;

    const stile_schedule *pinned = &config->schedule;
    if (stile_type_is_scaled(config->precision.encoded))
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: precision.encoded %s runs on sm_90a alone, with schedule.block "
                          "[256, 128, 128] and up to 4 stages; on %s use bf16 or f16",
                          config->name, stile_type_name(config->precision.encoded), arch->name);
    if (pinned->family == STILE_FAMILY_SM_90A)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s: the sm_90a kernels run this neither on %s nor with other types, "
                          "blocks or stages than they know",
                          config->name, arch->name);
    int element_bytes = stile_type_size(config->precision.encoded);
    bool large = arch->shared_bytes_per_block >= 160 * 1024;
    stile_gemm_schedule s = {
        .family = STILE_FAMILY_SM_80,
        .cluster = 1,
        .block_m = pinned->block_m ? pinned->block_m : 128,
        .block_n = pinned->block_n ? pinned->block_n
                   : large         ? 256
                                   : 128,
        .block_k = pinned->block_k ? pinned->block_k : ROW_BYTES / element_bytes,
        .stages = pinned->stages,
    };

    int row_bytes = s.block_k * element_bytes;
    if (row_bytes != ROW_BYTES && row_bytes != ROW_BYTES / 2)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s: schedule.block[2] is %d, but a stage row of %s must span 64 or 128 "
                          "bytes: use %d or %d",
                          config->name, s.block_k, stile_type_name(config->precision.encoded),
                          ROW_BYTES / 2 / element_bytes, ROW_BYTES / element_bytes);
    if (s.block_m % 16 || s.block_n % 16 || s.block_m * s.block_n > MAX_BLOCK_ELEMENTS)
        return stile_fail(
            STILE_ERROR_ARGUMENT,
            "%s: schedule.block [%d, %d, …] does not work: both are multiples of 16, and "
            "their product is at most %d, what the accumulators hold",
            config->name, s.block_m, s.block_n, MAX_BLOCK_ELEMENTS);
    choose_warps(&s);

    int row_vectors = row_bytes / 16;
    if (s.block_m % s.warp_m || s.block_n % s.warp_n || s.block_m * row_vectors % s.threads ||
        s.block_n * row_vectors % s.threads)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s: schedule.block [%d, %d, %d] does not divide evenly over %d threads: "
                          "use sides closer to each other, such as [128, 128, %d]",
                          config->name, s.block_m, s.block_n, s.block_k, s.threads, s.block_k);

    int fitting = arch->shared_bytes_per_block / stage_bytes(&s, element_bytes);
    if (fitting < 2 || s.stages > fitting)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s: schedule.stages %d of schedule.block [%d, %d, %d] need %d bytes of "
                          "shared memory, %s has %d: %s",
                          config->name, s.stages ? s.stages : 2, s.block_m, s.block_n, s.block_k,
                          (s.stages ? s.stages : 2) * stage_bytes(&s, element_bytes), arch->name,
                          arch->shared_bytes_per_block,
                          fitting < 2 ? "use a smaller block" : "use fewer stages");
    if (!s.stages)
        s.stages = fitting < 4 ? fitting : 4;
    s.shared_bytes = s.stages * stage_bytes(&s, element_bytes);

    /* The epilogue stages 16 rows of each warp tile and one vector of padding per row. */
    int staging =
        s.threads / 32 * 16 * (s.warp_n * stile_type_size(config->precision.product) + 16);
    if (staging > s.shared_bytes)
        return stile_fail(
            STILE_ERROR_ARGUMENT,
            "%s: the epilogue needs %d bytes of shared memory, schedule.stages %d give "
            "%d: use more stages",
            config->name, staging, s.stages, s.shared_bytes);
    choose_band(&s, pinned);
    *out = s;
    return 0;
}

/*
 * Whether the tensor cores can apply a dense matrix to tiles of rows × columns entries. Its zeros
 * would not be skipped, so there must be none.
 */
static bool suits_mma(const stile_config *config, stile_basis_matrix matrix, int tile_rows,
                      int tile_columns, stile_type type)
{
    return !config->sparse && tile_rows == MMA_TILE && tile_columns == MMA_TILE &&
           config->basis->rank <= MMA_MAX_RANK && is_16_bit(type) &&
           stile_basis_nonzeros(matrix) == matrix.rows * matrix.columns;
}

static bool encoder_suits_mma(const stile_config *config, stile_basis_matrix matrix, int tile_rows)
{
    return config->precision.input == config->precision.encoded &&
           suits_mma(config, matrix, tile_rows, config->basis->k, config->precision.encoded);
}

bool stile_encode_w_suits_mma(const stile_config *config)
{
    return encoder_suits_mma(config, stile_basis_v(config->basis), config->basis->n);
}

stile_method stile_encode_method(const stile_config *config)
{
    bool suits = encoder_suits_mma(config, stile_basis_u(config->basis), config->basis->m);
    return suits && config->schedule.encode != STILE_METHOD_FMA ? STILE_METHOD_MMA
                                                                : STILE_METHOD_FMA;
}

stile_method stile_decode_method(const stile_config *config, stile_kernel_family family)
{
    const stile_basis *basis = config->basis;
    bool suits = family == STILE_FAMILY_SM_90A && suits_mma(config, stile_basis_d(basis), basis->m,
                                                            basis->n, config->precision.product);
    return suits && config->schedule.decode != STILE_METHOD_FMA ? STILE_METHOD_MMA
                                                                : STILE_METHOD_FMA;
}

bool stile_can_fuse(const stile_config *config, const stile_gemm_schedule *gemm)
{
    bool methods =
        config->sparse || (stile_encode_method(config) == STILE_METHOD_MMA &&
                           stile_decode_method(config, gemm->family) == STILE_METHOD_MMA);
    return gemm->family == STILE_FAMILY_SM_90A && gemm->block_n % 64 == 0 && methods &&
           !stile_type_is_scaled(config->precision.encoded);
}

int stile_tiles_per_thread(int row_bytes, int entries, int channel_bytes)
{
    int tiles = 1;
    while ((tiles * row_bytes < 16 || tiles * channel_bytes < 4) &&
           2 * tiles * entries <= MAX_ENTRIES)
        tiles *= 2;
    return tiles;
}
