/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_error.h"
#include "formats.h"

static void quantiles_interpolate_between_samples(void **state)
{
    (void)state;
    double samples[] = {5, 1, 4, 2, 3, 100};
    stile_quantiles q = stile_quantiles_of(samples, 6);
    assert_int_equal(q.count, 6);
    assert_true(q.min == 1 && q.max == 100);
    assert_true(q.median == 3.5 && q.lower == 2.25 && q.upper == 4.75);
    double one[] = {7};
    q = stile_quantiles_of(one, 1);
    assert_true(q.min == 7 && q.median == 7 && q.upper == 7);
}

static void rotations_pass_twice_the_cache(void **state)
{
    (void)state;
    const double l2 = 60e6;
    assert_int_equal(stile_rotation_length(1e9, l2), 2);
    for (double bytes = 1e6; bytes < 2e8; bytes *= 1.3)
        assert_true(stile_rotation_length(bytes, l2) * bytes > 2 * l2);
    assert_true(stile_rotation_length(1, l2) <= 1024);
}

/* A benchmark's data and its result, as the reference computes it. */
typedef struct fixture {
    stile_spec *spec;
    stile_problem problem;
    stile_bench_host host;
    float *y; /* the operator */
    float *dense;
} fixture;

static void set_up(fixture *f, const char *more)
{
    char text[512];
    int size = snprintf(text, sizeof text,
                        "stile: 1\nname: test\nbasis: {name: strassen}\n"
                        "precision: {input: f32, output: f32}\n%s",
                        more);
    assert_int_equal(stile_spec_parse(&f->spec, text, (size_t)size, NULL, NULL), 0);
    const stile_config *config = &f->spec->variants[0];
    stile_bench_params params = {.shape = {159, 61, 147}, .rows_per_group = 53, .seed = 4};
    const stile_shape *s = &params.shape;
    f->problem = (stile_problem){config, s->M, s->K, s->N, params.rows_per_group};
    assert_int_equal(stile_bench_host_create(&f->host, config, &params, 1), 0);

    size_t count = (size_t)(s->M * s->N);
    double *w_hat = malloc(stile_reference_weight_size(&f->problem) * sizeof *w_hat);
    double *truth = malloc(count * sizeof *truth);
    f->y = malloc(count * sizeof *f->y);
    f->dense = malloc(count * sizeof *f->dense);
    assert_true(w_hat && truth && f->y && f->dense);
    if (f->host.logical)
        assert_int_equal(stile_reference_pack_weight(&f->problem, f->host.logical, w_hat, 1), 0);
    else
        assert_int_equal(stile_reference_encode_weight(&f->problem, f->host.w, w_hat, 1), 0);
    assert_int_equal(stile_reference_run(&f->problem, f->host.x, w_hat, f->host.bias,
                                         f->host.residual, f->y, false, NULL, 1),
                     0);
    stile_config plain = *config;
    plain.epilogue = (stile_epilogue){0};
    plain.encode = STILE_ENCODE_OFFLINE;
    stile_problem dense = f->problem;
    dense.config = &plain;
    assert_int_equal(stile_reference_dense(&dense, f->host.x, f->host.w, NULL, NULL, truth, 1), 0);
    for (size_t i = 0; i < count; i++)
        f->dense[i] = (float)truth[i];
    free(w_hat);
    free(truth);
}

static stile_sampled_errors sample(const fixture *f)
{
    stile_sampled_errors errors;
    stile_sampled_result stl = {f->y, STILE_TYPE_F32}, dense = {f->dense, STILE_TYPE_F32};
    assert_int_equal(stile_sample_errors(&errors, &f->problem, &f->host, stl, &dense, 7, 1), 0);
    return errors;
}

static void tear_down(fixture *f)
{
    stile_bench_host_destroy(&f->host);
    stile_spec_destroy(&f->spec);
    free(f->y);
    free(f->dense);
}

static void sampled_errors_of_right_results_are_those_of_rounding(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "",
        "weight: {layout: kn, encode: online}\n",
        "weight: {encode: trained}\n",
        "epilogue: {bias: true, activation: gelu, residual: true}\n",
    };
    for (int i = 0; i < 4; i++) {
        fixture f = {0};
        set_up(&f, specs[i]);
        stile_sampled_errors errors = sample(&f);
        assert_true(errors.to_operator < 1e-7);
        assert_true(errors.dense_to_truth < 1e-7);
        if (f.host.logical)
            assert_true(isnan(errors.to_truth));
        else /* Strassen is exact */
            assert_true(errors.to_truth < 1e-7);
        tear_down(&f);
    }
}

static void sampled_errors_show_what_is_wrong(void **state)
{
    (void)state;
    fixture f = {0};
    set_up(&f, "");
    int64_t count = f.problem.M * f.problem.N;
    for (int64_t i = 0; i < count; i++)
        f.y[i] *= 1.01f;
    stile_sampled_errors errors = sample(&f);
    assert_true(fabs(errors.to_operator - 0.01) < 1e-4);
    assert_true(errors.dense_to_truth < 1e-7);
    f.y[count - 1] = NAN; /* the last tile is always sampled */
    assert_true(isinf(sample(&f).to_operator));
    tear_down(&f);
}

static void both_layouts_hold_the_same_weights(void **state)
{
    (void)state;
    fixture f = {0};
    set_up(&f, "");
    const stile_config *config = f.problem.config;
    stile_bench_params params = {.shape = {159, 61, 147}, .seed = 4};
    float *kn = malloc(f.host.w_size), *nk = f.host.w;
    assert_non_null(kn);
    stile_bench_fill_weight(kn, config, &params, STILE_WEIGHT_KN, 1);
    for (int64_t n = 0; n < 147; n++) {
        for (int64_t k = 0; k < 61; k++)
            assert_true(nk[n * 61 + k] == kn[k * 147 + n]);
    }
    free(kn);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_interpolate_between_samples),
        cmocka_unit_test(rotations_pass_twice_the_cache),
        cmocka_unit_test(sampled_errors_of_right_results_are_those_of_rounding),
        cmocka_unit_test(sampled_errors_show_what_is_wrong),
        cmocka_unit_test(both_layouts_hold_the_same_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
