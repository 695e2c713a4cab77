// SPDX-License-Identifier: Apache-2.0
// 8-bit floats, four to a register, and the powers of two that bring values into their range.
#include "common/types.cuh"
#include "ptx/convert_fp8.cuh"

struct e4m3 {
    unsigned char bits;
    static constexpr float LARGEST = 448.0f;

    static __device__ __forceinline__ unsigned pack(float a, float b, float c, float d)
    {
        return cvt_rn_satfinite_e4m3x2_f32(b, a) | (unsigned)cvt_rn_satfinite_e4m3x2_f32(d, c) << 16;
    }
};

struct e5m2 {
    unsigned char bits;
    static constexpr float LARGEST = 57344.0f;

    static __device__ __forceinline__ unsigned pack(float a, float b, float c, float d)
    {
        return cvt_rn_satfinite_e5m2x2_f32(b, a) | (unsigned)cvt_rn_satfinite_e5m2x2_f32(d, c) << 16;
    }
};

// The least power of two that brings magnitudes up to `largest` into the range of T. Where there are none
// but zeros (or NaN, which is no magnitude) it is 1; Inf is left to saturate.
template <class T>
__device__ __forceinline__ float scale_for(float largest)
{
    if (!(largest > 0.0f))
        return 1.0f;
    const unsigned bits = __float_as_uint(fminf(largest, 0x1p120f) * (1.0f / T::LARGEST));
    return __uint_as_float(max(bits + 0x7fffff & 0x7f800000, 0x00800000));
}

// 1 / scale, exactly.
__device__ __forceinline__ float inverse_of_power(float scale)
{
    return __uint_as_float(0x7f000000 - __float_as_uint(scale));
}
