// SPDX-License-Identifier: Apache-2.0
// One value for each of COUNT neighbouring tiles that a thread works on, with arithmetic.

template <int COUNT>
struct Lanes {
    float of[COUNT];

    Lanes() = default;

    __device__ __forceinline__ Lanes(float value)
    {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            of[i] = value;
    }
};

template <int COUNT>
__device__ __forceinline__ Lanes<COUNT> operator+(const Lanes<COUNT> &a, const Lanes<COUNT> &b)
{
    Lanes<COUNT> sum;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        sum.of[i] = a.of[i] + b.of[i];
    return sum;
}

template <int COUNT>
__device__ __forceinline__ Lanes<COUNT> operator-(const Lanes<COUNT> &a, const Lanes<COUNT> &b)
{
    Lanes<COUNT> difference;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        difference.of[i] = a.of[i] - b.of[i];
    return difference;
}

template <int COUNT>
__device__ __forceinline__ Lanes<COUNT> operator-(const Lanes<COUNT> &a)
{
    Lanes<COUNT> negated;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        negated.of[i] = -a.of[i];
    return negated;
}

template <int COUNT>
__device__ __forceinline__ Lanes<COUNT> operator*(float factor, const Lanes<COUNT> &a)
{
    Lanes<COUNT> product;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        product.of[i] = factor * a.of[i];
    return product;
}
