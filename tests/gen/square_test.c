/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bases.h"

static void assert_same_square(const stile_square *a, const stile_square *b)
{
    assert_int_equal(a->size, b->size);
    for (int i = 0; i < a->size * a->size; i++) {
        assert_true(stile_rational_equal(a->exact[i], b->exact[i]));
        assert_true(a->entries[i] == b->entries[i]);
    }
}

static void inverses_of_rational_matrices_are_exact(void **state)
{
    (void)state;
    for (int size = 1; size <= 5; size++) {
        const stile_square identity = stile_square_identity(size);
        for (uint64_t seed = 1; seed <= 10; seed++) {
            uint64_t s = seed;
            const stile_square a = random_square(&s, size);
            stile_square inverse, product;
            assert_int_equal(stile_square_invert(&inverse, &a, "A"), STILE_OK);
            assert_true(inverse.rational);
            assert_true(stile_square_multiply(&product, &a, &inverse));
            assert_same_square(&product, &identity);
            assert_true(stile_square_multiply(&product, &inverse, &a));
            assert_same_square(&product, &identity);
        }
    }
}

static void a_zero_on_the_diagonal_is_no_obstacle(void **state)
{
    (void)state;
    const stile_square swap = stile_square_integers(2, (const int[]){0, 1, 1, 0});
    stile_square inverse;
    assert_int_equal(stile_square_invert(&inverse, &swap, "A"), STILE_OK);
    assert_same_square(&inverse, &swap);
}

static void doubles_are_inverted_to_rounding(void **state)
{
    (void)state;
    uint64_t seed = 3;
    stile_square a = random_square(&seed, 4), inverse, product;
    a.rational = false;
    a.entries[5] += 0.1;
    assert_int_equal(stile_square_invert(&inverse, &a, "A"), STILE_OK);
    assert_false(inverse.rational);
    assert_true(stile_square_multiply(&product, &a, &inverse));
    for (int i = 0; i < 16; i++)
        assert_near(product.entries[i], i % 5 == 0, 1e-12);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    stile_square big = stile_square_identity(2), out = big;
    big.exact[0].num = INT64_C(1) << 40;
    assert_false(stile_square_multiply(&out, &big, &big));
    /* det = 2^40·3^25 + 1 */
    big.exact[1] = (stile_rational){1, 1};
    big.exact[2] = (stile_rational){-1, 1};
    big.exact[3] = (stile_rational){INT64_C(847288609443), 1};
    assert_int_equal(stile_square_invert(&out, &big, "B"), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "inverse of matrix B overflows"));
    assert_true(out.exact[0].num == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inverses_of_rational_matrices_are_exact),
        cmocka_unit_test(a_zero_on_the_diagonal_is_no_obstacle),
        cmocka_unit_test(doubles_are_inverted_to_rounding),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
