/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

static stile_basis *kron(stile_arena *arena, const stile_basis *outer, const stile_basis *inner)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_kron(&basis, arena, outer, inner), STILE_OK);
    return basis;
}

static stile_basis_metrics measure(const stile_basis *basis)
{
    stile_basis_metrics metrics;
    assert_int_equal(stile_basis_measure(basis, &metrics), STILE_OK);
    return metrics;
}

static void assert_same_matrix(stile_basis_matrix a, stile_basis_matrix b)
{
    assert_int_equal(a.rows, b.rows);
    assert_int_equal(a.columns, b.columns);
    for (int i = 0; i < a.rows * a.columns; i++) {
        assert_true(a.entries[i] == b.entries[i]);
        assert_true(stile_rational_equal(a.exact[i], b.exact[i]));
    }
}

static void assert_same_entries(const stile_basis *a, const stile_basis *b)
{
    assert_same_matrix(stile_basis_u(a), stile_basis_u(b));
    assert_same_matrix(stile_basis_v(a), stile_basis_v(b));
    assert_same_matrix(stile_basis_d(a), stile_basis_d(b));
}

static void kron_of_strassen_is_exact(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    const stile_basis *square = kron(*state, strassen, strassen);
    assert_int_equal(square->m, 4);
    assert_int_equal(square->k, 4);
    assert_int_equal(square->n, 4);
    assert_int_equal(square->rank, 49);
    assert_true(stile_basis_is_rational(square));
    assert_true(measure(square).exact);
    assert_true(measure(kron(*state, square, strassen)).exact);
}

static void kron_of_unlike_shapes_is_exact(void **state)
{
    const stile_basis *odd = classical(*state, 1, 2, 3), *strassen = named(*state, "strassen");
    const stile_basis *left = kron(*state, odd, strassen), *right = kron(*state, strassen, odd);
    assert_int_equal(left->m, 2);
    assert_int_equal(left->k, 4);
    assert_int_equal(left->n, 6);
    assert_int_equal(left->rank, 42);
    assert_true(measure(left).exact);
    assert_true(measure(right).exact);
    assert_true(measure(kron(*state, named(*state, "winograd"), named(*state, "laderman"))).exact);
}

/* Channel (c₁, c₂) reads entry (a₁·m₂ + a₂, b₁·k₂ + b₂): blocks are the outer factor's. */
static void the_outer_factor_indexes_blocks(void **state)
{
    const stile_basis *outer = named(*state, "winograd"), *inner = classical(*state, 2, 1, 3);
    const stile_basis *both = kron(*state, outer, inner);
    for (int c1 = 0; c1 < outer->rank; c1++)
        for (int c2 = 0; c2 < inner->rank; c2++)
            for (int a1 = 0; a1 < 2; a1++)
                for (int a2 = 0; a2 < 2; a2++) {
                    const int c = c1 * inner->rank + c2, a = a1 * 2 + a2;
                    for (int b1 = 0; b1 < 2; b1++)
                        assert_true(both->u[c * 8 + a * 2 + b1]
                                    == outer->u[c1 * 4 + a1 * 2 + b1] * inner->u[c2 * 2 + a2]);
                    for (int d1 = 0; d1 < 2; d1++)
                        for (int d2 = 0; d2 < 3; d2++)
                            assert_true(both->d[(a * 6 + d1 * 3 + d2) * both->rank + c]
                                        == outer->d[(a1 * 2 + d1) * 7 + c1]
                                               * inner->d[(a2 * 3 + d2) * 6 + c2]);
                }
}

static void classical_products_compose_up_to_the_order_of_channels(void **state)
{
    const stile_basis *both = kron(*state, classical(*state, 2, 1, 1), classical(*state, 2, 1, 1));
    assert_same_entries(both, classical(*state, 4, 1, 1));
    const stile_basis_metrics metrics =
        measure(kron(*state, classical(*state, 2, 2, 2), classical(*state, 4, 4, 4)));
    assert_true(metrics.exact);
    assert_true(metrics.growth == 1);
}

static void kron_is_associative_and_so_are_names(void **state)
{
    const stile_basis *a = named(*state, "strassen"), *b = classical(*state, 1, 2, 1);
    const stile_basis *c = named(*state, "winograd");
    const stile_basis *left = kron(*state, kron(*state, a, b), c);
    const stile_basis *right = kron(*state, a, kron(*state, b, c));
    assert_same_entries(left, right);
    assert_string_equal(left->name, "kron(strassen,classical(1,2,1),winograd)");
    assert_string_equal(right->name, left->name);
    assert_string_equal(kron(*state, a, a)->name, "kron(strassen,strassen)");
}

static void names_of_endless_products_stay_short(void **state)
{
    const stile_basis *one = classical(*state, 1, 1, 1), *product = one;
    for (int i = 0; i < 200; i++) {
        product = kron(*state, product, one);
        assert_true(strlen(product->name) < 256);
    }
    assert_true(measure(product).exact);
}

static void a_factor_that_is_not_rational_makes_doubles(void **state)
{
    stile_basis *random;
    assert_int_equal(stile_basis_random(&random, *state, 2, 2, 2, 5, 1), STILE_OK);
    const stile_basis *both = kron(*state, named(*state, "strassen"), random);
    assert_false(stile_basis_is_rational(both));
    assert_int_equal(both->rank, 35);
    assert_true(both->u[0] == random->u[0]);
}

static void products_past_the_limits_are_refused(void **state)
{
    const stile_basis *laderman = named(*state, "laderman");
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_kron(&basis, *state, laderman, laderman), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "tiles of 9x9x9 and rank 529"));
    stile_basis *wide = stile_basis_create(*state, "wide", 1, 1, 1, 300, true);
    assert_int_equal(stile_basis_kron(&basis, *state, wide, wide), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "rank 90000"));
    assert_null(basis);
}

static void entries_that_overflow_are_refused(void **state)
{
    stile_basis *big = stile_basis_create(*state, "big", 1, 1, 1, 1, true);
    assert_true(stile_rational_make(&big->u_exact[0], INT64_C(1) << 40, 1));
    big->v_exact[0] = big->d_exact[0] = STILE_RATIONAL_ONE;
    stile_basis_round_exact(big);
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_kron(&basis, *state, big, big), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "overflows"));

    stile_basis *huge = stile_basis_create(*state, "huge", 1, 1, 1, 1, false);
    huge->u[0] = huge->v[0] = huge->d[0] = 1e200;
    assert_int_equal(stile_basis_kron(&basis, *state, huge, huge), STILE_ERROR_ARGUMENT);
    assert_null(basis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kron_of_strassen_is_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(kron_of_unlike_shapes_is_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(the_outer_factor_indexes_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(classical_products_compose_up_to_the_order_of_channels,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(kron_is_associative_and_so_are_names, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_endless_products_stay_short, setup, teardown),
        cmocka_unit_test_setup_teardown(a_factor_that_is_not_rational_makes_doubles, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(products_past_the_limits_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(entries_that_overflow_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
