/* SPDX-License-Identifier: Apache-2.0 */
#include "formats.h"

#include <math.h>
#include <string.h>

/* A format with sign, exponent and fraction fields, of at most 32 bits. */
typedef struct layout {
    int exponent_bits, fraction_bits;
    uint32_t largest;  /* code of the largest finite value */
    uint32_t infinity; /* 0: the format has none */
    uint32_t overflow; /* what becomes of larger values */
    uint32_t nan;
} layout;

static const layout F16 = {5, 10, 0x7bff, 0x7c00, 0x7c00, 0x7e00};
static const layout BF16 = {8, 7, 0x7f7f, 0x7f80, 0x7f80, 0x7fc0};
static const layout TF32 = {8, 10, 0x3fbff, 0x3fc00, 0x3fc00, 0x3fe00}; /* less 13 zero bits */
static const layout E4M3 = {4, 3, 0x7e, 0, 0x7e, 0x7f};                 /* 0x7e is 448 */
static const layout E5M2 = {5, 2, 0x7b, 0x7c, 0x7b, 0x7f};

static inline uint32_t encode(layout f, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = (uint32_t)(bits >> 63) << (f.exponent_bits + f.fraction_bits);
    const uint64_t magnitude = bits & INT64_MAX;
    const uint64_t infinity = UINT64_C(0x7ff) << 52;
    if (magnitude > infinity)
        return sign | f.nan;
    if (magnitude == infinity)
        return sign | f.overflow;

    const int bias = (1 << (f.exponent_bits - 1)) - 1;
    const int exponent = (int)(magnitude >> 52) - 1023;
    const int below_normal = exponent < 1 - bias ? 1 - bias - exponent : 0;
    const int shift = 52 - f.fraction_bits + below_normal;
    if (shift > 53)
        return sign; /* below half of the least subnormal, as are all subnormal doubles */

    const uint64_t significand = (magnitude & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    const uint64_t rest = significand & ((UINT64_C(1) << shift) - 1);
    const uint64_t half = UINT64_C(1) << (shift - 1);
    uint64_t code = significand >> shift;
    code += rest > half || (rest == half && (code & 1));
    /* The implicit bit counts one exponent, and a carry of the rounding another. */
    if (!below_normal)
        code += (uint64_t)(exponent + bias - 1) << f.fraction_bits;
    return sign | (code > f.largest ? f.overflow : (uint32_t)code);
}

static inline double decode(layout f, uint32_t code)
{
    const int bias = (1 << (f.exponent_bits - 1)) - 1;
    const uint32_t magnitude = code & ((1u << (f.exponent_bits + f.fraction_bits)) - 1);
    double value;
    if (magnitude > f.largest) {
        value = magnitude == f.infinity ? INFINITY : NAN;
    } else if (magnitude >> f.fraction_bits == 0) {
        value = ldexp(magnitude, 1 - bias - f.fraction_bits);
    } else {
        const uint64_t bits =
            ((uint64_t)magnitude << (52 - f.fraction_bits)) + ((uint64_t)(1023 - bias) << 52);
        memcpy(&value, &bits, sizeof value);
    }
    return code == magnitude ? value : -value;
}

uint16_t stile_f16_from_double(double value)
{
    return (uint16_t)encode(F16, value);
}

uint16_t stile_bf16_from_double(double value)
{
    return (uint16_t)encode(BF16, value);
}

uint32_t stile_tf32_from_double(double value)
{
    return encode(TF32, value) << 13;
}

uint8_t stile_e4m3_from_double(double value)
{
    return (uint8_t)encode(E4M3, value);
}

uint8_t stile_e5m2_from_double(double value)
{
    return (uint8_t)encode(E5M2, value);
}

/* Through memcpy: arrays may come from anywhere. */
static inline float load_f32(const void *array, int64_t index)
{
    float value;
    memcpy(&value, (const char *)array + index * (int64_t)sizeof value, sizeof value);
    return value;
}

static inline uint16_t load_u16(const void *array, int64_t index)
{
    uint16_t value;
    memcpy(&value, (const char *)array + index * (int64_t)sizeof value, sizeof value);
    return value;
}

static inline void store(void *array, int64_t index, const void *element, int64_t size)
{
    memcpy((char *)array + index * size, element, (size_t)size);
}

void stile_load_elements(stile_type type, const void *array, int64_t index, int64_t count,
                         double *out)
{
    switch (type) {
    case STILE_TYPE_F32:
    case STILE_TYPE_TF32:
        for (int64_t i = 0; i < count; i++)
            out[i] = load_f32(array, index + i);
        return;
    case STILE_TYPE_F16:
        for (int64_t i = 0; i < count; i++)
            out[i] = decode(F16, load_u16(array, index + i));
        return;
    case STILE_TYPE_BF16:
        for (int64_t i = 0; i < count; i++)
            out[i] = decode(BF16, load_u16(array, index + i));
        return;
    case STILE_TYPE_E4M3:
        for (int64_t i = 0; i < count; i++)
            out[i] = decode(E4M3, ((const uint8_t *)array)[index + i]);
        return;
    case STILE_TYPE_E5M2:
        for (int64_t i = 0; i < count; i++)
            out[i] = decode(E5M2, ((const uint8_t *)array)[index + i]);
        return;
    }
}

double stile_load_element(stile_type type, const void *array, int64_t index)
{
    double value = NAN;
    stile_load_elements(type, array, index, 1, &value);
    return value;
}

void stile_store_element(stile_type type, void *array, int64_t index, double value)
{
    switch (type) {
    case STILE_TYPE_F32:
        store(array, index, &(float){(float)value}, sizeof(float));
        return;
    case STILE_TYPE_TF32:
        store(array, index, &(uint32_t){stile_tf32_from_double(value)}, sizeof(uint32_t));
        return;
    case STILE_TYPE_F16:
        store(array, index, &(uint16_t){stile_f16_from_double(value)}, sizeof(uint16_t));
        return;
    case STILE_TYPE_BF16:
        store(array, index, &(uint16_t){stile_bf16_from_double(value)}, sizeof(uint16_t));
        return;
    case STILE_TYPE_E4M3:
        ((uint8_t *)array)[index] = stile_e4m3_from_double(value);
        return;
    case STILE_TYPE_E5M2:
        ((uint8_t *)array)[index] = stile_e5m2_from_double(value);
        return;
    }
}

double stile_round_to_type(stile_type type, double value)
{
    uint32_t element;
    stile_store_element(type, &element, 0, value);
    return stile_load_element(type, &element, 0);
}

/* The implicit one included. */
static int significand_bits(stile_type type)
{
    switch (type) {
    case STILE_TYPE_F32:
        return 24;
    case STILE_TYPE_TF32:
    case STILE_TYPE_F16:
        return 11;
    case STILE_TYPE_BF16:
        return 8;
    case STILE_TYPE_E4M3:
        return 4;
    case STILE_TYPE_E5M2:
        return 3;
    }
    return 0;
}

bool stile_type_holds(stile_type outer, stile_type inner)
{
    const bool wide =
        outer == STILE_TYPE_F32 || outer == STILE_TYPE_TF32 || outer == STILE_TYPE_BF16;
    const bool needs_wide =
        inner == STILE_TYPE_F32 || inner == STILE_TYPE_TF32 || inner == STILE_TYPE_BF16;
    /* e4m3 has no Inf, and saturates where e5m2 would not. */
    if (outer == STILE_TYPE_E4M3 || outer == STILE_TYPE_E5M2)
        return outer == inner;
    return significand_bits(outer) >= significand_bits(inner) &&
           (wide || !needs_wide);
}

double stile_type_unit_roundoff_rms(stile_type type)
{
    return ldexp(0.4247, -significand_bits(type));
}
