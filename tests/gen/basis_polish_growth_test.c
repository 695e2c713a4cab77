/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bases.h"
#include "basis_polish.h"

static stile_basis *polish(stile_arena *arena, const stile_basis *basis)
{
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_polish_growth(&out, arena, basis), STILE_OK);
    return out;
}

static void strassen_and_winograd_reach_the_least_growth(void **state)
{
    static const char *const names[] = {"strassen", "winograd"};
    for (int i = 0; i < 2; i++) {
        const stile_basis *polished = polish(*state, named(*state, names[i]));
        assert_true(measure(polished).exact);
        assert_near(measure(polished).growth, 200.0 / 72, 1e-12);
    }
}

static void the_square_of_strassen_reaches_the_square_of_it(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    stile_basis *square = NULL;
    assert_int_equal(stile_basis_kron(&square, *state, strassen, strassen), STILE_OK);
    const stile_basis *polished = polish(*state, square);
    assert_true(measure(polished).exact);
    assert_near(measure(polished).growth, 200.0 / 72 * 200 / 72, 1e-11);
}

/* Convexity, as promised: wherever the search starts in the orbit, it ends at the same growth. */
static void the_least_growth_does_not_depend_on_the_start(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t s = seed;
        const stile_rotation rotation = random_rotation(&s, strassen);
        const stile_basis *polished = polish(*state, rotate(*state, strassen, &rotation));
        assert_near(measure(polished).growth, 200.0 / 72, 1e-11);
        assert_true(measure(polished).exact);
    }
}

/* No rotation nearby does better. */
static void what_is_found_is_a_minimum(void **state)
{
    const stile_basis *polished = polish(*state, named(*state, "laderman"));
    const double least = measure(polished).growth;
    assert_true(least < 4.2);
    uint64_t seed = 7;
    for (int i = 0; i < 50; i++) {
        stile_rotation rotation = stile_rotation_identity(polished);
        rotation.a.rational = rotation.b.rational = rotation.c.rational = false;
        for (int at = 0; at < 9; at++) {
            rotation.a.entries[at] += (draw(&seed, 201) - 100) * 1e-4;
            rotation.b.entries[at] += (draw(&seed, 201) - 100) * 1e-4;
            rotation.c.entries[at] += (draw(&seed, 201) - 100) * 1e-4;
        }
        assert_true(measure(rotate(*state, polished, &rotation)).growth >= least * (1 - 1e-12));
    }
}

static void a_minimum_that_integers_reach_stays_rational(void **state)
{
    const stile_basis *basis = classical(*state, 2, 3, 2);
    stile_rotation rotation = stile_rotation_identity(basis);
    rotation.a = stile_square_integers(2, (const int[]){1, 1, 0, 1});
    rotation.b = stile_square_integers(3, (const int[]){1, 0, 1, 0, 1, -1, 0, 0, 1});
    const stile_basis *hidden = rotate(*state, basis, &rotation);
    assert_true(measure(hidden).growth > 1.1);
    const stile_basis *polished = polish(*state, hidden);
    assert_true(stile_basis_is_rational(polished));
    assert_true(measure(polished).exact);
    assert_true(measure(polished).growth == 1);
}

static void a_basis_at_its_minimum_is_left_as_it_is(void **state)
{
    const stile_basis *basis = classical(*state, 2, 3, 4);
    assert_same_entries(polish(*state, basis), basis);
    const stile_basis *once = polish(*state, named(*state, "strassen"));
    assert_same_entries(polish(*state, once), once);
    assert_same_entries(polish(*state, classical(*state, 1, 1, 1)), classical(*state, 1, 1, 1));
}

static void the_result_is_a_function_of_the_basis(void **state)
{
    assert_same_entries(polish(*state, named(*state, "winograd")),
                        polish(*state, named(*state, "winograd")));
}

static void inexact_bases_are_refused(void **state)
{
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_polish_growth(&out, *state, random_basis(*state, 2, 2, 2, 5)),
                     STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "is not exact"));
    assert_null(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(strassen_and_winograd_reach_the_least_growth),
        ARENA_TEST(the_square_of_strassen_reaches_the_square_of_it),
        ARENA_TEST(the_least_growth_does_not_depend_on_the_start),
        ARENA_TEST(what_is_found_is_a_minimum),
        ARENA_TEST(a_minimum_that_integers_reach_stays_rational),
        ARENA_TEST(a_basis_at_its_minimum_is_left_as_it_is),
        ARENA_TEST(the_result_is_a_function_of_the_basis),
        ARENA_TEST(inexact_bases_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
