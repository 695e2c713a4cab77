/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "importing.h"
#include "text.h"

static int import(stile_basis **out, stile_arena *arena, const char *text,
                  stile_diagnostics *diagnostics)
{
    const stile_import_source file = {"t", text, strlen(text)};
    return stile_basis_import_json(out, arena, &file, diagnostics);
}

static void vectors_are_read_as_they_stand(void **state)
{
    stile_basis *basis;
    assert_int_equal(
        import(&basis, *state,
               "{\"n\":[1,2,1],\"m\":2,\"u\":[[1,2],[3,4]],\"v\":[[-1,0.5],[\"1/3\",0]],"
               "\"w\":[[5],[6e0]]}",
               NULL),
        0);
    static const double u[] = {1, 2, 3, 4}, d[] = {5, 6};
    assert_true(stile_basis_is_rational(basis));
    assert_int_equal(basis->k, 2);
    assert_memory_equal(basis->u, u, sizeof u);
    assert_memory_equal(basis->d, d, sizeof d);
    assert_int_equal(basis->v_exact[2].den, 3);
    assert_true(basis->v[1] == 0.5);
}

static void other_keys_and_the_layout_mean_nothing(void **state)
{
    stile_basis *basis;
    assert_int_equal(
        import(&basis, *state,
               "{\n\t\"z2\" : false,\r\n\t\"multiplications\": [\"m1 = (a11) * (b11)\", "
               "{\"x\": null}],\n\t\"w\": [\n\t\t[1]\n\t],\n\t\"name\": {\"a\": 1},\n"
               "\t\"m\": 1,\n\t\"u\": [[1]], \"v\": [[1.0]],\n\t\"n\": [1, 1, 1]\n}\n",
               NULL),
        0);
    assert_int_equal(basis->rank, 1);
    assert_string_equal(basis->name, "");
    assert_string_equal(basis->source, "");
}

static void name_and_source_are_carried(void **state)
{
    stile_basis *basis;
    assert_int_equal(import(&basis, *state,
                            "{\"name\": \"a\\\\\\u00e9\", \"source\": \"book\", \"n\": [1, 1, 1], "
                            "\"m\": 1, \"u\": [[1]], \"v\": [[1]], \"w\": [[1]]}",
                            NULL),
                     0);
    assert_string_equal(basis->name, "a\\\xc3\xa9");
    assert_string_equal(basis->source, "book");
}

#define ONE "\"u\": [[1]], \"v\": [[1]], \"w\": [[1]]}"

static const struct {
    const char *text, *message;
} bad_files[] = {
    {"", "t: error: [STILE-009] there is nothing in it"},
    {"[1]", "t:1:1: error: [STILE-011] a JSON file of factors must be a map, not a list"},
    {"{\"m\": 1, " ONE, "t:1:1: error: [STILE-013] the key \"n\" is missing; it is required"},
    {"{\"n\": [1, 1, 1], " ONE,
     "t:1:1: error: [STILE-013] the key \"m\" is missing; it is required"},
    {"{\"n\": [1, 1, 1], \"m\": 1, \"u\": [[1]], \"w\": [[1]]}",
     "t:1:1: error: [STILE-013] the key \"v\" is missing; it is required"},
    {"{\"n\": 2, \"m\": 1, " ONE, "t:1:7: error: [STILE-011] n must be a list, not a single value"},
    {"{\"n\": [1, 1], \"m\": 1, " ONE,
     "t:1:7: error: [STILE-026] n has 2 elements; it is a list of 3, [m, k, n]"},
    {"{\"n\": [1, 1, 9], \"m\": 1, " ONE,
     "t:1:14: error: [STILE-018] an element of n must be from 1 to 8, not 9"},
    {"{\"n\": [1, 1, 1], \"m\": 513, " ONE,
     "t:1:23: error: [STILE-018] m must be from 1 to 512, not 513"},
    {"{\"n\": [1, 1, 1], \"m\": 2, " ONE,
     "t:1:31: error: [STILE-026] u has 1 elements, but n and m ask for 2"},
    {"{\"n\": [1, 2, 1], \"m\": 1, " ONE,
     "t:1:32: error: [STILE-026] vector 1 of u has 1 elements, but n and m ask for 2"},
    {"{\"n\": [1, 1, 1], \"m\": 1, \"u\": [1], \"v\": [[1]], \"w\": [[1]]}",
     "t:1:32: error: [STILE-011] vector 1 of u must be a list, not a single value"},
    {"{\"n\": [1, 1, 1], \"m\": 1, \"u\": [[[1]]], \"v\": [[1]], \"w\": [[1]]}",
     "t:1:33: error: [STILE-011] a coefficient must be a single value, not a list"},
    {"{\"n\": [1, 1, 1], \"m\": 1, \"u\": [[null]], \"v\": [[1]], \"w\": [[1]]}",
     "t:1:33: error: [STILE-016] a coefficient must be an integer, a fraction p/q, a decimal or a "
     "hex float, not \"null\""},
    {"{\"n\": [1, 1, 1], \"m\": 1, \"u\": [[1]], \"v\": [[\"1/0\"]], \"w\": [[1]]}",
     "t:1:45: error: [STILE-016] a coefficient must be an integer, a fraction p/q, a decimal or a "
     "hex float, not \"1/0\""},
    {"{\"n\": [1, 1, 1], \"m\": 1, \"u\": [[1]], \"v\": [[1]], \"w\": [[1e300]]}",
     "t:1:57: error: [STILE-018] a coefficient is too large for f32, in which kernels hold it: "
     "\"1e300\""},
};

static void characters_escaped_as_surrogates_are_joined(void **state)
{
    static const char *const cases[][2] = {
        {"\\ud835\\udc00", "\xf0\x9d\x90\x80"},
        {"x\\uDBFF\\uDFFDy", "x\xf4\x8f\xbf\xbdy"},
        {"\\\\ud835", "\\ud835"},
        {"\\\\\\ud835\\udc00", "\\\xf0\x9d\x90\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stile_text text = {0};
        stile_basis *basis;
        stile_text_appendf(&text, "{\"name\": \"%s\", \"n\": [1, 1, 1], \"m\": 1, " ONE,
                           cases[i][0]);
        assert_int_equal(import(&basis, *state, text.data, NULL), 0);
        assert_string_equal(basis->name, cases[i][1]);
        stile_text_free(&text);
    }
    static const char *const lone[] = {"\\ud835", "\\ud835\\ud835", "\\udc00\\ud835", "\\ud8zz"};
    for (size_t i = 0; i < sizeof lone / sizeof *lone; i++) {
        stile_text text = {0};
        stile_basis *basis;
        stile_text_appendf(&text, "{\"name\": \"%s\", \"n\": [1, 1, 1], \"m\": 1, " ONE, lone[i]);
        assert_int_equal(import(&basis, *state, text.data, NULL), STILE_ERROR_SPEC);
        stile_text_free(&text);
    }
}

static void every_bad_file_is_refused_at_its_place(void **state)
{
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        stile_basis *const untouched = (stile_basis *)&bad_files;
        stile_basis *basis = untouched;
        stile_diagnostics *diagnostics;
        assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
        const int result = import(&basis, *state, bad_files[i].text, diagnostics);
        assert_refused(result, diagnostics, bad_files[i].message);
        assert_ptr_equal(basis, untouched);
    }
}

static void a_cut_off_file_is_refused_wherever_it_ends(void **state)
{
    static const char text[] = "{\"n\": [1, 1, 1], \"m\": 1, " ONE;
    for (size_t size = 0; size < sizeof text - 2; size++) {
        stile_basis *basis;
        const stile_import_source file = {"t", text, size};
        assert_int_equal(stile_basis_import_json(&basis, *state, &file, NULL), STILE_ERROR_SPEC);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_are_read_as_they_stand),
        cmocka_unit_test(other_keys_and_the_layout_mean_nothing),
        cmocka_unit_test(name_and_source_are_carried),
        cmocka_unit_test(characters_escaped_as_surrogates_are_joined),
        cmocka_unit_test(every_bad_file_is_refused_at_its_place),
        cmocka_unit_test(a_cut_off_file_is_refused_wherever_it_ends),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
