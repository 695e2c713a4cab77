/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "table.h"

static int set_up(void **state)
{
    *state = stile_arena_create();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    stile_arena *arena = *state;
    stile_arena_destroy(&arena);
    return 0;
}

static void columns_align_and_no_line_ends_in_blanks(void **state)
{
    stile_table table = {.arena = *state, .alignment = "lrl", .indent = "> "};
    static const char *const cells[3][4] = {
        {"name", "n", "note", ""},
        {"⟨2,2,2;7⟩", "1000", "", ""},
        {"X̂", "7", "x", "last"},
    };
    for (int i = 0; i < 3; i++) {
        stile_table_row(&table);
        for (int j = 0; j < 4; j++)
            stile_table_cell(&table, cells[i][j]);
    }
    stile_text text = {0};
    stile_table_print(&text, &table);
    assert_string_equal(text.data, "> name          n  note\n"
                                   "> ⟨2,2,2;7⟩  1000\n"
                                   "> X̂             7  x     last\n");
    stile_text_free(&text);
}

static void widths_count_what_a_terminal_shows(void **state)
{
    (void)state;
    assert_int_equal(stile_display_width(""), 0);
    assert_int_equal(stile_display_width("abc"), 3);
    assert_int_equal(stile_display_width("Ŵ × ⌈K/k⌉"), 9);
    assert_int_equal(stile_display_width("X̂ŷ"), 2); /* combining marks take no column */
}

static void numbers_read_well(void **state)
{
    stile_arena *arena = *state;
    static const struct {
        double value;
        const char *count, *bytes;
    } cases[] = {
        {0, "0", "0 B"},
        {7, "7", "7 B"},
        {999, "999", "999 B"},
        {1000, "1.00 k", "1000 B"},
        {1024, "1.02 k", "1.00 KiB"},
        {999999, "1.00 M", "977 KiB"},
        {1099511627776.0, "1.10 T", "1.00 TiB"},
        {134217728, "134 M", "128 MiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(stile_human_count(arena, cases[i].value), cases[i].count);
        assert_string_equal(stile_human_bytes(arena, cases[i].value), cases[i].bytes);
    }
    assert_string_equal(stile_human_time(arena, 0.388), "388 us");
    assert_string_equal(stile_human_time(arena, 1.5), "1.50 ms");
    assert_string_equal(stile_human_time(arena, 12345), "12.3 s");
    assert_string_equal(stile_human_number(arena, 8.0 / 7, 4), "1.143");
    assert_string_equal(stile_human_number(arena, 1234567, 3), "1.23e+06");
    assert_string_equal(stile_human_number(arena, 99999, 3), "100000");
    assert_string_equal(stile_human_number(arena, NAN, 3), "nan");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(columns_align_and_no_line_ends_in_blanks, set_up,
                                        tear_down),
        cmocka_unit_test(widths_count_what_a_terminal_shows),
        cmocka_unit_test_setup_teardown(numbers_read_well, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
