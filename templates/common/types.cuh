// SPDX-License-Identifier: Apache-2.0
// Number formats as storage types, and their conversions from and to float, to nearest even.
#include "ptx/convert.cuh"

using f32 = float;
struct f16 { unsigned short bits; };
struct bf16 { unsigned short bits; };
struct tf32 { unsigned bits; }; // a float whose low 13 bits are zero

__device__ __forceinline__ float to_float(f32 value) { return value; }
__device__ __forceinline__ float to_float(f16 value) { return cvt_f32_f16(value.bits); }
__device__ __forceinline__ float to_float(bf16 value) { return __uint_as_float(value.bits << 16); }

// Two neighbours at once: pairs of 16-bit elements fill one register.
__device__ __forceinline__ void from_floats(f32 (&out)[2], float a, float b)
{
    out[0] = a;
    out[1] = b;
}

// A register with a pair of 16-bit elements, `a` in the lower half; T{} says which type.
__device__ __forceinline__ unsigned pack_floats(f16, float a, float b) { return cvt_rn_f16x2_f32(b, a); }
__device__ __forceinline__ unsigned pack_floats(bf16, float a, float b) { return cvt_rn_bf16x2_f32(b, a); }

__device__ __forceinline__ void from_floats(f16 (&out)[2], float a, float b)
{
    const unsigned packed = pack_floats(f16{}, a, b);
    out[0].bits = packed & 0xffff;
    out[1].bits = packed >> 16;
}

__device__ __forceinline__ void from_floats(bf16 (&out)[2], float a, float b)
{
    const unsigned packed = pack_floats(bf16{}, a, b);
    out[0].bits = packed & 0xffff;
    out[1].bits = packed >> 16;
}

// cvt.rna.tf32 rounds ties away from zero and cvt.rn.tf32 needs sm_90, so in integers.
__device__ __forceinline__ tf32 tf32_from_float(float value)
{
    const unsigned bits = __float_as_uint(value);
    const unsigned magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return {0x7fffe000}; // NaN
    const unsigned carry = magnitude == 0x7f800000 ? 0 : 0xfff + (bits >> 13 & 1);
    return {(bits + carry) & 0xffffe000};
}

__device__ __forceinline__ void from_floats(tf32 (&out)[2], float a, float b)
{
    out[0] = tf32_from_float(a);
    out[1] = tf32_from_float(b);
}

// All of an array, pairwise; a last odd element is converted beside a zero.
template <class T, int COUNT>
__device__ __forceinline__ void from_floats(T (&out)[COUNT], const float (&in)[COUNT])
{
#pragma unroll
    for (int i = 0; i < COUNT; i += 2) {
        T pair[2];
        from_floats(pair, in[i], i + 1 < COUNT ? in[i + 1 < COUNT ? i + 1 : i] : 0.0f);
        out[i] = pair[0];
        if (i + 1 < COUNT)
            out[i + 1 < COUNT ? i + 1 : i] = pair[1];
    }
}
