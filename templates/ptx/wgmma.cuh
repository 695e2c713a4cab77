// SPDX-License-Identifier: Apache-2.0
// Warpgroup products (sm_90a): 64 × BLOCK_N f32 accumulators, operands in shared memory, 32 bytes of the
// inner dimension a step.

__device__ __forceinline__ void wgmma_fence()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void wgmma_commit_group()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

template <int PENDING>
__device__ __forceinline__ void wgmma_wait_group()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" :: "n"(PENDING) : "memory");
}

// Describes a K-major operand whose rows of 128 bytes lie in atoms of 8 rows, swizzled by 128 bytes.
__device__ __forceinline__ unsigned long long wgmma_descriptor(unsigned shared_address)
{
    constexpr unsigned long long SWIZZLE_128 = 1ull << 62;
    constexpr unsigned long long ATOM_STRIDE = (unsigned long long)(8 * 128 / 16) << 32;
    constexpr unsigned long long LEADING = 1ull << 16; // unused when swizzled
    return SWIZZLE_128 | ATOM_STRIDE | LEADING | (shared_address & 0x3ffff) >> 4;
}

// sum (+)= a · bᵀ; without `accumulate` the old sum is ignored.
__device__ __forceinline__ void wgmma(float (&sum)[BLOCK_N / 2], unsigned long long a,
                                      unsigned long long b, int accumulate)
{
//@ local count = constants.BLOCK_N // 2
//@ local shapes = {bf16 = "k16.f32.bf16.bf16", f16 = "k16.f32.f16.f16", tf32 = "k8.f32.tf32.tf32",
//@                 e4m3 = "k32.f32.e4m3.e4m3", e5m2 = "k32.f32.e5m2.e5m2"}
//@ local shape = shapes[constants.Encoded]
//@ local transposed = (constants.Encoded == "bf16" or constants.Encoded == "f16") and ", 0, 0" or ""
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "setp.ne.b32 p, %${count + 2}, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n${constants.BLOCK_N}${shape} {"
//@ for i = 0, count - 1, 8 do
                 "%${i}, %${i + 1}, %${i + 2}, %${i + 3}, %${i + 4}, %${i + 5}, %${i + 6}, %${i + 7}${i + 8 < count and "," or "},"}"
//@ end
                 " %${count}, %${count + 1}, p, 1, 1${transposed};\n"
                 "}"
                 :
//@ for i = 0, count - 1, 4 do
                 "+f"(sum[${i}]), "+f"(sum[${i + 1}]), "+f"(sum[${i + 2}]), "+f"(sum[${i + 3}])${i + 4 < count and "," or ""}
//@ end
                 : "l"(a), "l"(b), "r"(accumulate));
}
