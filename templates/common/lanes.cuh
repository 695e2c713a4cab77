// SPDX-License-Identifier: Apache-2.0
// One value for each of the neighbouring tiles that a thread works on, with arithmetic.

struct Lanes {
    float of[TILES_PER_THREAD];

    Lanes() = default;

    __device__ __forceinline__ Lanes(float value)
    {
#pragma unroll
        for (int i = 0; i < TILES_PER_THREAD; i++)
            of[i] = value;
    }
};

__device__ __forceinline__ Lanes operator+(const Lanes &a, const Lanes &b)
{
    Lanes sum;
#pragma unroll
    for (int i = 0; i < TILES_PER_THREAD; i++)
        sum.of[i] = a.of[i] + b.of[i];
    return sum;
}

__device__ __forceinline__ Lanes operator-(const Lanes &a, const Lanes &b)
{
    Lanes difference;
#pragma unroll
    for (int i = 0; i < TILES_PER_THREAD; i++)
        difference.of[i] = a.of[i] - b.of[i];
    return difference;
}

__device__ __forceinline__ Lanes operator-(const Lanes &a)
{
    Lanes negated;
#pragma unroll
    for (int i = 0; i < TILES_PER_THREAD; i++)
        negated.of[i] = -a.of[i];
    return negated;
}

__device__ __forceinline__ Lanes operator*(float factor, const Lanes &a)
{
    Lanes product;
#pragma unroll
    for (int i = 0; i < TILES_PER_THREAD; i++)
        product.of[i] = factor * a.of[i];
    return product;
}

// sum += coefficient · a. A zero of the basis contributes nothing, not even 0·Inf; where the basis has
// no zeros the test is compiled out.
__device__ __forceinline__ void accumulate(Lanes &sum, float coefficient, const Lanes &a)
{
    if (!SKIP_ZEROS || coefficient != 0.0f) {
#pragma unroll
        for (int i = 0; i < TILES_PER_THREAD; i++)
            sum.of[i] = fmaf(coefficient, a.of[i], sum.of[i]);
    }
}
