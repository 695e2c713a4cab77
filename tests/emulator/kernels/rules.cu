// SPDX-License-Identifier: Apache-2.0
// Kernels that break one rule each, and one that keeps them.

__device__ unsigned address_of(const void *shared)
{
    return (unsigned)__cvta_generic_to_shared(shared);
}

__device__ void copy_async(void *shared, const void *global)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                 :: "r"(address_of(shared)), "l"(global) : "memory");
    asm volatile("cp.async.commit_group;" ::: "memory");
}

extern "C" __global__ void copies_and_waits(float *memory)
{
    __shared__ __align__(16) float values[4];
    copy_async(values, memory);
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    memory[4] = values[3];
}

extern "C" __global__ void copies_without_a_wait(float *memory)
{
    __shared__ __align__(16) float values[4];
    copy_async(values, memory);
    memory[4] = values[3];
}

extern "C" __global__ void reads_uninitialised_shared_memory(float *memory)
{
    __shared__ float values[4];
    memory[4] = values[3];
}

extern "C" __global__ void half_of_the_threads_meet(float *)
{
    if (threadIdx.x < 32)
        asm volatile("bar.sync 1, 64;" ::: "memory");
    else
        asm volatile("bar.sync 2, 64;" ::: "memory");
}

extern "C" __global__ void lanes_part(float *)
{
    if (threadIdx.x < 16)
        __syncwarp();
    else
        __shfl_sync(0xffffffff, 1, 0);
}

extern "C" __global__ void polls_for_ever(float *memory)
{
    unsigned value = 0;
    while (value != 17)
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(memory) : "memory");
}

extern "C" __global__ void arrives_too_often(float *)
{
    __shared__ __align__(8) unsigned long long barrier;
    if (threadIdx.x == 0)
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 2;" :: "r"(address_of(&barrier)) : "memory");
    __syncthreads();
    if (threadIdx.x == 0) { // of a phase that the bytes keep open
        asm volatile("mbarrier.expect_tx.shared::cta.b64 [%0], 64;" :: "r"(address_of(&barrier)));
        for (int i = 0; i < 3; i++)
            asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" :: "r"(address_of(&barrier)));
    }
}

extern "C" __global__ void uses_a_barrier_that_is_none(float *)
{
    __shared__ __align__(8) unsigned long long barrier;
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" :: "r"(address_of(&barrier)));
}

extern "C" __global__ void writes_past_the_end(float *memory)
{
    memory[1024 + threadIdx.x] = 1.0f;
}

extern "C" __global__ void reads_what_is_not_aligned(float *memory)
{
    const float4 value = *reinterpret_cast<const float4 *>(memory + 1);
    memory[8] = value.x;
}

extern "C" __global__ void reads_past_a_local_array(float *memory)
{
    float values[4] = {};
    for (int i = 0; i < 4; i++)
        values[i] = memory[i];
    memory[4] = values[(int)memory[5]];
}

extern "C" __global__ void __cluster_dims__(2, 1, 1) leaves_its_peer(float *)
{
    __shared__ __align__(8) unsigned long long barrier;
    unsigned rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    if (rank == 0) {
        for (int i = 0; i < 100; i++)
            __nanosleep(1);
        asm volatile("{\n"
                     ".reg .b32 remote;\n"
                     "mapa.shared::cluster.u32 remote, %0, 1;\n"
                     "mbarrier.arrive.shared::cluster.b64 _, [remote];\n"
                     "}" :: "r"(address_of(&barrier)) : "memory");
    }
}
