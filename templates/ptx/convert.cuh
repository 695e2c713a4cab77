// SPDX-License-Identifier: Apache-2.0
// Conversions between number formats. The packed forms put `low` into bits 0-15.

__device__ __forceinline__ unsigned cvt_rn_bf16x2_f32(float high, float low)
{
    unsigned packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

__device__ __forceinline__ unsigned cvt_rn_f16x2_f32(float high, float low)
{
    unsigned packed;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

__device__ __forceinline__ float cvt_f32_f16(unsigned short half)
{
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
    return value;
}
