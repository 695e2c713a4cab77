/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "basis_group.h"
#include "bases.h"

enum { ANY = STILE_GROUP_RELAXED | STILE_GROUP_TRUNCATED };

static stile_group_curve find(stile_arena *arena, const char *name, int m, int k, int n,
                              unsigned freedom)
{
    stile_group *group = NULL;
    stile_group_curve curve;
    assert_int_equal(stile_group_create(&group, arena, name), STILE_OK);
    assert_int_equal(stile_group_curve_find(&curve, arena, group, m, k, n, freedom, 1), STILE_OK);
    return curve;
}

static stile_basis *basis_of(stile_arena *arena, const stile_group_curve *curve, int rank)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_group_curve_basis(&basis, arena, curve, rank), STILE_OK);
    return basis;
}

static void exact_ranks_are_the_known_ones(void **state)
{
    static const struct {
        const char *name;
        int tile[3], rank;
    } known[] = {{"Z2^3", {2, 2, 2}, 8}, {"S3", {2, 2, 2}, 9}, {"Z7", {2, 2, 2}, 0},
                 {"Z2^2", {1, 2, 2}, 4}, {"Z3", {1, 3, 1}, 4}, {"Z2^2", {2, 2, 1}, 4},
                 {"Z1", {1, 1, 1}, 1},   {"A4", {3, 3, 3}, 0}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const int *tile = known[i].tile;
        const stile_group_curve curve = find(*state, known[i].name, tile[0], tile[1], tile[2], 0);
        assert_int_equal(curve.exact_rank, known[i].rank);
        assert_int_equal(curve.has_property, known[i].rank > 0);
        if (!known[i].rank) {
            assert_true(curve.complete);
            continue;
        }
        const stile_basis *basis = basis_of(*state, &curve, known[i].rank);
        assert_int_equal(basis->rank, known[i].rank);
        assert_true(stile_basis_is_rational(basis) && measure(basis).exact);
    }
}

static void bases_have_the_errors_of_the_curve(void **state)
{
    static const char *const names[] = {"Z5", "S3", "D4", "A4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const stile_group_curve curve = find(*state, names[i], 2, 2, 2, ANY);
        double last = 1;
        for (int rank = 1; rank <= curve.max_rank; rank++) {
            const stile_basis *basis = basis_of(*state, &curve, rank);
            assert_true(basis->rank <= rank);
            assert_near(measure(basis).error, curve.choices[rank].error, 1e-9);
            assert_true(curve.choices[rank].error <= last + 1e-9);
            last = curve.choices[rank].error;
        }
    }
}

/* Two triples of S₃ side by side: too many to look at all, but found by descent. */
static void descents_find_what_is_beyond_the_search(void **state)
{
    const stile_group_curve curve = find(*state, "S3^2", 4, 4, 4, 0);
    assert_true(curve.has_property);
    assert_false(curve.complete);
    assert_in_range(curve.exact_rank, 64, 81);
    const stile_basis *basis = basis_of(*state, &curve, curve.exact_rank);
    assert_true(stile_basis_is_rational(basis) && measure(basis).exact);
}

static void seven_products_of_s3_are_better_than_seven_of_eight(void **state)
{
    const stile_group_curve curve = find(*state, "S3", 2, 2, 2, ANY);
    const stile_basis *basis = basis_of(*state, &curve, 7);
    assert_true(stile_basis_is_rational(basis));
    assert_near(measure(basis).error, 43. / 440, 1e-12);
}

/* Neither makes anything better that was not allowed. */
static void freedoms_are_kept(void **state)
{
    const stile_group_curve truncated = find(*state, "Z2^3", 2, 2, 2, STILE_GROUP_TRUNCATED);
    assert_near(truncated.choices[7].error, 0.125, 1e-12);
    const stile_group_curve relaxed = find(*state, "Z7", 2, 2, 2, STILE_GROUP_RELAXED);
    assert_int_equal(relaxed.choices[1].count, 0); /* one channel is no whole spectrum */
    assert_true(relaxed.choices[10].count > 1 && relaxed.choices[10].error > 1e-3);
    const stile_group_curve neither = find(*state, "Z7", 2, 2, 2, 0);
    for (int rank = 1; rank <= neither.max_rank; rank++)
        assert_int_equal(neither.choices[rank].count, 0);
    stile_basis *basis = NULL;
    assert_int_equal(stile_group_curve_basis(&basis, *state, &neither, 8), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "no basis of up to 8 products"));
    assert_int_equal(stile_group_curve_basis(&basis, *state, &truncated, 0), STILE_ERROR_ARGUMENT);
    assert_null(basis);
}

static void moving_entries_makes_nothing_worse(void **state)
{
    stile_group_curve curve = find(*state, "A4", 2, 2, 2, ANY);
    const double before = curve.choices[5].error;
    assert_int_equal(stile_group_curve_improve(&curve, *state, 5, 1500, 1), STILE_OK);
    assert_true(curve.choices[5].error <= before);
    const stile_basis *basis = basis_of(*state, &curve, 5);
    assert_near(measure(basis).error, curve.choices[5].error, 1e-9);

    stile_group_curve again = find(*state, "A4", 2, 2, 2, ANY);
    assert_int_equal(stile_group_curve_improve(&again, *state, 5, 1500, 1), STILE_OK);
    assert_same_entries(basis, basis_of(*state, &again, 5));
}

/* Where no subsets are small enough, entries can still be placed. */
static void entries_are_placed_without_subsets(void **state)
{
    stile_group_curve curve = find(*state, "Z2", 3, 1, 3, ANY);
    assert_int_equal(curve.choices[2].count, 0);
    assert_int_equal(stile_group_curve_improve(&curve, *state, 2, 300, 1), STILE_OK);
    assert_in_range(curve.choices[2].count, 1, 2);
    assert_true(curve.choices[2].error < 1);
}

static void bad_tiles_are_refused(void **state)
{
    stile_group *group = NULL;
    stile_group_curve curve;
    assert_int_equal(stile_group_create(&group, *state, "Z2"), STILE_OK);
    assert_int_equal(stile_group_curve_find(&curve, *state, group, 2, 9, 2, 0, 1),
                     STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "2x9x2"));
    assert_int_equal(stile_group_curve_find(&curve, *state, group, 0, 1, 1, 0, 1),
                     STILE_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(exact_ranks_are_the_known_ones),
        ARENA_TEST(bases_have_the_errors_of_the_curve),
        ARENA_TEST(descents_find_what_is_beyond_the_search),
        ARENA_TEST(seven_products_of_s3_are_better_than_seven_of_eight),
        ARENA_TEST(freedoms_are_kept),
        ARENA_TEST(moving_entries_makes_nothing_worse),
        ARENA_TEST(entries_are_placed_without_subsets),
        ARENA_TEST(bad_tiles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
