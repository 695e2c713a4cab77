// Rendered by stile. The comments below name the templates that each part comes from.

// --- sm_80/channel_gemm.cu ---
// The channel GEMM: Ŷ_c = X̂_c · Ŵ_cᵀ for every channel c, on tensor cores through mma.sync.
//
// A block computes BLOCK_M × BLOCK_N elements of one channel, in steps of BLOCK_K along the inner
// dimension; a ring of NUM_STAGES shared-memory stages is filled by cp.async. Each warp owns a
// WARP_M × WARP_N part of the accumulators.

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

// --- sm_80/channel_gemm.cu ---
using Encoded = bf16; // precision.encoded
using Product = bf16; // precision.product
constexpr int BLOCK_M = 128; // schedule.block[0]
constexpr int BLOCK_N = 256; // schedule.block[1]
constexpr int BLOCK_K = 64; // schedule.block[2]
constexpr int NUM_STAGES = 3; // schedule.stages
constexpr int WARP_M = 64;
constexpr int WARP_N = 64;
constexpr int BAND_ROWS = 16; // that run side by side

// --- common/chunk.cuh ---
// Runs of neighbouring elements, moved in the widest words that their size allows.

template <int BYTES> struct WordOf;
template <> struct WordOf<1> { using type = unsigned char; };
template <> struct WordOf<2> { using type = unsigned short; };
template <> struct WordOf<4> { using type = unsigned; };
template <> struct WordOf<8> { using type = uint2; };
template <> struct WordOf<16> { using type = uint4; };

// COUNT elements of T. Memory that is read or written whole must be aligned to WORD_BYTES.
template <class T, int COUNT>
struct Chunk {
    static constexpr int BYTES = COUNT * sizeof(T);
    static constexpr int WORD_BYTES = BYTES % 16 == 0 ? 16
        : BYTES % 8 == 0                              ? 8
        : BYTES % 4 == 0                              ? 4
        : BYTES % 2 == 0                              ? 2
                                                      : 1;
    using Word = typename WordOf<WORD_BYTES>::type;

    union {
        T elements[COUNT];
        Word words[BYTES / WORD_BYTES];
        unsigned pairs[(BYTES + 3) / 4]; // of 16-bit elements
    };

    __device__ __forceinline__ void load(const T *memory)
    {
#pragma unroll
        for (int i = 0; i < BYTES / WORD_BYTES; i++)
            words[i] = reinterpret_cast<const Word *>(memory)[i];
    }

    __device__ __forceinline__ void store(T *memory) const
    {
#pragma unroll
        for (int i = 0; i < BYTES / WORD_BYTES; i++)
            reinterpret_cast<Word *>(memory)[i] = words[i];
    }

    // Elements from `valid` on are zero when loaded and untouched when stored; valid may be negative.
    __device__ __forceinline__ void load(const T *memory, int valid)
    {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            elements[i] = i < valid ? memory[i] : T{};
    }

    __device__ __forceinline__ void store(T *memory, int valid) const
    {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            if (i < valid)
                memory[i] = elements[i];
    }
};

// Rounds floats to the elements of a chunk; pairs of 16-bit elements stay in one register.
template <class T, int COUNT>
__device__ __forceinline__ void from_floats(Chunk<T, COUNT> &out, const float (&in)[COUNT])
{
    if constexpr (sizeof(T) == 2 && COUNT % 2 == 0) {
#pragma unroll
        for (int i = 0; i < COUNT; i += 2)
            out.pairs[i / 2] = pack_floats(T{}, in[i], in[i + 1]);
    } else {
        from_floats(out.elements, in);
    }
}

// --- ptx/cp_async.cuh ---
// Asynchronous copies from global to shared memory (sm_80).

// Copies 16 bytes, past L1; both addresses are multiples of 16.
__device__ __forceinline__ void cp_async_cg_16(unsigned shared_address, const void *global)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                 :: "r"(shared_address), "l"(global) : "memory");
}

__device__ __forceinline__ void cp_async_commit_group()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until at most PENDING of this thread's groups are unfinished.
template <int PENDING>
__device__ __forceinline__ void cp_async_wait_group()
{
    asm volatile("cp.async.wait_group %0;" :: "n"(PENDING) : "memory");
}

// --- ptx/ldmatrix.cuh ---
// Loads four 8-row by 16-byte matrices; lane l gives the address of row l%8 of matrix l/8.

__device__ __forceinline__ void ldmatrix_x4(unsigned (&fragment)[4], unsigned shared_address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
                 : "r"(shared_address) : "memory");
}

// The same, each matrix transposed on its way.
__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&fragment)[4], unsigned shared_address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
                 : "r"(shared_address) : "memory");
}

// --- ptx/mma.cuh ---
// Tensor-core products of one warp: a 16×8 f32 accumulator, 32 bytes of the inner dimension a step.

#define STILE_MMA(shape_and_types)                                                                 \
    asm("mma.sync.aligned." shape_and_types " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "      \
        "{%0, %1, %2, %3};"                                                                        \
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                           \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

__device__ __forceinline__ void mma(bf16, float (&d)[4], const unsigned (&a)[4],
                                    const unsigned (&b)[2])
{
    STILE_MMA("m16n8k16.row.col.f32.bf16.bf16.f32");
}

__device__ __forceinline__ void mma(f16, float (&d)[4], const unsigned (&a)[4],
                                    const unsigned (&b)[2])
{
    STILE_MMA("m16n8k16.row.col.f32.f16.f16.f32");
}

__device__ __forceinline__ void mma(tf32, float (&d)[4], const unsigned (&a)[4],
                                    const unsigned (&b)[2])
{
    STILE_MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
}

// --- sm_80/channel_gemm.cu ---
constexpr int WARPS_M = BLOCK_M / WARP_M;
constexpr int WARPS_N = BLOCK_N / WARP_N;
constexpr int THREADS = 32 * WARPS_M * WARPS_N;

// Shared memory is organised in 16-byte vectors, what cp.async copies and a row of ldmatrix holds.
constexpr int VECTOR = 16 / sizeof(Encoded);         // elements
constexpr int ROW_VECTORS = BLOCK_K / VECTOR;        // of one row of a stage
constexpr int STAGE_VECTORS = (BLOCK_M + BLOCK_N) * ROW_VECTORS;
constexpr int K_STEPS = ROW_VECTORS / 2;             // an mma consumes 32 bytes of each row
constexpr int FRAGMENTS_M = WARP_M / 16;
constexpr int FRAGMENTS_N = WARP_N / 8;

static_assert(ROW_VECTORS == 4 || ROW_VECTORS == 8, "schedule.block[2] spans 64 or 128 bytes");
static_assert(BLOCK_M % WARP_M == 0 && WARP_M % 16 == 0, "schedule.block[0] is made of warp tiles");
static_assert(BLOCK_N % WARP_N == 0 && WARP_N % 16 == 0, "schedule.block[1] is made of warp tiles");
static_assert(BLOCK_M * ROW_VECTORS % THREADS == 0 && BLOCK_N * ROW_VECTORS % THREADS == 0,
              "schedule.block is filled by whole rounds of the threads");
static_assert(NUM_STAGES >= 2, "schedule.stages");

// Where vector `vector` of row `row` lies: swizzled, so that eight consecutive rows of one column fall
// into different banks.
__device__ __forceinline__ int swizzled(int row, int vector)
{
    return row * ROW_VECTORS + (vector ^ (row * ROW_VECTORS / 8) % ROW_VECTORS);
}

// Starts the copy of ROWS rows; rows past the matrix repeat its last one and are never stored.
template <int ROWS>
__device__ __forceinline__ void copy_rows(unsigned stage, const Encoded *matrix, int first_row,
                                          int row_count, long long pitch, int first_k)
{
#pragma unroll
    for (int i = 0; i < ROWS * ROW_VECTORS / THREADS; i++) {
        const int row = (threadIdx.x + i * THREADS) / ROW_VECTORS;
        const int vector = threadIdx.x % ROW_VECTORS;
        const int source_row = min(first_row + row, row_count - 1);
        cp_async_cg_16(stage + swizzled(row, vector) * 16,
                       matrix + source_row * pitch + first_k + vector * VECTOR);
    }
}

// The operands of one K step of a warp.
struct Fragments {
    unsigned x[FRAGMENTS_M][4];
    unsigned w[FRAGMENTS_N][2];

    __device__ __forceinline__ void load(unsigned stage, int warp_row, int warp_column, int step)
    {
        const int lane = threadIdx.x % 32;
        // X̂: the four matrices are rows 0-7 and 8-15 of the first vector, then of the second.
#pragma unroll
        for (int i = 0; i < FRAGMENTS_M; i++)
            ldmatrix_x4(x[i],
                        stage + swizzled(warp_row + i * 16 + lane % 16, step * 2 + lane / 16) * 16);
        // Ŵ: both vectors of columns 0-7, then of columns 8-15.
        const unsigned w_stage = stage + BLOCK_M * ROW_VECTORS * 16;
#pragma unroll
        for (int j = 0; j < FRAGMENTS_N; j += 2) {
            unsigned pair[4];
            ldmatrix_x4(pair, w_stage
                            + swizzled(warp_column + j * 8 + lane % 8 + lane / 16 * 8,
                                       step * 2 + lane / 8 % 2) * 16);
            w[j][0] = pair[0];
            w[j][1] = pair[1];
            w[j + 1][0] = pair[2];
            w[j + 1][1] = pair[3];
        }
    }
};

// Stores a warp's accumulators, 16 rows at a time through its own piece of shared memory, so that
// global memory sees whole vectors.
__device__ __forceinline__ void store_warp(const float (&sum)[FRAGMENTS_M][FRAGMENTS_N][4],
                                           Product *shared, Product *product, long long pitch,
                                           int rows_left, long long columns_left)
{
    constexpr int OUT_VECTOR = 16 / sizeof(Product);
    constexpr int PITCH = WARP_N + OUT_VECTOR; // one vector of padding against bank conflicts
    constexpr int ROW_OUT_VECTORS = WARP_N / OUT_VECTOR;
    const int lane = threadIdx.x % 32;

#pragma unroll
    for (int i = 0; i < FRAGMENTS_M; i++) {
#pragma unroll
        for (int j = 0; j < FRAGMENTS_N; j++) {
#pragma unroll
            for (int half = 0; half < 2; half++) {
                Chunk<Product, 2> pair;
                from_floats(pair.elements, sum[i][j][2 * half], sum[i][j][2 * half + 1]);
                pair.store(shared + (lane / 4 + 8 * half) * PITCH + j * 8 + lane % 4 * 2);
            }
        }
        __syncwarp();
#pragma unroll
        for (int v = lane; v < 16 * ROW_OUT_VECTORS; v += 32) {
            const int row = v / ROW_OUT_VECTORS, column = v % ROW_OUT_VECTORS * OUT_VECTOR;
            if (i * 16 + row < rows_left && column < columns_left) {
                Chunk<Product, OUT_VECTOR> vector;
                vector.load(shared + row * PITCH + column);
                vector.store(product + (i * 16 + row) * pitch + column);
            }
        }
        __syncwarp();
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
stile_channel_gemm(const __grid_constant__ stile_gemm_params p)
{
    extern __shared__ __align__(128) uint4 shared[];
    const unsigned stages = (unsigned)__cvta_generic_to_shared(shared);

    // Blocks go channel by channel, within a channel in bands of BAND_ROWS block rows: what runs at
    // the same time shares operands in L2.
    const unsigned grid_rows = (p.tile_rows + BLOCK_M - 1) / BLOCK_M;
    const unsigned grid_columns = (p.tile_columns + BLOCK_N - 1) / BLOCK_N;
    const unsigned channel = blockIdx.x / (grid_rows * grid_columns);
    const unsigned block = blockIdx.x % (grid_rows * grid_columns);
    const unsigned band = block / (BAND_ROWS * grid_columns);
    const unsigned band_rows = min(grid_rows - band * BAND_ROWS, BAND_ROWS);
    const unsigned in_band = block - band * BAND_ROWS * grid_columns;
    const int first_row = (band * BAND_ROWS + in_band % band_rows) * BLOCK_M;
    const int first_column = in_band / band_rows * BLOCK_N;

    const Encoded *x = static_cast<const Encoded *>(p.x_encoded)
        + channel * (p.tile_rows * p.encoded_pitch);
    const Encoded *w = static_cast<const Encoded *>(p.w_encoded)
        + channel * (p.tile_columns * p.encoded_pitch);

    const int warp = threadIdx.x / 32;
    const int warp_row = warp / WARPS_N * WARP_M;
    const int warp_column = warp % WARPS_N * WARP_N;
    const int k_blocks = (p.tile_inner + BLOCK_K - 1) / BLOCK_K;

    // The pitch is a multiple of 128 bytes and zero-padded, so a K block never runs past a row.
    const auto copy_block = [&](int k_block) {
        if (k_block < k_blocks) {
            const unsigned stage = stages + k_block % NUM_STAGES * (STAGE_VECTORS * 16);
            copy_rows<BLOCK_M>(stage, x, first_row, p.tile_rows, p.encoded_pitch,
                               k_block * BLOCK_K);
            copy_rows<BLOCK_N>(stage + BLOCK_M * ROW_VECTORS * 16, w, first_column, p.tile_columns,
                               p.encoded_pitch, k_block * BLOCK_K);
        }
        cp_async_commit_group(); // also when empty: the count of groups tells which stage is full
    };

    float sum[FRAGMENTS_M][FRAGMENTS_N][4] = {};

#pragma unroll
    for (int k_block = 0; k_block < NUM_STAGES - 1; k_block++)
        copy_block(k_block);

    for (int k_block = 0; k_block < k_blocks; k_block++) {
        cp_async_wait_group<NUM_STAGES - 2>();
        __syncthreads(); // stage k_block is full, and stage k_block − 1 has been consumed by all
        copy_block(k_block + NUM_STAGES - 1);

        const unsigned stage = stages + k_block % NUM_STAGES * (STAGE_VECTORS * 16);
        Fragments fragments[2];
        fragments[0].load(stage, warp_row, warp_column, 0);
#pragma unroll
        for (int step = 0; step < K_STEPS; step++) {
            if (step + 1 < K_STEPS)
                fragments[(step + 1) % 2].load(stage, warp_row, warp_column, step + 1);
#pragma unroll
            for (int i = 0; i < FRAGMENTS_M; i++)
#pragma unroll
                for (int j = 0; j < FRAGMENTS_N; j++)
                    mma(Encoded{}, sum[i][j], fragments[step % 2].x[i], fragments[step % 2].w[j]);
        }
    }

    cp_async_wait_group<0>();
    __syncthreads(); // the stages are free for the epilogue

    constexpr int WARP_STAGING = 16 * (WARP_N * sizeof(Product) + 16); // bytes
    static_assert(WARP_STAGING * WARPS_M * WARPS_N <= NUM_STAGES * STAGE_VECTORS * 16,
                  "schedule.stages hold the epilogue's staging");
    Product *staging
        = reinterpret_cast<Product *>(reinterpret_cast<char *>(shared) + warp * WARP_STAGING);
    const int row = first_row + warp_row;
    const int column = first_column + warp_column;
    Product *product = static_cast<Product *>(p.product)
        + (channel * (long long)p.tile_rows + row) * p.product_pitch + column;
    store_warp(sum, staging, product, p.product_pitch, p.tile_rows - row,
               p.product_pitch - column);
}
