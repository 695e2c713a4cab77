/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "config.h"

static stile_spec *parse(const char *text)
{
    stile_spec *spec = NULL;
    if (stile_spec_parse(&spec, text, strlen(text), NULL, NULL))
        fail_msg("%s", stile_last_error());
    return spec;
}

static void an_operator_is_that_of_the_spec(void **state)
{
    (void)state;
    stile_spec *spec =
        parse("stile: 1\nname: a\nbasis: {kron: [{classical: [1, 2, 3]}, strassen]}\n"
              "rows: none\nepilogue: {bias: true, activation: silu}\n");
    stile_spec_operator o;
    assert_int_equal(stile_spec_get_operator(&o, spec, NULL), 0);
    assert_int_equal(o.m, 2);
    assert_int_equal(o.k, 4);
    assert_int_equal(o.n, 6);
    assert_int_equal(o.rank, 42);
    assert_true(o.exact);
    assert_string_equal(o.rows, "none");
    assert_true(o.bias);
    assert_false(o.residual);
    assert_string_equal(o.activation, "silu");
    const stile_basis *basis = spec->variants[0].basis;
    assert_string_equal(o.basis, basis->name);
    assert_memory_equal(o.u, basis->u, (size_t)(42 * 8) * sizeof(double));
    assert_memory_equal(o.v, basis->v, (size_t)(42 * 24) * sizeof(double));
    assert_memory_equal(o.d, basis->d, (size_t)(42 * 12) * sizeof(double));
    stile_spec_destroy(&spec);
}

static void a_variant_is_found_by_name_and_needed_where_there_are_several(void **state)
{
    (void)state;
    stile_spec *spec =
        parse("stile: 1\nname: a\nbasis: {name: strassen}\n"
              "variants: {basis: [{name: laderman}, {random: {tile: [2, 1, 3], rank: "
              "4, seed: 1}}]}\n");
    stile_spec_operator o = {.rank = -1};
    assert_int_equal(stile_spec_get_operator(&o, spec, NULL), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "laderman"));
    assert_int_equal(stile_spec_get_operator(&o, spec, "b"), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_spec_get_operator(NULL, spec, NULL), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_spec_get_operator(&o, NULL, NULL), STILE_ERROR_ARGUMENT);
    assert_int_equal(o.rank, -1); /* untouched on failure */

    const int ranks[] = {23, 4};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(stile_spec_get_operator(&o, spec, stile_spec_variant_name(spec, i)), 0);
        assert_int_equal(o.rank, ranks[i]);
        assert_int_equal(o.exact, i == 0);
    }
    stile_spec_destroy(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operator_is_that_of_the_spec),
        cmocka_unit_test(a_variant_is_found_by_name_and_needed_where_there_are_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
