// SPDX-License-Identifier: Apache-2.0
// Global memory that thread blocks of one launch hand to each other (sm_90).

__device__ __forceinline__ unsigned ld_acquire_gpu(const unsigned *address)
{
    unsigned value;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
    return value;
}

// Adds to a counter, after all that this thread and those it has waited for wrote.
__device__ __forceinline__ void red_release_gpu_add(unsigned *address, unsigned value)
{
    asm volatile("red.release.gpu.global.add.u32 [%0], %1;" :: "l"(address), "r"(value) : "memory");
}

__device__ __forceinline__ unsigned atom_relaxed_gpu_add(unsigned *address, unsigned value)
{
    unsigned old;
    asm volatile("atom.relaxed.gpu.global.add.u32 %0, [%1], %2;"
                 : "=r"(old) : "l"(address), "r"(value) : "memory");
    return old;
}

__device__ __forceinline__ unsigned atom_acq_rel_gpu_add(unsigned *address, unsigned value)
{
    unsigned old;
    asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], %2;"
                 : "=r"(old) : "l"(address), "r"(value) : "memory");
    return old;
}

// Orders ordinary accesses to global memory and those of the copy engine: needed on both sides.
__device__ __forceinline__ void fence_proxy_async_global()
{
    asm volatile("fence.proxy.async.global;" ::: "memory");
}
