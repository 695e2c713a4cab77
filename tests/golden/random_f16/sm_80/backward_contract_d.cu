// Rendered by stile. The comments below name the templates that each part comes from.

// --- sm_80/contract_tiles.cu ---
// The gradient of a decoder's coefficients: for every channel and entry of a tile, the sum over all tiles
// of matrix entry times product.
//
// A block takes runs of RUN tiles of a row of tiles, from number blockIdx.x on in steps of the grid, whose
// size depends on the shape alone; blockIdx.y counts groups of CHANNELS channels. A thread adds up 4 × 4 of
// the sums, over every TILE_GROUPS-th tile; then the block adds its threads up.

// --- params.h ---
/*
 * The parameters of every kernel, shared by the templates and by the host code that launches them:
 * plain C with the same layout on both sides. Pointers are device pointers, sizes count elements.
 * Each dimension fits 31 bits; offsets are computed in 64.
 */

/* Rows of tiles, restarting in each group of rows (DESIGN: tiles never straddle two groups). */
typedef struct stile_row_groups {
    int rows_per_group;      /* matrix rows in a group */
    int tile_rows_per_group; /* rows of tiles that cover them */
    int tile_rows;           /* over all groups */
} stile_row_groups;

/* Encoders of X and of W: source matrix → encoded [rank][tile_rows][encoded_pitch]. */
typedef struct stile_encode_params {
    const void *source;        /* row-major */
    void *encoded;
    const float *coefficients; /* [rank][tile entries]; dense bases only */
    long long source_pitch;    /* leading dimension */
    long long encoded_pitch;
    stile_row_groups groups;   /* of the output's rows: M for X, N for W */
    int inner;                 /* K: the source's extent along the other dimension */
    int vectorized;            /* source and its rows are aligned for whole-chunk loads */
} stile_encode_params;

/* Trained weights: logical [rank][tile_rows][tile_inner] → encoded [rank][tile_rows][encoded_pitch]. */
typedef struct stile_pack_params {
    const void *source;
    void *encoded;
    long long encoded_pitch;
    int tile_rows, tile_inner;
} stile_pack_params;

/* The channel GEMM: Ŷ_c = X̂_c · Ŵ_cᵀ for each channel. */
typedef struct stile_gemm_params {
    const void *x_encoded;   /* [rank][tile_rows][encoded_pitch] */
    const void *w_encoded;   /* [rank][tile_columns][encoded_pitch] */
    void *product;           /* [rank][tile_rows][product_pitch] */
    long long encoded_pitch; /* rows are zero from tile_inner up to here */
    long long product_pitch;
    int tile_rows, tile_columns, tile_inner;
} stile_gemm_params;

/* What the driver encodes for the copy engine (CUtensorMap). */
typedef struct __attribute__((aligned(64))) stile_tensor_map {
    unsigned long long opaque[16];
} stile_tensor_map;

/* The channel GEMM on Hopper, in units of its blocks: see templates/sm_90a/channel_gemm.cu. */
typedef struct stile_gemm_tma_params {
    stile_tensor_map x_encoded, w_encoded; /* {tile_inner, tile rows or columns, rank} */
    void *product;                         /* [2·row_pairs][columns][rank] fragment blocks */
    int row_pairs, columns, k_blocks;
} stile_gemm_tma_params;

/* The decoder: Ŷ → Y = activation(D·ŷ + bias) + residual. */
typedef struct stile_decode_params {
    const void *product;
    void *y;
    const void *bias, *residual; /* may be unused */
    const float *coefficients;   /* [tile entries][rank]; dense bases only */
    long long product_pitch;
    long long y_pitch, residual_pitch;
    stile_row_groups groups;     /* M */
    int columns;                 /* N */
    int vectorized;              /* y, residual, bias and their rows are aligned for whole-chunk access */
} stile_decode_params;

/* --- backward ---------------------------------------------------------------------------------- */

/* Rearranges coefficients of a dense basis: result[i][j][l] = source[i·s0 + j·s1 + l·s2]. */
typedef struct stile_permutation {
    const float *source;
    float *result;
    int extents[3], strides[3];
} stile_permutation;

/* One thread block each; those with extent 0 do nothing. */
typedef struct stile_permute_params {
    stile_permutation permutations[4];
} stile_permute_params;

/* dZ = dY ∘ activation'(Z), element by element. */
typedef struct stile_activation_params {
    const void *dy, *z;
    void *dz;
    long long dy_pitch, z_pitch, dz_pitch;
    int rows, columns;
    int vectorized; /* all three and their rows are aligned for whole-chunk access */
} stile_activation_params;

/* Y = activation(Z) + residual, element by element. */
typedef struct stile_activate_params {
    const void *z, *residual; /* the latter may be unused */
    void *y;
    long long z_pitch, residual_pitch, y_pitch;
    int rows, columns;
    int vectorized; /* all three and their rows are aligned for whole-chunk access */
} stile_activate_params;

/* Sums of columns over strips of rows: partials [strips][columns]. */
typedef struct stile_column_sums_params {
    const void *source;
    float *partials;
    long long source_pitch;
    int rows, columns;
    int strips, strip_rows;
} stile_column_sums_params;

/*
 * Sums partials [partial_count][rows·tile_rows·tile_columns] over the first extent, in order. Entry
 * (a, b) of row i goes to result[i·row_stride + entry·entry_stride], its number being that of (a, b),
 * or with `transposed` of (b, a).
 */
typedef struct stile_sum_params {
    const float *partials;
    void *result;
    const float *support; /* laid out as the result; where it holds zero, so does the result; or NULL */
    int partial_count;
    int rows, tile_rows, tile_columns;
    int row_stride, entry_stride;
    int transposed;
} stile_sum_params;

/* Ŵ [rank][rows][source_pitch] → Ŵᵀ [rank][columns][result_pitch], zero from `rows` on. */
typedef struct stile_transpose_params {
    const void *source;
    void *result;
    long long source_pitch, result_pitch;
    int rank, rows, columns;
} stile_transpose_params;

/* For each channel product = leftᵀ·right, contracting over tile rows. */
typedef struct stile_weight_gemm_params {
    const void *left, *right; /* [rank][tile_rows][pitch] */
    void *product;            /* [rank][left_columns][product_pitch] */
    long long left_pitch, right_pitch, product_pitch;
    int tile_rows, left_columns, right_columns;
    int paired; /* rows of the product are aligned for stores of two elements */
} stile_weight_gemm_params;

/* Σ over tiles of matrix entry × product of a channel: partials [blocks][rank][tile entries]. */
typedef struct stile_contract_params {
    const void *product; /* [rank][tile_rows][product_pitch] */
    const void *source;  /* row-major */
    float *partials;
    long long product_pitch, source_pitch;
    stile_row_groups groups; /* of the source's rows */
    int columns;             /* of the source */
    int tile_columns;
} stile_contract_params;

// --- common/types.cuh ---
// Number formats as storage types, and their conversions from and to float, to nearest even.

// --- ptx/convert.cuh ---
// Conversions between number formats. The packed forms put `low` into bits 0-15.

__device__ __forceinline__ unsigned cvt_rn_bf16x2_f32(float high, float low)
{
    unsigned packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

__device__ __forceinline__ unsigned cvt_rn_f16x2_f32(float high, float low)
{
    unsigned packed;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

__device__ __forceinline__ float cvt_f32_f16(unsigned short half)
{
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
    return value;
}

// --- common/types.cuh ---
using f32 = float;
struct f16 { unsigned short bits; };
struct bf16 { unsigned short bits; };
struct tf32 { unsigned bits; }; // a float whose low 13 bits are zero

__device__ __forceinline__ float to_float(f32 value) { return value; }
__device__ __forceinline__ float to_float(f16 value) { return cvt_f32_f16(value.bits); }
__device__ __forceinline__ float to_float(bf16 value) { return __uint_as_float(value.bits << 16); }

// Two neighbours at once: pairs of 16-bit elements fill one register.
__device__ __forceinline__ void from_floats(f32 (&out)[2], float a, float b)
{
    out[0] = a;
    out[1] = b;
}

// A register with a pair of 16-bit elements, `a` in the lower half; T{} says which type.
__device__ __forceinline__ unsigned pack_floats(f16, float a, float b) { return cvt_rn_f16x2_f32(b, a); }
__device__ __forceinline__ unsigned pack_floats(bf16, float a, float b) { return cvt_rn_bf16x2_f32(b, a); }

__device__ __forceinline__ void from_floats(f16 (&out)[2], float a, float b)
{
    const unsigned packed = pack_floats(f16{}, a, b);
    out[0].bits = packed & 0xffff;
    out[1].bits = packed >> 16;
}

__device__ __forceinline__ void from_floats(bf16 (&out)[2], float a, float b)
{
    const unsigned packed = pack_floats(bf16{}, a, b);
    out[0].bits = packed & 0xffff;
    out[1].bits = packed >> 16;
}

// cvt.rna.tf32 rounds ties away from zero and cvt.rn.tf32 needs sm_90, so in integers.
__device__ __forceinline__ tf32 tf32_from_float(float value)
{
    const unsigned bits = __float_as_uint(value);
    const unsigned magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return {0x7fffe000}; // NaN
    const unsigned carry = magnitude == 0x7f800000 ? 0 : 0xfff + (bits >> 13 & 1);
    return {(bits + carry) & 0xffffe000};
}

__device__ __forceinline__ void from_floats(tf32 (&out)[2], float a, float b)
{
    out[0] = tf32_from_float(a);
    out[1] = tf32_from_float(b);
}

// All of an array, pairwise; a last odd element is converted beside a zero.
template <class T, int COUNT>
__device__ __forceinline__ void from_floats(T (&out)[COUNT], const float (&in)[COUNT])
{
#pragma unroll
    for (int i = 0; i < COUNT; i += 2) {
        T pair[2];
        from_floats(pair, in[i], i + 1 < COUNT ? in[i + 1 < COUNT ? i + 1 : i] : 0.0f);
        out[i] = pair[0];
        if (i + 1 < COUNT)
            out[i + 1 < COUNT ? i + 1 : i] = pair[1];
    }
}

// --- sm_80/contract_tiles.cu ---
using Product = f32; // of the channels
using Matrix = f32; // that is tiled
constexpr int TILE_ROWS = 2;
constexpr int TILE_COLUMNS = 2;
constexpr int RANK = 6; // basis.rank
constexpr int CHANNELS = 8; // of a thread block
constexpr int RUN = 64; // tiles in shared memory
constexpr int THREADS = 256;

// --- common/row_groups.cuh ---
// Where the rows of a row of tiles lie in the matrix: tiling restarts in each group.

struct TileRow {
    long long first_row; // of the matrix
    int valid_rows;      // from there to the end of the group; may exceed the tile
};

__device__ __forceinline__ TileRow locate_tile_row(const stile_row_groups &groups, int tile_row,
                                                   int rows_per_tile)
{
    const int group = tile_row / groups.tile_rows_per_group;
    const int row_in_group = (tile_row - group * groups.tile_rows_per_group) * rows_per_tile;
    return {(long long)group * groups.rows_per_group + row_in_group,
            groups.rows_per_group - row_in_group};
}

// --- sm_80/contract_tiles.cu ---
constexpr int TILE_ENTRIES = TILE_ROWS * TILE_COLUMNS;
constexpr int ENTRIES = (TILE_ENTRIES + 3) / 4 * 4;
constexpr int THREADS_PER_TILE = CHANNELS / 4 * (ENTRIES / 4);
constexpr int TILE_GROUPS = THREADS / THREADS_PER_TILE;
constexpr int PRODUCT_PITCH = CHANNELS + 4; // four floats of padding against bank conflicts
constexpr int ENTRY_PITCH = ENTRIES + 4;

static_assert(CHANNELS % 4 == 0 && TILE_GROUPS >= 1, "the sums are spread over the threads");

// Tiles of one run, each with its channels and its entries side by side; zero outside of the matrix.
struct Run {
    __align__(16) float products[RUN][PRODUCT_PITCH];
    __align__(16) float entries[RUN][ENTRY_PITCH];
};

__device__ __forceinline__ void load_run(Run &run, const stile_contract_params &p, int tile_row,
                                         int first_tile, int first_channel)
{
    const Product *product = static_cast<const Product *>(p.product) + tile_row * p.product_pitch;
    const long long channel_stride = p.groups.tile_rows * p.product_pitch;
    for (int i = threadIdx.x; i < CHANNELS * RUN; i += THREADS) {
        const int channel = first_channel + i / RUN, tile = first_tile + i % RUN;
        run.products[i % RUN][i / RUN] = channel < RANK && tile < p.tile_columns
            ? to_float(product[channel * channel_stride + tile])
            : 0.0f;
    }

    const TileRow rows = locate_tile_row(p.groups, tile_row, TILE_ROWS);
    const Matrix *source = static_cast<const Matrix *>(p.source) + rows.first_row * p.source_pitch;
    for (int i = threadIdx.x; i < TILE_ROWS * RUN * TILE_COLUMNS; i += THREADS) {
        const int row = i / (RUN * TILE_COLUMNS), in_row = i % (RUN * TILE_COLUMNS);
        const long long column = (long long)first_tile * TILE_COLUMNS + in_row;
        run.entries[in_row / TILE_COLUMNS][row * TILE_COLUMNS + in_row % TILE_COLUMNS]
            = row < rows.valid_rows && column < p.columns
            ? to_float(source[row * p.source_pitch + column])
            : 0.0f;
    }
    for (int i = threadIdx.x; i < RUN * (ENTRIES - TILE_ENTRIES); i += THREADS)
        run.entries[i % RUN][TILE_ENTRIES + i / RUN] = 0.0f;
}

extern "C" __global__ void __launch_bounds__(THREADS)
stile_contract_tiles(const __grid_constant__ stile_contract_params p)
{
    extern __shared__ __align__(16) char shared[];
    Run &run = *reinterpret_cast<Run *>(shared);
    const int first_channel = blockIdx.y * CHANNELS;
    const unsigned runs_per_row = (p.tile_columns + RUN - 1) / RUN;

    // Threads left over beyond whole groups help to load only.
    const int group = threadIdx.x / THREADS_PER_TILE;
    const int channel = threadIdx.x % THREADS_PER_TILE / (ENTRIES / 4) * 4;
    const int entry = threadIdx.x % (ENTRIES / 4) * 4;
    float sums[4][4] = {};

    for (unsigned number = blockIdx.x; number < p.groups.tile_rows * runs_per_row;
         number += gridDim.x) {
        __syncthreads(); // the last run has been consumed
        load_run(run, p, number / runs_per_row, number % runs_per_row * RUN, first_channel);
        __syncthreads();
        for (int tile = group; group < TILE_GROUPS && tile < RUN; tile += TILE_GROUPS) {
            const float4 c = *reinterpret_cast<const float4 *>(&run.products[tile][channel]);
            const float4 e = *reinterpret_cast<const float4 *>(&run.entries[tile][entry]);
            const float channels[4] = {c.x, c.y, c.z, c.w}, entries[4] = {e.x, e.y, e.z, e.w};
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sums[i][j] = fmaf(channels[i], entries[j], sums[i][j]);
        }
    }

    // The groups take turns, so that each sum is formed in one order.
    float *const totals = &run.products[0][0];
    static_assert(CHANNELS * ENTRIES <= RUN * PRODUCT_PITCH, "the sums fit the products' place");
    for (int turn = 0; turn < TILE_GROUPS; turn++) {
        __syncthreads();
        if (group != turn)
            continue;
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) {
                float &total = totals[(channel + i) * ENTRIES + entry + j];
                total = turn == 0 ? sums[i][j] : total + sums[i][j];
            }
    }
    __syncthreads();
    float *partials = p.partials + (long long)blockIdx.x * (RANK * TILE_ENTRIES);
    for (int i = threadIdx.x; i < CHANNELS * TILE_ENTRIES; i += THREADS) {
        const int in_group = i / TILE_ENTRIES, at = i % TILE_ENTRIES;
        if (first_channel + in_group < RANK)
            partials[(first_channel + in_group) * TILE_ENTRIES + at]
                = totals[in_group * ENTRIES + at];
    }
}
