/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "dense.h"
#include "generator.h"

enum { MOST = 70 };

static void fill(stile_generator *g, double *x, int count)
{
    for (int i = 0; i < count; i++)
        x[i] = stile_generator_normal(g);
}

/* Every sum in the order that the header promises, hence equal to the bit. */
static void products_are_the_plain_sums_to_the_bit(void **state)
{
    static double a[MOST * MOST], b[MOST * MOST], c[MOST * MOST], expected[MOST * MOST];
    (void)state;
    stile_generator g = {1};
    for (int round = 0; round < 200; round++) {
        const int rows = 1 + (int)(stile_generator_next(&g) % 20);
        const int columns = 1 + (int)(stile_generator_next(&g) % 40);
        const int depth = (int)(stile_generator_next(&g) % 20);
        const double sign = round % 2 ? 1 : -1;
        fill(&g, a, MOST * MOST);
        fill(&g, b, MOST * MOST);
        fill(&g, c, MOST * MOST);
        const bool transposed = round % 3 == 0;
        const stile_dense_view view = {a, transposed ? 1 : MOST, transposed ? MOST : 1};
        for (int i = 0; i < MOST * MOST; i++) {
            const int row = i / MOST, column = i % MOST;
            double sum = 0;
            for (int l = 0; l < depth; l++)
                sum += a[row * view.row_step + l * view.column_step] * b[l * MOST + column];
            expected[i] = row < rows && column < columns ? c[i] + sign * sum : c[i];
        }
        stile_dense_multiply(rows, columns, depth, sign, view, b, MOST, c, MOST);
        for (int i = 0; i < MOST * MOST; i++)
            assert_true(c[i] == expected[i]);
    }
}

static void vectors_are_added_and_multiplied_entry_by_entry(void **state)
{
    double x[MOST], y[MOST], z[MOST], sum[MOST], product[MOST];
    (void)state;
    stile_generator g = {2};
    for (int count = 0; count < MOST; count++) {
        fill(&g, x, MOST);
        fill(&g, y, MOST);
        fill(&g, z, MOST);
        for (int i = 0; i < MOST; i++) {
            sum[i] = i < count ? y[i] + 0.7 * x[i] : y[i];
            product[i] = i < count ? z[i] + x[i] * y[i] : z[i];
        }
        stile_dense_add_products(count, x, y, z);
        stile_dense_add(count, 0.7, x, y);
        for (int i = 0; i < MOST; i++) {
            assert_true(y[i] == sum[i]);
            assert_true(z[i] == product[i]);
        }
    }
}

static void inner_products_take_eight_partial_sums(void **state)
{
    double x[MOST], y[MOST];
    (void)state;
    stile_generator g = {3};
    for (int count = 0; count < MOST; count++) {
        double s[8] = {0}, rest = 0;
        fill(&g, x, MOST);
        fill(&g, y, MOST);
        for (int i = 0; i < count; i++) {
            if (i < count / 8 * 8)
                s[i % 8] += x[i] * y[i];
            else
                rest += x[i] * y[i];
        }
        const double expected =
            ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])) + rest;
        assert_true(stile_dense_dot(count, x, y) == expected);
    }
}

/* G = AᵀA + I for random A, of all sizes around the blocks and strips of the factorization. */
static void systems_are_solved(void **state)
{
    (void)state;
    stile_generator g = {4};
    static const int sizes[] = {1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 96, 97, 130, 161, 260};
    for (int round = 0; round < (int)(sizeof sizes / sizeof *sizes); round++) {
        const int n = sizes[round], stride = stile_dense_stride(n);
        const size_t room = (size_t)(n * stride);
        double *a = malloc(room * sizeof *a), *gram = calloc(room, sizeof *gram);
        double *factor = malloc(room * sizeof *factor), *x = malloc((size_t)n * sizeof *x);
        double *right = calloc((size_t)n, sizeof *right);
        assert_true(a && gram && factor && x && right);
        fill(&g, a, n * stride);
        fill(&g, x, n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                for (int l = 0; l < n; l++)
                    gram[i * stride + j] += a[l * stride + i] * a[l * stride + j];
                gram[i * stride + j] += i == j;
                right[i] += gram[i * stride + j] * x[j];
            }
        }
        for (int i = 0; i < n; i++) /* what lies below the diagonal is not read */
            for (int j = 0; j < n; j++)
                factor[i * stride + j] = j < i ? NAN : gram[i * stride + j];
        assert_true(stile_dense_cholesky(n, factor, stride));
        stile_dense_solve(n, factor, stride, right);
        for (int i = 0; i < n; i++)
            assert_true(fabs(right[i] - x[i]) < 1e-9 * n);
        free(a);
        free(gram);
        free(factor);
        free(x);
        free(right);
    }
}

static void matrices_that_are_not_positive_definite_are_refused(void **state)
{
    (void)state;
    double zero[8] = {0}, negative[16] = {1, 2, 0, 0, 0, 0, 0, 0, 2, 1};
    double broken[8] = {NAN}, endless[8] = {INFINITY};
    assert_false(stile_dense_cholesky(1, zero, 8));
    assert_false(stile_dense_cholesky(2, negative, 8));
    assert_false(stile_dense_cholesky(1, broken, 8));
    assert_false(stile_dense_cholesky(1, endless, 8));
    assert_true(stile_dense_cholesky(0, zero, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_the_plain_sums_to_the_bit),
        cmocka_unit_test(vectors_are_added_and_multiplied_entry_by_entry),
        cmocka_unit_test(inner_products_take_eight_partial_sums),
        cmocka_unit_test(systems_are_solved),
        cmocka_unit_test(matrices_that_are_not_positive_definite_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
