// SPDX-License-Identifier: Apache-2.0
// The channel GEMM: Ŷ_c = X̂_c · Ŵ_cᵀ for every channel c, on tensor cores through mma.sync.
//
// A block computes BLOCK_M × BLOCK_N elements of one channel, in steps of BLOCK_K along the inner
// dimension; a ring of NUM_STAGES shared-memory stages is filled by cp.async. Each warp owns a
// WARP_M × WARP_N part of the accumulators.
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
