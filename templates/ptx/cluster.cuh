// SPDX-License-Identifier: Apache-2.0
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

// Stores a value in block `rank` of the cluster; its four bytes complete on that block's barrier. Both
// addresses are of this block: the same places there.
__device__ __forceinline__ void st_async(unsigned shared_address, unsigned value, unsigned barrier,
                                         unsigned rank)
{
    asm volatile("{\n"
                 ".reg .b32 remote_address, remote_barrier;\n"
                 "mapa.shared::cluster.u32 remote_address, %0, %3;\n"
                 "mapa.shared::cluster.u32 remote_barrier, %2, %3;\n"
                 "st.async.shared::cluster.mbarrier::complete_tx::bytes.b32"
                 " [remote_address], %1, [remote_barrier];\n"
                 "}" :: "r"(shared_address), "r"(value), "r"(barrier), "r"(rank) : "memory");
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
