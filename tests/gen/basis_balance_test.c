/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "bases.h"

static stile_basis *balance(stile_arena *arena, const stile_basis *basis)
{
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_balance(&out, arena, basis), STILE_OK);
    return out;
}

static double norm(const double *first, int count, int stride)
{
    double squares = 0;
    for (int i = 0; i < count; i++)
        squares += first[i * stride] * first[i * stride];
    return sqrt(squares);
}

static void norms_of(const stile_basis *basis, int c, double out[3])
{
    const int mk = basis->m * basis->k, kn = basis->k * basis->n;
    out[0] = norm(basis->u + c * mk, mk, 1);
    out[1] = norm(basis->v + c * kn, kn, 1);
    out[2] = norm(basis->d + c, basis->m * basis->n, basis->rank);
}

static void norms_of_doubles_become_equal(void **state)
{
    const stile_basis *random = random_basis(*state, 2, 3, 4, 6);
    const stile_basis *even = balance(*state, random);
    for (int c = 0; c < even->rank; c++) {
        double norms[3];
        norms_of(even, c, norms);
        assert_near(norms[0], norms[1], 1e-12);
        assert_near(norms[1], norms[2], 1e-12);
    }
    assert_same_operator(*state, even, random);
    assert_near(measure(even).growth, measure(random).growth, 1e-12);
}

static void rational_bases_stay_rational_and_exact(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t s = seed;
        const stile_basis *basis = random_exact_basis(*state, &s), *even = balance(*state, basis);
        assert_true(stile_basis_is_rational(even));
        assert_true(measure(even).exact);
        assert_near(measure(even).growth, measure(basis).growth, 1e-9);
        for (int c = 0; c < even->rank; c++) {
            double norms[3];
            norms_of(even, c, norms);
            assert_true(norms[0] < 2.0001 * norms[1] && norms[1] < 2.0001 * norms[0]);
            assert_true(norms[0] < 2.0001 * norms[2] && norms[2] < 2.0001 * norms[0]);
        }
    }
}

static void scaling_by_powers_of_two_is_undone_to_the_bit(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    stile_basis *skewed = balance(*state, strassen);
    assert_same_entries(skewed, strassen);
    for (int i = 0; i < 28; i++) {
        const bool ok = stile_rational_mul(&skewed->u_exact[i], skewed->u_exact[i],
                                           (stile_rational){1 << 13, 1}) &&
                        stile_rational_mul(&skewed->d_exact[i], skewed->d_exact[i],
                                           (stile_rational){1, 1 << 13});
        assert_true(ok);
    }
    stile_basis_round_exact(skewed);
    assert_same_entries(balance(*state, skewed), strassen);
}

static void balancing_twice_changes_nothing_more(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t s = seed;
        const stile_basis *once = balance(*state, random_exact_basis(*state, &s));
        assert_same_entries(balance(*state, once), once);
    }
}

static void zero_channels_are_left_alone(void **state)
{
    stile_basis *zero = stile_basis_create(*state, "zero", 2, 2, 2, 3, true);
    assert_non_null(zero);
    assert_same_entries(balance(*state, zero), zero);
    stile_basis *doubles = stile_basis_create(*state, "zero", 2, 2, 2, 3, false);
    assert_non_null(doubles);
    assert_same_entries(balance(*state, doubles), doubles);
}

static void overflow_is_refused(void **state)
{
    stile_basis *skewed = stile_basis_create(*state, "skewed", 1, 1, 1, 1, true);
    assert_non_null(skewed);
    skewed->u_exact[0] = (stile_rational){INT64_C(4052555153018976267), 1}; /* 3^39 */
    skewed->v_exact[0] = (stile_rational){1, INT64_C(4052555153018976267)};
    skewed->d_exact[0] = (stile_rational){1, INT64_C(4052555153018976267)};
    stile_basis_round_exact(skewed);
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_balance(&out, *state, skewed), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "overflows as channel 0 is balanced"));
    assert_null(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(norms_of_doubles_become_equal),
        ARENA_TEST(rational_bases_stay_rational_and_exact),
        ARENA_TEST(scaling_by_powers_of_two_is_undone_to_the_bit),
        ARENA_TEST(balancing_twice_changes_nothing_more),
        ARENA_TEST(zero_channels_are_left_alone),
        ARENA_TEST(overflow_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
