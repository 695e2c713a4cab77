/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bases.h"

static stile_basis *cycle(stile_arena *arena, const stile_basis *basis)
{
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_cycle(&out, arena, basis), STILE_OK);
    return out;
}

static stile_basis *transpose(stile_arena *arena, const stile_basis *basis)
{
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_transpose(&out, arena, basis), STILE_OK);
    return out;
}

static void symmetries_keep_random_exact_bases_exact(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t s = seed;
        const stile_basis *basis = random_exact_basis(*state, &s);
        assert_true(measure(cycle(*state, basis)).exact);
        assert_true(measure(transpose(*state, basis)).exact);
        assert_true(stile_basis_is_rational(cycle(*state, basis)));
    }
}

static void sides_move_as_documented(void **state)
{
    const stile_basis *basis = random_basis(*state, 2, 3, 4, 5);
    const stile_basis *cycled = cycle(*state, basis), *transposed = transpose(*state, basis);
    assert_true(cycled->m == 3 && cycled->k == 4 && cycled->n == 2 && cycled->rank == 5);
    assert_true(transposed->m == 4 && transposed->k == 3 && transposed->n == 2);
    assert_string_equal(cycled->name, "cycle(random(2,3,4;5;1))");
}

static void three_cycles_or_two_transposes_change_no_bit(void **state)
{
    const stile_basis *bases[] = {random_basis(*state, 2, 3, 4, 5), named(*state, "winograd")};
    for (int i = 0; i < 2; i++) {
        const stile_basis *thrice = cycle(*state, cycle(*state, cycle(*state, bases[i])));
        assert_same_entries(thrice, bases[i]);
        assert_same_entries(transpose(*state, transpose(*state, bases[i])), bases[i]);
    }
}

/* The symmetries are those of a triangle. */
static void a_transpose_turns_cycles_around(void **state)
{
    const stile_basis *basis = random_basis(*state, 2, 3, 4, 5);
    assert_same_entries(transpose(*state, cycle(*state, transpose(*state, basis))),
                        cycle(*state, cycle(*state, basis)));
}

static void error_and_growth_of_inexact_bases_are_kept(void **state)
{
    const stile_basis *basis = random_basis(*state, 2, 3, 4, 5);
    const stile_basis *moved[] = {cycle(*state, basis), transpose(*state, basis)};
    for (int i = 0; i < 2; i++) {
        assert_near(measure(moved[i]).error, measure(basis).error, 1e-12);
        assert_near(measure(moved[i]).growth, measure(basis).growth, 1e-12);
    }
}

static void names_of_endless_chains_stay_short(void **state)
{
    const stile_basis *basis = named(*state, "strassen");
    for (int i = 0; i < 300; i++)
        basis = cycle(*state, basis);
    assert_true(strlen(basis->name) < 256);
    assert_same_entries(basis, named(*state, "strassen"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(symmetries_keep_random_exact_bases_exact),
        ARENA_TEST(sides_move_as_documented),
        ARENA_TEST(three_cycles_or_two_transposes_change_no_bit),
        ARENA_TEST(a_transpose_turns_cycles_around),
        ARENA_TEST(error_and_growth_of_inexact_bases_are_kept),
        ARENA_TEST(names_of_endless_chains_stay_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
