/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "diagnostics.h"

static stile_diagnostics *create(void)
{
    stile_diagnostics *diagnostics = NULL;
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    return diagnostics;
}

static void numbers_of_codes_are_unique_and_without_gaps(void **state)
{
    (void)state;
    static const int numbers[] = {
#define STILE_CODE(number, name, meaning) number,
#include "diagnostic_codes.def"
#undef STILE_CODE
    };
    int count = (int)(sizeof numbers / sizeof *numbers);
    for (int i = 0; i < count; i++) {
        assert_int_equal(numbers[i], i + 1);
        assert_non_null(stile_code_meaning(i + 1));
    }
    assert_null(stile_code_meaning(0));
    assert_null(stile_code_meaning(count + 1));
    assert_int_equal(STILE_CODE_BASIS_COLUMNS, 14); /* published in the design */
}

static void a_diagnostic_prints_as_compilers_do(void **state)
{
    (void)state;
    stile_diagnostics *list = create();
    stile_mark mark = {"specs/x.yaml", 12, 7};
    assert_int_equal(stile_diagnose(list, mark, STILE_CODE_BASIS_COLUMNS,
                                    "basis has %d columns in U but %d in V", 7, 8),
                     STILE_ERROR_SPEC);
    const stile_diagnostic *d = stile_diagnostics_get(list, 0);
    assert_string_equal(
        d->text, "specs/x.yaml:12:7: error: [STILE-014] basis has 7 columns in U but 8 in V");
    assert_string_equal(d->message, "basis has 7 columns in U but 8 in V");
    assert_string_equal(stile_last_error(), d->text);
    stile_diagnose(list, (stile_mark){"y", 0, 0}, STILE_CODE_FILE_UNREADABLE, "gone");
    assert_string_equal(stile_diagnostics_get(list, 1)->text, "y: error: [STILE-004] gone");
    assert_string_equal(stile_last_error(), d->text); /* the first stays */
    stile_diagnostics_destroy(&list);
    stile_diagnostics_destroy(&list);
    stile_diagnostics_destroy(NULL);
    assert_int_equal(stile_diagnostics_count(NULL), 0);
    assert_null(stile_diagnostics_get(NULL, 0));
}

static void an_error_is_listed_once_but_counted_each_time(void **state)
{
    (void)state;
    stile_diagnostics *list = create();
    stile_mark mark = {"f", 1, 1};
    for (int i = 0; i < 3; i++)
        stile_diagnose(list, mark, STILE_CODE_BAD_NUMBER, "same");
    stile_diagnose(list, mark, STILE_CODE_BAD_NUMBER, "other");
    assert_int_equal(stile_diagnostics_count(list), 2);
    assert_int_equal(stile_diagnostics_reported(list), 4);
    assert_false(stile_diagnostics_failed(list));
    stile_diagnostics_destroy(&list);
}

static void a_list_ends_at_its_limit_and_says_so(void **state)
{
    (void)state;
    stile_diagnostics *list = create(), *all = create();
    for (int i = 0; i < 2 * STILE_MAX_DIAGNOSTICS; i++)
        stile_diagnose(list, (stile_mark){"f", 1000 - i, 1}, STILE_CODE_BAD_NUMBER, "n");
    assert_int_equal(stile_diagnostics_count(list), STILE_MAX_DIAGNOSTICS + 1);
    assert_int_equal(stile_diagnostics_finish(list, STILE_ERROR_SPEC, all), STILE_ERROR_SPEC);
    assert_int_equal(stile_diagnostics_count(all), STILE_MAX_DIAGNOSTICS + 1);
    assert_int_equal(stile_diagnostics_get(all, STILE_MAX_DIAGNOSTICS)->code,
                     STILE_CODE_TOO_MANY_ERRORS);
    stile_diagnostics_destroy(&all);
}

static void a_load_hands_its_errors_on_in_order_of_files_and_lines(void **state)
{
    (void)state;
    static const stile_mark marks[] = {{"a", 9, 1}, {"b", 2, 1}, {"a", 3, 7}, {"a", 3, 2},
                                       {"b", 1, 5}, {"a", 0, 0}, {"a", 3, 2}};
    static const char expected[] = "6a 4a 7a 3a 1a 5b 2b ";
    stile_diagnostics *own = create(), *all = create();
    for (int i = 0; i < 7; i++)
        stile_diagnose(own, marks[i], STILE_CODE_BAD_NUMBER, "%d", i + 1);
    assert_int_equal(stile_diagnostics_finish(own, STILE_ERROR_SPEC, all), STILE_ERROR_SPEC);
    char order[64] = "";
    for (size_t i = 0; i < stile_diagnostics_count(all); i++) {
        const stile_diagnostic *d = stile_diagnostics_get(all, i);
        sprintf(order + strlen(order), "%s%s ", d->message, d->file);
    }
    assert_string_equal(order, expected);
    assert_string_equal(stile_last_error(), stile_diagnostics_get(all, 0)->text);
    stile_diagnostics_destroy(&all);

    own = create();
    stile_diagnose(own, marks[0], STILE_CODE_BAD_NUMBER, "for nobody");
    assert_int_equal(stile_diagnostics_finish(own, STILE_ERROR_SPEC, NULL), STILE_ERROR_SPEC);
    assert_string_equal(stile_last_error(), "a:9:1: error: [STILE-016] for nobody");
}

static void quoted_text_is_short_printable_and_whole_characters(void **state)
{
    (void)state;
    assert_string_equal(stile_quote("").text, "\"\"");
    assert_string_equal(stile_quote("a b").text, "\"a b\"");
    assert_string_equal(stile_quote("a\nb\x1b[0m\x7f").text, "\"a\\nb\\x1b[0m\\x7f\"");
    assert_string_equal(stile_quote("\xe2\x9f\xa8").text, "\"\xe2\x9f\xa8\"");
    for (size_t length = 60; length < 300; length++) {
        for (int kind = 0; kind < 4; kind++) {
            static const char *const pieces[] = {"a", "\x01", "\xe2\x9f\xa8", "\xf0\x9f\x98\x80"};
            char text[1300] = "";
            for (size_t i = 0; i < length; i++)
                strcat(text, pieces[kind]);
            stile_quoted quoted = stile_quote(text);
            size_t size = strnlen(quoted.text, sizeof quoted.text);
            assert_true(size < sizeof quoted.text);
            assert_int_equal(quoted.text[size - 1], '"');
            if (length > 90) /* "…" stands for the rest */
                assert_memory_equal(quoted.text + size - 4, "\xe2\x80\xa6\"", 4);
            size_t inner = size - 1 - (length > 90 ? 3 : 0) - 1;
            if (kind > 1 && length > 90)
                assert_int_equal(inner % strlen(pieces[kind]), 0);
        }
    }
    char *stray = (char[]){'\x80', '\x80', '\x80', '\x80', '\x80', '\x80', 0};
    assert_true(strlen(stile_quote(stray).text) < sizeof(stile_quoted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_codes_are_unique_and_without_gaps),
        cmocka_unit_test(a_diagnostic_prints_as_compilers_do),
        cmocka_unit_test(an_error_is_listed_once_but_counted_each_time),
        cmocka_unit_test(a_list_ends_at_its_limit_and_says_so),
        cmocka_unit_test(a_load_hands_its_errors_on_in_order_of_files_and_lines),
        cmocka_unit_test(quoted_text_is_short_printable_and_whole_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
