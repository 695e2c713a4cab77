// SPDX-License-Identifier: Apache-2.0
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
