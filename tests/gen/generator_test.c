/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "generator.h"

/* SplitMix64 as its authors published it, from state 1234567. */
static void bits_are_those_of_splitmix64(void **state)
{
    static const uint64_t expected[] = {UINT64_C(6457827717110365317),
                                        UINT64_C(3203168211198807973),
                                        UINT64_C(9817491932198370423)};
    (void)state;
    stile_generator g = {1234567};
    for (int i = 0; i < 3; i++)
        assert_true(stile_generator_next(&g) == expected[i]);
}

static void uniform_numbers_fill_their_interval(void **state)
{
    (void)state;
    stile_generator g = {1};
    int counts[10] = {0};
    for (int i = 0; i < 100000; i++) {
        const double x = stile_generator_uniform(&g);
        assert_true(x >= 0 && x < 1);
        counts[(int)(10 * x)]++;
    }
    for (int i = 0; i < 10; i++)
        assert_true(counts[i] > 9500 && counts[i] < 10500);
}

/* Moments of N(0,1): 0, 1, 0, 3; each within six standard errors. */
static void normal_numbers_have_the_moments_of_the_normal_law(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    stile_generator g = {2};
    double moments[5] = {0};
    for (int i = 0; i < COUNT; i++) {
        const double x = stile_generator_normal(&g);
        double power = 1;
        assert_true(x != 0 && fabs(x) < 8);
        for (int j = 1; j <= 4; j++)
            moments[j] += (power *= x) / COUNT;
    }
    const double root = sqrt(COUNT);
    assert_true(fabs(moments[1]) < 6 / root);
    assert_true(fabs(moments[2] - 1) < 6 * sqrt(2) / root);
    assert_true(fabs(moments[3]) < 6 * sqrt(15) / root);
    assert_true(fabs(moments[4] - 3) < 6 * sqrt(96) / root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_those_of_splitmix64),
        cmocka_unit_test(uniform_numbers_fill_their_interval),
        cmocka_unit_test(normal_numbers_have_the_moments_of_the_normal_law),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
