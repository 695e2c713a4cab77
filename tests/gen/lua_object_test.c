/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "lua_object.h"

/* A module of counters that knows how many there are. */
typedef struct fixture {
    stile_lua *lua;
    int alive, made;
} fixture;

typedef struct counter {
    fixture *owner;
    int64_t value;
} counter;

static void release(void *object)
{
    counter *c = object;
    c->owner->alive--;
    free(c);
}

extern const stile_lua_class counter_class;

static int add(stile_lua_call *call)
{
    counter *c = call->self;
    int64_t step = 1;
    double weight = 1;
    bool negative = false;
    const char *unit = "";
    void *other = NULL;
    const stile_lua_option options[] = {
        {"step", STILE_LUA_OPTION_INTEGER, &step, -5, 5, NULL},
        {"weight", STILE_LUA_OPTION_NUMBER, &weight, 0, 2, NULL},
        {"negative", STILE_LUA_OPTION_BOOLEAN, &negative, 0, 0, NULL},
        {"unit", STILE_LUA_OPTION_STRING, &unit, 0, 0, NULL},
        {"other", STILE_LUA_OPTION_OBJECT, &other, 0, 0, &counter_class},
    };
    int error = stile_lua_take_options(call, 0, options, 5);
    if (error)
        return error;
    if (other)
        step = ((counter *)other)->value;
    c->value += negative ? -step : step;
    call->result = stile_lua_integer(c->value);
    return 0;
}

static int get_value(stile_lua_call *call)
{
    call->result = stile_lua_integer(((counter *)call->self)->value);
    return 0;
}

static const stile_lua_entry counter_methods[] = {{"add", add}, {NULL, NULL}};
static const stile_lua_entry counter_fields[] = {{"value", get_value}, {NULL, NULL}};
const stile_lua_class counter_class = {"counter", release, counter_methods, counter_fields, NULL};

/* A list of `n` counters, made before anything can go wrong. */
static int make(stile_lua_call *call)
{
    fixture *f = call->user;
    int64_t n = call->arguments[0].integer;
    call->result = stile_lua_table_create(call->arena);
    for (int64_t i = 0; i < n; i++) {
        counter *c = malloc(sizeof *c);
        *c = (counter){f, i};
        f->alive++;
        f->made++;
        stile_lua_add(&call->result, stile_lua_give(call, &counter_class, c));
    }
    if (call->arguments[1].kind != STILE_LUA_NIL)
        return stile_fail(STILE_ERROR_IO, "changed my mind");
    return 0;
}

static int echo(stile_lua_call *call)
{
    call->result = call->arguments[0];
    return 0;
}

static int refuse(stile_lua_call *call)
{
    return stile_lua_refuse(call, "no");
}

static const char prelude[] = "local m, methods = ...\n"
                              "function m.twice(n) return m.make(n), m.make(n) end\n"
                              "function methods.counter:back() return self:add{step = -1} end\n"
                              "function m.deep() m.fail() end\n";

static const stile_lua_entry functions[] = {
    {"make", make}, {"echo", echo}, {"fail", refuse}, {NULL, NULL}};
static const stile_lua_class *const classes[] = {&counter_class, NULL};

static int open_fixture(fixture *f, stile_lua_module *module, size_t memory_limit)
{
    const stile_lua_params params = {.script_error = STILE_ERROR_ARGUMENT,
                                     .memory_limit = memory_limit};
    *f = (fixture){NULL};
    *module = (stile_lua_module){"m", functions, classes, f, prelude, sizeof prelude - 1};
    int error = stile_lua_create(&f->lua, &params);
    return error ? error : stile_lua_open_module(f->lua, module);
}

static stile_lua_module module;

static int setup(void **state)
{
    static fixture f;
    *state = &f;
    return open_fixture(&f, &module, 0);
}

static int teardown(void **state)
{
    fixture *f = *state;
    stile_lua_destroy(&f->lua);
    return f->alive; /* all were released, whatever the test did */
}

static int run(void **state, const char *text)
{
    fixture *f = *state;
    return stile_lua_run(f->lua, "script", text, strlen(text));
}

static void assert_runs(void **state, const char *text)
{
    int error = run(state, text);
    if (error)
        fail_msg("%s", stile_last_error());
}

static void tables_cross_both_ways(void **state)
{
    assert_runs(state, "local t = m.echo{1, {x = 'y', z = {true, 0.5}}, 'a\\0b', n = -3}\n"
                       "assert(#t == 3 and t[1] == 1 and t[2].x == 'y' and t[2].z[2] == 0.5)\n"
                       "assert(t[2].z[1] == true and t[3] == 'a\\0b' and t.n == -3)\n"
                       "assert(next(m.echo{}) == nil and m.echo() == nil)\n"
                       "assert(math.type(m.echo(3)) == 'integer' and m.echo(print) == nil)");
}

static void what_c_cannot_hold_is_refused(void **state)
{
    assert_int_equal(run(state, "local t = {} t[1] = t m.echo(t)"), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "script:1: a table is nested too deep"));
    assert_int_equal(run(state, "m.echo{[0.5] = 1}"), STILE_ERROR_ARGUMENT);
    assert_int_equal(run(state, "m.echo{[{}] = 1}"), STILE_ERROR_ARGUMENT);
    assert_int_equal(run(state, "m.echo{['a\\0b'] = 1}"), STILE_ERROR_ARGUMENT);
    assert_int_equal(run(state, "local t = {} for i = 1, 2^20 + 1 do t[i] = i end m.echo(t)"),
                     STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "a table is too large"));
}

static void fields_arrive_sorted_whatever_the_order_of_the_table(void **state)
{
    assert_runs(state, "local t = {}\n"
                       "for i = 100, 1, -1 do t['k' .. 100 + i] = i end\n"
                       "assert(m.echo(t).k157 == 57)");
}

static void objects_have_methods_fields_and_a_class(void **state)
{
    assert_runs(state, "local c = m.make(3)[3]\n"
                       "assert(c.value == 2 and c:add() == 3 and c:add{step = 5} == 8)\n"
                       "assert(c:add{negative = true} == 7 and c:back() == 6)\n"
                       "assert(c:add{other = m.make(5)[5]} == 10)\n"
                       "assert(tostring(c):find('^counter: ') and getmetatable(c) == 'counter')\n"
                       "assert(require 'm' == m)");
}

/* Each a script and what its error says. */
static void wrong_arguments_say_what_is_wrong(void **state)
{
    static const char *const cases[][2] = {
        {"c:add(1)", "counter:add: options must be a table, not an integer"},
        {"c:add{1}", "counter:add: options are given by name: {step = …}, not as a list"},
        {"c:add{stap = 1}", "counter:add: there is no option 'stap'; the nearest is 'step'"},
        {"c:add{step = 6}", "counter:add: step must be an integer from -5 to 5"},
        {"c:add{step = 0.5}", "counter:add: step must be an integer, not a number"},
        {"c:add{step = '1'}", "counter:add: step must be an integer, not a string"},
        {"c:add{weight = 0/0}", "counter:add: weight must be a number from 0 to 2"},
        {"c:add{weight = 'x'}", "counter:add: weight must be a number, not a string"},
        {"c:add{negative = 1}", "counter:add: negative must be true or false, not an integer"},
        {"c:add{unit = {}}", "counter:add: unit must be a string, not a table"},
        {"c:add{unit = 'a\\0'}", "counter:add: unit has a NUL character in it"},
        {"c:add{other = 1}", "counter:add: other must be a counter, not an integer"},
        {"c.add{}", "add must be called as object:add(…) on a counter"},
        {"c.add()", "add must be called as object:add(…) on a counter"},
        {"return c.valeu", "a counter has no 'valeu'; the nearest is 'value'"},
        {"return c[1]", "a counter has no items"},
        {"c:close() return c.value", "this counter is closed"},
        {"c:close() c:add()", "this counter is closed"},
        {"local d = m.make(1)[1] d:close() c:add{other = d}",
         "counter:add: other is a counter that is closed"},
        {"m.fail()", "m.fail: no"},
        {"m.deep()", "m.fail: no"}, /* by way of the prelude: still the line of the script */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], wanted[256];
        snprintf(text, sizeof text, "local c = m.make(1)[1]\n%s", cases[i][0]);
        snprintf(wanted, sizeof wanted, "script:2: %s", cases[i][1]);
        assert_int_equal(run(state, text), STILE_ERROR_ARGUMENT);
        assert_string_equal(stile_last_error(), wanted);
    }
}

static void objects_of_a_failed_call_are_released(void **state)
{
    fixture *f = *state;
    assert_int_equal(run(state, "m.make(10, true)"), STILE_ERROR_ARGUMENT);
    assert_int_equal(f->made, 10);
    assert_int_equal(f->alive, 0);
}

static void garbage_and_closing_release_once(void **state)
{
    fixture *f = *state;
    assert_runs(state, "local c = m.make(2)\n"
                       "c[1]:close() c[1]:close()\n"
                       "local meta = debug.getmetatable(c[2])\n"
                       "meta.__gc(c[2]) meta.__gc(c[2]) meta.__close(c[2])\n"
                       "do local d <close> = m.make(1)[1] end\n"
                       "c = nil collectgarbage() collectgarbage()");
    assert_int_equal(f->made, 3);
    assert_int_equal(f->alive, 0);
}

static void forged_objects_are_no_objects(void **state)
{
    assert_runs(state, "local c = m.make(1)[1]\n"
                       "local meta = debug.getmetatable(c)\n"
                       "local old = debug.getmetatable(io.stdout)\n"
                       "debug.setmetatable(io.stdout, meta)\n"
                       "assert(not pcall(function() return io.stdout.value end))\n"
                       "assert(not pcall(tostring, io.stdout))\n"
                       "assert(not pcall(c.add, io.stdout))\n"
                       "meta.__gc(io.stdout) meta.__gc(7) meta.__gc()\n"
                       "debug.setmetatable(io.stdout, old)");
}

/* Every limit from nothing to enough, so that each allocation on the way fails once. */
static void exhausted_memory_loses_no_object(void **state)
{
    (void)state;
    const char *text = "for i = 1, 5 do local a, b = m.twice(20) a[3]:add{step = 2} end\n"
                       "local ok = pcall(m.fail) assert(not ok)\n"
                       "tostring(m.make(1)[1])";
    int completed = 0;
    for (size_t limit = 512; limit < 100 * 1024; limit += 64) {
        fixture f;
        stile_lua_module small;
        int error = open_fixture(&f, &small, limit);
        if (!error)
            error = stile_lua_run(f.lua, "tight", text, strlen(text));
        stile_lua_destroy(&f.lua);
        assert_int_equal(f.alive, 0);
        assert_true(error == 0 || error == STILE_ERROR_MEMORY);
        completed += error == 0;
    }
    assert_true(completed > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tables_cross_both_ways),
        TEST(what_c_cannot_hold_is_refused),
        TEST(fields_arrive_sorted_whatever_the_order_of_the_table),
        TEST(objects_have_methods_fields_and_a_class),
        TEST(wrong_arguments_say_what_is_wrong),
        TEST(objects_of_a_failed_call_are_released),
        TEST(garbage_and_closing_release_once),
        TEST(forged_objects_are_no_objects),
        cmocka_unit_test(exhausted_memory_loses_no_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
