/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bases.h"

static stile_basis *sum(stile_arena *arena, stile_axis axis, const stile_basis *a,
                        const stile_basis *b)
{
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_sum(&out, arena, axis, a, b), STILE_OK);
    return out;
}

static void sums_of_exact_bases_are_exact_along_every_axis(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    const stile_basis *strips[] = {classical(*state, 3, 2, 2), classical(*state, 2, 1, 2),
                                   classical(*state, 2, 2, 5)};
    for (stile_axis axis = STILE_AXIS_M; axis <= STILE_AXIS_N; axis++) {
        const stile_basis *after = sum(*state, axis, strassen, strips[axis]);
        const stile_basis *before = sum(*state, axis, strips[axis], strassen);
        assert_int_equal(after->rank, 7 + strips[axis]->rank);
        assert_true(measure(after).exact && measure(before).exact);
        assert_true(stile_basis_is_rational(after));
    }
    const stile_basis *both = sum(*state, STILE_AXIS_N, strassen, named(*state, "winograd"));
    assert_true(both->m == 2 && both->k == 2 && both->n == 4 && both->rank == 14);
    assert_string_equal(both->name, "sum_n(strassen,winograd)");
}

static void sums_along_m_of_classical_ones_are_classical(void **state)
{
    assert_same_entries(
        sum(*state, STILE_AXIS_M, classical(*state, 2, 3, 2), classical(*state, 1, 3, 2)),
        classical(*state, 3, 3, 2));
}

static void sums_are_associative(void **state)
{
    const stile_basis *a = named(*state, "strassen"), *b = classical(*state, 2, 1, 2);
    const stile_basis *c = named(*state, "winograd");
    assert_same_entries(sum(*state, STILE_AXIS_K, sum(*state, STILE_AXIS_K, a, b), c),
                        sum(*state, STILE_AXIS_K, a, sum(*state, STILE_AXIS_K, b, c)));
}

static void errors_add_by_weight(void **state)
{
    const stile_basis *random = random_basis(*state, 2, 2, 3, 4);
    const double error = measure(random).error;
    assert_near(measure(sum(*state, STILE_AXIS_M, random, classical(*state, 1, 2, 3))).error,
                error * 12 / 18, 1e-12);
    assert_near(measure(sum(*state, STILE_AXIS_K, random, random)).error, error, 1e-12);
    assert_false(
        stile_basis_is_rational(sum(*state, STILE_AXIS_M, random, classical(*state, 1, 2, 3))));
}

static void unlike_tiles_and_large_sums_are_refused(void **state)
{
    stile_basis *out = NULL;
    const stile_basis *strassen = named(*state, "strassen"), *wide = classical(*state, 2, 2, 3);
    assert_int_equal(stile_basis_sum(&out, *state, STILE_AXIS_M, strassen, wide),
                     STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "2x2x2 and 2x2x3 cannot be glued along m: their "
                                               "sides n must agree"));
    const stile_basis *full = classical(*state, 8, 1, 1);
    assert_int_equal(stile_basis_sum(&out, *state, STILE_AXIS_M, full, full), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "16x1x1"));
    const stile_basis *high = random_basis(*state, 1, 1, 1, 300);
    assert_int_equal(stile_basis_sum(&out, *state, STILE_AXIS_K, high, high), STILE_ERROR_ARGUMENT);
    assert_null(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(sums_of_exact_bases_are_exact_along_every_axis),
        ARENA_TEST(sums_along_m_of_classical_ones_are_classical),
        ARENA_TEST(sums_are_associative),
        ARENA_TEST(errors_add_by_weight),
        ARENA_TEST(unlike_tiles_and_large_sums_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
