/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rational.h"

static stile_rational rational(int64_t num, int64_t den)
{
    stile_rational result;
    assert_true(stile_rational_make(&result, num, den));
    return result;
}

static void assert_rational(stile_rational value, int64_t num, int64_t den)
{
    assert_int_equal(value.num, num);
    assert_int_equal(value.den, den);
}

static void fractions_are_in_lowest_terms(void **state)
{
    (void)state;
    assert_rational(rational(6, 4), 3, 2);
    assert_rational(rational(6, -4), -3, 2);
    assert_rational(rational(-6, -4), 3, 2);
    assert_rational(rational(0, -5), 0, 1);
    assert_rational(rational(INT64_MAX, INT64_MAX), 1, 1);
    assert_rational(rational(INT64_MIN, 2), INT64_MIN / 2, 1);
    assert_rational(rational(INT64_MIN, INT64_MIN), 1, 1);
}

static void no_denominator_is_zero(void **state)
{
    (void)state;
    stile_rational out = {7, 9};
    assert_false(stile_rational_make(&out, 1, 0));
    assert_false(stile_rational_make(&out, 0, 0));
    assert_false(stile_rational_div(&out, STILE_RATIONAL_ONE, STILE_RATIONAL_ZERO));
    assert_rational(out, 7, 9);
}

static void arithmetic_is_exact(void **state)
{
    (void)state;
    stile_rational out;
    assert_true(stile_rational_add(&out, rational(1, 6), rational(1, 10)));
    assert_rational(out, 4, 15);
    assert_true(stile_rational_sub(&out, rational(1, 6), rational(1, 6)));
    assert_rational(out, 0, 1);
    assert_true(stile_rational_mul(&out, rational(-2, 3), rational(9, 4)));
    assert_rational(out, -3, 2);
    assert_true(stile_rational_div(&out, rational(2, 3), rational(-4, 9)));
    assert_rational(out, -3, 2);
    assert_true(stile_rational_div(&out, STILE_RATIONAL_ZERO, rational(-4, 9)));
    assert_rational(out, 0, 1);
}

static void small_arithmetic_agrees_with_cross_multiplication(void **state)
{
    (void)state;
    for (int a = -4; a <= 4; a++) {
        for (int b = 1; b <= 5; b++) {
            for (int c = -4; c <= 4; c++) {
                for (int d = 1; d <= 5; d++) {
                    const stile_rational x = rational(a, b), y = rational(c, d);
                    stile_rational out;
                    assert_true(stile_rational_add(&out, x, y));
                    assert_true(stile_rational_equal(out, rational(a * d + c * b, b * d)));
                    assert_true(stile_rational_sub(&out, x, y));
                    assert_true(stile_rational_equal(out, rational(a * d - c * b, b * d)));
                    assert_true(stile_rational_mul(&out, x, y));
                    assert_true(stile_rational_equal(out, rational(a * c, b * d)));
                    assert_int_equal(stile_rational_div(&out, x, y), c != 0);
                    if (c)
                        assert_true(stile_rational_equal(out, rational(a * d, b * c)));
                }
            }
        }
    }
}

static void large_parts_that_cancel_are_no_overflow(void **state)
{
    (void)state;
    const stile_rational big = rational(INT64_MAX, 3), small = rational(3, INT64_MAX);
    stile_rational out;
    assert_true(stile_rational_mul(&out, big, small));
    assert_rational(out, 1, 1);
    assert_true(stile_rational_div(&out, big, big));
    assert_rational(out, 1, 1);
    assert_true(stile_rational_sub(&out, big, big));
    assert_rational(out, 0, 1);
    assert_true(stile_rational_sub(&out, small, small));
    assert_rational(out, 0, 1);
}

static void overflow_is_reported_and_leaves_the_result_alone(void **state)
{
    (void)state;
    const stile_rational most = rational(INT64_MAX, 1), least = rational(-INT64_MAX, 1);
    const stile_rational tiny = rational(1, INT64_MAX), other = rational(1, INT64_MAX - 1);
    stile_rational out = {7, 9};
    assert_false(stile_rational_add(&out, most, STILE_RATIONAL_ONE));
    assert_false(stile_rational_add(&out, most, most));
    assert_false(stile_rational_sub(&out, least, STILE_RATIONAL_ONE));
    assert_false(stile_rational_mul(&out, most, rational(2, 1)));
    assert_false(stile_rational_mul(&out, tiny, other));
    assert_false(stile_rational_add(&out, tiny, other));
    assert_false(stile_rational_div(&out, most, tiny));
    assert_false(stile_rational_make(&out, INT64_MIN, 1));
    assert_rational(out, 7, 9);
}

static void entries_are_read_exactly(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t num, den;
    } good[] = {
        {"0", 0, 1},        {"-1", -1, 1},        {"+3", 3, 1},      {"1/2", 1, 2},
        {"-6/4", -3, 2},    {"0/7", 0, 1},        {"0.125", 1, 8},   {"-0.1", -1, 10},
        {".5", 1, 2},       {"2.", 2, 1},         {"1e3", 1000, 1},  {"1e-3", 1, 1000},
        {"25E-2", 1, 4},    {"0x1.8p-3", 3, 16},  {"-0x10", -16, 1}, {"1048576", 1048576, 1},
        {"1/1048576", 1, 1048576},                {"1.0000000000000000000000000", 1, 1},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        stile_rational out = {7, 9};
        bool exact = false;
        double value = 99;
        assert_true(stile_rational_parse(good[i].text, &out, &exact, &value));
        assert_true(exact);
        assert_rational(out, good[i].num, good[i].den);
        assert_true(value == stile_rational_to_double(out));
    }
}

static void other_numbers_are_read_as_doubles(void **state)
{
    (void)state;
    const struct {
        const char *text;
        double value;
    } inexact[] = {
        {"1048577", 1048577},
        {"1/1048577", 1.0 / 1048577},
        {"0.3333333333333333", 1.0 / 3},
        {"0x1.5555555555555p-2", 1.0 / 3},
        {"1e300", 1e300},
        {"1e-30", 1e-30},
        {"1e-21", 1e-21},
    };
    for (size_t i = 0; i < sizeof inexact / sizeof *inexact; i++) {
        stile_rational out = {7, 9};
        bool exact = true;
        double value = 99;
        assert_true(stile_rational_parse(inexact[i].text, &out, &exact, &value));
        assert_false(exact);
        assert_rational(out, 7, 9);
        assert_true(value == inexact[i].value);
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"", "/", "1/", "/2", "1/0", "0/0", "1/-2", "1//2", "1/2/3", "1.5/2",
                               "1/2.5", "a/b", "inf", "nan", "1e999", "-", "1 /2", "sqrt(2)",
                               "9223372036854775808/1", "-9223372036854775808/1",
                               "00000000000000000000000000001/2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        stile_rational out;
        bool exact;
        double value;
        assert_false(stile_rational_parse(bad[i], &out, &exact, &value));
    }
}

static void fractions_print_as_people_write_them(void **state)
{
    (void)state;
    char text[48];
    stile_rational_format(text, rational(3, 1));
    assert_string_equal(text, "3");
    stile_rational_format(text, rational(1, -2));
    assert_string_equal(text, "-1/2");
    stile_rational_format(text, rational(-INT64_MAX, INT64_MAX - 1));
    assert_string_equal(text, "-9223372036854775807/9223372036854775806");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fractions_are_in_lowest_terms),
        cmocka_unit_test(no_denominator_is_zero),
        cmocka_unit_test(arithmetic_is_exact),
        cmocka_unit_test(small_arithmetic_agrees_with_cross_multiplication),
        cmocka_unit_test(large_parts_that_cancel_are_no_overflow),
        cmocka_unit_test(overflow_is_reported_and_leaves_the_result_alone),
        cmocka_unit_test(entries_are_read_exactly),
        cmocka_unit_test(other_numbers_are_read_as_doubles),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(fractions_print_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
