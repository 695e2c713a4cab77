/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "diagnostics.h"
#include "fail.h"
#include "lua_value.h"

static int setup(void **state)
{
    *state = stile_arena_create();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    stile_arena *arena = *state;
    stile_arena_destroy(&arena);
    return 0;
}

/* The YAML of a value; "" and the thread's error where there is none. */
static const char *yaml(stile_arena *arena, const stile_lua_value *value)
{
    stile_text text = {0};
    int error = stile_lua_to_yaml(&text, arena, value);
    const char *copy = error || !text.data ? "" : stile_arena_strdup(arena, text.data);
    stile_text_free(&text);
    return copy;
}

static stile_lua_value parse(stile_arena *arena, const char *text)
{
    const stile_node *root;
    stile_diagnostics *diagnostics;
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    assert_int_equal(stile_yaml_parse(&root, arena, "test", text, strlen(text), diagnostics), 0);
    stile_diagnostics_destroy(&diagnostics);
    return stile_lua_from_yaml(arena, root);
}

static void tables_grow_and_are_searched(void **state)
{
    stile_arena *arena = *state;
    stile_lua_value table = stile_lua_table_create(arena);
    for (int i = 0; i < 1000; i++) {
        stile_lua_add(&table, stile_lua_integer(i));
        stile_lua_set(&table, stile_arena_printf(arena, "k%d", i), stile_lua_integer(-i));
    }
    assert_int_equal(table.table->item_count, 1000);
    assert_int_equal(table.table->items[999].integer, 999);
    assert_int_equal(stile_lua_find(&table, "k999")->integer, -999);
    assert_null(stile_lua_find(&table, "k1000"));
    const stile_lua_value nothing = stile_lua_nil();
    assert_null(stile_lua_find(&nothing, "k1"));
}

static void values_become_yaml_that_reads_back(void **state)
{
    stile_arena *arena = *state;
    stile_lua_value table = stile_lua_table_create(arena), list = stile_lua_table_create(arena);
    stile_lua_add(&list, stile_lua_integer(-7));
    stile_lua_add(&list, stile_lua_boolean(true));
    stile_lua_add(&list, stile_lua_string("true"));
    stile_lua_add(&list, stile_lua_string("12"));
    stile_lua_add(&list, stile_lua_string("a: \"b\"\n"));
    stile_lua_add(&list, stile_lua_number(0.1));
    stile_lua_set(&table, "list", list);
    stile_lua_set(&table, "a.b", stile_lua_table_create(arena));
    const char *text = yaml(arena, &table);
    assert_string_equal(
        text, "{list: [-7, true, \"true\", \"12\", \"a: \\\"b\\\"\\u000A\", 0.1], a.b: []}");
    stile_lua_value back = parse(arena, text);
    const stile_lua_value *items = stile_lua_find(&back, "list");
    assert_int_equal(items->table->items[0].integer, -7);
    assert_true(items->table->items[1].boolean);
    assert_int_equal(items->table->items[2].kind, STILE_LUA_STRING);
    assert_int_equal(items->table->items[3].kind, STILE_LUA_STRING);
    assert_string_equal(items->table->items[4].string, "a: \"b\"\n");
    assert_string_equal(items->table->items[5].string, "0.1"); /* text: YAML numbers stay exact */
}

static void what_yaml_cannot_hold_is_named_by_its_place(void **state)
{
    stile_arena *arena = *state;
    stile_lua_value table = stile_lua_table_create(arena), list = stile_lua_table_create(arena);
    stile_lua_add(&list, stile_lua_integer(1));
    stile_lua_add(&list, (stile_lua_value){.kind = STILE_LUA_OTHER});
    stile_lua_set(&table, "kron", list);
    assert_string_equal(yaml(arena, &table), "");
    assert_non_null(strstr(stile_last_error(), "kron[2] is a function"));
    stile_lua_set(&list, "x", stile_lua_integer(1));
    assert_string_equal(yaml(arena, &list), "");
    assert_non_null(strstr(stile_last_error(), "mixes items and fields"));
    stile_lua_value nul = {.kind = STILE_LUA_STRING, .string = "a\0b", .size = 3};
    assert_string_equal(yaml(arena, &nul), "");
    assert_non_null(strstr(stile_last_error(), "NUL"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tables_grow_and_are_searched),
        TEST(values_become_yaml_that_reads_back),
        TEST(what_yaml_cannot_hold_is_named_by_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
