// SPDX-License-Identifier: Apache-2.0
// The channel GEMM on Hopper with 8-bit operands: Ŷ_c = X̂_c · Ŵ_cᵀ, scaled, through TMA and wgmma.
//
// As channel_gemm.cu, but with 256 × 128 blocks, whose clusters share their rows: each block loads its own
// rows of Ŵ and half of those of X̂, which the copy engine writes to both. A consumer has 128 × 128 sums.
//
// The accumulators of 8-bit products keep some 14 bits, and scales change every 128 elements of K, which is
// what a stage holds. So each stage is multiplied from zero, 64 rows at a time, and its products are scaled and
// added to sums in full f32; meanwhile the other consumer has the tensor cores.
#include "params_scaled.h"
#include "common/types_fp8.cuh"
//@ declare()
#include "sm_90a/fragments.cuh"
#include "sm_90a/stages.cuh"

constexpr int HALVES = BLOCK_M / (64 * CONSUMERS); // 64 rows each, of a consumer
constexpr int PRODUCER_REGISTERS = 40;
constexpr int CONSUMER_REGISTERS = 232;

static_assert(HALVES == 2, "schedule.block[0]: each consumer holds 128 rows");
static_assert(BLOCK_N == STILE_SCALE_ROWS, "schedule.block[1]: one scale of Ŵ");
static_assert(BLOCK_K == STILE_SCALE_K, "schedule.block[2]: one scale, and the 128-byte swizzle");

// The order of work: channel by channel, within a channel in bands of BAND_ROWS rows.
struct Tile {
    int channel, row, column; // row and column count tiles

    __device__ __forceinline__ Tile(const stile_gemm_scaled_params &p, int index, int rank)
    {
        const int pairs = (p.columns + CLUSTER - 1) / CLUSTER;
        const int per_channel = p.rows * pairs;
        channel = index / per_channel;
        const int in_channel = index - channel * per_channel;
        const int band = in_channel / (BAND_ROWS * pairs);
        const int band_rows = min(p.rows - band * BAND_ROWS, BAND_ROWS);
        const int in_band = in_channel - band * BAND_ROWS * pairs;
        const int pair = in_band / band_rows;
        row = band * BAND_ROWS + in_band - pair * band_rows;
        column = pair * CLUSTER + rank;
    }
};

// The scales that a thread needs for one stage: of its four rows, and of the block's columns.
struct Scales {
    float x[2 * HALVES], w;

    __device__ __forceinline__ void load(const stile_gemm_scaled_params &p, const Tile &tile, int k_block,
                                         int first_row)
    {
        const long long block = (long long)tile.channel * p.k_blocks + k_block;
        const float *rows = p.x_scales + block * p.x_scale_rows;
#pragma unroll
        for (int i = 0; i < 2 * HALVES; i++) // rows past the end are zero, whatever their scale
            x[i] = rows[min(tile.row * BLOCK_M + first_row + i / 2 * 64 + i % 2 * 8,
                            p.x_scale_rows - 1)];
        w = tile.column < p.columns ? p.w_scales[block * p.w_scale_rows + tile.column] : 0.0f;
    }
};

extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
stile_channel_gemm_scaled(const __grid_constant__ stile_gemm_scaled_params p)
{
    extern __shared__ __align__(1024) unsigned char shared[];
    __shared__ __align__(8) unsigned long long barrier_words[StageBarriers::COUNT];

    const unsigned stages = (unsigned)__cvta_generic_to_shared(shared);
    const StageBarriers barriers((unsigned)__cvta_generic_to_shared(barrier_words));
    const unsigned rank = cluster_ctarank();
    const int cluster = blockIdx.x / CLUSTER;
    const int clusters = gridDim.x / CLUSTER;
    const int tiles = RANK * p.rows * ((p.columns + CLUSTER - 1) / CLUSTER);

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
                    mbarrier_wait(barriers.empty + 8 * ring.stage, ring.phase ^ 1);
                    mbarrier_arrive_expect_tx(full, STAGE_BYTES);
                    cp_async_bulk_tensor_3d_multicast(
                        x_stage + rank * (X_BYTES / CLUSTER), &p.x_encoded, full,
                        k_block * BLOCK_K, tile.row * BLOCK_M + rank * (BLOCK_M / CLUSTER),
                        tile.channel, (1 << CLUSTER) - 1);
                    cp_async_bulk_tensor_3d(x_stage + X_BYTES, &p.w_encoded, full,
                                            k_block * BLOCK_K, tile.column * BLOCK_N, tile.channel);
                }
            }
        }
    } else {
        setmaxnreg_inc<CONSUMER_REGISTERS>();
        const int consumer = threadIdx.x / 128 - 1;
        const int warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32;
        const int first_row = consumer * 64 * HALVES + warp * 16 + lane / 4; // of the block

        for (int index = cluster; index < tiles; index += clusters) {
            const Tile tile(p, index, rank);
            float sums[HALVES][BLOCK_N / 2] = {};
            Scales scales, next;
            next.load(p, tile, 0, first_row);
            for (int k_block = 0; k_block < p.k_blocks; k_block++, ring.advance()) {
                const unsigned x_stage = stages + ring.stage * STAGE_BYTES;
                scales = next;
                next.load(p, tile, min(k_block + 1, p.k_blocks - 1), first_row);
                mbarrier_wait(barriers.full + 8 * ring.stage, ring.phase);
                const unsigned long long w = wgmma_descriptor(x_stage + X_BYTES);
#pragma unroll
                for (int half = 0; half < HALVES; half++) {
                    const unsigned long long x
                        = wgmma_descriptor(x_stage + (consumer * HALVES + half) * 64 * ROW_BYTES);
                    float products[BLOCK_N / 2];
                    wgmma_fence();
#pragma unroll
                    for (int step = 0; step < K_STEPS; step++)
                        wgmma(products, x + step * 2, w + step * 2, step > 0);
                    wgmma_commit_group();
                    wgmma_wait_group<0>();
                    if (half == HALVES - 1)
                        barriers.release(ring.stage, lane);
                    const float upper = scales.x[2 * half] * scales.w;
                    const float lower = scales.x[2 * half + 1] * scales.w;
#pragma unroll
                    for (int i = 0; i < BLOCK_N / 2; i++)
                        sums[half][i] = fmaf(products[i], i % 4 < 2 ? upper : lower, sums[half][i]);
                }
            }

            if (tile.column < p.columns) {
                const long long block = ((long long)tile.row * p.columns + tile.column) * RANK
                    + tile.channel;
#pragma unroll
                for (int half = 0; half < HALVES; half++)
                    store_fragments(sums[half], static_cast<char *>(p.product)
                                        + block * (BLOCK_M * BLOCK_N * sizeof(Product)),
                                    (consumer * HALVES + half) * 4 + warp, lane);
            }
        }
    }

    // A block must not leave while its peer may still write to it or arrive at its barriers.
    barrier_cluster_arrive();
    barrier_cluster_wait();
}
