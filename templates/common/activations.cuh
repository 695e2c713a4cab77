// SPDX-License-Identifier: Apache-2.0
// Activations. Each keeps NaN.

struct Identity {
    static __device__ __forceinline__ float apply(float x) { return x; }
};

struct Relu {
    static __device__ __forceinline__ float apply(float x) { return x < 0.0f ? 0.0f : x; }
};

struct Gelu { // x·Φ(x)
    static __device__ __forceinline__ float apply(float x)
    {
        return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
    }
};

struct GeluTanh {
    static __device__ __forceinline__ float apply(float x)
    {
        return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
    }
};

struct Silu {
    static __device__ __forceinline__ float apply(float x) { return x / (1.0f + expf(-x)); }
};
