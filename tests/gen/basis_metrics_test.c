/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
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

static stile_basis *named(stile_arena *arena, const char *name)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_named(&basis, arena, name), STILE_OK);
    assert_non_null(basis);
    return basis;
}

static stile_basis *classical(stile_arena *arena, int m, int k, int n)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_classical(&basis, arena, m, k, n), STILE_OK);
    return basis;
}

static stile_basis_metrics measure(const stile_basis *basis)
{
    stile_basis_metrics metrics;
    assert_int_equal(stile_basis_measure(basis, &metrics), STILE_OK);
    return metrics;
}

static stile_rational rational(int64_t num, int64_t den)
{
    stile_rational result;
    assert_true(stile_rational_make(&result, num, den));
    return result;
}

/* The same basis without its exact entries. */
static stile_basis *forget_exact(stile_arena *arena, const stile_basis *basis)
{
    stile_basis *copy = stile_basis_create(arena, basis->name, basis->m, basis->k, basis->n,
                                           basis->rank, false);
    const stile_basis_matrix from[] = {stile_basis_u(basis), stile_basis_v(basis),
                                       stile_basis_d(basis)};
    const stile_basis_matrix to[] = {stile_basis_u(copy), stile_basis_v(copy), stile_basis_d(copy)};
    for (int i = 0; i < 3; i++)
        memcpy(to[i].entries, from[i].entries,
               (size_t)(to[i].rows * to[i].columns) * sizeof(double));
    return copy;
}

/* Scales one channel of U and undoes it in D: T̂ stays. */
static void scale_channel(stile_basis *basis, int channel, stile_rational factor)
{
    const int mk = basis->m * basis->k;
    for (int i = 0; i < mk; i++) {
        stile_rational *entry = &basis->u_exact[channel * mk + i];
        assert_true(stile_rational_mul(entry, *entry, factor));
    }
    for (int i = 0; i < basis->m * basis->n; i++) {
        stile_rational *entry = &basis->d_exact[i * basis->rank + channel];
        assert_true(stile_rational_div(entry, *entry, factor));
    }
    stile_basis_round_exact(basis);
}

static void exact_bases_have_no_error_and_unit_gain(void **state)
{
    const stile_basis *bases[] = {named(*state, "strassen"), named(*state, "winograd"),
                                  named(*state, "laderman"), classical(*state, 1, 1, 1),
                                  classical(*state, 1, 3, 2), classical(*state, 8, 8, 8)};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        const stile_basis_metrics metrics = measure(bases[i]);
        assert_true(metrics.exact);
        assert_true(metrics.error == 0);
        assert_true(metrics.gain == 1);
        assert_int_equal(metrics.algebraic, STILE_COUPLING_NONE);
    }
}

static void growth_is_as_known(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    stile_basis *square;
    assert_int_equal(stile_basis_kron(&square, *state, strassen, strassen), STILE_OK);
    assert_true(measure(classical(*state, 4, 4, 4)).growth == 1);
    assert_true(measure(strassen).growth == 4);
    assert_true(measure(named(*state, "winograd")).growth == 7);
    assert_true(measure(square).growth == 16);
}

static void nonzeros_are_counted(void **state)
{
    const stile_basis_metrics metrics = measure(named(*state, "winograd"));
    assert_int_equal(metrics.nonzeros_u, 14);
    assert_int_equal(metrics.nonzeros_v, 14);
    assert_int_equal(metrics.nonzeros_d, 14);
}

static void a_dropped_product_costs_its_share(void **state)
{
    stile_basis *basis = classical(*state, 2, 2, 2);
    basis->u_exact[0] = STILE_RATIONAL_ZERO;
    stile_basis_round_exact(basis);
    const stile_basis_metrics metrics = measure(basis);
    assert_false(metrics.exact);
    assert_true(metrics.error == 1.0 / 8);
    assert_true(metrics.gain == 7.0 / 8);
    assert_int_equal(metrics.algebraic, STILE_COUPLING_NONE);
}

static void a_wrong_sign_anywhere_is_found(void **state)
{
    for (int entry = 0; entry < 3 * 28; entry++) {
        stile_basis *basis = named(*state, "strassen");
        stile_rational *matrices[] = {basis->u_exact, basis->v_exact, basis->d_exact};
        stile_rational *flipped = &matrices[entry / 28][entry % 28];
        if (flipped->num == 0)
            continue;
        flipped->num = -flipped->num;
        stile_basis_round_exact(basis);
        assert_false(measure(basis).exact);
        assert_false(measure(forget_exact(*state, basis)).exact);
    }
}

/* x/3 · 3 is exact in rationals, where doubles would only come close. */
static void fractions_that_cancel_are_exact(void **state)
{
    stile_basis *basis = named(*state, "strassen");
    for (int c = 0; c < 7; c++)
        scale_channel(basis, c, rational(c + 1, 2 * c + 3));
    const stile_basis_metrics metrics = measure(basis);
    assert_true(metrics.exact);
    assert_true(metrics.error == 0);
}

static void an_error_below_any_tolerance_is_not_exact(void **state)
{
    stile_basis *basis = classical(*state, 1, 1, 2);
    basis->u_exact[0] = rational(1 << 20, (1 << 20) - 1);
    basis->v_exact[0] = rational((1 << 20) - 1, (1 << 20) + 1);
    basis->d_exact[0] = rational((1 << 20) - 1, 1 << 20); /* 1 − 2/(2^20 + 1), for all three */
    stile_basis_round_exact(basis);
    assert_false(measure(basis).exact);

    /* Off by 1/(2^20·(2^20 − 1)), about 1e-12: less than the tolerance of doubles. */
    stile_basis *close = classical(*state, 1, 1, 1);
    close->u_exact[0] = rational((1 << 20) + 1, 1 << 20);
    close->v_exact[0] = rational((1 << 20) - 1, 1 << 20);
    stile_basis_round_exact(close);
    assert_false(measure(close).exact);
    assert_true(measure(forget_exact(*state, close)).exact);
}

/* Denominators that are coprime have a common one far past 64 bits: doubles decide. */
static void denominators_past_64_bits_fall_back_to_doubles(void **state)
{
    const int64_t primes[] = {1048573, 1048571, 1048559, 1048549, 1048517, 1048507, 1048447};
    stile_basis *basis = named(*state, "strassen");
    for (int c = 0; c < 7; c++)
        scale_channel(basis, c, rational(1000003, primes[c]));
    assert_true(measure(basis).exact);
    assert_true(measure(basis).error < 1e-20);
    basis->v_exact[0] = rational(1001, 1000);
    stile_basis_round_exact(basis);
    assert_false(measure(basis).exact);
}

/* 256 products of 2^120 and one of 1: their sum is 1 modulo 2^128. */
static void sums_past_128_bits_do_not_wrap_to_exact(void **state)
{
    stile_basis *basis = stile_basis_create(*state, "", 1, 1, 1, 257, true);
    for (int c = 0; c < 257; c++) {
        basis->u_exact[c] = basis->v_exact[c] = rational(c ? INT64_C(1) << 31 : 1, 1);
        basis->d_exact[c] = rational(c ? INT64_C(1) << 58 : 1, 1);
    }
    stile_basis_round_exact(basis);
    assert_false(measure(basis).exact);
}

static void doubles_are_exact_to_their_tolerance(void **state)
{
    stile_basis *basis = forget_exact(*state, named(*state, "laderman"));
    assert_true(measure(basis).exact);
    basis->u[0] += 1e-12;
    assert_true(measure(basis).exact);
    basis->u[0] += 1e-6;
    assert_false(measure(basis).exact);
}

static void numbers_past_the_range_of_doubles_are_not_exact(void **state)
{
    stile_basis *basis = forget_exact(*state, classical(*state, 2, 1, 1));
    basis->u[0] = basis->v[0] = basis->d[0] = 1e200;
    const stile_basis_metrics metrics = measure(basis);
    assert_false(metrics.exact);
    assert_false(isfinite(metrics.error));
    basis->d[0] = -1e200;
    basis->d[2] = 1; /* row 0 to row 1: must show beside an infinity */
    assert_int_equal(measure(basis).algebraic, STILE_COUPLING_CAUSAL);
}

/* One channel that reads row `from` and writes row `to`. */
static stile_basis *link(stile_arena *arena, int from, int to, bool exact)
{
    stile_basis *basis = stile_basis_create(arena, "link", 3, 1, 1, 1, exact);
    basis->u[from] = basis->v[0] = basis->d[to] = 1;
    if (exact)
        basis->u_exact[from] = basis->v_exact[0] = basis->d_exact[to] = STILE_RATIONAL_ONE;
    return basis;
}

static void coupling_follows_the_rows_a_channel_links(void **state)
{
    for (int from = 0; from < 3; from++) {
        for (int to = 0; to < 3; to++) {
            const stile_coupling expected = from == to  ? STILE_COUPLING_NONE
                                            : from < to ? STILE_COUPLING_CAUSAL
                                                        : STILE_COUPLING_FULL;
            for (int exact = 0; exact < 2; exact++) {
                const stile_basis_metrics metrics = measure(link(*state, from, to, exact));
                assert_int_equal(metrics.structural, expected);
                assert_int_equal(metrics.algebraic, expected);
            }
        }
    }
}

static void exact_bases_couple_structurally_but_not_algebraically(void **state)
{
    const stile_basis_metrics strassen = measure(named(*state, "strassen"));
    assert_int_equal(strassen.structural, STILE_COUPLING_FULL);
    assert_int_equal(strassen.algebraic, STILE_COUPLING_NONE);
    assert_int_equal(measure(classical(*state, 4, 2, 2)).structural, STILE_COUPLING_NONE);
}

/* A zero V silences a channel in T̂, but with trained weights the link is there. */
static void structural_coupling_does_not_look_at_v(void **state)
{
    stile_basis *basis = link(*state, 2, 0, true);
    basis->v_exact[0] = STILE_RATIONAL_ZERO;
    stile_basis_round_exact(basis);
    const stile_basis_metrics metrics = measure(basis);
    assert_int_equal(metrics.structural, STILE_COUPLING_FULL);
    assert_int_equal(metrics.algebraic, STILE_COUPLING_NONE);
}

static void one_row_cannot_couple(void **state)
{
    stile_basis *basis;
    assert_int_equal(stile_basis_random(&basis, *state, 1, 4, 4, 8, 1), STILE_OK);
    assert_int_equal(measure(basis).structural, STILE_COUPLING_NONE);
    assert_int_equal(measure(basis).algebraic, STILE_COUPLING_NONE);
}

/* Of doubles, links up to 1e-6 of the largest entry are rounding; of rationals, none is. */
static void small_links_count_in_rationals_only(void **state)
{
    stile_basis *basis = stile_basis_create(*state, "", 2, 1, 1, 2, true);
    basis->u_exact[0] = basis->v_exact[0] = basis->d_exact[0] = STILE_RATIONAL_ONE;
    basis->u_exact[3] = basis->v_exact[1] = STILE_RATIONAL_ONE;
    basis->d_exact[1] = rational(1, 10000000);
    basis->d_exact[3] = STILE_RATIONAL_ONE;
    stile_basis_round_exact(basis);
    assert_int_equal(measure(basis).algebraic, STILE_COUPLING_FULL);
    stile_basis *doubles = forget_exact(*state, basis);
    assert_int_equal(measure(doubles).algebraic, STILE_COUPLING_NONE);
    assert_int_equal(measure(doubles).structural, STILE_COUPLING_FULL);
    doubles->d[1] = 1e-5;
    assert_int_equal(measure(doubles).algebraic, STILE_COUPLING_FULL);
}

static void the_tensor_has_the_documented_order(void **state)
{
    enum { M = 2, K = 3, N = 4, R = 5 };
    stile_basis *basis;
    assert_int_equal(stile_basis_random(&basis, *state, M, K, N, R, 9), STILE_OK);
    double *tensor = malloc(sizeof(double) * M * K * K * N * M * N);
    assert_non_null(tensor);
    stile_basis_tensor(basis, tensor);
    const double *entry = tensor;
    for (int x = 0; x < M * K; x++)
        for (int w = 0; w < K * N; w++)
            for (int y = 0; y < M * N; y++, entry++) {
                double sum = 0;
                for (int c = 0; c < R; c++)
                    sum += basis->u[c * M * K + x] * basis->v[c * K * N + w] * basis->d[y * R + c];
                assert_true(fabs(*entry - sum) < 1e-14);
            }
    free(tensor);
}

static void couplings_have_names(void **state)
{
    (void)state;
    assert_string_equal(stile_coupling_name(STILE_COUPLING_NONE), "none");
    assert_string_equal(stile_coupling_name(STILE_COUPLING_CAUSAL), "causal");
    assert_string_equal(stile_coupling_name(STILE_COUPLING_FULL), "full");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exact_bases_have_no_error_and_unit_gain),
        TEST(growth_is_as_known),
        TEST(nonzeros_are_counted),
        TEST(a_dropped_product_costs_its_share),
        TEST(a_wrong_sign_anywhere_is_found),
        TEST(fractions_that_cancel_are_exact),
        TEST(an_error_below_any_tolerance_is_not_exact),
        TEST(denominators_past_64_bits_fall_back_to_doubles),
        TEST(sums_past_128_bits_do_not_wrap_to_exact),
        TEST(doubles_are_exact_to_their_tolerance),
        TEST(numbers_past_the_range_of_doubles_are_not_exact),
        TEST(coupling_follows_the_rows_a_channel_links),
        TEST(exact_bases_couple_structurally_but_not_algebraically),
        TEST(structural_coupling_does_not_look_at_v),
        TEST(one_row_cannot_couple),
        TEST(small_links_count_in_rationals_only),
        TEST(the_tensor_has_the_documented_order),
        TEST(couplings_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
