/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "bases.h"
#include "basis_search_point.h"

static stile_search_point point_of(const stile_basis *basis, int capacity)
{
    stile_search_point point;
    assert_int_equal(
        stile_search_point_create(&point, basis->m, basis->k, basis->n, basis->rank, capacity),
        STILE_OK);
    stile_search_point_load(&point, basis);
    return point;
}

static double error_of(const stile_search_point *point)
{
    double *scratch = malloc(stile_search_residual_scratch(point) * sizeof *scratch);
    assert_non_null(scratch);
    const double error = stile_search_error(point, scratch);
    free(scratch);
    return error;
}

static double leakage_of(const stile_search_point *point)
{
    double *scratch = malloc(stile_search_residual_scratch(point) * sizeof *scratch);
    assert_non_null(scratch);
    const double leakage = stile_search_leakage(point, scratch);
    free(scratch);
    return leakage;
}

static void error_and_growth_are_those_of_the_basis(void **state)
{
    const stile_basis *const bases[] = {
        named(*state, "strassen"), named(*state, "laderman"), random_basis(*state, 2, 3, 4, 9),
        random_basis(*state, 1, 1, 1, 1), random_basis(*state, 5, 1, 3, 20)};
    for (int i = 0; i < 5; i++) {
        const stile_basis_metrics metrics = measure(bases[i]);
        for (int room = 0; room < 20; room += 9) {
            stile_search_point point = point_of(bases[i], bases[i]->rank + room);
            assert_near(error_of(&point), metrics.error, 1e-12);
            assert_near(stile_search_growth(&point), metrics.growth, 1e-12 * metrics.growth);
            stile_search_point_destroy(&point);
        }
    }
}

static void a_basis_survives_the_way_there_and_back(void **state)
{
    const stile_basis *basis = random_basis(*state, 2, 3, 4, 9);
    stile_search_point point = point_of(basis, 30);
    stile_basis *back = stile_basis_create(*state, "back", 2, 3, 4, 9, false);
    assert_non_null(back);
    stile_search_point_store(&point, back);
    assert_same_entries(back, basis);
    stile_search_point_destroy(&point);
}

static void balancing_evens_norms_and_keeps_the_operator(void **state)
{
    stile_basis *basis = random_basis(*state, 2, 3, 2, 5);
    for (int i = 0; i < 6; i++) {
        basis->u[i] *= 1e3;
        basis->v[i] *= 1e-5;
    }
    stile_search_point point = point_of(basis, 5);
    const double error = error_of(&point), growth = stile_search_growth(&point);
    stile_search_point_balance(&point);
    assert_near(error_of(&point), error, 1e-11 * (1 + error));
    assert_near(stile_search_growth(&point), growth, 1e-11 * growth);
    for (int c = 0; c < 5; c++) {
        double squares[3] = {0};
        for (int f = 0; f < 3; f++)
            for (int i = 0; i < point.sizes[f]; i++)
                squares[f] += point.x[f][i * point.stride + c] * point.x[f][i * point.stride + c];
        assert_near(squares[0] / squares[1], 1, 1e-12);
        assert_near(squares[0] / squares[2], 1, 1e-12);
    }
    stile_search_point_destroy(&point);
}

static void balancing_leaves_channels_with_held_numbers_alone(void **state)
{
    stile_search_point point = point_of(random_basis(*state, 2, 2, 2, 3), 3);
    const double before = point.x[1][1], other = point.x[1][2];
    point.held[0][1] = 1;
    point.x[2][2] *= 100;
    stile_search_point_balance(&point);
    assert_true(point.x[1][1] == before);
    assert_true(point.x[1][2] != other);
    stile_search_point_destroy(&point);
}

static void dropping_a_channel_is_dropping_it_from_the_basis(void **state)
{
    const stile_basis *basis = named(*state, "laderman");
    for (int channel = 0; channel < basis->rank; channel++) {
        stile_basis *dropped = NULL;
        assert_int_equal(stile_basis_drop(&dropped, *state, basis, &channel, 1), STILE_OK);
        stile_search_point point = point_of(basis, 23);
        stile_search_point_drop(&point, channel);
        assert_int_equal(point.rank, 22);
        assert_near(error_of(&point), measure(dropped).error, 1e-12);
        assert_near(stile_search_growth(&point), measure(dropped).growth, 1e-12);
        for (int i = 0; i < 9; i++)
            assert_true(point.x[0][i * point.stride + 22] == 0);
        stile_search_point_destroy(&point);
    }
}

/* Against T̂ of the basis, entry by entry. */
static void errors_weigh_by_rows(void **state)
{
    const stile_basis *basis = random_basis(*state, 3, 2, 2, 7);
    double *tensor = stile_arena_array(*state, 6 * 4 * 6, sizeof *tensor);
    assert_non_null(tensor);
    stile_basis_tensor(basis, tensor);
    stile_search_point point = point_of(basis, 7);
    point.leak = 10;
    for (int kind = 0; kind < 3; kind++) {
        static const stile_coupling rows[] = {STILE_COUPLING_NONE, STILE_COUPLING_CAUSAL,
                                              STILE_COUPLING_FULL};
        double sum = 0, forbidden = 0, largest = 0;
        for (int i = 0; i < 6 * 4 * 6; i++) {
            const int x = i / 24, w = i / 6 % 4, y = i % 6, from = x / 2, to = y / 2;
            const bool allowed = kind == 2 || from == to || (kind == 1 && from < to);
            const bool one = from == to && x % 2 == w / 2 && w % 2 == y % 2;
            sum += (allowed ? 1 : 10) * (tensor[i] - one) * (tensor[i] - one) / 12;
            largest = fmax(largest, fabs(tensor[i]));
            forbidden = fmax(forbidden, allowed ? 0 : fabs(tensor[i]));
        }
        point.rows = rows[kind];
        assert_near(error_of(&point), sum, 1e-11 * sum);
        assert_near(leakage_of(&point), forbidden / largest, 1e-12);
    }
    stile_search_point_destroy(&point);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(error_and_growth_are_those_of_the_basis),
        ARENA_TEST(a_basis_survives_the_way_there_and_back),
        ARENA_TEST(balancing_evens_norms_and_keeps_the_operator),
        ARENA_TEST(balancing_leaves_channels_with_held_numbers_alone),
        ARENA_TEST(dropping_a_channel_is_dropping_it_from_the_basis),
        ARENA_TEST(errors_weigh_by_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
