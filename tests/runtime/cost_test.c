/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "cost.h"

/* The cost of a one-variant spec on a shape. */
static stile_cost count(const char *more, stile_shape shape, int64_t rows_per_group)
{
    char text[512];
    int size = snprintf(text, sizeof text, "stile: 1\nname: test\n%s", more);
    stile_spec *spec = NULL;
    stile_cost cost;
    assert_int_equal(stile_spec_parse(&spec, text, (size_t)size, NULL, NULL), 0);
    assert_int_equal(stile_cost_count(&cost, &spec->variants[0], &shape, rows_per_group), 0);
    stile_spec_destroy(&spec);
    return cost;
}

static const stile_kernel_cost *kernel(const stile_cost *cost, stile_kernel_role role)
{
    for (int i = 0; i < cost->kernel_count; i++) {
        if (cost->kernels[i].role == role)
            return &cost->kernels[i];
    }
    fail_msg("no kernel of role %d", (int)role);
    return NULL;
}

static void formulas_of_the_design_hold_for_whole_tiles(void **state)
{
    (void)state;
    const stile_shape s = {8192, 2048, 5632};
    stile_cost c = count("basis: {random: {tile: [4, 4, 4], rank: 16, seed: 1}}\n", s, 0);
    double mkn = 8192.0 * 2048 * 5632;
    assert_true(c.limit == 4);
    assert_true(c.mma_flops == 2 * 16 * mkn / 64);
    assert_true(c.dense_flops == 2 * mkn);
    assert_true(kernel(&c, STILE_KERNEL_ENCODE_X)->flops == 2 * 16 * 8192.0 * 2048);
    assert_true(kernel(&c, STILE_KERNEL_DECODE)->flops == 2 * 16 * 8192.0 * 5632);
    assert_true(c.weight_bytes == c.dense_weight_bytes * 16 / (4 * 4));
    assert_true(c.workspace_bytes == 2 * 16.0 * (2048.0 * 512 + 2048.0 * 1408));
}

static void winograd_needs_fifteen_additions(void **state)
{
    (void)state;
    stile_cost c = count("basis: {name: winograd}\n", (stile_shape){2, 2, 2}, 0);
    assert_int_equal(c.additions_x + c.additions_w + c.additions_y, 15);
    assert_true(kernel(&c, STILE_KERNEL_DECODE)->flops == 7);
}

static void huge_shapes_do_not_overflow(void **state)
{
    (void)state;
    const stile_shape s = {2000000000, 2000000000, 2000000000};
    stile_cost c = count("basis: {name: strassen}\n", s, 0);
    assert_true(fabs(c.dense_flops / 1.6e28 - 1) < 1e-12);
    assert_true(c.workspace_bytes > 0);
}

static void online_weights_are_encoded_in_each_call(void **state)
{
    (void)state;
    const stile_shape s = {64, 64, 64};
    stile_cost once = count("basis: {name: strassen}\n", s, 0);
    stile_cost each = count("basis: {name: strassen}\nweight: {encode: online}\n", s, 0);
    assert_false(kernel(&once, STILE_KERNEL_ENCODE_W)->per_call);
    assert_true(kernel(&each, STILE_KERNEL_ENCODE_W)->per_call);
    double w_hat = kernel(&each, STILE_KERNEL_ENCODE_W)->bytes_written;
    assert_true(each.workspace_bytes == once.workspace_bytes + w_hat);
}

static void groups_pad_each_on_its_own(void **state)
{
    (void)state;
    stile_cost c = count("basis: {name: strassen}\n", (stile_shape){591, 2, 2}, 197);
    assert_int_equal(c.tiling.tile_rows, 3 * 99);
    assert_true(c.mma_flops == 2.0 * 7 * 3 * 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas_of_the_design_hold_for_whole_tiles),
        cmocka_unit_test(winograd_needs_fifteen_additions),
        cmocka_unit_test(huge_shapes_do_not_overflow),
        cmocka_unit_test(online_weights_are_encoded_in_each_call),
        cmocka_unit_test(groups_pad_each_on_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
