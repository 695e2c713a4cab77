/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bases.h"
#include "basis_polish.h"

static stile_basis *polish(stile_arena *arena, const stile_basis *basis, stile_polish_goal goal)
{
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_polish_sparsity(&out, arena, basis, goal), STILE_OK);
    assert_true(stile_basis_is_rational(out));
    assert_true(measure(out).exact);
    return out;
}

static stile_basis_cost cost_of(const stile_basis *basis)
{
    stile_basis_cost cost;
    assert_int_equal(stile_basis_count_cost(basis, &cost), STILE_OK);
    return cost;
}

static void costs_of_known_bases_are_those_of_the_literature(void **state)
{
    const stile_basis_cost strassen = cost_of(named(*state, "strassen"));
    assert_int_equal(strassen.additions, 18);
    assert_int_equal(strassen.nonzeros, 36);
    assert_true(strassen.growth == 4);
    assert_int_equal(cost_of(named(*state, "winograd")).additions, 15);
    assert_int_equal(cost_of(random_basis(*state, 2, 2, 2, 5)).additions, -1);
}

static void strassen_becomes_winograd_and_back(void **state)
{
    const stile_basis *fast = polish(*state, named(*state, "strassen"), STILE_POLISH_ADDITIONS);
    assert_int_equal(cost_of(fast).additions, 15);
    assert_near(cost_of(fast).growth, 7, 1e-12);
    const stile_basis *sparse = polish(*state, fast, STILE_POLISH_NONZEROS);
    assert_int_equal(cost_of(sparse).nonzeros, 36);
    assert_near(cost_of(sparse).growth, 4, 1e-12);
}

static void a_hidden_classical_basis_is_found(void **state)
{
    const stile_basis *basis = classical(*state, 2, 3, 2);
    stile_rotation rotation = stile_rotation_identity(basis);
    rotation.a = stile_square_integers(2, (const int[]){1, 1, 0, 1});
    rotation.b = stile_square_integers(3, (const int[]){1, 0, 1, 0, 1, -1, 0, 0, 1});
    const stile_basis *hidden = rotate(*state, basis, &rotation);
    assert_true(cost_of(hidden).nonzeros > 36);
    assert_int_equal(cost_of(polish(*state, hidden, STILE_POLISH_NONZEROS)).nonzeros, 36);
}

static void large_tiles_go_down_side_by_side(void **state)
{
    const stile_basis *basis = classical(*state, 4, 2, 5);
    stile_rotation rotation = stile_rotation_identity(basis);
    int a[16] = {1, 0, 0, 0, 0, 1, 0, -1, 0, 0, 1, 0, 0, 0, 0, 1};
    int c[25] = {1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    rotation.a = stile_square_integers(4, a);
    rotation.c = stile_square_integers(5, c);
    const stile_basis *hidden = rotate(*state, basis, &rotation);
    assert_true(cost_of(hidden).nonzeros > 120);
    assert_int_equal(cost_of(polish(*state, hidden, STILE_POLISH_NONZEROS)).nonzeros, 120);
}

static void no_goal_is_ever_missed_by_more_than_the_start(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint64_t s = seed;
        const stile_basis *strassen = named(*state, "strassen");
        const stile_rotation rotation = random_rotation(&s, strassen);
        const stile_basis *basis = rotate(*state, strassen, &rotation);
        for (stile_polish_goal goal = STILE_POLISH_ADDITIONS; goal <= STILE_POLISH_NONZEROS;
             goal++) {
            const stile_basis_cost before = cost_of(basis);
            const stile_basis_cost after = cost_of(polish(*state, basis, goal));
            if (goal == STILE_POLISH_ADDITIONS)
                assert_true(after.additions <= before.additions);
            else
                assert_true(after.nonzeros <= before.nonzeros);
        }
    }
}

static void bases_that_are_not_rational_or_exact_are_refused(void **state)
{
    stile_basis *out = NULL, *doubles = NULL;
    assert_int_equal(stile_basis_polish_sparsity(&out, *state, random_basis(*state, 2, 2, 2, 5),
                                                 STILE_POLISH_NONZEROS),
                     STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "is not exact"));
    assert_int_equal(stile_basis_polish_growth(&doubles, *state, named(*state, "strassen")),
                     STILE_OK);
    assert_int_equal(stile_basis_polish_sparsity(&out, *state, doubles, STILE_POLISH_ADDITIONS),
                     STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "is not rational"));
    assert_null(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(costs_of_known_bases_are_those_of_the_literature),
        ARENA_TEST(strassen_becomes_winograd_and_back),
        ARENA_TEST(a_hidden_classical_basis_is_found),
        ARENA_TEST(large_tiles_go_down_side_by_side),
        ARENA_TEST(no_goal_is_ever_missed_by_more_than_the_start),
        ARENA_TEST(bases_that_are_not_rational_or_exact_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
