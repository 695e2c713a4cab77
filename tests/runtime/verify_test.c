/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_buffer.h"
#include "formats.h"
#include "verify_data.h"

/* A loaded spec with the given lines added. */
static stile_spec *load(const char *basis, const char *more)
{
    char text[512];
    stile_spec *spec = NULL;
    int size = snprintf(text, sizeof text, "stile: 1\nname: test\nbasis: %s\n%s", basis, more);
    assert_int_equal(stile_spec_parse(&spec, text, (size_t)size, NULL, NULL), 0);
    return spec;
}

static const char *const bases[] = {
    "{name: strassen}",       "{name: winograd}",
    "{name: laderman}",       "{kron: [strassen, strassen]}",
    "{classical: [1, 4, 3]}",
};
static const char *const precisions[] = {
    "precision: {input: bf16}\n",
    "precision: {input: f16, encoded: bf16, product: f16}\n",
    "precision: {input: f32, product: bf16, output: f16}\n",
};

static bool is_small_integer(double value, double limit)
{
    return value == floor(value) && fabs(value) <= limit;
}

/*
 * X̂, Ŵ, Ŷ and Y of the integer case, computed here channel by channel, are integers that bf16 or
 * whatever is narrowest holds, so a kernel that rounds anywhere is caught by a difference of bits.
 */
static void check_intermediates(const stile_verify_data *data)
{
    const stile_problem *p = &data->problem;
    const stile_basis *b = data->config->basis;
    const stile_precision *types = &data->config->precision;
    bool wide_product = types->product == STILE_TYPE_F32;
    double limit = types->product == STILE_TYPE_BF16 ? 256 : wide_product ? 0x1p24 : 2048;
    stile_tiling t = stile_problem_tiling(p);
    double *w_hat = malloc(stile_reference_weight_size(p) * sizeof *w_hat);
    double *x_hat = calloc((size_t)t.tile_inner, sizeof *x_hat);
    int64_t nonzero = 0;
    assert_true(w_hat && x_hat);
    assert_int_equal(stile_reference_encode_weight(p, stile_host_data(&data->w), w_hat, 1), 0);
    for (int64_t row = 0; row < t.tile_rows; row++) {
        for (int c = 0; c < b->rank; c++) {
            for (int64_t i = 0; i < t.tile_inner; i++) {
                x_hat[i] = 0;
                for (int a = 0; a < b->m * b->k; a++) {
                    int64_t in_group = row % t.tile_rows_per_group * b->m + a / b->k;
                    int64_t m = row / t.tile_rows_per_group * t.rows_per_group + in_group;
                    int64_t k = i * b->k + a % b->k;
                    if (in_group < t.rows_per_group && k < p->K)
                        x_hat[i] += b->u[c * b->m * b->k + a] *
                                    stile_load_element(types->input, stile_host_data(&data->x),
                                                       m * p->ldx + k);
                }
                assert_true(is_small_integer(x_hat[i], 256));
            }
            for (int64_t column = 0; column < t.tile_columns; column++) {
                const double *w = w_hat + (c * t.tile_columns + column) * t.tile_inner;
                double sum = 0;
                for (int64_t i = 0; i < t.tile_inner; i++) {
                    sum += x_hat[i] * w[i];
                    assert_true(is_small_integer(w[i], 256));
                }
                assert_true(is_small_integer(sum, limit));
                nonzero += sum != 0;
            }
        }
    }
    assert_true(nonzero > 0);
    free(w_hat);
    free(x_hat);
}

static void integer_cases_are_exact_in_every_intermediate(void **state)
{
    (void)state;
    const stile_verify_case c = {
        .M = 36, .K = 200, .N = 44, .rows_per_group = 9, .pad_x = 3, .integers = true, .seed = 3};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        for (size_t j = 0; j < sizeof precisions / sizeof *precisions; j++) {
            stile_spec *spec = load(bases[i], precisions[j]);
            const stile_config *config = &spec->variants[0];
            stile_verify_data data;
            bool applies = false;
            assert_int_equal(stile_verify_data_create(&data, config, &c, 1, &applies), 0);
            assert_true(applies);
            check_intermediates(&data);
            for (int64_t k = 0; k < c.M * c.N; k++) {
                double y = data.reference[k];
                unsigned char stored[8] = {0};
                stile_store_element(config->precision.output, stored, 0, y);
                assert_true(stile_load_element(config->precision.output, stored, 0) == y);
                assert_true(y == data.truth[k]);
            }
            stile_verify_data_destroy(&data);
            stile_spec_destroy(&spec);
        }
    }
}

static void integer_cases_do_not_apply_without_exact_integers(void **state)
{
    (void)state;
    static const char *const specs[][2] = {
        {"{random: {tile: [2, 2, 2], rank: 4, seed: 1}}", ""},
        {"{name: strassen}", "epilogue: {activation: gelu}\n"},
    };
    const stile_verify_case c = {.M = 4, .K = 4, .N = 4, .integers = true, .seed = 3};
    for (int i = 0; i < 2; i++) {
        stile_spec *spec = load(specs[i][0], specs[i][1]);
        stile_verify_data data;
        bool applies = true;
        assert_int_equal(stile_verify_data_create(&data, &spec->variants[0], &c, 1, &applies), 0);
        assert_false(applies);
        stile_spec_destroy(&spec);
    }
}

static void padding_of_operands_is_nan(void **state)
{
    (void)state;
    stile_spec *spec = load("{name: strassen}", "epilogue: {bias: true, residual: true}\n");
    const stile_verify_case c = {
        .M = 3, .K = 5, .N = 7, .pad_x = 2, .pad_w = 1, .pad_y = 4, .pad_r = 3, .offset = 1};
    stile_verify_data data;
    bool applies;
    assert_int_equal(stile_verify_data_create(&data, &spec->variants[0], &c, 1, &applies), 0);
    const stile_host_matrix *const inputs[] = {&data.x, &data.w, &data.bias, &data.residual};
    for (int i = 0; i < 4; i++) {
        const stile_host_matrix *m = inputs[i];
        for (int64_t row = 0; row < m->rows; row++) {
            for (int64_t column = 0; column < m->ld; column++) {
                double value =
                    stile_load_element(m->type, stile_host_data(m), row * m->ld + column);
                assert_int_equal(isnan(value) != 0, column >= m->columns);
            }
        }
    }
    for (size_t i = 0; i < data.y.size; i++)
        assert_int_equal(data.y.bytes[i], STILE_POISON);
    stile_verify_data_destroy(&data);
    stile_spec_destroy(&spec);
}

static void the_cpu_device_passes_every_kind_of_case(void **state)
{
    (void)state;
    static const char *const more[] = {
        "",
        "weight: {layout: kn, encode: online}\nprecision: {input: f32}\n",
        "weight: {encode: trained}\nprecision: {input: f16}\n",
        "epilogue: {bias: true, activation: silu, residual: true}\n",
    };
    stile_context_params params = {.device = STILE_DEVICE_CPU, .threads = 1};
    stile_context *context = NULL;
    assert_int_equal(stile_context_create(&context, &params), 0);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        stile_spec *spec = load("{classical: [2, 1, 3]}", more[i]);
        const stile_config *config = &spec->variants[0];
        stile_verify_case c;
        stile_verify_result result;
        for (int j = 0; stile_verify_standard_case(&c, config, true, j); j++) {
            assert_int_equal(stile_verify_run(&result, context, spec, config, &c), 0);
            assert_true(!result.applies || result.passed);
        }
        stile_spec_destroy(&spec);
    }
    stile_context_destroy(&context);
}

static void the_cpu_device_passes_every_backward_case(void **state)
{
    (void)state;
    static const char *const more[] = {
        "rows: none\n",
        "weight: {layout: kn, encode: online}\nprecision: {input: f32}\n"
        "epilogue: {bias: true, activation: gelu}\n",
        "weight: {encode: trained}\nprecision: {input: f16, output: bf16}\nrows: causal\n",
        "weight: {encode: online}\nepilogue: {activation: relu, residual: true}\n",
    };
    static const stile_op ops[] = {STILE_OP_BACKWARD_INPUT, STILE_OP_BACKWARD_WEIGHT,
                                   STILE_OP_BACKWARD_BASIS, STILE_OP_BACKWARD};
    stile_context_params params = {.device = STILE_DEVICE_CPU, .threads = 1};
    stile_context *context = NULL;
    assert_int_equal(stile_context_create(&context, &params), 0);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        stile_spec *spec = load("{classical: [2, 1, 3]}", more[i]);
        const stile_config *config = &spec->variants[0];
        stile_verify_case c;
        stile_verify_result result;
        for (int j = 0; stile_verify_standard_case(&c, config, true, j); j++) {
            c.op = ops[j % 4];
            assert_int_equal(stile_verify_run(&result, context, spec, config, &c), 0);
            if (result.applies && !result.passed)
                fail_msg("%s", result.failure);
        }
        stile_spec_destroy(&spec);
    }
    stile_context_destroy(&context);
}

/* Not by memcmp: structures have padding. */
static bool same_case(const stile_verify_case *a, const stile_verify_case *b)
{
    return a->M == b->M && a->K == b->K && a->N == b->N && a->rows_per_group == b->rows_per_group &&
           a->pad_x == b->pad_x && a->pad_w == b->pad_w && a->pad_y == b->pad_y &&
           a->pad_r == b->pad_r && a->offset == b->offset && a->integers == b->integers &&
           a->nan == b->nan && a->seed == b->seed && a->op == b->op;
}

static void random_cases_are_legal_and_repeat(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++) {
        stile_verify_case c = stile_verify_random_case(i % 2, 12, i);
        stile_verify_case again = stile_verify_random_case(i % 2, 12, i);
        assert_true(same_case(&c, &again));
        assert_true(c.M >= 1 && c.K >= 1 && c.N >= 1);
        assert_true(c.rows_per_group == 0 || c.M % c.rows_per_group == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integer_cases_are_exact_in_every_intermediate),
        cmocka_unit_test(integer_cases_do_not_apply_without_exact_integers),
        cmocka_unit_test(padding_of_operands_is_nan),
        cmocka_unit_test(the_cpu_device_passes_every_kind_of_case),
        cmocka_unit_test(the_cpu_device_passes_every_backward_case),
        cmocka_unit_test(random_cases_are_legal_and_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
