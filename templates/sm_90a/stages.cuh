// SPDX-License-Identifier: Apache-2.0
// The ring of shared-memory stages between a block's producer, one warp that starts copies, and its consumers,
// warpgroups that multiply. A stage holds BLOCK_K columns of X̂ and of Ŵ; blocks of a cluster share half of the
// copies, so a stage is free when the consumers of all of them are through with it.
#include "ptx/cluster.cuh"
#include "ptx/mbarrier.cuh"
#include "ptx/tma.cuh"
#include "ptx/wgmma.cuh"

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
