// Rendered by stile. The comments below name the templates that each part comes from.

// --- sm_90a/channel_gemm.cu ---
// The channel GEMM on Hopper: Ŷ_c = X̂_c · Ŵ_cᵀ for every channel c, through TMA and wgmma.
//
// Persistent clusters of two blocks walk over pairs of BLOCK_M × BLOCK_N tiles that share their columns:
// each block loads its own rows of X̂ and half of the rows of Ŵ, which the copy engine writes to both.
// In a block, one warp produces stages and two warpgroups consume them, each with 64 × BLOCK_N
// accumulators.
//
// Ŷ is left in fragment order, as the accumulators lie in registers: see fragments.cuh.

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

// --- sm_90a/channel_gemm.cu ---
using Encoded = bf16; // precision.encoded
using Product = bf16; // precision.product
constexpr int BLOCK_M = 128; // schedule.block[0]
constexpr int BLOCK_N = 256; // schedule.block[1]
constexpr int BLOCK_K = 64; // schedule.block[2]
constexpr int NUM_STAGES = 4; // schedule.stages
constexpr int RANK = 7; // basis.rank
constexpr int BAND_ROWS = 8; // that run side by side

// --- sm_90a/fragments.cuh ---
// Ŷ in fragment order: the accumulators of wgmma as vectors of eight, straight from registers.
//
// Ŷ is [row blocks][column blocks][rank] blocks of BLOCK_M × BLOCK_N products. A block is a sequence of runs
// of 256 products, one vector of each lane: run ((warp of the block · 2 + half) · BLOCK_N/32 + quad) holds, for
// lane l, row 16·warp + 8·half + l/4 and the columns 32·quad + 8·i + l%4·2 + {0, 1} for i = 0 … 3.

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

// --- sm_90a/fragments.cuh ---
// warp: of the consumers, which hold 16 rows of the block each.
__device__ __forceinline__ void store_fragments(const float (&sum)[BLOCK_N / 2], char *block, int warp,
                                                int lane)
{
    constexpr int QUADS = BLOCK_N / 32;
    using Vector = Chunk<Product, 8>;
    Product *runs = reinterpret_cast<Product *>(block) + (warp * 2 * QUADS * 32 + lane) * 8;
#pragma unroll
    for (int half = 0; half < 2; half++) {
#pragma unroll
        for (int quad = 0; quad < QUADS; quad++) {
            float values[8];
#pragma unroll
            for (int i = 0; i < 8; i++)
                values[i] = sum[(quad * 4 + i / 2) * 4 + half * 2 + i % 2];
            Vector vector;
            from_floats(vector, values);
            vector.store(runs + (half * QUADS + quad) * 32 * 8);
        }
    }
}

// --- sm_90a/stages.cuh ---
// The ring of shared-memory stages between a block's producer, one warp that starts copies, and its consumers,
// warpgroups that multiply. A stage holds BLOCK_K columns of X̂ and of Ŵ; blocks of a cluster share half of the
// copies, so a stage is free when the consumers of all of them are through with it.

// --- ptx/cluster.cuh ---
// Clusters of thread blocks, and registers moved between warpgroups (sm_90).

__device__ __forceinline__ unsigned cluster_ctarank()
{
    unsigned rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

__device__ __forceinline__ void barrier_cluster_arrive()
{
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}

__device__ __forceinline__ void barrier_cluster_wait()
{
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// Stores a vector in block `rank` of the cluster; its 16 bytes complete on that block's barrier. Both
// addresses are of this block: the same places there.
__device__ __forceinline__ void st_async_v4(unsigned shared_address, int4 value, unsigned barrier,
                                            unsigned rank)
{
    asm volatile("{\n"
                 ".reg .b32 remote_address, remote_barrier;\n"
                 "mapa.shared::cluster.u32 remote_address, %0, %6;\n"
                 "mapa.shared::cluster.u32 remote_barrier, %5, %6;\n"
                 "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32"
                 " [remote_address], {%1, %2, %3, %4}, [remote_barrier];\n"
                 "}" :: "r"(shared_address), "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w),
                 "r"(barrier), "r"(rank) : "memory");
}

template <int REGISTERS>
__device__ __forceinline__ void setmaxnreg_inc()
{
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" :: "n"(REGISTERS));
}

template <int REGISTERS>
__device__ __forceinline__ void setmaxnreg_dec()
{
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" :: "n"(REGISTERS));
}

// --- ptx/mbarrier.cuh ---
// Barriers in shared memory that count arrivals and bytes (sm_90). Addresses are of shared memory.

__device__ __forceinline__ void mbarrier_init(unsigned barrier, unsigned arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" :: "r"(barrier), "r"(arrivals) : "memory");
}

// Makes initialised barriers visible to the cluster and to the copy engine.
__device__ __forceinline__ void fence_mbarrier_init()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void mbarrier_arrive_expect_tx(unsigned barrier, unsigned bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;"
                 :: "r"(barrier), "r"(bytes) : "memory");
}

// Arrives, after what this thread wrote.
__device__ __forceinline__ void mbarrier_arrive(unsigned barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" :: "r"(barrier) : "memory");
}

// Arrives at the barrier that lies at the same place in block `rank` of the cluster. Orders what the copy
// engine and wgmma did with shared memory, which wait for it elsewhere; not ordinary accesses: with
// .release.cluster this costs a fence of the whole GPU.
__device__ __forceinline__ void mbarrier_arrive_cluster(unsigned barrier, unsigned rank)
{
    asm volatile("{\n"
                 ".reg .b32 remote;\n"
                 "mapa.shared::cluster.u32 remote, %0, %1;\n"
                 "mbarrier.arrive.shared::cluster.b64 _, [remote];\n"
                 "}" :: "r"(barrier), "r"(rank) : "memory");
}

// Whether the phase of the given parity has completed; may wait for a while.
__device__ __forceinline__ bool mbarrier_try_wait_parity(unsigned barrier, unsigned parity)
{
    unsigned complete;
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, p;\n"
                 "}" : "=r"(complete) : "r"(barrier), "r"(parity) : "memory");
    return complete;
}

__device__ __forceinline__ void mbarrier_wait(unsigned barrier, unsigned parity)
{
    while (!mbarrier_try_wait_parity(barrier, parity)) {
    }
}

// --- ptx/tma.cuh ---
// Tensor copies from global to shared memory (sm_90); they complete by bytes on an mbarrier.

__device__ __forceinline__ void prefetch_tensormap(const stile_tensor_map *map)
{
    asm volatile("prefetch.tensormap [%0];" :: "l"(map) : "memory");
}

// A box at (x, y, z), x innermost; what lies outside of the tensor is filled with zeros.
__device__ __forceinline__ void cp_async_bulk_tensor_3d(unsigned shared_address,
                                                        const stile_tensor_map *map, unsigned barrier,
                                                        int x, int y, int z)
{
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile"
                 ".mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];"
                 :: "r"(shared_address), "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z) : "memory");
}

// The same to every block of the cluster whose bit is set in `blocks`, data and bytes alike.
__device__ __forceinline__ void cp_async_bulk_tensor_3d_multicast(unsigned shared_address,
                                                                  const stile_tensor_map *map,
                                                                  unsigned barrier, int x, int y,
                                                                  int z, unsigned short blocks)
{
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile"
                 ".mbarrier::complete_tx::bytes.multicast::cluster"
                 " [%0], [%1, {%3, %4, %5}], [%2], %6;"
                 :: "r"(shared_address), "l"(map), "r"(barrier), "r"(x), "r"(y), "r"(z), "h"(blocks)
                 : "memory");
}

// --- ptx/wgmma.cuh ---
// Warpgroup products (sm_90a): 64 × BLOCK_N f32 accumulators, operands in shared memory, 32 bytes of the
// inner dimension a step.

__device__ __forceinline__ void wgmma_fence()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void wgmma_commit_group()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

template <int PENDING>
__device__ __forceinline__ void wgmma_wait_group()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" :: "n"(PENDING) : "memory");
}

// Describes a K-major operand whose rows of 128 bytes lie in atoms of 8 rows, swizzled by 128 bytes.
__device__ __forceinline__ unsigned long long wgmma_descriptor(unsigned shared_address)
{
    constexpr unsigned long long SWIZZLE_128 = 1ull << 62;
    constexpr unsigned long long ATOM_STRIDE = (unsigned long long)(8 * 128 / 16) << 32;
    constexpr unsigned long long LEADING = 1ull << 16; // unused when swizzled
    return SWIZZLE_128 | ATOM_STRIDE | LEADING | (shared_address & 0x3ffff) >> 4;
}

// sum (+)= a · bᵀ; without `accumulate` the old sum is ignored.
__device__ __forceinline__ void wgmma(float (&sum)[BLOCK_N / 2], unsigned long long a,
                                      unsigned long long b, int accumulate)
{
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "setp.ne.b32 p, %130, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7,"
                 "%8, %9, %10, %11, %12, %13, %14, %15,"
                 "%16, %17, %18, %19, %20, %21, %22, %23,"
                 "%24, %25, %26, %27, %28, %29, %30, %31,"
                 "%32, %33, %34, %35, %36, %37, %38, %39,"
                 "%40, %41, %42, %43, %44, %45, %46, %47,"
                 "%48, %49, %50, %51, %52, %53, %54, %55,"
                 "%56, %57, %58, %59, %60, %61, %62, %63,"
                 "%64, %65, %66, %67, %68, %69, %70, %71,"
                 "%72, %73, %74, %75, %76, %77, %78, %79,"
                 "%80, %81, %82, %83, %84, %85, %86, %87,"
                 "%88, %89, %90, %91, %92, %93, %94, %95,"
                 "%96, %97, %98, %99, %100, %101, %102, %103,"
                 "%104, %105, %106, %107, %108, %109, %110, %111,"
                 "%112, %113, %114, %115, %116, %117, %118, %119,"
                 "%120, %121, %122, %123, %124, %125, %126, %127},"
                 " %128, %129, p, 1, 1, 0, 0;\n"
                 "}"
                 :
                 "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]),
                 "+f"(sum[4]), "+f"(sum[5]), "+f"(sum[6]), "+f"(sum[7]),
                 "+f"(sum[8]), "+f"(sum[9]), "+f"(sum[10]), "+f"(sum[11]),
                 "+f"(sum[12]), "+f"(sum[13]), "+f"(sum[14]), "+f"(sum[15]),
                 "+f"(sum[16]), "+f"(sum[17]), "+f"(sum[18]), "+f"(sum[19]),
                 "+f"(sum[20]), "+f"(sum[21]), "+f"(sum[22]), "+f"(sum[23]),
                 "+f"(sum[24]), "+f"(sum[25]), "+f"(sum[26]), "+f"(sum[27]),
                 "+f"(sum[28]), "+f"(sum[29]), "+f"(sum[30]), "+f"(sum[31]),
                 "+f"(sum[32]), "+f"(sum[33]), "+f"(sum[34]), "+f"(sum[35]),
                 "+f"(sum[36]), "+f"(sum[37]), "+f"(sum[38]), "+f"(sum[39]),
                 "+f"(sum[40]), "+f"(sum[41]), "+f"(sum[42]), "+f"(sum[43]),
                 "+f"(sum[44]), "+f"(sum[45]), "+f"(sum[46]), "+f"(sum[47]),
                 "+f"(sum[48]), "+f"(sum[49]), "+f"(sum[50]), "+f"(sum[51]),
                 "+f"(sum[52]), "+f"(sum[53]), "+f"(sum[54]), "+f"(sum[55]),
                 "+f"(sum[56]), "+f"(sum[57]), "+f"(sum[58]), "+f"(sum[59]),
                 "+f"(sum[60]), "+f"(sum[61]), "+f"(sum[62]), "+f"(sum[63]),
                 "+f"(sum[64]), "+f"(sum[65]), "+f"(sum[66]), "+f"(sum[67]),
                 "+f"(sum[68]), "+f"(sum[69]), "+f"(sum[70]), "+f"(sum[71]),
                 "+f"(sum[72]), "+f"(sum[73]), "+f"(sum[74]), "+f"(sum[75]),
                 "+f"(sum[76]), "+f"(sum[77]), "+f"(sum[78]), "+f"(sum[79]),
                 "+f"(sum[80]), "+f"(sum[81]), "+f"(sum[82]), "+f"(sum[83]),
                 "+f"(sum[84]), "+f"(sum[85]), "+f"(sum[86]), "+f"(sum[87]),
                 "+f"(sum[88]), "+f"(sum[89]), "+f"(sum[90]), "+f"(sum[91]),
                 "+f"(sum[92]), "+f"(sum[93]), "+f"(sum[94]), "+f"(sum[95]),
                 "+f"(sum[96]), "+f"(sum[97]), "+f"(sum[98]), "+f"(sum[99]),
                 "+f"(sum[100]), "+f"(sum[101]), "+f"(sum[102]), "+f"(sum[103]),
                 "+f"(sum[104]), "+f"(sum[105]), "+f"(sum[106]), "+f"(sum[107]),
                 "+f"(sum[108]), "+f"(sum[109]), "+f"(sum[110]), "+f"(sum[111]),
                 "+f"(sum[112]), "+f"(sum[113]), "+f"(sum[114]), "+f"(sum[115]),
                 "+f"(sum[116]), "+f"(sum[117]), "+f"(sum[118]), "+f"(sum[119]),
                 "+f"(sum[120]), "+f"(sum[121]), "+f"(sum[122]), "+f"(sum[123]),
                 "+f"(sum[124]), "+f"(sum[125]), "+f"(sum[126]), "+f"(sum[127])
                 : "l"(a), "l"(b), "r"(accumulate));
}

// --- sm_90a/stages.cuh ---
constexpr int CLUSTER = 2;
constexpr int CONSUMERS = 2;                      // warpgroups
constexpr int CONSUMER_WARPS = 4 * CONSUMERS;
constexpr int THREADS = 128 * (1 + CONSUMERS);    // the first warpgroup has the producer
constexpr int ROW_BYTES = BLOCK_K * sizeof(Encoded);
constexpr int X_BYTES = BLOCK_M * ROW_BYTES;      // of a stage
constexpr int W_BYTES = BLOCK_N * ROW_BYTES;
constexpr int STAGE_BYTES = X_BYTES + W_BYTES;
constexpr int K_STEPS = ROW_BYTES / 32;           // a wgmma consumes 32 bytes of each row

static_assert(ROW_BYTES == 128, "schedule.block[2]: a stage row spans the 128-byte swizzle");

// Two barriers for each stage, each 8 bytes of shared memory from `full` on.
struct StageBarriers {
    static constexpr int COUNT = 2 * NUM_STAGES;
    unsigned full, empty;

    __device__ __forceinline__ explicit StageBarriers(unsigned first)
        : full(first), empty(first + 8 * NUM_STAGES)
    {
    }

    // By one thread. Needs fence_mbarrier_init and a barrier of the cluster afterwards.
    __device__ __forceinline__ void init() const
    {
        for (int stage = 0; stage < NUM_STAGES; stage++) {
            mbarrier_init(full + 8 * stage, 1);
            mbarrier_init(empty + 8 * stage, CLUSTER * CONSUMER_WARPS);
        }
    }

    // A consumer warp is through with a stage: lane r < CLUSTER arrives at block r.
    __device__ __forceinline__ void release(int stage, int lane) const
    {
        if (lane < CLUSTER)
            mbarrier_arrive_cluster(empty + 8 * stage, lane);
    }
};

// A place in the ring.
struct StageRing {
    int stage = 0;
    unsigned phase = 0;

    __device__ __forceinline__ void advance()
    {
        if (++stage == NUM_STAGES) {
            stage = 0;
            phase ^= 1;
        }
    }
};

// --- sm_90a/channel_gemm.cu ---
constexpr int PRODUCER_REGISTERS = 40;
constexpr int CONSUMER_REGISTERS = 232;

static_assert(BLOCK_M == 64 * CONSUMERS, "schedule.block[0]: each consumer holds 64 rows");
static_assert(BLOCK_N % 16 == 0 && BLOCK_N <= 256, "schedule.block[1]: one wgmma wide");

// The order of work: channel by channel, within a channel in bands of BAND_ROWS row pairs.
struct Tile {
    int channel, row, column; // row and column count tiles

    __device__ __forceinline__ Tile(const stile_gemm_tma_params &p, int index, int rank)
    {
        const int per_channel = p.row_pairs * p.columns;
        channel = index / per_channel;
        const int in_channel = index - channel * per_channel;
        const int band = in_channel / (BAND_ROWS * p.columns);
        const int band_rows = min(p.row_pairs - band * BAND_ROWS, BAND_ROWS);
        const int in_band = in_channel - band * BAND_ROWS * p.columns;
        column = in_band / band_rows;
        row = (band * BAND_ROWS + in_band - column * band_rows) * CLUSTER + rank;
    }
};

extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
stile_channel_gemm(const __grid_constant__ stile_gemm_tma_params p)
{
    extern __shared__ __align__(1024) unsigned char shared[];
    __shared__ __align__(8) unsigned long long barrier_words[StageBarriers::COUNT];

    const unsigned stages = (unsigned)__cvta_generic_to_shared(shared);
    const StageBarriers barriers((unsigned)__cvta_generic_to_shared(barrier_words));
    const unsigned rank = cluster_ctarank();
    const int cluster = blockIdx.x / CLUSTER;
    const int clusters = gridDim.x / CLUSTER;
    const int tiles = RANK * p.row_pairs * p.columns;

    if (threadIdx.x == 0) {
        prefetch_tensormap(&p.x_encoded);
        prefetch_tensormap(&p.w_encoded);
        barriers.init();
        fence_mbarrier_init();
    }
    barrier_cluster_arrive();
    barrier_cluster_wait();

    StageRing ring;
    if (threadIdx.x < 128) {
        setmaxnreg_dec<PRODUCER_REGISTERS>();
        if (threadIdx.x == 0) {
            for (int index = cluster; index < tiles; index += clusters) {
                const Tile tile(p, index, rank);
                for (int k_block = 0; k_block < p.k_blocks; k_block++, ring.advance()) {
                    const unsigned full = barriers.full + 8 * ring.stage;
                    const unsigned x_stage = stages + ring.stage * STAGE_BYTES;
                    const unsigned w_half = x_stage + X_BYTES + rank * (W_BYTES / CLUSTER);
                    mbarrier_wait(barriers.empty + 8 * ring.stage, ring.phase ^ 1);
                    mbarrier_arrive_expect_tx(full, STAGE_BYTES);
                    cp_async_bulk_tensor_3d(x_stage, &p.x_encoded, full, k_block * BLOCK_K,
                                            tile.row * BLOCK_M, tile.channel);
                    cp_async_bulk_tensor_3d_multicast(
                        w_half, &p.w_encoded, full, k_block * BLOCK_K,
                        tile.column * BLOCK_N + rank * (BLOCK_N / CLUSTER), tile.channel,
                        (1 << CLUSTER) - 1);
                }
            }
        }
    } else {
        setmaxnreg_inc<CONSUMER_REGISTERS>();
        const int consumer = threadIdx.x / 128 - 1;
        const int lane = threadIdx.x % 32;
        float sum[BLOCK_N / 2];

        for (int index = cluster; index < tiles; index += clusters) {
            const Tile tile(p, index, rank);
            int previous = 0; // the stage that is still being read
            for (int k_block = 0; k_block < p.k_blocks; k_block++, ring.advance()) {
                const unsigned x_stage = stages + ring.stage * STAGE_BYTES;
                mbarrier_wait(barriers.full + 8 * ring.stage, ring.phase);
                const unsigned long long x
                    = wgmma_descriptor(x_stage + consumer * 64 * ROW_BYTES);
                const unsigned long long w = wgmma_descriptor(x_stage + X_BYTES);
                wgmma_fence();
#pragma unroll
                for (int step = 0; step < K_STEPS; step++)
                    wgmma(sum, x + step * 2, w + step * 2, k_block > 0 || step > 0);
                wgmma_commit_group();
                if (k_block > 0) {
                    wgmma_wait_group<1>();
                    barriers.release(previous, lane);
                }
                previous = ring.stage;
            }
            wgmma_wait_group<0>();
            barriers.release(previous, lane);

            const long long block
                = ((long long)tile.row * p.columns + tile.column) * RANK + tile.channel;
            store_fragments(sum, static_cast<char *>(p.product)
                                + block * (BLOCK_M * BLOCK_N * sizeof(Product)),
                            threadIdx.x / 32 - 4, lane);
        }
    }

    // A block must not leave while its peer may still write to it or arrive at its barriers.
    barrier_cluster_arrive();
    barrier_cluster_wait();
}
