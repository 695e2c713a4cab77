// SPDX-License-Identifier: Apache-2.0
// The channel GEMM on Hopper: Ŷ_c = X̂_c · Ŵ_cᵀ for every channel c, through TMA and wgmma.
//
// Persistent clusters of two blocks walk over pairs of BLOCK_M × BLOCK_N tiles that share their columns:
// each block loads its own rows of X̂ and half of the rows of Ŵ, which the copy engine writes to both.
// In a block, one warp produces stages and two warpgroups consume them, each with 64 × BLOCK_N
// accumulators.
//
// Ŷ is left in fragment order, as the accumulators lie in registers: see fragments.cuh.
#include "params.h"
#include "common/types.cuh"
//@ declare()
#include "sm_90a/fragments.cuh"
#include "sm_90a/stages.cuh"

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
