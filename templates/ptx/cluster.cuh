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
