/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "formats.h"
#include "planes.h"

enum { FIRST = 5, MOST_TILES = 150 }; /* more than are dealt at a time */

/* Every width against the definition; an array that ends with its row is guarded by the sanitizer.
 */
static void a_row_is_dealt_out_with_zeros_behind_its_end(void **state)
{
    (void)state;
    for (int side = 1; side <= STILE_MAX_TILE; side++) {
        static const int64_t tile_counts[] = {1, 2, 63, 64, 65, MOST_TILES};
        for (int i = 0; i < 6; i++) {
            const int64_t tiles = tile_counts[i], stride = tiles + 3;
            for (int64_t columns = 0; columns <= tiles * side; columns += 1 + tiles * side / 7) {
                float *row = malloc((size_t)(FIRST + columns) * sizeof *row);
                double *planes = malloc((size_t)(side * stride) * sizeof *planes);
                assert_true(row && planes);
                for (int64_t j = 0; j < FIRST + columns; j++)
                    row[j] = (float)(j + 1);
                for (int64_t j = 0; j < side * stride; j++)
                    planes[j] = -1;
                stile_planes_deal_row(STILE_TYPE_F32, row, FIRST, columns, side, tiles, planes,
                                      stride);
                for (int64_t e = 0; e < side; e++) {
                    for (int64_t t = 0; t < stride; t++) {
                        const int64_t column = t * side + e;
                        const double expected = t >= tiles         ? -1
                                                : column < columns ? FIRST + (double)column + 1
                                                                   : 0;
                        assert_true(planes[e * stride + t] == expected);
                    }
                }
                free(row);
                free(planes);
            }
        }
    }
}

static void combining_skips_planes_without_a_coefficient(void **state)
{
    (void)state;
    const double planes[] = {1, 2, INFINITY, NAN, 10, 20};
    const double coefficients[] = {3, 0, -0.5};
    double out[] = {77, 77};
    stile_planes_combine(out, 2, coefficients, 3, planes);
    assert_true(out[0] == -2 && out[1] == -4);
    stile_planes_combine(out, 2, (const double[]){0, 0, 0}, 3, planes);
    assert_true(out[0] == 0 && out[1] == 0);
}

static void spreading_adds_to_planes_that_have_a_coefficient(void **state)
{
    (void)state;
    double planes[] = {1, 1, 1, 1, 1, 1};
    const double coefficients[] = {2, 99, 0, 99, -1, 99}; /* every second one */
    stile_planes_spread((const double[]){INFINITY, 5}, 2, coefficients, 2, 3, planes);
    assert_true(planes[0] == INFINITY && planes[1] == 11);
    assert_true(planes[2] == 1 && planes[3] == 1);
    assert_true(planes[4] == -INFINITY && planes[5] == -4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_dealt_out_with_zeros_behind_its_end),
        cmocka_unit_test(combining_skips_planes_without_a_coefficient),
        cmocka_unit_test(spreading_adds_to_planes_that_have_a_coefficient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
