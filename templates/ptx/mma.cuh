// SPDX-License-Identifier: Apache-2.0
// Tensor-core products of one warp: a 16×8 f32 accumulator, 32 bytes of the inner dimension a step.

#define STILE_MMA(shape_and_types)                                                                 \
    asm("mma.sync.aligned." shape_and_types " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "      \
        "{%0, %1, %2, %3};"                                                                        \
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                           \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

__device__ __forceinline__ void mma(bf16, float (&d)[4], const unsigned (&a)[4],
                                    const unsigned (&b)[2])
{
    STILE_MMA("m16n8k16.row.col.f32.bf16.bf16.f32");
}

__device__ __forceinline__ void mma(f16, float (&d)[4], const unsigned (&a)[4],
                                    const unsigned (&b)[2])
{
    STILE_MMA("m16n8k16.row.col.f32.f16.f16.f32");
}

__device__ __forceinline__ void mma(tf32, float (&d)[4], const unsigned (&a)[4],
                                    const unsigned (&b)[2])
{
    STILE_MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
}
