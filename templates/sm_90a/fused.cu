// SPDX-License-Identifier: Apache-2.0
// Encoding of X, channel GEMM and decoding in one persistent kernel.
//
// Encoding and decoding move memory and leave the tensor cores idle, the channel GEMM does the opposite.
// So clusters of two blocks draw tasks of all three kinds from one queue, in the order of tasks.cuh: at any
// time a few encode or decode while the others multiply. Counters in global memory say what is encoded and
// multiplied; a task waits only for tasks with lower tickets, so whatever blocks are resident make progress.
//
// In a block, warpgroup 0 has a warp that produces the stages of GEMM tasks (as in channel_gemm.cu) and
// waits for what tasks depend on, one that publishes what was done, and, in the first block of the cluster,
// one that draws tickets and sends the tasks to both. Warpgroups 1 and 2 do the work. All follow the same
// sequence of tasks, through a ring of TASK_SLOTS.
#include "params_fused.h"
#include "common/types.cuh"
#include "common/activations.cuh"
//@ declare()
#include "ptx/gpu_memory.cuh"
#include "sm_90a/fragments.cuh"
#include "sm_90a/stages.cuh"
#include "sm_90a/tasks.cuh"

constexpr int TASK_SLOTS = 2;
constexpr int PRODUCER_REGISTERS = 56;
constexpr int CONSUMER_REGISTERS = 224;

static_assert(BLOCK_M == 64 * CONSUMERS, "schedule.block[0]: each consumer holds 64 rows");
static_assert(BLOCK_N % 64 == 0 && BLOCK_N <= 256, "schedule.block[1]: one wgmma wide");

// The barriers of a block, each 8 bytes of shared memory.
struct Barriers {
    StageBarriers stages;
    unsigned task;        // of each slot: the task has come
    unsigned ready;       // of each slot: what the task depends on is there
    unsigned done;        // of each slot: consumer warps and producer are through with the task
    unsigned free;        // of each slot, in the first block: both blocks have published
    unsigned request;     // in the first block: the next task is wanted
    static constexpr int COUNT = StageBarriers::COUNT + 4 * TASK_SLOTS + 1;

    __device__ __forceinline__ explicit Barriers(unsigned first) : stages(first)
    {
        task = first + 8 * StageBarriers::COUNT;
        ready = task + 8 * TASK_SLOTS;
        done = ready + 8 * TASK_SLOTS;
        free = done + 8 * TASK_SLOTS;
        request = free + 8 * TASK_SLOTS;
    }

    __device__ __forceinline__ void init() const
    {
        stages.init();
        for (int slot = 0; slot < TASK_SLOTS; slot++) {
            mbarrier_init(task + 8 * slot, 1);
            mbarrier_init(ready + 8 * slot, 1);
            mbarrier_init(done + 8 * slot, CONSUMER_WARPS + 1);
            mbarrier_init(free + 8 * slot, CLUSTER);
        }
        mbarrier_init(request, 1);
        fence_mbarrier_init();
    }
};

// A place in the ring of tasks.
struct TaskRing {
    int slot = 0;
    unsigned phase = 0;

    __device__ __forceinline__ void advance()
    {
        if (++slot == TASK_SLOTS) {
            slot = 0;
            phase ^= 1;
        }
    }

    __device__ __forceinline__ Task wait(const Barriers &barriers, const Task *tasks) const
    {
        mbarrier_wait(barriers.task + 8 * slot, phase);
        return tasks[slot];
    }
};

struct Counters {
    unsigned *ticket, *finished;
    unsigned *encoded;    // of each row block: pieces
    unsigned *multiplied; // of each block of Ŷ: channels
    int columns, count;

    __device__ __forceinline__ explicit Counters(const stile_fused_params &p)
        : ticket(p.counters), finished(p.counters + STILE_COUNTERS_FIRST / 2),
          encoded(p.counters + STILE_COUNTERS_FIRST),
          multiplied(encoded + CLUSTER * p.gemm.row_pairs), columns(p.gemm.columns),
          count(STILE_COUNTERS_FIRST + CLUSTER * p.gemm.row_pairs * (1 + p.gemm.columns))
    {
    }

    __device__ __forceinline__ unsigned *multiplied_at(int row_block, int column) const
    {
        return multiplied + (row_block * columns + column);
    }
};

__device__ __forceinline__ void wait_for_count(const unsigned *counter, unsigned count)
{
    while (ld_acquire_gpu(counter) < count) {
    }
}

__device__ __forceinline__ char *product_block(const stile_fused_params &p, int row_block, int column,
                                               int channel)
{
    const long long block = ((long long)row_block * p.gemm.columns + column) * RANK + channel;
    return static_cast<char *>(p.gemm.product) + block * (BLOCK_M * BLOCK_N * sizeof(Product));
}

//@ if constants.SPARSE == 1 then
//@   include("sm_90a/pieces_straight_line.cuh")
//@ else
//@   include("sm_90a/pieces_mma.cuh")
//@ end

// --- the warps of warpgroup 0, one thread each -----------------------------------------------------

__device__ __forceinline__ void produce(const stile_fused_params &p, const Counters &counters,
                                        const Barriers &barriers, const Task *tasks, unsigned stages,
                                        int rank)
{
    // Late, so that the last tasks spread over all clusters; early enough to have the ticket in time.
    const int request_at = p.gemm.k_blocks > 3 ? p.gemm.k_blocks - 3 : 0;
    const auto request_next = [&] {
        if (rank == 0)
            mbarrier_arrive(barriers.request);
    };

    StageRing ring;
    for (TaskRing place;; place.advance()) {
        mbarrier_arrive_expect_tx(barriers.task + 8 * place.slot, sizeof(Task));
        const Task task = place.wait(barriers, tasks);
        if (task.kind == TASK_END)
            break;
        const int row_block = task.row_pair * CLUSTER + rank;

        if (task.kind == TASK_GEMM) {
            wait_for_count(counters.encoded + row_block, p.encode_pieces);
            fence_proxy_async_global();
            for (int k_block = 0; k_block < p.gemm.k_blocks; k_block++, ring.advance()) {
                const unsigned full = barriers.stages.full + 8 * ring.stage;
                const unsigned x_stage = stages + ring.stage * STAGE_BYTES;
                const unsigned w_half = x_stage + X_BYTES + rank * (W_BYTES / CLUSTER);
                if (k_block == request_at)
                    request_next();
                mbarrier_wait(barriers.stages.empty + 8 * ring.stage, ring.phase ^ 1);
                mbarrier_arrive_expect_tx(full, STAGE_BYTES);
                cp_async_bulk_tensor_3d(x_stage, &p.gemm.x_encoded, full, k_block * BLOCK_K,
                                        row_block * BLOCK_M, task.part);
                cp_async_bulk_tensor_3d_multicast(
                    w_half, &p.gemm.w_encoded, full, k_block * BLOCK_K,
                    task.column * BLOCK_N + rank * (BLOCK_N / CLUSTER), task.part,
                    (1 << CLUSTER) - 1);
            }
        } else {
            request_next();
            if (task.kind == TASK_DECODE)
                wait_for_count(counters.multiplied_at(row_block, task.column), RANK);
        }
        mbarrier_arrive(barriers.ready + 8 * place.slot);
        mbarrier_arrive(barriers.done + 8 * place.slot);
    }
}

__device__ __forceinline__ void publish(const Counters &counters, const Barriers &barriers,
                                        const Task *tasks, int rank)
{
    for (TaskRing place;; place.advance()) {
        const Task task = place.wait(barriers, tasks);
        if (task.kind == TASK_END)
            break;
        const int row_block = task.row_pair * CLUSTER + rank;
        mbarrier_wait(barriers.done + 8 * place.slot, place.phase);
        if (task.kind == TASK_ENCODE)
            red_release_gpu_add(counters.encoded + row_block, 1);
        else if (task.kind == TASK_GEMM)
            red_release_gpu_add(counters.multiplied_at(row_block, task.column), 1);
        mbarrier_arrive_cluster(barriers.free + 8 * place.slot, 0);
    }
}

// tasks: the ring of both blocks.
__device__ __forceinline__ void draw_tasks(const TaskOrder &order, const Counters &counters,
                                           const Barriers &barriers, unsigned tasks)
{
    TaskRing place;
    Task task;
    for (unsigned drawn = 0;; drawn++, place.advance()) {
        if (drawn > 0)
            mbarrier_wait(barriers.request, drawn - 1 & 1);
        if (drawn >= TASK_SLOTS)
            mbarrier_wait(barriers.free + 8 * place.slot, place.phase ^ 1);
        do {
            task = order.task(atom_relaxed_gpu_add(counters.ticket, 1));
        } while (task.kind == TASK_NONE);
        for (int rank = 0; rank < CLUSTER; rank++)
            st_async_v4(tasks + sizeof(Task) * place.slot,
                        make_int4(task.kind, task.row_pair, task.column, task.part),
                        barriers.task + 8 * place.slot, rank);
        if (task.kind == TASK_END)
            break;
    }
}

// The last block to finish leaves the counters as it found them. By a whole warp.
__device__ __forceinline__ void finish(const Counters &counters, int lane)
{
    unsigned finished = 0;
    if (lane == 0)
        finished = atom_acq_rel_gpu_add(counters.finished, 1);
    finished = __shfl_sync(0xffffffff, finished, 0);
    if (finished == gridDim.x - 1)
        for (int i = lane; i < counters.count; i += 32)
            counters.ticket[i] = 0;
}

// --- the consumers ---------------------------------------------------------------------------------

__device__ __forceinline__ void multiply(const stile_fused_params &p, const Task &task, int row_block,
                                         const Barriers &barriers, unsigned stages, StageRing &ring)
{
    const int warp = threadIdx.x / 32 - 4, lane = threadIdx.x % 32;
    float sum[BLOCK_N / 2];
    int previous = 0; // the stage that is still being read
#pragma unroll
    for (int i = 0; i < BLOCK_N / 2; i++)
        sum[i] = 0.0f;

    for (int k_block = 0; k_block < p.gemm.k_blocks; k_block++, ring.advance()) {
        const unsigned x_stage = stages + ring.stage * STAGE_BYTES;
        mbarrier_wait(barriers.stages.full + 8 * ring.stage, ring.phase);
        const unsigned long long x = wgmma_descriptor(x_stage + warp / 4 * 64 * ROW_BYTES);
        const unsigned long long w = wgmma_descriptor(x_stage + X_BYTES);
        wgmma_fence();
#pragma unroll
        for (int step = 0; step < K_STEPS; step++)
            wgmma(sum, x + step * 2, w + step * 2, 1);
        wgmma_commit_group();
        if (k_block > 0) {
            wgmma_wait_group<1>();
            barriers.stages.release(previous, lane);
        }
        previous = ring.stage;
    }
    wgmma_wait_group<0>();
    barriers.stages.release(previous, lane);
    store_fragments(sum, product_block(p, row_block, task.column, task.part), warp, lane);
}

// --- the kernel ------------------------------------------------------------------------------------

extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
stile_fused(const __grid_constant__ stile_fused_params p)
{
    extern __shared__ __align__(1024) unsigned char shared[];
    __shared__ __align__(8) unsigned long long barrier_words[Barriers::COUNT];
    __shared__ Task tasks[TASK_SLOTS];
    __shared__ Coefficients coefficients;

    const unsigned stages = (unsigned)__cvta_generic_to_shared(shared);
    const Barriers barriers((unsigned)__cvta_generic_to_shared(barrier_words));
    const Counters counters(p);
    const unsigned rank = cluster_ctarank();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;

    if (threadIdx.x == 0) {
        prefetch_tensormap(&p.gemm.x_encoded);
        prefetch_tensormap(&p.gemm.w_encoded);
        barriers.init();
    }
    coefficients.load(p, warp, lane);
    barrier_cluster_arrive();
    barrier_cluster_wait();

    if (warp < 4) {
        setmaxnreg_dec<PRODUCER_REGISTERS>();
        if (warp == 0 && lane == 0) {
            produce(p, counters, barriers, tasks, stages, rank);
        } else if (warp == 1) {
            if (lane == 0)
                publish(counters, barriers, tasks, rank);
            __syncwarp();
            finish(counters, lane);
        } else if (warp == 2 && lane == 0 && rank == 0) {
            const TaskOrder order{p.gemm.row_pairs, p.gemm.columns, p.encode_pieces, p.lag};
            draw_tasks(order, counters, barriers, (unsigned)__cvta_generic_to_shared(tasks));
        }
        __syncwarp();
    } else {
        setmaxnreg_inc<CONSUMER_REGISTERS>();
        StageRing ring;
        for (TaskRing place;; place.advance()) {
            const Task task = place.wait(barriers, tasks);
            if (task.kind == TASK_END)
                break;
            const int row_block = task.row_pair * CLUSTER + rank;
            if (task.kind == TASK_GEMM) {
                multiply(p, task, row_block, barriers, stages, ring);
            } else if (task.kind == TASK_ENCODE) {
                encode_piece(p.encode, coefficients, row_block, task.part);
            } else if (task.kind == TASK_DECODE) {
                mbarrier_wait(barriers.ready + 8 * place.slot, place.phase);
                decode_piece(p.decode, coefficients, row_block, task.column, task.part,
                             product_block(p, row_block, task.column, 0));
            }
            __syncwarp();
            if (lane == 0)
                mbarrier_arrive(barriers.done + 8 * place.slot);
        }
    }

    // A block must not leave while its peer may still write to it or arrive at its barriers.
    barrier_cluster_arrive();
    barrier_cluster_wait();
}
