// SPDX-License-Identifier: Apache-2.0
// Coefficients for the tensor cores: each float as the sum of two 16-bit numbers, which keeps 16 bits of
// a bf16 pair's and 22 of an f16 pair's precision.
#include "ptx/mma.cuh"

// The B operand of one mma, from the two pairs of floats that its lane holds.
template <class T>
struct SplitOperand {
    unsigned high[2], low[2];

    __device__ __forceinline__ void set(int half, float a, float b)
    {
        T rounded[2];
        from_floats(rounded, a, b);
        high[half] = pack_floats(T{}, a, b);
        low[half] = pack_floats(T{}, a - to_float(rounded[0]), b - to_float(rounded[1]));
    }
};

template <class T>
__device__ __forceinline__ void mma_split(float (&sum)[4], const unsigned (&a)[4],
                                          const SplitOperand<T> &b)
{
    mma(T{}, sum, a, b.low);
    mma(T{}, sum, a, b.high);
}
