/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "formats.h"
#include "random_data.h"

static void normal_numbers_have_the_moments_of_n01(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    double sum = 0, square = 0, fourth = 0, neighbours = 0, last = 0;
    for (int i = 0; i < COUNT; i++) {
        double value = stile_random_normal(5, (uint64_t)i);
        assert_true(isfinite(value));
        sum += value;
        square += value * value;
        fourth += value * value * value * value;
        neighbours += value * last;
        last = value;
    }
    assert_true(fabs(sum / COUNT) < 0.01);
    assert_true(fabs(square / COUNT - 1) < 0.02);
    assert_true(fabs(fourth / COUNT - 3) < 0.2);
    assert_true(fabs(neighbours / COUNT) < 0.01);
}

static void integers_cover_their_range_and_no_more(void **state)
{
    (void)state;
    int counts[5] = {0};
    for (uint64_t i = 0; i < 5000; i++) {
        int64_t value = stile_random_integer(9, i, -2, 2);
        assert_in_range(value + 2, 0, 4);
        counts[value + 2]++;
    }
    for (int i = 0; i < 5; i++)
        assert_in_range(counts[i], 850, 1150);
    assert_int_equal(stile_random_integer(9, 1, 7, 7), 7);
}

static void seeds_and_indices_matter(void **state)
{
    (void)state;
    assert_true(stile_random_bits(1, 2) == stile_random_bits(1, 2));
    assert_true(stile_random_bits(1, 2) != stile_random_bits(2, 1));
    assert_true(stile_random_bits(0, 0) != stile_random_bits(0, 1));
    assert_true(stile_random_bits(0, 0) != stile_random_bits(1, 0));
}

static void a_matrix_and_its_transpose_agree(void **state)
{
    (void)state;
    float a[3 * 5], t[5 * 3];
    stile_fill_normal(STILE_TYPE_F32, a, 3, 5, 5, false, 4, 1);
    stile_fill_normal(STILE_TYPE_F32, t, 5, 3, 3, true, 4, 1);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 5; j++)
            assert_true(a[i * 5 + j] == t[j * 3 + i]);
    }
}

static void padding_is_left_alone_and_threads_do_not_matter(void **state)
{
    (void)state;
    uint16_t one[40 * 7], many[40 * 7];
    memset(one, 0xff, sizeof one);
    memset(many, 0xff, sizeof many);
    stile_fill_normal(STILE_TYPE_BF16, one, 40, 5, 7, false, 1, 1);
    stile_fill_normal(STILE_TYPE_BF16, many, 40, 5, 7, false, 1, 4);
    assert_memory_equal(one, many, sizeof one);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(one[i * 7 + 5], 0xffff);
        assert_int_equal(one[i * 7 + 6], 0xffff);
        assert_true(isfinite(stile_load_element(STILE_TYPE_BF16, one, i * 7 + 4)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_numbers_have_the_moments_of_n01),
        cmocka_unit_test(integers_cover_their_range_and_no_more),
        cmocka_unit_test(seeds_and_indices_matter),
        cmocka_unit_test(a_matrix_and_its_transpose_agree),
        cmocka_unit_test(padding_is_left_alone_and_threads_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
