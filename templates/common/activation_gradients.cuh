// SPDX-License-Identifier: Apache-2.0
// What an activation makes of the gradient dy of its result, z being what it was applied to.
#include "common/activations.cuh"

__device__ __forceinline__ float activation_gradient(Identity, float, float dy)
{
    return dy;
}

// Where relu is flat, nothing of dy comes through, whatever it is.
__device__ __forceinline__ float activation_gradient(Relu, float z, float dy)
{
    return z <= 0.0f ? 0.0f : z > 0.0f ? dy : z;
}

__device__ __forceinline__ float activation_gradient(Gelu, float z, float dy)
{
    const float density = 0.39894228040143268f * expf(-0.5f * z * z);
    return dy * (0.5f * (1.0f + erff(z * 0.70710678118654752f)) + z * density);
}

// s + z·s·(1 − s)·t', s being the logistic function of t(z).
__device__ __forceinline__ float activation_gradient(GeluTanh, float z, float dy)
{
    const float t = 1.5957691216057308f * (z + 0.044715f * z * z * z);
    const float slope = 1.5957691216057308f * (1.0f + 0.134145f * z * z);
    const float s = 1.0f / (1.0f + expf(-t));
    return dy * (s + z * s / (1.0f + expf(t)) * slope);
}

__device__ __forceinline__ float activation_gradient(Silu, float z, float dy)
{
    return dy / (1.0f + expf(-z)) * (1.0f + z / (1.0f + expf(z)));
}
