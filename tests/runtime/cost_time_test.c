/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include <stile/spec.h>

#include "cost_time.h"
#include "schedule_space.h"

#define HEAD "stile: 1\nname: timed\n"
#define RANDOM_16 HEAD "basis: {random: {tile: [4, 4, 4], rank: 16, seed: 1}}\n"
#define STRASSEN HEAD "basis: {name: strassen}\n"
#define STRASSEN_2 HEAD "basis: {kron: [strassen, strassen]}\n"

static stile_spec *parse(const char *text)
{
    stile_spec *spec;
    assert_int_equal(stile_spec_parse(&spec, text, strlen(text), NULL, NULL), 0);
    return spec;
}

static stile_time predict(const stile_gpu *gpu, const char *text, stile_shape shape,
                          const stile_schedule *schedule)
{
    stile_spec *spec = parse(text);
    const stile_config *config = &spec->variants[0];
    stile_schedule rule;
    stile_time time;
    stile_cost cost;
    stile_cost_count_sizes(&cost, config, &shape, 0);
    assert_int_equal(stile_schedule_by_rule(&rule, config, &gpu->arch), 0);
    assert_int_equal(stile_time_predict(&time, gpu, config, schedule ? schedule : &rule, &cost), 0);
    stile_spec_destroy(&spec);
    return time;
}

static stile_gpu find(const char *name)
{
    stile_gpu gpu;
    assert_true(stile_gpu_find(&gpu, name));
    return gpu;
}

static void assert_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance * fabs(b)))
        fail_msg("%.9g is not within %.3g of %.9g", a, tolerance, b);
}

/* Medians of docs/benchmarks/, which the constants were fitted to. */
static void predictions_fit_what_was_measured(void **state)
{
    (void)state;
    const stile_gpu h200 = find("h200");
    static const struct {
        const char *text;
        stile_shape shape;
        double encode, gemm, decode, total, dense;
    } measured[] = {
        {RANDOM_16, {8192, 8192, 8192}, .0789, .4180, .0788, .5714, 1.5621},
        {RANDOM_16, {8192, 2048, 5632}, .0223, .0999, .0552, .1760, .2729},
        {STRASSEN, {4096, 4096, 4096}, .0278, .1884, .0259, .2387, .2074},
        {STRASSEN_2, {8192, 8192, 8192}, .1668, 1.2601, .1435, 1.5672, 1.5865},
    };
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++) {
        stile_time t = predict(&h200, measured[i].text, measured[i].shape, NULL);
        assert_near(t.kernels[STILE_KERNEL_ENCODE_X], measured[i].encode, .10);
        assert_near(t.kernels[STILE_KERNEL_CHANNEL_GEMM], measured[i].gemm, .10);
        assert_near(t.kernels[STILE_KERNEL_DECODE], measured[i].decode, .10);
        assert_near(t.total, measured[i].total, .05);
        assert_true(t.block_measured);
        stile_spec *spec = parse(measured[i].text);
        assert_near(stile_time_predict_dense(&h200, &spec->variants[0], &measured[i].shape),
                    measured[i].dense, .06);
        stile_spec_destroy(&spec);
    }
}

static void weights_encoded_offline_cost_a_call_nothing(void **state)
{
    (void)state;
    const stile_gpu h200 = find("h200");
    const stile_shape shape = {4096, 4096, 4096};
    stile_time offline = predict(&h200, STRASSEN, shape, NULL);
    stile_time online = predict(&h200, STRASSEN "weight: {encode: online}\n", shape, NULL);
    assert_true(offline.kernels[STILE_KERNEL_ENCODE_W] > 0);
    assert_true(online.total > offline.total + 0.5 * online.kernels[STILE_KERNEL_ENCODE_W]);
}

static void generic_kernels_are_predicted_as_measured(void **state)
{
    (void)state;
    const stile_gpu h200 = find("h200");
    const stile_shape shape = {8192, 8192, 8192};
    static const struct {
        const char *text;
        double gemm;
    } measured[] = {
        /* docs/performance.md */
        {"sm_80 128x256x64 stages 4 band 2048 encode mma decode fma", .747},
        {"sm_80 128x128x64 stages 2 band 2048 encode mma decode fma", .781},
        {"sm_80 128x128x64 stages 4 band 2048 encode mma decode fma", .849},
    };
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++) {
        stile_schedule schedule;
        assert_true(stile_schedule_parse(&schedule, measured[i].text));
        stile_time t = predict(&h200, RANDOM_16, shape, &schedule);
        assert_near(t.kernels[STILE_KERNEL_CHANNEL_GEMM], measured[i].gemm, .02);
        assert_true(t.block_measured);
    }
}

static void a_block_that_was_not_measured_says_so(void **state)
{
    (void)state;
    const stile_gpu h200 = find("h200");
    stile_schedule schedule;
    assert_true(stile_schedule_parse(&schedule,
                                     "sm_90a 128x128x64 stages 4 band 2048 encode mma decode mma"));
    stile_time narrow = predict(&h200, RANDOM_16, (stile_shape){8192, 8192, 8192}, &schedule);
    stile_time wide = predict(&h200, RANDOM_16, (stile_shape){8192, 8192, 8192}, NULL);
    assert_false(narrow.block_measured);
    assert_true(narrow.total > wide.total);
    /* Where half of the wide block has nothing to do, the narrow one is worth it. */
    narrow = predict(&h200, RANDOM_16, (stile_shape){65536, 8192, 512}, &schedule);
    wide = predict(&h200, RANDOM_16, (stile_shape){65536, 8192, 512}, NULL);
    assert_true(narrow.total < wide.total);
}

static void other_gpus_are_scaled(void **state)
{
    (void)state;
    const stile_gpu h200 = find("h200"), a100 = find("A100");
    const stile_shape shape = {8192, 8192, 8192};
    assert_true(h200.calibrated);
    assert_false(a100.calibrated);
    stile_schedule schedule;
    assert_true(stile_schedule_parse(&schedule,
                                     "sm_80 128x256x64 stages 3 band 2048 encode mma decode fma"));
    double ours = predict(&a100, RANDOM_16, shape, &schedule).kernels[STILE_KERNEL_CHANNEL_GEMM];
    double theirs = predict(&h200, RANDOM_16, shape, &schedule).kernels[STILE_KERNEL_CHANNEL_GEMM];
    assert_near(ours / theirs, 132. / 108 * h200.clock / a100.clock, .05);
    ours = predict(&a100, RANDOM_16, shape, NULL).kernels[STILE_KERNEL_ENCODE_X];
    theirs = predict(&h200, RANDOM_16, shape, NULL).kernels[STILE_KERNEL_ENCODE_X];
    assert_near(ours / theirs, 4.8 / 2.039, .05);
}

static void gpus_are_found_by_name_and_architecture(void **state)
{
    (void)state;
    stile_gpu gpu;
    stile_arch arch;
    assert_string_equal(find("rtx 4090").name, "NVIDIA GeForce RTX 4090");
    assert_false(stile_gpu_find(&gpu, "Voodoo"));
    assert_false(stile_gpu_find(&gpu, ""));
    static const char *const archs[][2] = {{"sm_90a", "NVIDIA H200"},
                                           {"sm_90", "NVIDIA H200"},
                                           {"sm_80", "NVIDIA A100-SXM4-80GB"},
                                           {"sm_103", "NVIDIA B200"}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(stile_arch_parse(&arch, archs[i][0]), 0);
        stile_gpu_of_arch(&gpu, &arch);
        assert_string_equal(gpu.name, archs[i][1]);
        assert_string_equal(gpu.arch.name, archs[i][0]);
    }
    int count = 0;
    while (stile_gpu_name(count))
        assert_true(stile_gpu_find(&gpu, stile_gpu_name(count++)));
    assert_true(count > 5);
    assert_null(stile_gpu_name(-1));
}

static void pruned_weights_gain_what_was_measured(void **state)
{
    (void)state;
    const stile_gpu h200 = find("h200");
    stile_spec *spec = parse(STRASSEN), *f32 = parse(STRASSEN "precision: {input: f32}\n");
    const stile_config *config = &spec->variants[0];
    static const stile_shape shapes[] = {
        {4096, 4096, 4096}, {8192, 8192, 8192}, {16384, 16384, 16384}, {32768, 32768, 32768}};
    static const double gains[] = {1.1, 1.1, 1.5, 1.5};
    for (int i = 0; i < 4; i++)
        assert_near(stile_time_predict_dense(&h200, config, &shapes[i]) /
                        stile_time_predict_sparse(&h200, config, &shapes[i]),
                    gains[i], 1e-9);
    assert_true(isnan(stile_time_predict_sparse(&h200, &f32->variants[0], &shapes[0])));
    assert_true(stile_time_predict_dense(&h200, &f32->variants[0], &shapes[1]) >
                1.8 * stile_time_predict_dense(&h200, config, &shapes[1]));
    stile_spec_destroy(&spec);
    stile_spec_destroy(&f32);
}

static void small_products_cost_their_launches(void **state)
{
    (void)state;
    const stile_gpu h200 = find("h200");
    stile_time t = predict(&h200, STRASSEN, (stile_shape){1, 1, 1}, NULL);
    assert_true(t.total > 0.005 && t.total < 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_fit_what_was_measured),
        cmocka_unit_test(weights_encoded_offline_cost_a_call_nothing),
        cmocka_unit_test(generic_kernels_are_predicted_as_measured),
        cmocka_unit_test(a_block_that_was_not_measured_says_so),
        cmocka_unit_test(other_gpus_are_scaled),
        cmocka_unit_test(gpus_are_found_by_name_and_architecture),
        cmocka_unit_test(pruned_weights_gain_what_was_measured),
        cmocka_unit_test(small_products_cost_their_launches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
