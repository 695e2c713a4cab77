// SPDX-License-Identifier: Apache-2.0
// Conversions to 8-bit floats, to nearest even; what is too large becomes the largest value (sm_89).

__device__ __forceinline__ unsigned short cvt_rn_satfinite_e4m3x2_f32(float high, float low)
{
    unsigned short packed;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(packed) : "f"(high), "f"(low));
    return packed;
}

__device__ __forceinline__ unsigned short cvt_rn_satfinite_e5m2x2_f32(float high, float low)
{
    unsigned short packed;
    asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(packed) : "f"(high), "f"(low));
    return packed;
}
