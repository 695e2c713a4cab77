/* SPDX-License-Identifier: Apache-2.0 */
/* Number formats of the tensor cores. */
#include <math.h>
#include <string.h>

#include "emulator.h"

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

unsigned short emulator_bf16(float value)
{
    uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return 0x7fff; /* what the hardware makes of NaN */
    return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

unsigned short emulator_f16(float value)
{
    const uint32_t bits = bits_of(value);
    const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return 0x7fff;
    if (magnitude >= 0x477ff000) /* 65520, halfway to the first power of two that does not fit */
        return (unsigned short)(sign | 0x7c00);
    if (magnitude >= 0x38800000) { /* 2^-14: normal */
        uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
        return (unsigned short)(sign | ((rounded >> 13) - (112 << 10)));
    }
    /* Multiples of 2^-24; the sum with 2^-1 rounds there, as its last bit is that. */
    return (unsigned short)(sign | (bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f)));
}

/* A float of few bits: IEEE where there are infinities, else all ones alone are NaN (E4M3). */
static float small_float(unsigned bits, int exponent_bits, int mantissa_bits, int infinities)
{
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const unsigned mantissa = bits & ((1u << mantissa_bits) - 1);
    const unsigned exponent = bits >> mantissa_bits & ((1u << exponent_bits) - 1);
    const unsigned all_ones = (1u << exponent_bits) - 1;
    float value;
    if (exponent == all_ones && infinities)
        value = mantissa ? NAN : INFINITY;
    else if (exponent == all_ones && mantissa == (1u << mantissa_bits) - 1)
        value = NAN;
    else if (exponent == 0)
        value = ldexpf((float)mantissa, 1 - bias - mantissa_bits);
    else
        value =
            ldexpf((float)(mantissa + (1u << mantissa_bits)), (int)exponent - bias - mantissa_bits);
    return bits >> (exponent_bits + mantissa_bits) & 1 ? -value : value;
}

float emulator_from_bits(emulator_format format, unsigned bits)
{
    switch (format) {
    case EMULATOR_F16:
        if ((bits & 0x7c00) != 0 && (bits & 0x7c00) != 0x7c00) /* normal: the common case, fast */
            return float_of((bits & 0x8000) << 16 | ((bits & 0x7fff) + (112u << 10)) << 13);
        return small_float(bits & 0xffff, 5, 10, 1);
    case EMULATOR_BF16:
        return float_of(bits << 16);
    case EMULATOR_TF32:
        return float_of(bits & 0xffffe000); /* the hardware ignores the rest */
    case EMULATOR_E4M3:
        return small_float(bits & 0xff, 4, 3, 0);
    case EMULATOR_E5M2:
        return small_float(bits & 0xff, 5, 2, 1);
    }
    return NAN;
}

unsigned char emulator_fp8(emulator_format format, float value)
{
    const unsigned sign = signbit(value) ? 0x80 : 0;
    const float magnitude = fabsf(value);
    unsigned below = 0,
             above = format == EMULATOR_E4M3 ? 0x7e : 0x7b; /* codes of values in order */
    if (isnan(value))
        return 0x7f;
    if (magnitude >= emulator_from_bits(format, above))
        return (unsigned char)(sign | above);
    while (above - below > 1) {
        const unsigned middle = (above + below) / 2;
        if (emulator_from_bits(format, middle) <= magnitude)
            below = middle;
        else
            above = middle;
    }
    const float down = magnitude - emulator_from_bits(format, below);
    const float up = emulator_from_bits(format, above) - magnitude;
    const int take_above = up < down || (up == down && below % 2 == 1);
    return (unsigned char)(sign | (take_above ? above : below));
}
