/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "number.h"

static void integers_are_read_whole(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"+7", 7},
        {"007", 7},
        {"-9223372036854775808", INT64_MIN},
        {"9223372036854775807", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t value = 99;
        assert_true(stile_parse_int64(good[i].text, &value));
        assert_int_equal(value, good[i].value);
    }
}

static void anything_else_is_no_integer(void **state)
{
    (void)state;
    const char *const bad[] = {"", "-", "+", "--1", " 1", "1 ", "1.", "0x10", "1e3", "1_000",
                               "9223372036854775808", "-9223372036854775809",
                               "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = 99;
        assert_false(stile_parse_int64(bad[i], &value));
        assert_int_equal(value, 99);
    }
}

static void decimals_and_hex_floats_are_read(void **state)
{
    (void)state;
    const struct {
        const char *text;
        double value;
    } good[] = {
        {"0.25", 0.25},      {"-0.1", -0.1}, {".5", 0.5},         {"5.", 5},
        {"1e-3", 1e-3},      {"+2E2", 200},  {"0x1.8p-3", 0.1875}, {"-0X1P4", -16},
        {"0xA", 10},         {"1e-400", 0},  {"123456789", 123456789},
        {"4.9406564584124654e-324", 0x1p-1074},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = 99;
        assert_true(stile_parse_double(good[i].text, &value));
        assert_true(value == good[i].value);
    }
}

static void anything_else_is_no_number(void **state)
{
    (void)state;
    const char *const bad[] = {"", ".", "-", "e5", "1e", "1..2", "1.2.3", "1,5", " 1", "1 ", "inf",
                               "-inf", "nan", "NAN(1)", "infinity", "1e400", "-1e400", "0x",
                               "0x1p5000", "1d3", "one", "0b1", "1f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 99;
        assert_false(stile_parse_double(bad[i], &value));
        assert_true(value == 99);
    }
    char endless[2000];
    memset(endless, '1', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    double value;
    assert_false(stile_parse_double(endless, &value));
}

static void decimals_are_shortest(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},       {-2, "-2"},         {0.1, "0.1"},
        {1e-30, "1e-30"}, {1.0 / 3, "0.3333333333333333"}, {0.1 + 0.2, "0.30000000000000004"},
        {NAN, "nan"},   {INFINITY, "inf"},  {-INFINITY, "-inf"},
        {123456789, "123456789"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        stile_format_double(text, cases[i].value);
        assert_string_equal(text, cases[i].text);
    }
}

static void every_double_reads_back(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value, back = 0;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        char text[32];
        stile_format_double(text, value);
        assert_true(stile_parse_double(text, &back));
        assert_true(back == value);
        stile_format_hex(text, value);
        assert_true(stile_parse_double(text, &back));
        assert_true(back == value);
    }
    const double extremes[] = {DBL_MAX, -DBL_MAX, DBL_MIN, 0x1p-1074, -0x1.fffffffffffffp-1022};
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
        char text[32];
        double back;
        stile_format_double(text, extremes[i]);
        assert_true(stile_parse_double(text, &back));
        assert_true(back == extremes[i]);
    }
}

static void tables_show_rounded_numbers(void **state)
{
    (void)state;
    char text[32];
    stile_format_rounded(text, 0.68765, 3);
    assert_string_equal(text, "0.688");
    stile_format_rounded(text, 0.00166, 2);
    assert_string_equal(text, "0.0017");
    stile_format_rounded(text, 1.66e-7, 2);
    assert_string_equal(text, "1.7e-07");
    stile_format_rounded(text, 16, 3);
    assert_string_equal(text, "16");
    stile_format_rounded(text, NAN, 3);
    assert_string_equal(text, "nan");
}

static void hex_floats_are_exact(void **state)
{
    (void)state;
    char text[32];
    stile_format_hex(text, 0.1875);
    assert_string_equal(text, "0x1.8p-3");
    stile_format_hex(text, -1.0 / 3);
    assert_string_equal(text, "-0x1.5555555555555p-2");
    stile_format_hex(text, 0);
    assert_string_equal(text, "0x0p+0");
}

/* On machines that have such locales; elsewhere this checks the C locales. */
static void the_locale_does_not_matter(void **state)
{
    (void)state;
    const char *const locales[] = {"C", "C.UTF-8", "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8",
                                   "fa_IR.UTF-8", "ps_AF.UTF-8"};
    for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
        if (!setlocale(LC_ALL, locales[i]))
            continue;
        char text[32];
        double value = 0;
        stile_format_double(text, -1234.5);
        assert_string_equal(text, "-1234.5");
        stile_format_hex(text, 1.5);
        assert_string_equal(text, "0x1.8p+0");
        stile_format_rounded(text, 0.68765, 3);
        assert_string_equal(text, "0.688");
        assert_true(stile_parse_double("-1234.5e1", &value));
        assert_true(value == -12345);
        assert_false(stile_parse_double("1,5", &value));
    }
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_whole),
        cmocka_unit_test(anything_else_is_no_integer),
        cmocka_unit_test(decimals_and_hex_floats_are_read),
        cmocka_unit_test(anything_else_is_no_number),
        cmocka_unit_test(decimals_are_shortest),
        cmocka_unit_test(every_double_reads_back),
        cmocka_unit_test(tables_show_rounded_numbers),
        cmocka_unit_test(hex_floats_are_exact),
        cmocka_unit_test(the_locale_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
