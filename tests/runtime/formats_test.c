/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "problem.h"

/* A format as an independent table of its values: everything below is checked against these. */
typedef struct format {
    stile_type type;
    int codes;   /* positive codes, from 0 */
    int largest; /* of the finite ones */
    bool saturates;
    double values[1 << 15];
} format;

static uint32_t store(stile_type type, double value)
{
    uint32_t bits = 0;
    stile_store_element(type, &bits, 0, value);
    return bits;
}

static double load(stile_type type, uint32_t bits)
{
    return stile_load_element(type, &bits, 0);
}

static void tabulate(format *f, stile_type type, int exponent_bits, int fraction_bits, int largest)
{
    const int bias = (1 << (exponent_bits - 1)) - 1;
    f->type = type;
    f->codes = 1 << (exponent_bits + fraction_bits);
    f->largest = largest;
    f->saturates = type == STILE_TYPE_E4M3 || type == STILE_TYPE_E5M2;
    for (int code = 0; code <= largest; code++) {
        const int exponent = code >> fraction_bits;
        const int fraction = code & ((1 << fraction_bits) - 1);
        const double scaled = exponent ? fraction + (1 << fraction_bits) : fraction;
        f->values[code] = ldexp(scaled, (exponent ? exponent : 1) - bias - fraction_bits);
    }
}

static void each_format(void (*check)(const format *f))
{
    static format f;
    tabulate(&f, STILE_TYPE_F16, 5, 10, 0x7bff);
    check(&f);
    tabulate(&f, STILE_TYPE_BF16, 8, 7, 0x7f7f);
    check(&f);
    tabulate(&f, STILE_TYPE_E4M3, 4, 3, 0x7e);
    check(&f);
    tabulate(&f, STILE_TYPE_E5M2, 5, 2, 0x7b);
    check(&f);
}

static void check_round_trip(const format *f)
{
    for (int code = 0; code < f->codes; code++) {
        for (int negative = 0; negative < 2; negative++) {
            const uint32_t bits = (uint32_t)(code + negative * f->codes);
            const double value = load(f->type, bits);
            if (code <= f->largest) {
                assert_true(value == (negative ? -f->values[code] : f->values[code]));
                assert_int_equal(signbit(value) != 0, negative);
                assert_int_equal(store(f->type, value), bits);
            } else if (code == f->largest + 1 && f->type != STILE_TYPE_E4M3) {
                assert_true(isinf(value) && (signbit(value) != 0) == negative);
                assert_int_equal(store(f->type, value), f->saturates ? bits - 1 : bits);
            } else {
                assert_true(isnan(value));
                assert_true(isnan(load(f->type, store(f->type, value))));
            }
        }
    }
}

static void every_code_round_trips(void **state)
{
    (void)state;
    each_format(check_round_trip);
}

static void check_halfway(const format *f)
{
    for (int code = 0; code < f->largest; code++) {
        const double low = f->values[code], high = f->values[code + 1];
        const double middle = low + (high - low) / 2; /* exact in double */
        const int even = code % 2 == 0 ? code : code + 1;
        assert_int_equal(store(f->type, middle), even);
        assert_int_equal(store(f->type, nextafter(middle, 0)), code);
        assert_int_equal(store(f->type, nextafter(middle, INFINITY)), code + 1);
        assert_int_equal(store(f->type, -middle), even + f->codes);
        assert_int_equal(store(f->type, nextafter(high, 0)), code + 1);
        assert_int_equal(store(f->type, nextafter(low, INFINITY)), code);
    }
}

static void ties_go_to_even_and_nothing_is_rounded_twice(void **state)
{
    (void)state;
    each_format(check_halfway);
    /* Through float, this would become a tie and then go down to 1. */
    assert_int_equal(stile_bf16_from_double(1 + 0x1p-8 + 0x1p-30), 0x3f81);
    assert_int_equal(stile_f16_from_double(1 + 0x1p-11 + 0x1p-40), 0x3c01);
}

static void check_overflow(const format *f)
{
    const double largest = f->values[f->largest];
    const double step = largest - f->values[f->largest - 1];
    const double threshold = largest + step / 2;
    const int over = f->saturates ? f->largest : f->largest + 1;
    assert_int_equal(store(f->type, nextafter(threshold, 0)), f->largest);
    assert_int_equal(store(f->type, threshold), over);
    assert_int_equal(store(f->type, -threshold), over + f->codes);
    assert_int_equal(store(f->type, 1e300), over);
    assert_int_equal(store(f->type, INFINITY), over);
    assert_int_equal(store(f->type, -INFINITY), over + f->codes);
    assert_true(isnan(load(f->type, store(f->type, NAN))));
    assert_true(isnan(load(f->type, store(f->type, -NAN))));
    assert_int_equal(store(f->type, 0x1p-1074), 0);
    assert_int_equal(store(f->type, -0x1p-1074), f->codes);
}

static void half_formats_overflow_to_infinity_and_fp8_saturates(void **state)
{
    (void)state;
    each_format(check_overflow);
    assert_true(isinf(stile_round_to_type(STILE_TYPE_F32, 1e39)));
    assert_true(isinf(stile_round_to_type(STILE_TYPE_TF32, 1e39)));
    assert_true(isnan(stile_round_to_type(STILE_TYPE_F32, NAN)));
    assert_true(isnan(stile_round_to_type(STILE_TYPE_TF32, NAN)));
}

static void known_values_are_right(void **state)
{
    (void)state;
    assert_int_equal(stile_f16_from_double(1), 0x3c00);
    assert_int_equal(stile_f16_from_double(65504), 0x7bff);
    assert_int_equal(stile_f16_from_double(65520), 0x7c00);
    assert_int_equal(stile_f16_from_double(0x1p-24), 1);
    assert_int_equal(stile_f16_from_double(0x1p-25), 0);
    assert_int_equal(stile_bf16_from_double(M_PI), 0x4049);
    assert_int_equal(stile_bf16_from_double(-1), 0xbf80);
    assert_int_equal(stile_e4m3_from_double(448), 0x7e);
    assert_int_equal(stile_e4m3_from_double(1000), 0x7e);
    assert_int_equal(stile_e4m3_from_double(0x1p-9), 1);
    assert_int_equal(stile_e5m2_from_double(57344), 0x7b);
    assert_int_equal(stile_e5m2_from_double(1), 0x3c);
}

static void tf32_is_a_float_with_thirteen_zero_bits(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) {
        const double value = ldexp(random_normal(&random), (int)random_between(&random, -160, 128));
        const uint32_t bits = stile_tf32_from_double(value);
        assert_int_equal(bits & 0x1fff, 0);
        const double rounded = load(STILE_TYPE_F32, bits);
        int exponent;
        frexp(value, &exponent);
        if (exponent < -125)
            exponent = -125;
        if (isfinite(rounded))
            assert_true(fabs(rounded - value) <= ldexp(1, exponent - 12));
        else
            assert_true(fabs(value) >= 0x1.ffep127);
    }
}

static void arrays_need_no_alignment(void **state)
{
    (void)state;
    const stile_type types[] = {STILE_TYPE_F32,  STILE_TYPE_TF32, STILE_TYPE_F16,
                                STILE_TYPE_BF16, STILE_TYPE_E4M3, STILE_TYPE_E5M2};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        unsigned char bytes[1 + 5 * 4];
        double out[4];
        for (int i = 0; i < 5; i++)
            stile_store_element(types[t], bytes + 1, i, i - 2);
        stile_load_elements(types[t], bytes + 1, 1, 4, out);
        for (int i = 0; i < 4; i++)
            assert_true(out[i] == i - 1);
    }
}

static void a_type_holds_exactly_the_types_it_can_represent(void **state)
{
    (void)state;
    assert_true(stile_type_holds(STILE_TYPE_TF32, STILE_TYPE_F16));
    assert_true(stile_type_holds(STILE_TYPE_TF32, STILE_TYPE_BF16));
    assert_true(stile_type_holds(STILE_TYPE_BF16, STILE_TYPE_BF16));
    assert_false(stile_type_holds(STILE_TYPE_TF32, STILE_TYPE_F32));
    assert_false(stile_type_holds(STILE_TYPE_F16, STILE_TYPE_BF16));
    assert_false(stile_type_holds(STILE_TYPE_BF16, STILE_TYPE_F16));
    assert_false(stile_type_holds(STILE_TYPE_E4M3, STILE_TYPE_BF16));
}

static void roundoff_constants_are_what_rounding_normals_measures(void **state)
{
    (void)state;
    const stile_type types[] = {STILE_TYPE_F32, STILE_TYPE_TF32, STILE_TYPE_F16, STILE_TYPE_BF16};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        uint64_t random = 7;
        double errors = 0, squares = 0;
        for (int i = 0; i < 1000000; i++) {
            const double value = random_normal(&random);
            const double error = stile_round_to_type(types[t], value) - value;
            errors += error * error;
            squares += value * value;
        }
        const double measured = sqrt(errors / squares);
        assert_true(fabs(measured / stile_type_unit_roundoff_rms(types[t]) - 1) < 0.005);
    }
    assert_true(fabs(stile_type_unit_roundoff_rms(STILE_TYPE_BF16) - 1.66e-3) < 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_round_trips),
        cmocka_unit_test(ties_go_to_even_and_nothing_is_rounded_twice),
        cmocka_unit_test(half_formats_overflow_to_infinity_and_fp8_saturates),
        cmocka_unit_test(known_values_are_right),
        cmocka_unit_test(tf32_is_a_float_with_thirteen_zero_bits),
        cmocka_unit_test(arrays_need_no_alignment),
        cmocka_unit_test(a_type_holds_exactly_the_types_it_can_represent),
        cmocka_unit_test(roundoff_constants_are_what_rounding_normals_measures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
