/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>

#include "basis_export.h"
#include "importing.h"

/* Through .sms and JSON, with name and source. */
static void assert_round_trips(stile_arena *arena, const stile_basis *basis)
{
    stile_text texts[3] = {{0}}, json = {0};
    stile_import_source files[3];
    stile_basis *back, *mine;
    for (int i = 0; i < 3; i++) {
        stile_basis_export_sms(&texts[i], basis, i);
        assert_false(texts[i].failed);
        files[i] = (stile_import_source){"t", texts[i].data, texts[i].size};
    }
    assert_int_equal(stile_basis_import_sms(&back, arena, files, NULL), 0);
    assert_same_basis(basis, back);
    assert_string_equal(basis->name, back->name);
    assert_string_equal(basis->source, back->source);

    stile_basis_export_json(&json, basis);
    assert_false(json.failed);
    const stile_import_source file = {"t", json.data, json.size};
    assert_int_equal(stile_basis_import_json(&back, arena, &file, NULL), 0);
    assert_int_equal(
        stile_basis_under_convention(&mine, arena, back, STILE_CONVENTION_Y_TRANSPOSED), 0);
    assert_same_basis(basis, mine);
    assert_string_equal(basis->name, back->name);
    assert_string_equal(basis->source, back->source);
    for (int i = 0; i < 3; i++)
        stile_text_free(&texts[i]);
    stile_text_free(&json);
}

static void exact_bases_round_trip(void **state)
{
    stile_arena *arena = *state;
    stile_basis *basis, *product;
    for (const char *const *name = stile_basis_names(); *name; name++)
        assert_round_trips(arena, named(arena, *name));
    basis = named(arena, "strassen");
    assert_int_equal(stile_basis_kron(&product, arena, basis, basis), 0);
    assert_round_trips(arena, product);
    assert_int_equal(stile_basis_classical(&basis, arena, 8, 8, 8), 0);
    assert_round_trips(arena, basis);
    assert_int_equal(stile_basis_classical(&basis, arena, 3, 1, 5), 0);
    assert_round_trips(arena, basis);
}

static void the_largest_basis_of_doubles_round_trips(void **state)
{
    stile_basis *basis;
    assert_int_equal(stile_basis_random(&basis, *state, 8, 8, 8, 512, 3), 0);
    assert_false(stile_basis_is_rational(basis));
    assert_round_trips(*state, basis);
}

static void doubles_of_any_size_round_trip(void **state)
{
    static const double values[] = {0.1,     -0.1,     1.0 / 3, 5e-324,     DBL_MIN, 1e-30,
                                    FLT_MAX, -FLT_MAX, 0x1p-9,  -0.0,       0.0,     1,
                                    0x1p-20, 0x1p-21,  1e22,    DBL_EPSILON};
    stile_basis *basis = stile_basis_create(*state, "odd: \"name\"\\", 4, 4, 1, 1, false);
    basis->source = "\xe2\x9f\xa8"
                    "4,4,1\xe2\x9f\xa9, \xe2\x80\xa8";
    memcpy(basis->u, values, sizeof values);
    memcpy(basis->v, values + 8, 4 * sizeof *values);
    memcpy(basis->d, values, 4 * sizeof *values);
    assert_round_trips(*state, basis);
}

static void fractions_are_exact_in_every_format(void **state)
{
    stile_basis *basis = stile_basis_create(*state, "f", 1, 1, 2, 1, true);
    basis->source = "";
    basis->u_exact[0] = (stile_rational){-1, 3};
    basis->v_exact[0] = (stile_rational){1 << 20, (1 << 20) - 1};
    basis->d_exact[1] = (stile_rational){7, 2};
    stile_basis_round_exact(basis);
    assert_round_trips(*state, basis);
}

static void sms_lists_what_is_not_zero(void **state)
{
    stile_basis *basis;
    stile_text text = {0};
    assert_int_equal(stile_basis_classical(&basis, *state, 1, 2, 1), 0);
    basis->name = "two";
    basis->source = "";
    stile_basis_export_sms(&text, basis, 2);
    assert_string_equal(text.data, "1 2 R\n1 1 1\n1 2 1\n0 0 0\n# name: two\n");
    stile_text_free(&text);
    stile_basis_export_sms(&text, basis, 0);
    assert_string_equal(text.data, "2 2 R\n1 1 1\n2 2 1\n0 0 0\n# name: two\n");
    stile_text_free(&text);
}

static void json_lists_w_for_the_transposed_tile(void **state)
{
    stile_basis *basis = stile_basis_create(*state, "w", 2, 1, 2, 1, true);
    stile_text text = {0};
    basis->source = "";
    for (int i = 0; i < 4; i++)
        basis->d_exact[i] = (stile_rational){i + 1, i == 2 ? 2 : 1};
    stile_basis_round_exact(basis);
    stile_basis_export_json(&text, basis);
    assert_string_equal(text.data, "{\n  \"name\": \"w\",\n  \"n\": [2, 1, 2],\n  \"m\": 1,\n"
                                   "  \"u\": [\n    [0, 0]\n  ],\n  \"v\": [\n    [0, 0]\n  ],\n"
                                   "  \"w\": [\n    [1, \"3/2\", 2, 4]\n  ]\n}\n");
    stile_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_bases_round_trip),
        cmocka_unit_test(the_largest_basis_of_doubles_round_trips),
        cmocka_unit_test(doubles_of_any_size_round_trip),
        cmocka_unit_test(fractions_are_exact_in_every_format),
        cmocka_unit_test(sms_lists_what_is_not_zero),
        cmocka_unit_test(json_lists_w_for_the_transposed_tile),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
