/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "fail.h"
#include "lua_host.h"

static const stile_lua_params params = {.script_error = STILE_ERROR_ARGUMENT};

/* What the script passed to note(). */
typedef struct notes {
    stile_lua *lua;
    stile_lua_value values[STILE_LUA_MAX_ARGUMENTS];
    char string[32];
    int count;
} notes;

static int note(void *user, const stile_lua_value *arguments, int count, stile_lua_value *result)
{
    notes *n = user;
    memcpy(n->values, arguments, (size_t)count * sizeof *arguments);
    n->count = count;
    if (count && arguments[0].kind == STILE_LUA_STRING)
        strncpy(n->string, arguments[0].string, sizeof n->string - 1);
    *result = (stile_lua_value){.kind = STILE_LUA_STRING, .string = "a\0b", .size = 3};
    return 0;
}

static int refuse(void *user, const stile_lua_value *arguments, int count, stile_lua_value *result)
{
    (void)user, (void)arguments, (void)count, (void)result;
    return stile_fail(STILE_ERROR_IO, "refused");
}

static int nest(void *user, const stile_lua_value *arguments, int count, stile_lua_value *result)
{
    (void)count, (void)result;
    notes *n = user;
    return stile_lua_run(n->lua, "inner", arguments[0].string, arguments[0].size);
}

static int setup(void **state)
{
    static notes n;
    n = (notes){0};
    *state = &n;
    return stile_lua_create(&n.lua, &params) || stile_lua_register(n.lua, "note", note, &n) ||
           stile_lua_register(n.lua, "refuse", refuse, &n) ||
           stile_lua_register(n.lua, "nest", nest, &n);
}

static int teardown(void **state)
{
    notes *n = *state;
    stile_lua_destroy(&n->lua);
    return n->lua != NULL;
}

static int run(void **state, const char *text)
{
    notes *n = *state;
    return stile_lua_run(n->lua, "outer", text, strlen(text));
}

static void values_cross_both_ways(void **state)
{
    notes *n = *state;
    assert_int_equal(run(state, "r = note('hi', 7, 0.5, true, nil, {})"), 0);
    assert_int_equal(n->count, 6);
    assert_string_equal(n->string, "hi");
    assert_int_equal(n->values[1].kind, STILE_LUA_INTEGER);
    assert_int_equal(n->values[1].integer, 7);
    assert_int_equal(n->values[2].kind, STILE_LUA_NUMBER);
    assert_true(n->values[2].number == 0.5);
    assert_true(n->values[3].kind == STILE_LUA_BOOLEAN && n->values[3].boolean);
    assert_int_equal(n->values[4].kind, STILE_LUA_NIL);
    assert_int_equal(n->values[5].kind, STILE_LUA_OTHER);
    assert_int_equal(run(state, "assert(r == 'a\\0b')"), 0);
    assert_int_equal(run(state, "note(1, 2, 3, 4, 5, 6, 7, 8, 9)"), STILE_ERROR_ARGUMENT);
}

static void a_failure_in_c_keeps_its_code_and_gets_a_line(void **state)
{
    assert_int_equal(run(state, "\nrefuse()"), STILE_ERROR_IO);
    assert_string_equal(stile_last_error(), "outer:2: refused");
    assert_int_equal(run(state, "nest('\\n\\nrefuse()')"), STILE_ERROR_IO);
    assert_string_equal(stile_last_error(), "inner:3: refused");
}

static void a_caught_failure_is_forgotten(void **state)
{
    assert_int_equal(run(state, "assert(not pcall(refuse))"), 0);
    assert_int_equal(run(state, "pcall(refuse) error('mine')"), STILE_ERROR_ARGUMENT);
    assert_string_equal(stile_last_error(), "outer:1: mine");
}

static void a_script_goes_on_after_a_failed_one(void **state)
{
    assert_int_equal(run(state, "x = 1 + nil"), STILE_ERROR_ARGUMENT);
    assert_int_equal(run(state, "x ="), STILE_ERROR_ARGUMENT);
    assert_int_equal(run(state, "nest('y = 2') assert(y == 2)"), 0);
}

static void a_coroutine_may_run_a_nested_script(void **state)
{
    assert_int_equal(run(state, "coroutine.wrap(function() nest('z = 3') coroutine.yield() end)()\n"
                                "assert(z == 3)"),
                     0);
}

static void bytecode_is_refused(void **state)
{
    notes *n = *state;
    assert_int_equal(stile_lua_run(n->lua, "code", "\x1bLua", 4), STILE_ERROR_ARGUMENT);
}

/* Every limit from nothing to enough, so that each allocation on the way fails once. */
static void exhausted_memory_is_an_error_wherever_it_happens(void **state)
{
    (void)state;
    const char *text = "local t = {} for i = 1, 200 do t[i] = note('x' .. i) end";
    int completed = 0;
    for (size_t limit = 512; limit < 64 * 1024; limit += 64) {
        notes n = {0};
        const stile_lua_params tight = {
            .memory_limit = limit, .sandboxed = true, .script_error = STILE_ERROR_ARGUMENT};
        int error = stile_lua_create(&n.lua, &tight);
        if (!error)
            error = stile_lua_register(n.lua, "note", note, &n);
        if (!error)
            error = stile_lua_run(n.lua, "tight", text, strlen(text));
        stile_lua_destroy(&n.lua);
        assert_true(error == 0 || error == STILE_ERROR_MEMORY);
        completed += error == 0;
    }
    assert_true(completed > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_cross_both_ways),
        TEST(a_failure_in_c_keeps_its_code_and_gets_a_line),
        TEST(a_caught_failure_is_forgotten),
        TEST(a_script_goes_on_after_a_failed_one),
        TEST(a_coroutine_may_run_a_nested_script),
        TEST(bytecode_is_refused),
        cmocka_unit_test(exhausted_memory_is_an_error_wherever_it_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
