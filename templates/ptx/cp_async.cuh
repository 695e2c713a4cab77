// SPDX-License-Identifier: Apache-2.0
// Asynchronous copies from global to shared memory (sm_80).

// Copies 16 bytes, past L1; both addresses are multiples of 16.
__device__ __forceinline__ void cp_async_cg_16(unsigned shared_address, const void *global)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                 :: "r"(shared_address), "l"(global) : "memory");
}

__device__ __forceinline__ void cp_async_commit_group()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until at most PENDING of this thread's groups are unfinished.
template <int PENDING>
__device__ __forceinline__ void cp_async_wait_group()
{
    asm volatile("cp.async.wait_group %0;" :: "n"(PENDING) : "memory");
}
