// Rendered by stile. The comments below name the templates that each part comes from.

// --- sm_80/encode_rows.cu ---
// Encodes a row-major matrix whose rows run along the inner dimension: X, and W stored [N, K].
//
// A thread encodes TILES_PER_THREAD tiles that are neighbours along K: it reads whole chunks of
// TILE_ROWS source rows and writes one word of each channel. A warp covers 32 threads of one tile row.

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

// --- sm_80/encode_rows.cu ---
using Input = f32; // precision.input
using Encoded = tf32; // precision.encoded
constexpr int TILE_ROWS = 2; // of the source
constexpr int TILE_COLUMNS = 2;
constexpr int ENTRIES_BY_COLUMN = 0; // how the encoder numbers a tile's entries
constexpr int SPARSE = 1; // basis: coefficients are code, or else operands
constexpr int SKIP_ZEROS = 0; // basis: some operands are zero
constexpr int TILES_PER_THREAD = 2;
constexpr int THREADS_Y = 4;

// --- common/source_tiles.cuh ---
// COUNT tiles of ROWS × COLUMNS that are neighbours along the rows of an encoder's source, as one thread
// reads them: whole chunks of each row.

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

// --- common/lanes.cuh ---
// One value for each of COUNT neighbouring tiles that a thread works on, with arithmetic.

template <int COUNT>
struct Lanes {
    float of[COUNT];

    Lanes() = default;

    __device__ __forceinline__ Lanes(float value)
    {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            of[i] = value;
    }
};

template <int COUNT>
__device__ __forceinline__ Lanes<COUNT> operator+(const Lanes<COUNT> &a, const Lanes<COUNT> &b)
{
    Lanes<COUNT> sum;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        sum.of[i] = a.of[i] + b.of[i];
    return sum;
}

template <int COUNT>
__device__ __forceinline__ Lanes<COUNT> operator-(const Lanes<COUNT> &a, const Lanes<COUNT> &b)
{
    Lanes<COUNT> difference;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        difference.of[i] = a.of[i] - b.of[i];
    return difference;
}

template <int COUNT>
__device__ __forceinline__ Lanes<COUNT> operator-(const Lanes<COUNT> &a)
{
    Lanes<COUNT> negated;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        negated.of[i] = -a.of[i];
    return negated;
}

template <int COUNT>
__device__ __forceinline__ Lanes<COUNT> operator*(float factor, const Lanes<COUNT> &a)
{
    Lanes<COUNT> product;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        product.of[i] = factor * a.of[i];
    return product;
}

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

// --- common/source_tiles.cuh ---
template <int ROWS, int COLUMNS, int COUNT>
struct SourceTiles {
    static constexpr int CHUNK_COLUMNS = COUNT * COLUMNS;
    Chunk<Input, CHUNK_COLUMNS> rows[ROWS];

    // chunk: counts CHUNK_COLUMNS from the left. Tiles outside of the matrix are zero.
    __device__ __forceinline__ void load(const stile_encode_params &p, int tile_row, int chunk)
    {
        const TileRow at = locate_tile_row(p.groups, tile_row, ROWS);
        const long long first_column = (long long)chunk * CHUNK_COLUMNS;
        const long long left = p.inner - first_column;
        const int valid = left < 0 ? 0 : left < CHUNK_COLUMNS ? (int)left : CHUNK_COLUMNS;
        const Input *source
            = static_cast<const Input *>(p.source) + at.first_row * p.source_pitch + first_column;
#pragma unroll
        for (int row = 0; row < ROWS; row++) {
            const bool inside = tile_row < p.groups.tile_rows && row < at.valid_rows;
            if (inside && valid == CHUNK_COLUMNS && p.vectorized)
                rows[row].load(source + row * p.source_pitch);
            else
                rows[row].load(source + row * p.source_pitch, inside ? valid : 0);
        }
    }

    // The tiles' entries, in the order of the encoder's columns.
    __device__ __forceinline__ void get_entries(Lanes<COUNT> (&entries)[ROWS * COLUMNS]) const
    {
#pragma unroll
        for (int entry = 0; entry < ROWS * COLUMNS; entry++) {
            const int row = ENTRIES_BY_COLUMN ? entry % ROWS : entry / COLUMNS;
            const int column = ENTRIES_BY_COLUMN ? entry / ROWS : entry % COLUMNS;
#pragma unroll
            for (int tile = 0; tile < COUNT; tile++)
                entries[entry].of[tile] = to_float(rows[row].elements[tile * COLUMNS + column]);
        }
    }
};

// --- common/encode.cuh ---
// What every encoder does once a thread has its tiles in registers: all channels, stored as they come.

// --- common/straight_line.cuh ---
// The linear maps of sparse rational bases as straight-line code; in[j] is an input, emit(i, value) receives
// each output. The coefficients are in the code.

// --- common/straight_line_map.cuh ---
template <class In, class Emit>
__device__ __forceinline__ void linear_map(const In &in, Emit emit)
{
    emit(0, in[0]);
    emit(1, in[1]);
    emit(3, in[3]);
    const auto t0 = in[2] + in[3];
    emit(4, t0);
    const auto t1 = in[0] - t0;
    emit(5, -t1);
    const auto t2 = in[1] + t1;
    emit(2, t2);
    const auto t3 = in[0] - in[2];
    emit(6, t3);
}

// In the form of the dense maps.
template <class In, class Emit>
__device__ __forceinline__ void linear_map(const In &in, const float *, Emit emit)
{
    linear_map(in, emit);
}

// Nothing to load.
__device__ __forceinline__ void load_coefficients(float *, const float *, int, int) {}

// --- common/encode.cuh ---
constexpr int TILE_ENTRIES = TILE_ROWS * TILE_COLUMNS;

// out: channel 0 of the thread's tiles; in: their entries, numbered as the columns of the encoder.
__device__ __forceinline__ void encode_tiles(const Lanes<TILES_PER_THREAD> (&in)[TILE_ENTRIES],
                                             const float *coefficients, Encoded *out,
                                             long long channel_stride)
{
    linear_map(in, coefficients, [&](int channel, const Lanes<TILES_PER_THREAD> &value) {
        Chunk<Encoded, TILES_PER_THREAD> chunk;
        from_floats(chunk, value.of);
        chunk.store(out + channel * channel_stride);
    });
}

// --- sm_80/encode_rows.cu ---
extern "C" __global__ void __launch_bounds__(32 * THREADS_Y)
stile_encode_rows(const __grid_constant__ stile_encode_params p)
{
    extern __shared__ __align__(16) float coefficients[];
    if (!SPARSE) {
        load_coefficients(coefficients, p.coefficients, threadIdx.y * 32 + threadIdx.x,
                          32 * THREADS_Y);
        __syncthreads();
    }

    // The padding of the pitch is encoded too: its tiles lie outside, so it becomes zero.
    const int chunks = (int)(p.encoded_pitch / TILES_PER_THREAD);
    const unsigned column_blocks = (chunks + 31) / 32;
    const unsigned row_blocks = (p.groups.tile_rows + THREADS_Y - 1) / THREADS_Y;
    const long long channel_stride = p.groups.tile_rows * p.encoded_pitch;

    for (unsigned block = blockIdx.x; block < row_blocks * column_blocks; block += gridDim.x) {
        const int tile_row = block / column_blocks * THREADS_Y + threadIdx.y;
        const int chunk = block % column_blocks * 32 + threadIdx.x;
        if (tile_row >= p.groups.tile_rows || chunk >= chunks)
            continue;

        SourceTiles<TILE_ROWS, TILE_COLUMNS, TILES_PER_THREAD> tiles;
        tiles.load(p, tile_row, chunk);
        Lanes<TILES_PER_THREAD> in[TILE_ENTRIES];
        tiles.get_entries(in);
        encode_tiles(in, coefficients,
                     static_cast<Encoded *>(p.encoded) + tile_row * p.encoded_pitch
                         + chunk * TILES_PER_THREAD,
                     channel_stride);
    }
}
