// SPDX-License-Identifier: Apache-2.0
// The gradient of the encoded weights: leftᵀ·right for every channel c, contracting over tile rows. Left
// and right are dŶ_c and X̂_c, or the other way round where W is stored [K, N].
//
// A block computes BLOCK_M × BLOCK_N elements of one channel, in steps of BLOCK_K tile rows. A stage holds
// rows as they lie in memory; transposing loads bring them to the tensor cores.
#include "params.h"
#include "common/types.cuh"
//@ declare()
#include "common/chunk.cuh"
#include "ptx/cp_async.cuh"
#include "ptx/ldmatrix.cuh"
#include "ptx/mma.cuh"

constexpr int WARPS_M = BLOCK_M / WARP_M;
constexpr int WARPS_N = BLOCK_N / WARP_N;
constexpr int THREADS = 32 * WARPS_M * WARPS_N;
constexpr int VECTOR = 16 / sizeof(Encoded);   // elements that cp.async copies
constexpr int MMA_K = 32 / sizeof(Encoded);    // tile rows that an mma consumes
constexpr int K_STEPS = BLOCK_K / MMA_K;
constexpr int LEFT_VECTORS = BLOCK_M / VECTOR; // of one row of a stage
constexpr int RIGHT_VECTORS = BLOCK_N / VECTOR;
constexpr int STAGE_VECTORS = BLOCK_K * (LEFT_VECTORS + RIGHT_VECTORS);
constexpr int FRAGMENTS_M = WARP_M / 16;
constexpr int FRAGMENTS_N = WARP_N / 8;

static_assert(BLOCK_K % MMA_K == 0 && NUM_STAGES >= 2, "the ring of stages");
static_assert(BLOCK_M % WARP_M == 0 && WARP_M % 16 == 0, "rows of warp tiles");
static_assert(BLOCK_N % WARP_N == 0 && WARP_N % 16 == 0, "columns of warp tiles");
static_assert(LEFT_VECTORS >= 8 && RIGHT_VECTORS >= 8, "a swizzle permutes eight vectors");
static_assert(BLOCK_K * LEFT_VECTORS % THREADS == 0 && BLOCK_K * RIGHT_VECTORS % THREADS == 0,
              "stages are filled by whole rounds of the threads");

// Where vector `vector` of row `row` lies: swizzled, so that what the lanes of a warp load together falls
// into different banks. That is one vector of eight rows, or two neighbours of four.
template <int ROW_VECTORS>
__device__ __forceinline__ int swizzled(int row, int vector)
{
    return row * ROW_VECTORS + (vector ^ (sizeof(Encoded) == 2 ? row % 8 : row % 4 * 2));
}

// Starts the copy of BLOCK_K rows. Rows past the matrix must count for nothing: they are zero. Columns past
// it repeat the last ones and are never stored.
template <int ROW_VECTORS>
__device__ __forceinline__ void copy_rows(uint4 *stage, const Encoded *matrix, long long pitch,
                                          int first_row, int row_count, int first_column)
{
    const unsigned address = (unsigned)__cvta_generic_to_shared(stage);
#pragma unroll
    for (int i = 0; i < BLOCK_K * ROW_VECTORS / THREADS; i++) {
        const int row = (threadIdx.x + i * THREADS) / ROW_VECTORS;
        const int vector = (threadIdx.x + i * THREADS) % ROW_VECTORS;
        const int to = swizzled<ROW_VECTORS>(row, vector);
        const long long column = min((long long)first_column + vector * VECTOR, pitch - VECTOR);
        if (first_row + row < row_count)
            cp_async_cg_16(address + to * 16, matrix + (first_row + row) * pitch + column);
        else
            stage[to] = uint4{};
    }
}

// Element (row, column) of a stage, of those that are 32 bits wide.
template <int ROW_VECTORS>
__device__ __forceinline__ unsigned word(const uint4 *stage, int row, int column)
{
    return reinterpret_cast<const unsigned *>(
        stage)[swizzled<ROW_VECTORS>(row, column / 4) * 4 + column % 4];
}

// The operands of one K step of a warp.
struct Fragments {
    unsigned left[FRAGMENTS_M][4];
    unsigned right[FRAGMENTS_N][2];

    __device__ __forceinline__ void load(const uint4 *stage, int warp_row, int warp_column, int step)
    {
        const int lane = threadIdx.x % 32;
        const uint4 *right_stage = stage + BLOCK_K * LEFT_VECTORS;
        const int first = step * MMA_K;
        if constexpr (sizeof(Encoded) == 2) {
            const unsigned left_address = (unsigned)__cvta_generic_to_shared(stage);
            const unsigned right_address = (unsigned)__cvta_generic_to_shared(right_stage);
            // Left: both vectors of columns of tile rows 0-7, then of tile rows 8-15.
#pragma unroll
            for (int i = 0; i < FRAGMENTS_M; i++)
                ldmatrix_x4_trans(
                    left[i], left_address
                        + swizzled<LEFT_VECTORS>(first + lane / 16 * 8 + lane % 8,
                                                 (warp_row + i * 16) / 8 + lane / 8 % 2) * 16);
            // Right: tile rows 0-7 and 8-15 of one vector of columns, then of the next.
#pragma unroll
            for (int j = 0; j < FRAGMENTS_N; j += 2) {
                unsigned pair[4];
                ldmatrix_x4_trans(
                    pair, right_address
                        + swizzled<RIGHT_VECTORS>(first + lane % 16,
                                                  (warp_column + j * 8) / 8 + lane / 16) * 16);
                right[j][0] = pair[0];
                right[j][1] = pair[1];
                right[j + 1][0] = pair[2];
                right[j + 1][1] = pair[3];
            }
        } else {
            const int row = first + lane % 4;
#pragma unroll
            for (int i = 0; i < FRAGMENTS_M; i++)
#pragma unroll
                for (int part = 0; part < 4; part++)
                    left[i][part] = word<LEFT_VECTORS>(
                        stage, row + part / 2 * 4, warp_row + i * 16 + part % 2 * 8 + lane / 4);
#pragma unroll
            for (int j = 0; j < FRAGMENTS_N; j++)
#pragma unroll
                for (int part = 0; part < 2; part++)
                    right[j][part] = word<RIGHT_VECTORS>(right_stage, row + part * 4,
                                                         warp_column + j * 8 + lane / 4);
        }
    }
};

extern "C" __global__ void __launch_bounds__(THREADS, 1)
stile_weight_gemm(const __grid_constant__ stile_weight_gemm_params p)
{
    extern __shared__ __align__(128) uint4 shared[];

    const unsigned grid_rows = (p.left_columns + BLOCK_M - 1) / BLOCK_M;
    const unsigned grid_columns = (p.right_columns + BLOCK_N - 1) / BLOCK_N;
    const unsigned channel = blockIdx.x / (grid_rows * grid_columns);
    const unsigned block = blockIdx.x % (grid_rows * grid_columns);
    const int first_row = block / grid_columns * BLOCK_M;
    const int first_column = block % grid_columns * BLOCK_N;

    const Encoded *left
        = static_cast<const Encoded *>(p.left) + channel * (p.tile_rows * p.left_pitch);
    const Encoded *right
        = static_cast<const Encoded *>(p.right) + channel * (p.tile_rows * p.right_pitch);

    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int warp_row = warp / WARPS_N * WARP_M;
    const int warp_column = warp % WARPS_N * WARP_N;
    const int k_blocks = (p.tile_rows + BLOCK_K - 1) / BLOCK_K;

    const auto copy_block = [&](int k_block) {
        if (k_block < k_blocks) {
            uint4 *stage = shared + k_block % NUM_STAGES * STAGE_VECTORS;
            copy_rows<LEFT_VECTORS>(stage, left, p.left_pitch, k_block * BLOCK_K, p.tile_rows,
                                    first_row);
            copy_rows<RIGHT_VECTORS>(stage + BLOCK_K * LEFT_VECTORS, right, p.right_pitch,
                                     k_block * BLOCK_K, p.tile_rows, first_column);
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

        const uint4 *stage = shared + k_block % NUM_STAGES * STAGE_VECTORS;
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
                    mma(Encoded{}, sum[i][j], fragments[step % 2].left[i],
                        fragments[step % 2].right[j]);
        }
    }

    // Four lanes write eight neighbours of a row.
    Product *product
        = static_cast<Product *>(p.product) + channel * (p.left_columns * p.product_pitch);
#pragma unroll
    for (int i = 0; i < FRAGMENTS_M; i++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = first_row + warp_row + i * 16 + half * 8 + lane / 4;
            if (row >= p.left_columns)
                continue;
#pragma unroll
            for (int j = 0; j < FRAGMENTS_N; j++) {
                const int column = first_column + warp_column + j * 8 + lane % 4 * 2;
                Product *to = product + row * p.product_pitch + column;
                Chunk<Product, 2> pair;
                from_floats(pair.elements, sum[i][j][2 * half], sum[i][j][2 * half + 1]);
                if (p.paired && column + 1 < p.right_columns)
                    pair.store(to);
                else
                    pair.store(to, p.right_columns - column);
            }
        }
    }
}
