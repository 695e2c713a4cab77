// Rendered by stile. The comments below name the templates that each part comes from.

// --- sm_80/sum_partials.cu ---
// Adds up what the blocks of an earlier kernel left, in their order, and rounds once.
//
// Of the THREADS_Y threads of an element, each adds every THREADS_Y-th partial sum; then the first adds
// theirs.

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

// --- sm_80/sum_partials.cu ---
using Result = f32;
constexpr int THREADS_Y = 8;

extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_sum_partials(const __grid_constant__ stile_sum_params p)
{
    __shared__ float sums[THREADS_Y][32];
    const int entries = p.tile_rows * p.tile_columns;
    const int count = p.rows * entries;
    const int element = blockIdx.x * 32 + threadIdx.x;

    float sum = 0.0f;
    if (element < count)
        for (int i = threadIdx.y; i < p.partial_count; i += THREADS_Y)
            sum += p.partials[(long long)i * count + element];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || element >= count)
        return;
#pragma unroll
    for (int i = 1; i < THREADS_Y; i++)
        sum += sums[i][threadIdx.x];

    const int row = element / entries, entry = element % entries;
    const int number = p.transposed
        ? entry % p.tile_columns * p.tile_rows + entry / p.tile_columns
        : entry;
    const int index = row * p.row_stride + number * p.entry_stride;
    if (p.support && p.support[index] == 0.0f)
        sum = 0.0f;
    Result rounded[1];
    const float values[1] = {sum};
    from_floats(rounded, values);
    static_cast<Result *>(p.result)[index] = rounded[0];
}
