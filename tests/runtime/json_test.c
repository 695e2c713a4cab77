/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "json.h"

/* What `write` makes, checked against `expected`. */
static void check(void (*write)(stile_json *json), const char *expected)
{
    stile_text text = {0};
    stile_json json = {.text = &text};
    write(&json);
    assert_false(text.failed);
    assert_string_equal(text.data, expected);
    assert_int_equal(json.depth, 0);
    stile_text_free(&text);
}

static void write_nested(stile_json *json)
{
    stile_json_begin_object(json, NULL);
    stile_json_begin_array(json, "empty");
    stile_json_end_array(json);
    stile_json_begin_array(json, "list");
    stile_json_int(json, NULL, INT64_MIN);
    stile_json_begin_object(json, NULL);
    stile_json_end_object(json);
    stile_json_end_array(json);
    stile_json_bool(json, "yes", true);
    stile_json_null(json, "none");
    stile_json_end_object(json);
}

static void commas_and_indentation_follow_the_nesting(void **state)
{
    (void)state;
    check(write_nested, "{\n"
                        "  \"empty\": [],\n"
                        "  \"list\": [\n"
                        "    -9223372036854775808,\n"
                        "    {}\n"
                        "  ],\n"
                        "  \"yes\": true,\n"
                        "  \"none\": null\n"
                        "}\n");
}

static void write_strings(stile_json *json)
{
    stile_json_begin_array(json, NULL);
    stile_json_string(json, NULL, "a\"b\\c\n\x01");
    stile_json_string(json, NULL, "⟨2,2,2;7⟩ 😀");
    stile_json_string(json, NULL, "\xff\xc0\xaf\xed\xa0\x80\xe2\x82");
    stile_json_string(json, NULL, NULL);
    stile_json_end_array(json);
}

static void strings_are_escaped_and_valid_utf8(void **state)
{
    (void)state;
    check(write_strings, "[\n"
                         "  \"a\\\"b\\\\c\\n\\u0001\",\n"
                         "  \"⟨2,2,2;7⟩ 😀\",\n"
                         "  \"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\",\n"
                         "  null\n"
                         "]\n");
}

static void write_numbers(stile_json *json)
{
    stile_json_begin_array(json, NULL);
    stile_json_real(json, NULL, 0.1);
    stile_json_real(json, NULL, -2);
    stile_json_real(json, NULL, NAN);
    stile_json_real(json, NULL, -INFINITY);
    stile_json_end_array(json);
}

static void numbers_are_exact_and_never_nan(void **state)
{
    (void)state;
    check(write_numbers, "[\n  0.1,\n  -2,\n  null,\n  null\n]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_indentation_follow_the_nesting),
        cmocka_unit_test(strings_are_escaped_and_valid_utf8),
        cmocka_unit_test(numbers_are_exact_and_never_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
