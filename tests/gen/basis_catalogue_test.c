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

static int64_t integer(stile_rational value)
{
    assert_int_equal(value.den, 1);
    return value.num;
}

/*
 * T̂ = T, symbolically: the coefficient of x[a,b]·w[b2,d] in y[a2,d2], summed over the channels, is
 * 1 where y's definition has that term and 0 elsewhere. In integers, from the definition alone.
 */
static void assert_multiplies(const stile_basis *basis)
{
    const int m = basis->m, k = basis->k, n = basis->n, rank = basis->rank;
    for (int a = 0; a < m; a++)
        for (int b = 0; b < k; b++)
            for (int b2 = 0; b2 < k; b2++)
                for (int d = 0; d < n; d++)
                    for (int a2 = 0; a2 < m; a2++)
                        for (int d2 = 0; d2 < n; d2++) {
                            int64_t sum = 0;
                            for (int c = 0; c < rank; c++)
                                sum += integer(basis->u_exact[c * m * k + a * k + b])
                                       * integer(basis->v_exact[c * k * n + b2 * n + d])
                                       * integer(basis->d_exact[(a2 * n + d2) * rank + c]);
                            assert_int_equal(sum, a == a2 && b == b2 && d == d2);
                        }
}

static void assert_doubles_are_the_exact_entries(const stile_basis *basis)
{
    const stile_basis_matrix matrices[] = {stile_basis_u(basis), stile_basis_v(basis),
                                           stile_basis_d(basis)};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < matrices[i].rows * matrices[i].columns; j++)
            assert_true(matrices[i].entries[j] == stile_rational_to_double(matrices[i].exact[j]));
    }
}

static stile_basis *named(stile_arena *arena, const char *name)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_named(&basis, arena, name), STILE_OK);
    assert_non_null(basis);
    return basis;
}

static void every_name_multiplies_matrices(void **state)
{
    int count = 0;
    for (const char *const *name = stile_basis_names(); *name; name++, count++) {
        const stile_basis *basis = named(*state, *name);
        assert_string_equal(basis->name, *name);
        assert_true(strlen(basis->source) > 0);
        assert_true(stile_basis_is_rational(basis));
        assert_true(stile_basis_is_sparse(basis));
        assert_multiplies(basis);
        assert_doubles_are_the_exact_entries(basis);
    }
    assert_int_equal(count, 3);
}

static void sizes_and_ranks_are_the_published_ones(void **state)
{
    const struct {
        const char *name;
        int side, rank;
    } known[] = {{"strassen", 2, 7}, {"winograd", 2, 7}, {"laderman", 3, 23}};
    for (int i = 0; i < 3; i++) {
        const stile_basis *basis = named(*state, known[i].name);
        assert_int_equal(basis->m, known[i].side);
        assert_int_equal(basis->k, known[i].side);
        assert_int_equal(basis->n, known[i].side);
        assert_int_equal(basis->rank, known[i].rank);
    }
}

/* Strassen's first product is (x11 + x22)(w11 + w22), and it enters y11 and y22. */
static void strassen_starts_as_printed(void **state)
{
    const stile_basis *basis = named(*state, "strassen");
    const double expected[] = {1, 0, 0, 1};
    for (int i = 0; i < 4; i++) {
        assert_true(basis->u[i] == expected[i]);
        assert_true(basis->v[i] == expected[i]);
        assert_true(basis->d[i * 7] == expected[i]);
    }
}

static void unknown_names_give_no_basis_and_no_error(void **state)
{
    const char *const unknown[] = {"", "Strassen", "strassen ", "alphatensor"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        stile_basis *basis = (stile_basis *)state; /* anything but NULL */
        assert_int_equal(stile_basis_named(&basis, *state, unknown[i]), STILE_OK);
        assert_null(basis);
    }
}

static void classical_multiplies_at_every_shape(void **state)
{
    const int shapes[][3] = {{1, 1, 1}, {1, 2, 3}, {3, 1, 2}, {2, 3, 1}, {4, 4, 4}, {2, 3, 4}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int m = shapes[i][0], k = shapes[i][1], n = shapes[i][2];
        stile_basis *basis;
        assert_int_equal(stile_basis_classical(&basis, *state, m, k, n), STILE_OK);
        assert_int_equal(basis->rank, m * k * n);
        assert_multiplies(basis);
        assert_doubles_are_the_exact_entries(basis);
        assert_int_equal(stile_basis_nonzeros(stile_basis_u(basis)), basis->rank);
    }
}

static void classical_orders_channels_by_row_inner_column(void **state)
{
    stile_basis *basis;
    assert_int_equal(stile_basis_classical(&basis, *state, 2, 3, 4), STILE_OK);
    assert_string_equal(basis->name, "classical(2,3,4)");
    const int c = (1 * 3 + 2) * 4 + 3; /* a = 1, b = 2, d = 3 */
    assert_true(basis->u[c * 6 + 1 * 3 + 2] == 1);
    assert_true(basis->v[c * 12 + 2 * 4 + 3] == 1);
    assert_true(basis->d[(1 * 4 + 3) * 24 + c] == 1);
}

static void the_largest_classical_tile_works(void **state)
{
    stile_basis *basis;
    assert_int_equal(stile_basis_classical(&basis, *state, 8, 8, 8), STILE_OK);
    assert_int_equal(basis->rank, STILE_MAX_RANK);
    assert_true(stile_basis_is_sparse(basis));
}

static void tiles_out_of_range_are_refused(void **state)
{
    const int shapes[][3] = {{0, 1, 1}, {1, -2, 1}, {1, 1, 9}, {9, 1, 1}, {1, 1 << 30, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        stile_basis *basis = NULL;
        assert_int_equal(stile_basis_classical(&basis, *state, shapes[i][0], shapes[i][1],
                                               shapes[i][2]),
                         STILE_ERROR_ARGUMENT);
        assert_null(basis);
        assert_non_null(strstr(stile_last_error(), "each side must be from 1 to 8"));
    }
}

static void a_fresh_basis_is_all_zeros(void **state)
{
    const stile_basis *basis = stile_basis_create(*state, "empty", 2, 1, 3, 4, true);
    for (int i = 0; i < 4 * 2; i++)
        assert_true(basis->u[i] == 0 && stile_rational_equal(basis->u_exact[i],
                                                             STILE_RATIONAL_ZERO));
    for (int i = 0; i < 4 * 3; i++)
        assert_true(basis->v[i] == 0 && stile_rational_equal(basis->v_exact[i],
                                                             STILE_RATIONAL_ZERO));
    for (int i = 0; i < 6 * 4; i++)
        assert_true(basis->d[i] == 0 && stile_rational_equal(basis->d_exact[i],
                                                             STILE_RATIONAL_ZERO));
    assert_string_equal(basis->name, "empty");
    assert_string_equal(basis->source, "");
    assert_false(stile_basis_is_rational(stile_basis_create(*state, "", 1, 1, 1, 1, false)));
}

/* ⟨1,1,2;2⟩ has 2 + 4 + 4 entries, so 5 non-zeros are sparse and 6 are not. */
static void sparse_means_at_most_half_of_all_entries(void **state)
{
    stile_basis *basis = stile_basis_create(*state, "", 1, 1, 2, 2, true);
    for (int i = 0; i < 2; i++)
        basis->u_exact[i] = STILE_RATIONAL_ONE;
    for (int i = 0; i < 3; i++)
        basis->d_exact[i] = STILE_RATIONAL_ONE;
    stile_basis_round_exact(basis);
    assert_true(stile_basis_is_sparse(basis));
    basis->v_exact[3] = STILE_RATIONAL_ONE;
    stile_basis_round_exact(basis);
    assert_false(stile_basis_is_sparse(basis));
    assert_false(stile_basis_is_sparse(stile_basis_create(*state, "", 1, 1, 2, 2, false)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_name_multiplies_matrices, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_and_ranks_are_the_published_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(strassen_starts_as_printed, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_names_give_no_basis_and_no_error, setup, teardown),
        cmocka_unit_test_setup_teardown(classical_multiplies_at_every_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(classical_orders_channels_by_row_inner_column, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_largest_classical_tile_works, setup, teardown),
        cmocka_unit_test_setup_teardown(tiles_out_of_range_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fresh_basis_is_all_zeros, setup, teardown),
        cmocka_unit_test_setup_teardown(sparse_means_at_most_half_of_all_entries, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
