// SPDX-License-Identifier: Apache-2.0
// mma.sync on matrices in global memory. a: [16][8] words along the inner dimension, b: [8][8] the
// same, d: [16][8].

#define MMA(name, shape_and_types)                                                                 \
    extern "C" __global__ void name(const unsigned *a, const unsigned *b, float *d)                \
    {                                                                                              \
        const int row = threadIdx.x / 4, word = threadIdx.x % 4;                                   \
        float sum[4];                                                                              \
        for (int i = 0; i < 4; i++)                                                                \
            sum[i] = d[(row + i / 2 * 8) * 8 + word * 2 + i % 2];                                  \
        asm("mma.sync.aligned." shape_and_types " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "  \
            "{%0, %1, %2, %3};"                                                                    \
            : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])                               \
            : "r"(a[row * 8 + word]), "r"(a[(row + 8) * 8 + word]), "r"(a[row * 8 + word + 4]),    \
              "r"(a[(row + 8) * 8 + word + 4]), "r"(b[row * 8 + word]), "r"(b[row * 8 + word + 4])); \
        for (int i = 0; i < 4; i++)                                                                \
            d[(row + i / 2 * 8) * 8 + word * 2 + i % 2] = sum[i];                                  \
    }

MMA(mma_bf16, "m16n8k16.row.col.f32.bf16.bf16.f32")
MMA(mma_f16, "m16n8k16.row.col.f32.f16.f16.f32")
MMA(mma_tf32, "m16n8k8.row.col.f32.tf32.tf32.f32")

// Four 8×8 matrices of 16-bit elements; out: [4][8][8], as the lanes of a fragment hold them.
#define LDMATRIX(name, transpose)                                                                  \
    extern "C" __global__ void name(const unsigned short *in, unsigned short *out)                 \
    {                                                                                              \
        __shared__ __align__(16) unsigned short matrices[4][8][8];                                 \
        for (int i = threadIdx.x; i < 256; i += 32)                                                \
            (&matrices[0][0][0])[i] = in[i];                                                       \
        __syncwarp();                                                                              \
        unsigned fragment[4];                                                                      \
        const unsigned row                                                                         \
            = (unsigned)__cvta_generic_to_shared(matrices[threadIdx.x / 8][threadIdx.x % 8]);      \
        asm volatile("ldmatrix.sync.aligned.m8n8.x4" transpose ".shared.b16 {%0, %1, %2, %3}, [%4];" \
                     : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])  \
                     : "r"(row) : "memory");                                                       \
        for (int i = 0; i < 4; i++) {                                                              \
            out[i * 64 + threadIdx.x * 2] = fragment[i] & 0xffff;                                  \
            out[i * 64 + threadIdx.x * 2 + 1] = fragment[i] >> 16;                                 \
        }                                                                                          \
    }

LDMATRIX(ldmatrix_plain, "")
LDMATRIX(ldmatrix_transposed, ".trans")
