/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include <stile/error.h>

#include "basis.h"

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

static stile_basis *random_basis(stile_arena *arena, int m, int k, int n, int rank, uint64_t seed)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_random(&basis, arena, m, k, n, rank, seed), STILE_OK);
    assert_non_null(basis);
    return basis;
}

static double squares(stile_basis_matrix matrix)
{
    double sum = 0;
    for (int i = 0; i < matrix.rows * matrix.columns; i++)
        sum += matrix.entries[i] * matrix.entries[i];
    return sum;
}

/* The digits come from a second implementation of the same description, in Python. */
static void entries_are_the_same_on_every_machine(void **state)
{
    const stile_basis *basis = random_basis(*state, 2, 2, 2, 5, 42);
    const double u[] = {-0x1.cb98a6p-2, -0x1.675f1ep-2, -0x1.6cd14p-2, -0x1.3d64f6p-3};
    const double v[] = {-0x1.d5ca2ap-2, 0x1.7a5966p-5, -0x1.9622b8p-1, 0x1.00c8dep-2};
    const double d[] = {0x1.56849ap-4, -0x1.19551cp-1, 0x1.37d46cp-2, -0x1.ecc10cp-4};
    for (int i = 0; i < 4; i++) {
        assert_true(basis->u[i] == u[i]);
        assert_true(basis->v[i] == v[i]);
        assert_true(basis->d[i] == d[i]);
    }
    assert_true(basis->u[19] == -0x1.1024d8p-1);
    assert_true(basis->v[19] == -0x1.31dda4p-1);
    assert_true(basis->d[19] == -0x1.75bc24p-2);
}

static void names_say_how_to_make_them_again(void **state)
{
    assert_string_equal(random_basis(*state, 4, 2, 3, 16, 1)->name, "random(4,2,3;16;1)");
    assert_string_equal(random_basis(*state, 1, 1, 1, 1, UINT64_MAX)->name,
                        "random(1,1,1;1;18446744073709551615)");
}

static void seeds_differ(void **state)
{
    const stile_basis *a = random_basis(*state, 4, 4, 4, 16, 0);
    const stile_basis *b = random_basis(*state, 4, 4, 4, 16, 1);
    int equal = 0;
    for (int i = 0; i < 256; i++)
        equal += a->u[i] == b->u[i];
    assert_true(equal < 3);
}

static void gain_is_unity(void **state)
{
    const int shapes[][4] = {{1, 1, 1, 1}, {1, 1, 1, 9},  {1, 4, 4, 3},   {4, 1, 2, 20},
                             {2, 2, 2, 7}, {4, 4, 4, 16}, {4, 4, 4, 64}, {3, 5, 7, 11},
                             {8, 8, 8, 1}, {8, 8, 8, 512}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int *s = shapes[i];
        const stile_basis *basis = random_basis(*state, s[0], s[1], s[2], s[3], i);
        stile_basis_metrics metrics;
        assert_int_equal(stile_basis_measure(basis, &metrics), STILE_OK);
        assert_true(fabs(metrics.gain - 1) < 1e-6);
        assert_true(fabs(squares(stile_basis_u(basis)) / s[3] - 1) < 1e-6);
        assert_true(fabs(squares(stile_basis_v(basis)) / s[3] - 1) < 1e-6);
        assert_false(stile_basis_is_rational(basis));
        assert_false(stile_basis_is_sparse(basis));
    }
}

static void entries_are_floats_and_none_is_zero(void **state)
{
    const stile_basis *basis = random_basis(*state, 4, 4, 4, 24, 7);
    const stile_basis_matrix matrices[] = {stile_basis_u(basis), stile_basis_v(basis),
                                           stile_basis_d(basis)};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < matrices[i].rows * matrices[i].columns; j++) {
            const double entry = matrices[i].entries[j];
            assert_true(entry == (float)entry);
            assert_true(entry != 0);
        }
    }
}

/* 32768 draws against the normal distribution: moments, and the share below some quantiles. */
static void entries_are_normal(void **state)
{
    enum { COUNT = 512 * 64 };
    const stile_basis *basis = random_basis(*state, 8, 8, 8, 512, 3);
    const double quantiles[] = {-2.326347874, -1.281551566, -0.674489750, 0,
                                0.674489750,  1.281551566,  2.326347874};
    const double shares[] = {.01, .1, .25, .5, .75, .9, .99};
    double mean = 0, skewness = 0, kurtosis = 0, largest = 0;
    int below[7] = {0};
    for (int i = 0; i < COUNT; i++) {
        const double x = 8 * basis->u[i]; /* unit variance: ‖U‖² = 512 */
        mean += x / COUNT;
        skewness += x * x * x / COUNT;
        kurtosis += x * x * x * x / COUNT;
        largest = fmax(largest, fabs(x));
        for (int q = 0; q < 7; q++)
            below[q] += x < quantiles[q];
    }
    /* Within four standard errors. */
    assert_true(fabs(mean) < 4 / sqrt(COUNT));
    assert_true(fabs(skewness) < 4 * sqrt(15.0 / COUNT));
    assert_true(fabs(kurtosis - 3) < 4 * sqrt(96.0 / COUNT));
    assert_true(largest > 3.5 && largest < 6);
    for (int q = 0; q < 7; q++) {
        const double spread = sqrt(shares[q] * (1 - shares[q]) / COUNT);
        assert_true(fabs((double)below[q] / COUNT - shares[q]) < 4 * spread);
    }
}

static void impossible_sizes_are_refused(void **state)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_random(&basis, *state, 9, 1, 1, 1, 1), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_basis_random(&basis, *state, 1, 0, 1, 1, 1), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "1x0x1"));
    assert_int_equal(stile_basis_random(&basis, *state, 2, 2, 2, 0, 1), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_basis_random(&basis, *state, 2, 2, 2, 513, 1), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "rank 513"));
    assert_null(basis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(entries_are_the_same_on_every_machine, setup, teardown),
        cmocka_unit_test_setup_teardown(names_say_how_to_make_them_again, setup, teardown),
        cmocka_unit_test_setup_teardown(seeds_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(gain_is_unity, setup, teardown),
        cmocka_unit_test_setup_teardown(entries_are_floats_and_none_is_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(entries_are_normal, setup, teardown),
        cmocka_unit_test_setup_teardown(impossible_sizes_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
