/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text.h"

static void appends_add_up(void **state)
{
    (void)state;
    stile_text text = {0};
    stile_text_append(&text, "tile ");
    stile_text_appendf(&text, "%dx%d", 4, 2);
    stile_text_append_bytes(&text, " of X, ignored", 5);
    assert_string_equal(text.data, "tile 4x2 of X");
    assert_int_equal(text.size, strlen(text.data));
    assert_false(text.failed);
    stile_text_free(&text);
    assert_null(text.data);
    assert_int_equal(text.size, 0);
}

static void nothing_appended_is_an_empty_string(void **state)
{
    (void)state;
    stile_text text = {0};
    stile_text_append(&text, "");
    assert_string_equal(text.data, "");
    assert_int_equal(text.size, 0);
    stile_text_free(&text);
}

static void growth_keeps_every_byte(void **state)
{
    (void)state;
    stile_text text = {0};
    for (int i = 0; i < 20000; i++)
        stile_text_appendf(&text, "%05d", i);
    assert_int_equal(text.size, 100000);
    assert_int_equal(strlen(text.data), 100000);
    assert_memory_equal(text.data + 5 * 12345, "12345", 5);
    assert_false(text.failed);
    stile_text_free(&text);
}

static void each_length_around_a_capacity_ends_in_nul(void **state)
{
    (void)state;
    for (int length = 250; length < 260; length++) {
        stile_text text = {0};
        stile_text_appendf(&text, "%*s", length, "x");
        assert_int_equal(text.size, length);
        assert_int_equal(strlen(text.data), length);
        stile_text_append(&text, "y");
        assert_int_equal(text.data[length], 'y');
        assert_int_equal(text.data[length + 1], '\0');
        stile_text_free(&text);
    }
}

static void embedded_nuls_are_bytes_like_others(void **state)
{
    (void)state;
    stile_text text = {0};
    stile_text_append_bytes(&text, NULL, 0);
    stile_text_append_bytes(&text, "a\0b", 3);
    assert_int_equal(text.size, 3);
    assert_memory_equal(text.data, "a\0b", 4);
    stile_text_free(&text);
}

static void a_failed_append_is_remembered(void **state)
{
    (void)state;
    stile_text text = {0};
    stile_text_append(&text, "kept");
    stile_text_append_bytes(&text, "", SIZE_MAX - 100); /* refused before it reads a byte */
    assert_true(text.failed);
    stile_text_append(&text, " lost");
    stile_text_appendf(&text, "%d", 1);
    assert_true(text.failed);
    assert_string_equal(text.data, "kept");
    stile_text_free(&text);
    assert_false(text.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_add_up),
        cmocka_unit_test(nothing_appended_is_an_empty_string),
        cmocka_unit_test(growth_keeps_every_byte),
        cmocka_unit_test(each_length_around_a_capacity_ends_in_nul),
        cmocka_unit_test(embedded_nuls_are_bytes_like_others),
        cmocka_unit_test(a_failed_append_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
