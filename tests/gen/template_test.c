/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "embedded.h"
#include "fail.h"
#include "template.h"

static const stile_constant constants[] = {
    {"RANK", 7, NULL, "basis.rank"},
    {"WIDE", INT64_C(2147483648), NULL, "wide"},
    {"LEAST", INT64_MIN, NULL, NULL},
    {"Input", 0, "bf16", "precision.input"},
};

/* Strassen-like: t0 = in[0] + in[3]; out 1 = t0; t1 = in[1] − ¼ t0; out 0 = −t1; out 2 = 0. */
static stile_step steps[] = {
    {-1, 2, {{1, 1}, 0}, {{1, 1}, 3}},
    {1, 1, {{1, 1}, 4}, {{0, 1}, 0}},
    {-1, 2, {{-1, 4}, 4}, {{1, 1}, 1}},
    {0, 1, {{-1, 1}, 5}, {{0, 1}, 0}},
    {2, 0, {{0, 1}, 0}, {{0, 1}, 0}},
};
static const stile_straight_line encoder = {4, 3, 2, 5, steps};
static const stile_template_program programs[] = {{"u", &encoder}};
static const stile_template_data data = {constants, 4, programs, 1};

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

static int render(void **state, const char **out, const char *text)
{
    return stile_template_render_text(out, *state, "test.cu", text, strlen(text), &data);
}

/* What `text` becomes, without the two lines above the first part. */
static const char *rendered(void **state, const char *text)
{
    const char *out = NULL;
    if (render(state, &out, text))
        fail_msg("%s", stile_last_error());
    const char *marker = "\n// --- test.cu ---\n";
    const char *begin = strstr(out, marker);
    return begin ? begin + strlen(marker) : "";
}

static void assert_refused(void **state, const char *text, int error, const char *message)
{
    const char *untouched = "untouched", *out = untouched;
    assert_int_equal(render(state, &out, text), error);
    assert_ptr_equal(out, untouched);
    assert_string_equal(stile_last_error(), message);
}

static void literal_text_stays_as_it_is(void **state)
{
    const char *text = "int a = $x; /* \"\\n\\0\" '?\?=' \xe2\x9f\xa8 */\n\n\t#define B(x) x ## x\n"
                       "int c; //@ not a control line\n";
    assert_string_equal(rendered(state, text), text);
}

static void text_without_a_last_newline_gets_one(void **state)
{
    assert_string_equal(rendered(state, "int a;"), "int a;\n");
    assert_string_equal(rendered(state, ""), "");
}

static void control_lines_repeat_and_choose(void **state)
{
    assert_string_equal(rendered(state, "//@ for c = 0, 2 do\n"
                                        "  //@ if c ~= 1 then\n"
                                        "a[${c}] = ${c * c}; // ${c == 0}\n"
                                        "  //@ end\n"
                                        "//@ end\n"),
                        "a[0] = 0; // true\na[2] = 4; // false\n");
}

static void values_print_exactly_and_integers_as_integers(void **state)
{
    assert_string_equal(rendered(state, "${6 / 2} ${1 / 4} ${-0.1} ${2^40} ${1e300} ${'x'} "
                                        "${math.mininteger} ${constants.LEAST}\n"),
                        "3 0.25 -0.1 1099511627776 1e+300 x -9223372036854775808 "
                        "-9223372036854775808\n");
}

static void an_expression_may_hold_braces_and_strings(void **state)
{
    assert_string_equal(rendered(state, "${#{1, {2}}}${'}'}${\"\\\"}\"}{${1}}\n"), "2}\"}{1}\n");
}

static void constants_are_declared_with_their_origin(void **state)
{
    assert_string_equal(rendered(state, "//@ declare()\nint r[${constants.RANK}];\n"),
                        "constexpr int RANK = 7; // basis.rank\n"
                        "constexpr long long WIDE = 2147483648; // wide\n"
                        "constexpr long long LEAST = -0x7fffffffffffffff - 1;\n"
                        "using Input = bf16; // precision.input\n"
                        "int r[7];\n");
}

static void programs_list_locals_and_outputs_in_order(void **state)
{
    assert_string_equal(rendered(state, "//@ for s in program('u') do\n"
                                        "//@   if s.name then\n"
                                        "float ${s.name} = ${s.value};\n"
                                        "//@   else\n"
                                        "out[${s.output}] = ${s.value};\n"
                                        "//@   end\n"
                                        "//@ end\n"),
                        "float t0 = in[0] + in[3];\n"
                        "out[1] = t0;\n"
                        "float t1 = in[1] - 0.25f * t0;\n"
                        "out[0] = -t1;\n"
                        "out[2] = 0.0f;\n");
}

/* The value of a step that adds a·in[0] and b·in[1]. */
static const char *sum(void **state, stile_rational a, stile_rational b)
{
    stile_step step = {-1, 2, {a, 0}, {b, 1}};
    stile_straight_line program = {2, 0, 1, 1, &step};
    stile_template_program entry = {"p", &program};
    stile_template_data one = {NULL, 0, &entry, 1};
    const char *text = "//@ for s in program('p') do\n${s.value}\n//@ end\n", *out = NULL;
    assert_int_equal(
        stile_template_render_text(&out, *state, "p", text, strlen(text), &one), 0);
    return strstr(out, " ---\n") + 5;
}

static void coefficients_are_signs_or_float_literals(void **state)
{
    assert_string_equal(sum(state, (stile_rational){1, 1}, (stile_rational){-1, 1}),
                        "in[0] - in[1]\n");
    assert_string_equal(sum(state, (stile_rational){-1, 1}, (stile_rational){1, 1}),
                        "in[1] - in[0]\n");
    assert_string_equal(sum(state, (stile_rational){-1, 1}, (stile_rational){-1, 1}),
                        "-in[0] - in[1]\n");
    assert_string_equal(sum(state, (stile_rational){-3, 1}, (stile_rational){-1, 8}),
                        "-3.0f * in[0] - 0.125f * in[1]\n");
    assert_string_equal(sum(state, (stile_rational){1, 3}, (stile_rational){-2, 3}),
                        "0x1.555556p-2f * in[0] - 0x1.555556p-1f * in[1]\n");
}

static void a_coefficient_past_floats_is_the_nearest_float(void **state)
{
    assert_string_equal(sum(state, (stile_rational){(1 << 24) + 1, 1}, (stile_rational){1, 1 << 30}),
                        "0x1p+24f * in[0] + 9.313225746154785e-10f * in[1]\n");
}

static void includes_appear_once_and_in_place(void **state)
{
    const char *text = "#include <cuda.h>\nint before;\n#include \"params.h\"\n#include \"params.h\"\n"
                       "//@ include('params.h')\nint after;\n";
    const char *out = rendered(state, text);
    const char *part = strstr(out, "// --- params.h ---\n");
    const char *back = strstr(out, "\n// --- test.cu ---\nint after;\n");
    assert_non_null(part);
    assert_non_null(back);
    assert_memory_equal(out, "#include <cuda.h>\nint before;\n\n", 31);
    assert_ptr_equal(part, out + 31);
    assert_true(part < back);
    assert_null(strstr(part + 1, "// --- params.h ---"));
    assert_non_null(strstr(part, "stile_gemm_params;"));
    assert_string_equal(back, "\n// --- test.cu ---\nint after;\n");
}

static void licence_lines_and_include_guards_are_left_out(void **state)
{
    assert_string_equal(rendered(state, "/* SPDX-License-Identifier: Apache-2.0 */\n"
                                        "/* A header. */\n"
                                        "#ifndef A_H\n"
                                        "#define A_H\n"
                                        "\n"
                                        "#ifndef B\n"
                                        "#define B 1\n"
                                        "#endif\n"
                                        "\n"
                                        "#endif\n"),
                        "/* A header. */\n\n#ifndef B\n#define B 1\n#endif\n");
    assert_string_equal(rendered(state, "#ifndef B\n#define C 1\n#endif\n"),
                        "#ifndef B\n#define C 1\n#endif\n");
    assert_null(strstr(rendered(state, "#include \"params.h\"\nint a;\n"), "PARAMS_H"));
}

static void runs_of_blank_lines_become_one(void **state)
{
    assert_string_equal(rendered(state, "\n\n\nint a;\n\n  \n//@ local x = 1\n\nint b;\n\n\n"),
                        "int a;\n\nint b;\n");
}

static void the_source_names_its_templates_and_nothing_else(void **state)
{
    const char *out = NULL;
    assert_int_equal(render(state, &out, "int a;\n"), 0);
    assert_string_equal(out, "// Rendered by stile. The comments below name the templates that each "
                             "part comes from.\n\n// --- test.cu ---\nint a;\n");
}

static void errors_name_the_line_of_the_template(void **state)
{
    assert_refused(state, "a\nb ${nothing} c\n", STILE_ERROR_INTERNAL,
                   "test.cu:2: there is no variable nothing");
    assert_refused(state, "a\n\n//@ local t = {}\n${t.x.y}\n", STILE_ERROR_INTERNAL,
                   "test.cu:4: attempt to index a nil value (field 'x')");
    assert_refused(state, "//@ local t = {}\nint ${ t.x };\n", STILE_ERROR_INTERNAL,
                   "test.cu:2: ${ t.x } is nil");
    assert_refused(state, "${{}}\n", STILE_ERROR_INTERNAL,
                   "test.cu:1: ${{}} is neither a number nor text");
    assert_refused(state, "${0/0}\n", STILE_ERROR_INTERNAL,
                   "test.cu:1: ${0/0} is not a finite number");
    assert_refused(state, "a\n${x\n}\n", STILE_ERROR_INTERNAL,
                   "test.cu:2: `${` is not closed on its line");
    assert_refused(state, "//@ if true then\na\n", STILE_ERROR_INTERNAL,
                   "test.cu:2: 'end' expected (to close 'if' at line 1) near <eof>");
    assert_refused(state, "\n//@ error('no ' .. 'luck')\n", STILE_ERROR_INTERNAL,
                   "test.cu:2: no luck");
    assert_refused(state, "//@ error({})\n", STILE_ERROR_INTERNAL,
                   "a Lua script raised an error that is no text");
    assert_refused(state, "${constants.RANKS}\n", STILE_ERROR_INTERNAL,
                   "test.cu:1: there is no constant RANKS");
    assert_refused(state, "\n//@ for s in program('v') do\n//@ end\n", STILE_ERROR_INTERNAL,
                   "test.cu:2: there is no program v");
    assert_refused(state, "\n#include \"ptx/none.cuh\"\n", STILE_ERROR_INTERNAL,
                   "test.cu:2: there is no template 'ptx/none.cuh': name it from the root of the "
                   "templates");
    assert_refused(state, "//@ include()\n", STILE_ERROR_INTERNAL,
                   "test.cu:1: include needs the name of a template");
}

static void an_unknown_template_is_refused(void **state)
{
    const char *out = NULL;
    assert_int_equal(stile_template_render(&out, *state, "none.cu", &data), STILE_ERROR_INTERNAL);
    assert_null(out);
    assert_null(stile_template_source("none.cu", NULL));
}

static void templates_reach_no_files_clock_or_chance(void **state)
{
    static const char *const absent[] = {"io",      "os",       "require", "package", "debug",
                                         "load",    "loadfile", "dofile",  "pairs",   "next",
                                         "print",   "pcall",    "xpcall",  "collectgarbage",
                                         "coroutine"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "//@ local x = rawget(_G, '%s')\n${x == nil}\n", absent[i]);
        assert_string_equal(rendered(state, text), "true\n");
    }
    assert_string_equal(rendered(state, "${math.random == nil} ${string.dump == nil}\n"),
                        "true true\n");
}

static void a_template_that_runs_away_is_stopped(void **state)
{
    assert_refused(state, "//@ local s = string.rep('x', 1 << 30)\n", STILE_ERROR_MEMORY,
                   "a Lua script needs more memory than it may have");
    assert_refused(state, "\n//@ while true do end\n", STILE_ERROR_INTERNAL,
                   "test.cu:2: this runs too long: it seems to be an endless loop");
    assert_refused(state, "//@ while true do\n0123456789abcdef0123456789abcdef\n//@ end\n",
                   STILE_ERROR_INTERNAL, "test.cu:2: the rendered source passes 16 MiB");
}

static void rendering_again_gives_the_same_bytes(void **state)
{
    const char *text = "//@ declare()\n//@ for s in program('u') do\n${s.value} ${0.5}\n//@ end\n"
                       "#include \"params.h\"\n";
    const char *first = NULL, *second = NULL;
    assert_int_equal(render(state, &first, text), 0);
    assert_int_equal(render(state, &second, text), 0);
    assert_string_equal(first, second);
}

static void the_locale_changes_nothing(void **state)
{
    const char *text = "${0.5} ${1 / 8 .. ''} ${string.format('%g', 1.5)} ${'0.25' + 0}\n";
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) {
        print_message("no locale de_DE.UTF-8 here\n");
        skip();
    }
    const char *out = rendered(state, text);
    const char *point = localeconv()->decimal_point;
    assert_string_equal(point, ","); /* and rendering left the locale as it was */
    setlocale(LC_ALL, "C");
    assert_string_equal(out, "0.5 0.125 1.5 0.25\n");
}

static void embedded_templates_are_sorted_and_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < stile_embedded_template_count; i++) {
        const stile_embedded_template *each = &stile_embedded_templates[i];
        size_t size = 0;
        assert_true(i == 0 || strcmp(each[-1].name, each->name) < 0);
        assert_ptr_equal(stile_template_source(each->name, &size), each->text);
        assert_int_equal(size, strlen(each->text));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(literal_text_stays_as_it_is),
        TEST(text_without_a_last_newline_gets_one),
        TEST(control_lines_repeat_and_choose),
        TEST(values_print_exactly_and_integers_as_integers),
        TEST(an_expression_may_hold_braces_and_strings),
        TEST(constants_are_declared_with_their_origin),
        TEST(programs_list_locals_and_outputs_in_order),
        TEST(coefficients_are_signs_or_float_literals),
        TEST(a_coefficient_past_floats_is_the_nearest_float),
        TEST(includes_appear_once_and_in_place),
        TEST(licence_lines_and_include_guards_are_left_out),
        TEST(runs_of_blank_lines_become_one),
        TEST(the_source_names_its_templates_and_nothing_else),
        TEST(errors_name_the_line_of_the_template),
        TEST(an_unknown_template_is_refused),
        TEST(templates_reach_no_files_clock_or_chance),
        TEST(a_template_that_runs_away_is_stopped),
        TEST(rendering_again_gives_the_same_bytes),
        TEST(the_locale_changes_nothing),
        TEST(embedded_templates_are_sorted_and_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
