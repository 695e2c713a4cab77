/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "reader.h"

typedef struct fixture {
    stile_arena *arena;
    stile_diagnostics *diagnostics;
} fixture;

static int setup(void **state)
{
    static fixture f;
    f = (fixture){.arena = stile_arena_create()};
    *state = &f;
    return stile_diagnostics_create(&f.diagnostics);
}

static int teardown(void **state)
{
    fixture *f = *state;
    stile_arena_destroy(&f->arena);
    stile_diagnostics_destroy(&f->diagnostics);
    return 0;
}

/* The tree of a text; the list of diagnostics starts anew. */
static const stile_node *tree(fixture *f, const char *text)
{
    const stile_node *root;
    stile_diagnostics_destroy(&f->diagnostics);
    assert_int_equal(stile_diagnostics_create(&f->diagnostics), 0);
    assert_int_equal(stile_yaml_parse(&root, f->arena, "f", text, strlen(text), f->diagnostics), 0);
    return root;
}

/* The code of the only diagnostic, or 0. */
static int code(const fixture *f)
{
    assert_true(stile_diagnostics_count(f->diagnostics) <= 1);
    const stile_diagnostic *d = stile_diagnostics_get(f->diagnostics, 0);
    return d ? d->code : 0;
}

static void integers_are_decimal_and_in_range(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text;
        int code;
        int64_t value;
    } cases[] = {
        {"1", 0, 1},
        {"-3", 0, -3},
        {"+7", 0, 7},
        {"0", 0, 0},
        {"100", 0, 100},
        {"101", STILE_CODE_OUT_OF_RANGE},
        {"-6", STILE_CODE_OUT_OF_RANGE},
        {"01", STILE_CODE_BAD_NUMBER},
        {"0x10", STILE_CODE_BAD_NUMBER},
        {"0o7", STILE_CODE_BAD_NUMBER},
        {"1_0", STILE_CODE_BAD_NUMBER},
        {"1.0", STILE_CODE_BAD_NUMBER},
        {"1e1", STILE_CODE_BAD_NUMBER},
        {"'1'", STILE_CODE_BAD_NUMBER},
        {"one", STILE_CODE_BAD_NUMBER},
        {"--1", STILE_CODE_BAD_NUMBER},
        {"- 1", STILE_CODE_WRONG_KIND},
        {"1 2", STILE_CODE_BAD_NUMBER},
        {"9223372036854775808", STILE_CODE_NOT_FINITE},
        {"-99999999999999999999999999", STILE_CODE_NOT_FINITE},
        {".inf", STILE_CODE_NOT_FINITE},
        {"-.INF", STILE_CODE_NOT_FINITE},
        {"NaN", STILE_CODE_NOT_FINITE},
        {"1e400", STILE_CODE_NOT_FINITE},
        {"0x1p9999", STILE_CODE_NOT_FINITE},
        {"[1]", STILE_CODE_WRONG_KIND},
        {"{a: 1}", STILE_CODE_WRONG_KIND},
        {"~", STILE_CODE_BAD_NUMBER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 55;
        const stile_node *node = tree(f, cases[i].text);
        bool good = stile_read_integer(f->diagnostics, node, "x", -5, 100, &value);
        if (code(f) != cases[i].code || good != !cases[i].code)
            fail_msg("%s: code %d", cases[i].text, code(f));
        assert_int_equal(value, good ? cases[i].value : 55);
    }
    int64_t value;
    assert_true(stile_read_integer(f->diagnostics, tree(f, "-9223372036854775808"), "x", INT64_MIN,
                                   INT64_MAX, &value));
    assert_true(value == INT64_MIN);
}

static void booleans_are_true_or_false(void **state)
{
    fixture *f = *state;
    bool value = false;
    assert_true(stile_read_boolean(f->diagnostics, tree(f, "true"), "x", &value));
    assert_true(value);
    assert_true(stile_read_boolean(f->diagnostics, tree(f, "false"), "x", &value));
    assert_false(value);
    static const char *const bad[] = {"yes", "True", "1", "'true'", "on", "''"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(stile_read_boolean(f->diagnostics, tree(f, bad[i]), "x", &value));
        assert_int_equal(code(f), STILE_CODE_UNKNOWN_VALUE);
    }
}

static void a_broken_node_is_passed_over_in_silence(void **state)
{
    fixture *f = *state;
    const stile_node *node = stile_node_get(tree(f, "a: *x\n"), "a");
    int64_t integer;
    bool boolean;
    int choice;
    const char *text;
    static const char *const names[] = {"a", NULL};
    assert_false(stile_read_integer(f->diagnostics, node, "x", 0, 1, &integer));
    assert_false(stile_read_boolean(f->diagnostics, node, "x", &boolean));
    assert_false(stile_read_choice(f->diagnostics, node, "x", names, &choice));
    assert_false(stile_read_text(f->diagnostics, node, "x", 9, &text));
    assert_false(stile_read_kind(f->diagnostics, node, "x", STILE_NODE_MAP));
    assert_int_equal(code(f), STILE_CODE_ANCHOR_OR_ALIAS);
}

static void a_choice_is_exact_and_its_error_lists_all(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"any", "causal", "none", NULL};
    int choice = 9;
    assert_true(stile_read_choice(f->diagnostics, tree(f, "'none'"), "rows", names, &choice));
    assert_int_equal(choice, 2);
    assert_false(stile_read_choice(f->diagnostics, tree(f, "None"), "rows", names, &choice));
    assert_int_equal(choice, 2);
    assert_string_equal(stile_diagnostics_get(f->diagnostics, 0)->message,
                        "rows must be any, causal or none, not \"None\"; the nearest is \"none\"");
}

static void text_is_one_line_of_limited_length(void **state)
{
    fixture *f = *state;
    const char *text = NULL;
    assert_true(stile_read_text(f->diagnostics, tree(f, "abcd"), "x", 4, &text));
    assert_string_equal(text, "abcd");
    assert_false(stile_read_text(f->diagnostics, tree(f, "abcde"), "x", 4, &text));
    assert_int_equal(code(f), STILE_CODE_BAD_TEXT);
    assert_false(stile_read_text(f->diagnostics, tree(f, "\"a\\nb\""), "x", 4, &text));
    assert_int_equal(code(f), STILE_CODE_BAD_TEXT);
    assert_false(stile_read_text(f->diagnostics, tree(f, "''"), "x", 4, &text));
    assert_int_equal(code(f), STILE_CODE_BAD_TEXT);
}

static void the_nearest_name_is_found_by_edits_and_case(void **state)
{
    (void)state;
    static const char *const names[] = {"K", "M", "N", "precision", "product", "rows", NULL};
    assert_string_equal(stile_nearest_name("m", names), "M");
    assert_string_equal(stile_nearest_name("precison", names), "precision");
    assert_string_equal(stile_nearest_name("produkt", names), "product");
    assert_string_equal(stile_nearest_name("ROWS", names), "rows");
    assert_string_equal(stile_nearest_name("", names), "K");
    static const char *const none[] = {NULL};
    assert_null(stile_nearest_name("x", none));
    char longest[5000]; /* compared by its beginning, in bounded time and space */
    memset(longest, 'r', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_non_null(stile_nearest_name(longest, names));
}

static void only_another_version_stops_a_reader(void **state)
{
    fixture *f = *state;
    assert_true(stile_read_version(f->diagnostics, tree(f, "v: 1\n"), "v"));
    assert_int_equal(code(f), 0);
    assert_false(stile_read_version(f->diagnostics, tree(f, "v: 2\n"), "v"));
    assert_int_equal(code(f), STILE_CODE_SCHEMA_VERSION);
    assert_true(stile_read_version(f->diagnostics, tree(f, "v: x\n"), "v"));
    assert_int_equal(code(f), STILE_CODE_BAD_NUMBER);
    assert_true(stile_read_version(f->diagnostics, tree(f, "w: 1\n"), "v"));
    assert_int_equal(code(f), STILE_CODE_MISSING_KEY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(integers_are_decimal_and_in_range, setup, teardown),
        cmocka_unit_test_setup_teardown(booleans_are_true_or_false, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_node_is_passed_over_in_silence, setup, teardown),
        cmocka_unit_test_setup_teardown(a_choice_is_exact_and_its_error_lists_all, setup, teardown),
        cmocka_unit_test_setup_teardown(text_is_one_line_of_limited_length, setup, teardown),
        cmocka_unit_test(the_nearest_name_is_found_by_edits_and_case),
        cmocka_unit_test_setup_teardown(only_another_version_stops_a_reader, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
