/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "epilogue.h"
#include "fail.h"
#include "multiply.h"
#include "problem.h"

/* A problem with all its operands, on random data. */
typedef struct fixture {
    stile_config config;
    stile_problem problem;
    void *x, *w, *bias, *residual;
    double *w_hat, *y, *expected;
} fixture;

static int64_t rows_of_w(const fixture *f)
{
    const stile_tiling tiling = stile_problem_tiling(&f->problem);
    if (f->config.encode == STILE_ENCODE_TRAINED)
        return f->config.basis->rank * tiling.tile_columns;
    return f->config.layout == STILE_WEIGHT_NK ? f->problem.N : f->problem.K;
}

static int64_t columns_of_w(const fixture *f)
{
    if (f->config.encode == STILE_ENCODE_TRAINED)
        return stile_problem_tiling(&f->problem).tile_inner;
    return f->config.layout == STILE_WEIGHT_NK ? f->problem.K : f->problem.N;
}

/* Fills in the operands of f->problem, whose config is f->config. */
static void set_up(fixture *f, uint64_t *random)
{
    stile_problem *p = &f->problem;
    const stile_type input = f->config.precision.input, output = f->config.precision.output;
    p->config = &f->config;
    assert_int_equal(stile_problem_check(p), 0);
    f->x = random_array(random, input, p->M * (p->ldx ? p->ldx : p->K));
    f->w = random_array(random, input, rows_of_w(f) * (p->ldw ? p->ldw : columns_of_w(f)));
    f->bias = f->config.epilogue.bias ? random_array(random, output, p->N) : NULL;
    f->residual = f->config.epilogue.residual
                      ? random_array(random, output, p->M * (p->ldr ? p->ldr : p->N))
                      : NULL;
    f->w_hat = malloc(stile_reference_weight_size(p) * sizeof *f->w_hat);
    f->y = malloc((size_t)(p->M * (p->ldy ? p->ldy : p->N) + 1) * sizeof *f->y);
    f->expected = malloc((size_t)(p->M * p->N + 1) * sizeof *f->expected);
    assert_true(f->w_hat && f->y && f->expected);
}

static void tear_down(fixture *f)
{
    free(f->x);
    free(f->w);
    free(f->bias);
    free(f->residual);
    free(f->w_hat);
    free(f->y);
    free(f->expected);
}

static void encode(fixture *f)
{
    if (f->config.encode == STILE_ENCODE_TRAINED)
        assert_int_equal(stile_reference_pack_weight(&f->problem, f->w, f->w_hat, 2), 0);
    else
        assert_int_equal(stile_reference_encode_weight(&f->problem, f->w, f->w_hat, 2), 0);
}

static void run(fixture *f, int threads)
{
    assert_int_equal(stile_reference_run(&f->problem, f->x, f->w_hat, f->bias, f->residual, f->y,
                                         true, NULL, threads),
                     0);
}

static void assert_close(const fixture *f)
{
    const stile_problem *p = &f->problem;
    const int64_t ldy = p->ldy ? p->ldy : p->N;
    for (int64_t i = 0; i < p->M; i++) {
        for (int64_t j = 0; j < p->N; j++) {
            const double y = f->y[i * ldy + j], expected = f->expected[i * p->N + j];
            if (!(fabs(y - expected) <= 1e-11 * (fabs(expected) + sqrt((double)p->K))))
                fail_msg("%s M=%d K=%d N=%d R=%d: element %d,%d differs", f->config.basis->name,
                         (int)p->M, (int)p->K, (int)p->N, (int)p->rows_per_group, (int)i, (int)j);
        }
    }
}

/* Random everything: shapes with tails, groups, leading dimensions, layouts, types, epilogues. */
static void randomize(fixture *f, stile_arena *arena, uint64_t *random)
{
    static const stile_type types[] = {STILE_TYPE_F32, STILE_TYPE_F16, STILE_TYPE_BF16};
    *f = (fixture){0};
    f->config =
        plain_config(basis_called(arena, BASES[random_between(random, 0, BASIS_COUNT - 1)]));
    f->config.layout = random_between(random, 0, 1) ? STILE_WEIGHT_KN : STILE_WEIGHT_NK;
    f->config.encode = (stile_weight_encode)random_between(random, 0, 2);
    f->config.precision.input = types[random_between(random, 0, 2)];
    f->config.precision.output = types[random_between(random, 0, 2)];
    f->config.epilogue = (stile_epilogue){
        .bias = random_between(random, 0, 1),
        .residual = random_between(random, 0, 1),
        .activation = (stile_activation)random_between(random, 0, 4),
    };
    stile_problem *p = &f->problem;
    const int64_t groups = random_between(random, 0, 3);
    p->rows_per_group = groups ? random_between(random, 1, 13) : 0;
    p->M = groups ? groups * p->rows_per_group : random_between(random, 1, 40);
    p->K = random_between(random, 1, 40);
    p->N = random_between(random, 1, 40);
    if (random_between(random, 0, 1)) {
        p->config = &f->config;
        p->ldx = p->K + random_between(random, 0, 5);
        p->ldw = f->config.encode == STILE_ENCODE_TRAINED
                     ? 0
                     : columns_of_w(f) + random_between(random, 0, 5);
        p->ldy = p->N + random_between(random, 0, 5);
        p->ldr = p->N + random_between(random, 0, 5);
    }
    p->config = &f->config;
    set_up(f, random);
}

static void fast_way_agrees_with_direct_contraction(void **state)
{
    uint64_t random = 1;
    for (int i = 0; i < 300; i++) {
        fixture f;
        randomize(&f, *state, &random);
        encode(&f);
        run(&f, 2);
        assert_int_equal(
            stile_reference_contract(&f.problem, f.x, f.w, f.bias, f.residual, f.expected), 0);
        assert_close(&f);
        tear_down(&f);
    }
}

static void exact_bases_multiply_matrices(void **state)
{
    const char *const exact[] = {"strassen", "winograd", "laderman", "strassen²", "classical"};
    uint64_t random = 2;
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        fixture f = {.config = plain_config(basis_called(*state, exact[i]))};
        f.problem = (stile_problem){.M = 301, .K = 531, .N = 1100, .rows_per_group = 43};
        set_up(&f, &random);
        encode(&f);
        run(&f, 2);
        assert_int_equal(stile_reference_dense(&f.problem, f.x, f.w, NULL, NULL, f.expected, 2), 0);
        assert_close(&f);
        tear_down(&f);
    }
}

static void dense_truth_is_the_textbook_sum(void **state)
{
    uint64_t random = 3;
    for (int layout = 0; layout < 2; layout++) {
        fixture f = {.config = plain_config(basis_called(*state, "random16"))};
        f.config.layout = (stile_weight_layout)layout;
        f.config.epilogue = (stile_epilogue){true, true, STILE_ACTIVATION_RELU};
        f.problem = (stile_problem){.M = 7, .K = 11, .N = 5, .ldx = 12, .ldw = 13, .ldr = 6};
        set_up(&f, &random);
        assert_int_equal(stile_reference_dense(&f.problem, f.x, f.w, f.bias, f.residual, f.y, 1),
                         0);
        const float *x = f.x, *w = f.w, *bias = f.bias, *residual = f.residual;
        for (int i = 0; i < 7; i++) {
            for (int j = 0; j < 5; j++) {
                double sum = bias[j];
                for (int k = 0; k < 11; k++)
                    sum += (double)x[i * 12 + k] *
                           (layout == STILE_WEIGHT_NK ? w[j * 13 + k] : w[k * 13 + j]);
                f.expected[i * 5 + j] = (sum < 0 ? 0 : sum) + residual[i * 6 + j];
            }
        }
        assert_close(&f);
        tear_down(&f);
    }
}

static void the_number_of_threads_changes_no_bit(void **state)
{
    uint64_t random = 4;
    fixture f = {.config = plain_config(basis_called(*state, "random16"))};
    f.problem = (stile_problem){.M = 300, .K = 700, .N = 1500};
    set_up(&f, &random);
    encode(&f);
    run(&f, 1);
    const size_t bytes = (size_t)(f.problem.M * f.problem.N) * sizeof(double);
    memcpy(f.expected, f.y, bytes);
    for (int threads = 0; threads < 6; threads++) {
        run(&f, threads);
        assert_memory_equal(f.y, f.expected, bytes);
    }
    tear_down(&f);
}

static void integers_come_out_to_the_bit(void **state)
{
    uint64_t random = 5;
    const char *const exact[] = {"strassen", "winograd", "laderman", "strassen²"};
    for (size_t b = 0; b < sizeof exact / sizeof *exact; b++) {
        fixture f = {.config = plain_config(basis_called(*state, exact[b]))};
        f.problem = (stile_problem){.M = 33, .K = 65, .N = 37};
        set_up(&f, &random);
        for (int i = 0; i < 33 * 65; i++)
            ((float *)f.x)[i] = (float)random_between(&random, -8, 8);
        for (int i = 0; i < 65 * 37; i++)
            ((float *)f.w)[i] = (float)random_between(&random, -8, 8);
        encode(&f);
        run(&f, 2);
        assert_int_equal(stile_reference_dense(&f.problem, f.x, f.w, NULL, NULL, f.expected, 1), 0);
        assert_memory_equal(f.y, f.expected, 33 * 37 * sizeof(double));
        tear_down(&f);
    }
}

static void output_is_the_fp64_result_rounded_once(void **state)
{
    const stile_type types[] = {STILE_TYPE_F32, STILE_TYPE_F16, STILE_TYPE_BF16};
    uint64_t random = 6;
    for (int t = 0; t < 3; t++) {
        fixture f = {.config = plain_config(basis_called(*state, "winograd"))};
        f.config.precision.output = types[t];
        f.config.epilogue.activation = STILE_ACTIVATION_SILU;
        f.problem = (stile_problem){.M = 21, .K = 30, .N = 19, .ldy = 23};
        set_up(&f, &random);
        encode(&f);
        run(&f, 1);
        unsigned char *y = malloc(21 * 23 * 4);
        memset(y, 0xa5, 21 * 23 * 4);
        assert_int_equal(
            stile_reference_run(&f.problem, f.x, f.w_hat, NULL, NULL, y, false, NULL, 2), 0);
        const size_t size = element_size(types[t]);
        for (int i = 0; i < 21 * 23; i++) {
            uint32_t expected = 0xa5a5a5a5; /* the gap between rows is not written */
            if (i % 23 < 19)
                stile_store_element(types[t], &expected, 0, f.y[i]);
            assert_memory_equal(y + (size_t)i * size, &expected, size);
        }
        free(y);
        tear_down(&f);
    }
}

static void y_may_be_the_residual(void **state)
{
    uint64_t random = 7;
    fixture f = {.config = plain_config(basis_called(*state, "strassen"))};
    f.config.epilogue.residual = true;
    f.problem = (stile_problem){.M = 100, .K = 20, .N = 1200};
    set_up(&f, &random);
    encode(&f);
    float *apart = malloc(100 * 1200 * sizeof *apart);
    assert_int_equal(
        stile_reference_run(&f.problem, f.x, f.w_hat, NULL, f.residual, apart, false, NULL, 2), 0);
    assert_int_equal(
        stile_reference_run(&f.problem, f.x, f.w_hat, NULL, f.residual, f.residual, false, NULL, 2),
        0);
    assert_memory_equal(f.residual, apart, 100 * 1200 * sizeof *apart);
    free(apart);
    tear_down(&f);
}

/* The gaps between rows and everything after a group hold NaN: any touch would show. */
static void padding_is_never_read(void **state)
{
    uint64_t random = 8;
    for (int i = 0; i < 50; i++) {
        fixture f;
        randomize(&f, *state, &random);
        const stile_problem *p = &f.problem;
        const stile_type type = f.config.precision.input;
        for (int64_t row = 0; row < p->M; row++)
            for (int64_t column = p->K; column < p->ldx; column++)
                stile_store_element(type, f.x, row * p->ldx + column, NAN);
        for (int64_t row = 0; row < rows_of_w(&f); row++)
            for (int64_t column = columns_of_w(&f); column < p->ldw; column++)
                stile_store_element(type, f.w, row * p->ldw + column, NAN);
        encode(&f);
        run(&f, 2);
        const int64_t ldy = p->ldy ? p->ldy : p->N;
        for (int64_t row = 0; row < p->M; row++)
            for (int64_t column = 0; column < p->N; column++)
                assert_true(isfinite(f.y[row * ldy + column]));
        tear_down(&f);
    }
}

static void nan_spoils_only_the_tiles_it_touches(void **state)
{
    const double bad[] = {NAN, INFINITY, -INFINITY};
    uint64_t random = 9;
    for (int b = 0; b < 3; b++) {
        fixture f = {.config = plain_config(basis_called(*state, "strassen²"))};
        f.problem = (stile_problem){.M = 60, .K = 24, .N = 30, .rows_per_group = 10};
        set_up(&f, &random);
        ((float *)f.x)[25 * 24 + 7] = (float)bad[b]; /* group 2, row 5: tile rows 4..7 of it */
        encode(&f);
        run(&f, 2);
        for (int i = 0; i < 60; i++) {
            bool spoilt = false;
            for (int j = 0; j < 30; j++)
                spoilt |= !isfinite(f.y[i * 30 + j]);
            assert_true(!spoilt || (i >= 24 && i < 28));
            assert_true(spoilt || i != 25);
        }
        tear_down(&f);

        set_up(&f, &random);
        ((float *)f.w)[13 * 24 + 7] = (float)bad[b]; /* column 13: tile columns 12..15 */
        encode(&f);
        run(&f, 2);
        for (int i = 0; i < 60; i++)
            for (int j = 0; j < 30; j++)
                if (j < 12 || j > 15)
                    assert_true(isfinite(f.y[i * 30 + j]));
        tear_down(&f);
    }
}

/* Rows without structural coupling do not hand Inf to one another, though 0·Inf is NaN. */
static void zero_coefficients_do_not_spread_infinity(void **state)
{
    uint64_t random = 10;
    fixture f = {.config = plain_config(basis_called(*state, "classical"))}; /* ⟨2,3,2⟩ */
    f.problem = (stile_problem){.M = 4, .K = 6, .N = 4};
    set_up(&f, &random);
    ((float *)f.x)[1 * 6 + 2] = INFINITY;
    encode(&f);
    run(&f, 1);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            assert_int_equal(isfinite(f.y[i * 4 + j]) != 0, i != 1);
    tear_down(&f);
}

static void groups_do_not_see_one_another(void **state)
{
    uint64_t random = 11;
    fixture f = {.config = plain_config(basis_called(*state, "random16"))};
    f.problem = (stile_problem){.M = 3 * 197, .K = 33, .N = 18, .rows_per_group = 197};
    set_up(&f, &random);
    encode(&f);
    run(&f, 2);
    memcpy(f.expected, f.y, (size_t)(f.problem.M * f.problem.N) * sizeof(double));
    stile_problem one = f.problem;
    one.M = 197;
    for (int g = 0; g < 3; g++) {
        assert_int_equal(stile_reference_run(&one, (float *)f.x + g * 197 * 33, f.w_hat, NULL, NULL,
                                             f.y, true, NULL, 1),
                         0);
        assert_memory_equal(f.y, f.expected + g * 197 * 18, 197 * 18 * sizeof(double));
    }
    tear_down(&f);
}

static void other_coefficients_replace_those_of_the_basis(void **state)
{
    uint64_t random = 12;
    const stile_basis *other = basis_called(*state, "winograd");
    fixture f = {.config = plain_config(basis_called(*state, "strassen"))};
    f.problem =
        (stile_problem){.M = 9, .K = 9, .N = 9, .u = other->u, .v = other->v, .d = other->d};
    double *doubled = malloc(4 * 7 * sizeof *doubled);
    for (int i = 0; i < 4 * 7; i++)
        doubled[i] = 2 * other->d[i];
    f.problem.d = doubled;
    set_up(&f, &random);
    encode(&f);
    run(&f, 1);
    assert_int_equal(stile_reference_contract(&f.problem, f.x, f.w, NULL, NULL, f.expected), 0);
    assert_close(&f);
    assert_int_equal(stile_reference_dense(&f.problem, f.x, f.w, NULL, NULL, f.expected, 1), 0);
    for (int i = 0; i < 81; i++)
        f.expected[i] *= 2;
    assert_close(&f);
    free(doubled);
    tear_down(&f);
}

static void callers_scratch_of_the_stated_size_is_enough(void **state)
{
    uint64_t random = 13;
    for (int i = 0; i < 50; i++) {
        fixture f;
        randomize(&f, *state, &random);
        encode(&f);
        const int threads = (int)random_between(&random, 0, 3);
        const size_t size = stile_reference_scratch_size(&f.problem, threads);
        double *scratch =
            malloc(size * sizeof *scratch); /* exactly: the sanitizer guards the end */
        assert_int_equal(stile_reference_run(&f.problem, f.x, f.w_hat, f.bias, f.residual, f.y,
                                             true, scratch, threads),
                         0);
        free(scratch);
        tear_down(&f);
    }
}

static void activations_are_right(void **state)
{
    (void)state;
    const double inputs[] = {-40, -10, -3, -1, -1e-3, 0, 1e-3, 1, 3, 10, 40};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        const double x = inputs[i];
        const long double t = sqrtl(2 / (long double)M_PI) * (x + 0.044715L * x * x * x);
        assert_true(stile_activate(STILE_ACTIVATION_NONE, x) == x);
        assert_true(stile_activate(STILE_ACTIVATION_RELU, x) == (x > 0 ? x : 0));
        assert_true(fabsl(stile_activate(STILE_ACTIVATION_GELU, x) -
                          0.5L * x * (1 + erfl(x * sqrtl(0.5L)))) < 1e-15L * (1 + fabs(x)));
        assert_true(fabsl(stile_activate(STILE_ACTIVATION_GELU_TANH, x) -
                          0.5L * x * (1 + tanhl(t))) < 1e-15L * (1 + fabs(x)));
        assert_true(fabsl(stile_activate(STILE_ACTIVATION_SILU, x) - x / (1 + expl(-x))) <
                    1e-15L * (1 + fabs(x)));
    }
    for (int a = 0; a < 5; a++) {
        assert_true(isnan(stile_activate((stile_activation)a, NAN)));
        assert_true(isinf(stile_activate((stile_activation)a, INFINITY)));
    }
}

static void no_rows_is_nothing_to_do(void **state)
{
    uint64_t random = 14;
    for (int group = 0; group < 2; group++) {
        fixture f = {.config = plain_config(basis_called(*state, "strassen"))};
        f.problem = (stile_problem){.M = 0, .K = 3, .N = 3, .rows_per_group = group * 5};
        set_up(&f, &random);
        encode(&f);
        f.y[0] = 42;
        run(&f, 2);
        assert_true(f.y[0] == 42);
        assert_int_equal(stile_reference_contract(&f.problem, f.x, f.w, NULL, NULL, f.y), 0);
        assert_int_equal(stile_reference_dense(&f.problem, f.x, f.w, NULL, NULL, f.y, 1), 0);
        tear_down(&f);
    }
}

static void refuse(const stile_config *config, stile_problem problem, const char *message)
{
    problem.config = config;
    assert_int_equal(stile_problem_check(&problem), STILE_ERROR_ARGUMENT);
    assert_string_equal(stile_last_error(), message);
    double nothing = 0;
    assert_int_equal(
        stile_reference_run(&problem, &nothing, &nothing, NULL, NULL, &nothing, true, NULL, 1),
        STILE_ERROR_ARGUMENT);
}

static void impossible_problems_are_refused_by_name(void **state)
{
    stile_config config = plain_config(basis_called(*state, "strassen"));
    refuse(&config, (stile_problem){.M = 1, .K = 0, .N = 1},
           "M = 1, K = 0, N = 1: K and N must be positive, M not negative");
    refuse(&config, (stile_problem){.M = -1, .K = 1, .N = 1},
           "M = -1, K = 1, N = 1: K and N must be positive, M not negative");
    refuse(&config, (stile_problem){.M = 10, .K = 1, .N = 1, .rows_per_group = 3},
           "M = 10 is not a multiple of 3 rows per group");
    refuse(&config, (stile_problem){.M = 10, .K = 8, .N = 1, .ldx = 7},
           "leading dimension ldx = 7 is less than the 8 elements of a row");
    refuse(&config, (stile_problem){.M = 10, .K = 8, .N = 1, .ldw = 7},
           "leading dimension ldw = 7 is less than the 8 elements of a row");
    refuse(&config, (stile_problem){.M = 10, .K = 8, .N = 9, .ldy = 8},
           "leading dimension ldy = 8 is less than the 9 elements of a row");
    refuse(&config, (stile_problem){.M = INT64_MAX / 2, .K = 16, .N = 9},
           "4611686018427387903 × 16 elements are more than memory holds");
    refuse(&config, (stile_problem){.M = 1, .K = INT64_MAX / 8, .N = INT64_MAX / 8},
           "1152921504606846975 × 1152921504606846975 elements are more than memory holds");
}

static void sizes_that_overflow_are_reported(void **state)
{
    stile_config config = plain_config(basis_called(*state, "strassen²"));
    config.encode = STILE_ENCODE_TRAINED;
    const stile_problem problem = {.config = &config, .M = 128, .K = INT64_C(1) << 52, .N = 4096};
    assert_int_equal(stile_problem_check(&problem), 0);
    assert_true(stile_reference_scratch_size(&problem, 64) == SIZE_MAX);
    assert_true(stile_reference_weight_size(&problem) == SIZE_MAX);
    double nothing = 0;
    assert_int_equal(
        stile_reference_run(&problem, &nothing, &nothing, NULL, NULL, &nothing, true, NULL, 64),
        STILE_ERROR_MEMORY);
}

static void operands_must_match_the_spec(void **state)
{
    stile_config config = plain_config(basis_called(*state, "strassen"));
    stile_problem problem = {.config = &config, .M = 1, .K = 1, .N = 1};
    float value = 1;
    assert_int_equal(stile_epilogue_check(&problem, &value, NULL), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_epilogue_check(&problem, NULL, &value), STILE_ERROR_ARGUMENT);
    config.epilogue = (stile_epilogue){.bias = true, .residual = true};
    assert_int_equal(stile_epilogue_check(&problem, NULL, &value), STILE_ERROR_ARGUMENT);
    assert_string_equal(stile_last_error(),
                        "the spec has epilogue.bias: true, but no bias is given");
    assert_int_equal(stile_epilogue_check(&problem, &value, NULL), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_epilogue_check(&problem, &value, &value), 0);
    double out;
    config.encode = STILE_ENCODE_TRAINED;
    assert_int_equal(stile_reference_encode_weight(&problem, &value, &out, 1),
                     STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_reference_dense(&problem, &value, &value, &value, &value, &out, 1),
                     STILE_ERROR_ARGUMENT);
}

static void products_of_every_blocking_are_sums_in_one_order(void **state)
{
    (void)state;
    uint64_t random = 15;
    enum { ROWS = 11, COLUMNS = 67, INNER = 1029 };
    static double a[ROWS * INNER], b[COLUMNS * INNER], whole[ROWS * COLUMNS], single;
    for (int i = 0; i < ROWS * INNER; i++)
        a[i] = random_normal(&random);
    for (int i = 0; i < COLUMNS * INNER; i++)
        b[i] = random_normal(&random);
    const int inners[] = {1, 2, 3, 4, 5, 511, 512, 513, 1029};
    for (size_t s = 0; s < sizeof inners / sizeof *inners; s++) {
        stile_multiply(ROWS, COLUMNS, inners[s], a, INNER, b, INNER, whole, COLUMNS);
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                stile_multiply(1, 1, inners[s], a + i * INNER, INNER, b + j * INNER, INNER, &single,
                               1);
                assert_memory_equal(&single, &whole[i * COLUMNS + j], sizeof single);
                double sum = 0;
                for (int k = 0; k < inners[s]; k++)
                    sum += a[i * INNER + k] * b[j * INNER + k];
                assert_true(fabs(sum - single) < 1e-11);
            }
        }
    }
}

static int make_arena(void **state)
{
    *state = stile_arena_create();
    return *state ? 0 : -1;
}

static int drop_arena(void **state)
{
    stile_arena_destroy((stile_arena **)state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_every_blocking_are_sums_in_one_order),
        cmocka_unit_test(fast_way_agrees_with_direct_contraction),
        cmocka_unit_test(exact_bases_multiply_matrices),
        cmocka_unit_test(dense_truth_is_the_textbook_sum),
        cmocka_unit_test(the_number_of_threads_changes_no_bit),
        cmocka_unit_test(integers_come_out_to_the_bit),
        cmocka_unit_test(output_is_the_fp64_result_rounded_once),
        cmocka_unit_test(y_may_be_the_residual),
        cmocka_unit_test(padding_is_never_read),
        cmocka_unit_test(nan_spoils_only_the_tiles_it_touches),
        cmocka_unit_test(zero_coefficients_do_not_spread_infinity),
        cmocka_unit_test(groups_do_not_see_one_another),
        cmocka_unit_test(other_coefficients_replace_those_of_the_basis),
        cmocka_unit_test(callers_scratch_of_the_stated_size_is_enough),
        cmocka_unit_test(activations_are_right),
        cmocka_unit_test(no_rows_is_nothing_to_do),
        cmocka_unit_test(impossible_problems_are_refused_by_name),
        cmocka_unit_test(sizes_that_overflow_are_reported),
        cmocka_unit_test(operands_must_match_the_spec),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
