// SPDX-License-Identifier: Apache-2.0
// A warpgroup multiplies what the copy engine brought: out[64][N] = x · wᵀ, boxes of 64 rows of x and
// N of w with 64 bf16 of the inner dimension, at the coordinates given. x goes through shared memory,
// or through registers as well.

constexpr int N = 16;

struct __align__(64) Map {
    unsigned long long opaque[16];
};

struct Params {
    Map x, w;
    float *out;
    int k, row, column;
};

__device__ void copy(unsigned to, const Map *map, unsigned barrier, int x, int y)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
                 " [%0], [%1, {%3, %4}], [%2];"
                 :: "r"(to), "l"(map), "r"(barrier), "r"(x), "r"(y) : "memory");
}

__device__ unsigned long long descriptor(unsigned address)
{
    return 1ull << 62 | 64ull << 32 | 1ull << 16 | (address & 0x3ffff) >> 4;
}

template <bool REGISTERS>
__device__ void multiply_boxes(const Params &p)
{
    extern __shared__ __align__(1024) unsigned char shared[];
    __shared__ __align__(8) unsigned long long word;
    const unsigned x = (unsigned)__cvta_generic_to_shared(shared), w = x + 64 * 128;
    const unsigned barrier = (unsigned)__cvta_generic_to_shared(&word);

    if (threadIdx.x == 0) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" :: "r"(barrier) : "memory");
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;"
                     :: "r"(barrier), "r"((64 + N) * 128) : "memory");
        copy(x, &p.x, barrier, p.k, p.row);
        copy(w, &p.w, barrier, p.k, p.column);
    }
    __syncthreads();
    unsigned complete = 0;
    while (!complete)
        asm volatile("{\n"
                     ".reg .pred p;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], 0;\n"
                     "selp.u32 %0, 1, 0, p;\n"
                     "}" : "=r"(complete) : "r"(barrier) : "memory");

    float sum[N / 2];
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    for (int step = 0; step < 4 && REGISTERS; step++) {
        // The words of this thread's fragment of x, out of the swizzle.
        unsigned a[4];
        for (int i = 0; i < 4; i++) {
            const int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4 + i % 2 * 8;
            const int byte = step * 32 + threadIdx.x % 4 * 4 + i / 2 * 16;
            a[i] = *reinterpret_cast<const unsigned *>(shared + row * 128 + (byte ^ row % 8 * 16));
        }
        asm volatile("{\n"
                     ".reg .pred p;\n"
                     "setp.ne.b32 p, %13, 0;\n"
                     "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 "
                     "{%0, %1, %2, %3, %4, %5, %6, %7}, {%8, %9, %10, %11}, %12, p, 1, 1, 0;\n"
                     "}"
                     : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]), "+f"(sum[4]),
                       "+f"(sum[5]), "+f"(sum[6]), "+f"(sum[7])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(descriptor(w) + step * 2),
                       "r"(step));
    }
    for (int step = 0; step < 4 && !REGISTERS; step++)
        asm volatile("{\n"
                     ".reg .pred p;\n"
                     "setp.ne.b32 p, %10, 0;\n"
                     "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 "
                     "{%0, %1, %2, %3, %4, %5, %6, %7}, %8, %9, p, 1, 1, 0, 0;\n"
                     "}"
                     : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]), "+f"(sum[4]),
                       "+f"(sum[5]), "+f"(sum[6]), "+f"(sum[7])
                     : "l"(descriptor(x) + step * 2), "l"(descriptor(w) + step * 2), "r"(step));
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");

    const int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;
    for (int i = 0; i < N / 2; i++)
        p.out[(row + i / 2 % 2 * 8) * N + i / 4 * 8 + threadIdx.x % 4 * 2 + i % 2] = sum[i];
}

extern "C" __global__ void __launch_bounds__(128) multiply(const __grid_constant__ Params p)
{
    multiply_boxes<false>(p);
}

extern "C" __global__ void __launch_bounds__(128)
multiply_registers(const __grid_constant__ Params p)
{
    multiply_boxes<true>(p);
}
