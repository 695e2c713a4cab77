/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "cost_backward.h"

static stile_spec *load(const char *more)
{
    char text[512];
    stile_spec *spec = NULL;
    int size =
        snprintf(text, sizeof text, "stile: 1\nname: test\nbasis: {name: strassen}\n%s", more);
    assert_int_equal(stile_spec_parse(&spec, text, (size_t)size, NULL, NULL), 0);
    return spec;
}

static stile_backward_cost count(const char *more, int gradients)
{
    const stile_shape shape = {256, 128, 512}; /* whole tiles, no padding of pitches */
    stile_backward_cost cost;
    stile_spec *spec = load(more);
    assert_int_equal(stile_backward_cost_count(&cost, &spec->variants[0], &shape, 0, gradients), 0);
    stile_spec_destroy(&spec);
    return cost;
}

static const stile_step_cost *find(const stile_backward_cost *cost, stile_gradient_step step)
{
    for (int i = 0; i < cost->step_count; i++)
        if (cost->steps[i].step == step)
            return &cost->steps[i];
    fail_msg("%s does not run", stile_gradient_step_name(step));
    return NULL;
}

static void products_cost_what_the_algebra_says(void **state)
{
    (void)state;
    const double gemm = 2.0 * 7 * 128 * 64 * 256;
    stile_backward_cost cost = count("", STILE_GRADIENT_INPUT);
    assert_float_equal(cost.mma_flops, gemm, 0);
    assert_float_equal(cost.dense_flops, 2.0 * 256 * 128 * 512, 0);
    const stile_step_cost *dx = find(&cost, STILE_STEP_PRODUCT_DX);
    assert_float_equal(dx->bytes_read, 2.0 * 7 * (128 * 256 + 64 * 256), 0); /* dŶ, Ŵᵀ */
    assert_float_equal(dx->bytes_written, 2.0 * 7 * 128 * 64, 0);            /* dX̂ */
    assert_float_equal(find(&cost, STILE_STEP_ENCODE_DY)->bytes_read, 2.0 * 256 * 512, 0);
    assert_float_equal(find(&cost, STILE_STEP_DECODE_DX)->bytes_written, 2.0 * 256 * 128, 0);

    assert_float_equal(count("", STILE_GRADIENT_WEIGHT).mma_flops, gemm, 0);
    assert_float_equal(count("", STILE_GRADIENT_BASIS).mma_flops, 2 * gemm, 0);
    assert_float_equal(count("weight: {encode: online}\n", STILE_GRADIENT_BASIS).mma_flops,
                       3 * gemm, 0);
    assert_float_equal(count("", 7).mma_flops, 3 * gemm, 0);
}

/* Winograd's and Strassen's additions: transposing a factor keeps their number up to its sides. */
static void sparse_maps_count_their_additions(void **state)
{
    (void)state;
    const stile_backward_cost cost = count("", 7);
    /* D of Strassen has 12 entries in 4 rows: Dᵀ needs at most 12 − 7 additions. */
    const double tiles = 128.0 * 256;
    assert_true(find(&cost, STILE_STEP_ENCODE_DY)->flops <= 5 * tiles);
    assert_true(find(&cost, STILE_STEP_ENCODE_DY)->flops > 0);
}

static void one_plan_costs_less_than_three(void **state)
{
    (void)state;
    const char *online = "weight: {encode: online}\nepilogue: {activation: silu, bias: true}\n";
    double bytes[4] = {0}, flops[4] = {0};
    const int gradients[4] = {1, 2, 4, 7};
    for (int i = 0; i < 4; i++) {
        const stile_backward_cost cost = count(online, gradients[i]);
        assert_float_equal(cost.kept_bytes, 2.0 * 256 * 512, 0);
        for (int j = 0; j < cost.step_count; j++) {
            bytes[i] += cost.steps[j].bytes_read + cost.steps[j].bytes_written;
            flops[i] += cost.steps[j].flops;
        }
    }
    assert_true(bytes[3] < bytes[0] + bytes[1] + bytes[2]);
    assert_true(flops[3] < flops[0] + flops[1] + flops[2]);
    assert_float_equal(count("", 7).kept_bytes, 0, 0);
}

static void trained_weights_need_no_room_for_their_product(void **state)
{
    (void)state;
    const stile_backward_cost dense = count("", STILE_GRADIENT_WEIGHT);
    const stile_backward_cost trained = count("weight: {encode: trained}\n", STILE_GRADIENT_WEIGHT);
    assert_float_equal(dense.workspace_bytes - trained.workspace_bytes, 4.0 * 7 * 256 * 64, 0);
    assert_int_equal(trained.step_count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_cost_what_the_algebra_says),
        cmocka_unit_test(sparse_maps_count_their_additions),
        cmocka_unit_test(one_plan_costs_less_than_three),
        cmocka_unit_test(trained_weights_need_no_room_for_their_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
