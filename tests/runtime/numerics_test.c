/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "numerics.h"
#include "problem.h"

/* What kernels do, in doubles that are rounded to the configured types wherever kernels store. */
typedef struct emulation {
    stile_problem problem;
    void *x, *w, *y;
    double *ref;
} emulation;

static void round_all(stile_type type, double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        values[i] = stile_round_to_type(type, values[i]);
}

static double x_hat(const emulation *e, int c, int64_t i, int64_t inner)
{
    const stile_problem *p = &e->problem;
    const stile_basis *basis = p->config->basis;
    double sum = 0;
    for (int a = 0; a < basis->m; a++) {
        for (int b = 0; b < basis->k; b++) {
            const int64_t row = i * basis->m + a, column = inner * basis->k + b;
            if (row < p->M && column < p->K)
                sum += basis->u[(c * basis->m + a) * basis->k + b] *
                       stile_load_element(p->config->precision.input, e->x, row * p->K + column);
        }
    }
    return sum;
}

/* One group of rows, W dense or trained. */
static void emulate(emulation *e, double *w_hat)
{
    const stile_problem *p = &e->problem;
    const stile_basis *basis = p->config->basis;
    const stile_precision *precision = &p->config->precision;
    const stile_tiling tiling = stile_problem_tiling(p);
    const int64_t rows = tiling.tile_rows, columns = tiling.tile_columns;
    const int64_t inners = tiling.tile_inner, y_tiles = rows * columns;
    const int mn = basis->m * basis->n;
    double *x_c = malloc((size_t)(rows * inners) * sizeof *x_c);
    double *y_c = malloc((size_t)y_tiles * sizeof *y_c);
    double *y = calloc((size_t)(y_tiles * mn), sizeof *y);
    assert_true(x_c && y_c && y);

    round_all(precision->encoded, w_hat, basis->rank * columns * inners);
    for (int c = 0; c < basis->rank; c++) {
        for (int64_t i = 0; i < rows * inners; i++)
            x_c[i] = x_hat(e, c, i / inners, i % inners);
        round_all(precision->encoded, x_c, rows * inners);
        for (int64_t t = 0; t < y_tiles; t++) {
            const double *x = x_c + t / columns * inners;
            const double *w = w_hat + (c * columns + t % columns) * inners;
            y_c[t] = 0;
            for (int64_t inner = 0; inner < inners; inner++)
                y_c[t] += x[inner] * w[inner];
        }
        round_all(precision->product, y_c, y_tiles);
        for (int64_t t = 0; t < y_tiles; t++)
            for (int o = 0; o < mn; o++)
                y[t * mn + o] += basis->d[o * basis->rank + c] * y_c[t];
    }
    for (int64_t row = 0; row < p->M; row++) {
        for (int64_t column = 0; column < p->N; column++) {
            const int64_t tile = row / basis->m * columns + column / basis->n;
            const int64_t o = row % basis->m * basis->n + column % basis->n;
            stile_store_element(precision->output, e->y, row * p->N + column, y[tile * mn + o]);
        }
    }
    free(x_c);
    free(y_c);
    free(y);
}

typedef struct measurement {
    double overall, worst; /* as multiples of the prediction */
    bool passes;
} measurement;

/* Random data, the emulated Y and the reference; compares the two. */
static measurement measure(const stile_config *config, int64_t M, int64_t K, int64_t N,
                           uint64_t *random)
{
    emulation e = {.problem = {.config = config, .M = M, .K = K, .N = N}};
    const size_t w_size = stile_reference_weight_size(&e.problem);
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    double *w_hat = malloc(w_size * sizeof *w_hat);
    e.x = random_array(random, config->precision.input, M * K);
    e.w = random_array(random, config->precision.input, trained ? (int64_t)w_size : K * N);
    e.y = malloc((size_t)(M * N) * sizeof(double));
    e.ref = malloc((size_t)(M * N) * sizeof *e.ref);
    assert_true(w_hat && e.y && e.ref);
    assert_int_equal((trained ? stile_reference_pack_weight
                              : stile_reference_encode_weight)(&e.problem, e.w, w_hat, 0),
                     0);
    assert_int_equal(stile_reference_run(&e.problem, e.x, w_hat, NULL, NULL, e.ref, true, NULL, 0),
                     0);
    emulate(&e, w_hat);

    stile_comparison result;
    assert_int_equal(stile_compare(&result, config->precision.output, e.y, 0, e.ref, M, N), 0);
    const double predicted = stile_predicted_error(&e.problem);
    free(w_hat);
    free(e.x);
    free(e.w);
    free(e.y);
    free(e.ref);
    return (measurement){result.relative_rms / predicted, result.worst_element / predicted,
                         stile_comparison_passes(&result, &e.problem)};
}

static const stile_precision PRECISIONS[] = {
    {STILE_TYPE_BF16, STILE_TYPE_BF16, STILE_TYPE_BF16, STILE_TYPE_BF16},
    {STILE_TYPE_F16, STILE_TYPE_F16, STILE_TYPE_F16, STILE_TYPE_F16},
    {STILE_TYPE_F32, STILE_TYPE_TF32, STILE_TYPE_F32, STILE_TYPE_F32},
    {STILE_TYPE_F32, STILE_TYPE_BF16, STILE_TYPE_F32, STILE_TYPE_F32},
    {STILE_TYPE_BF16, STILE_TYPE_F16, STILE_TYPE_F32, STILE_TYPE_BF16},
    {STILE_TYPE_F16, STILE_TYPE_TF32, STILE_TYPE_F16, STILE_TYPE_F32},
    {STILE_TYPE_BF16, STILE_TYPE_BF16, STILE_TYPE_F32, STILE_TYPE_F32},
};
enum { PRECISION_COUNT = sizeof PRECISIONS / sizeof *PRECISIONS };

static void check_prediction(const stile_config *config, int64_t M, int64_t K, int64_t N,
                             uint64_t *random, double factor)
{
    const measurement found = measure(config, M, K, N, random);
    char label[256];
    snprintf(label, sizeof label, "%s %s/%s/%s/%s %dx%dx%d: %d, %d permille of the prediction",
             config->basis->name, stile_type_name(config->precision.input),
             stile_type_name(config->precision.encoded), stile_type_name(config->precision.product),
             stile_type_name(config->precision.output), (int)M, (int)K, (int)N,
             (int)(1000 * found.overall), (int)(1000 * found.worst));
    if (getenv("STILE_TEST_VERBOSE"))
        print_message("%s\n", label);
    if (!(found.overall < factor && found.overall > 1 / factor && found.passes))
        fail_msg("%s", label);
}

static void measured_errors_are_near_the_prediction(void **state)
{
    uint64_t random = 1;
    for (int b = 0; b < BASIS_COUNT; b++) {
        stile_config config = plain_config(basis_called(*state, BASES[b]));
        for (int p = 0; p < PRECISION_COUNT; p++) {
            config.precision = PRECISIONS[p];
            /* Where everything is copied and accumulation is exact, there is nothing to measure. */
            if (strcmp(BASES[b], "classical") == 0 && config.precision.output == STILE_TYPE_F32 &&
                stile_type_holds(config.precision.encoded, config.precision.input) &&
                config.precision.product == STILE_TYPE_F32)
                continue;
            check_prediction(&config, 64, 512, 64, &random, 1.3);
        }
    }
}

static void trained_weights_are_predicted_too(void **state)
{
    uint64_t random = 2;
    stile_config config = plain_config(basis_called(*state, "strassen"));
    config.encode = STILE_ENCODE_TRAINED;
    for (int p = 0; p < PRECISION_COUNT; p++) {
        config.precision = PRECISIONS[p];
        check_prediction(&config, 64, 512, 64, &random, 1.3);
    }
    config.basis = basis_called(*state, "random24");
    check_prediction(&config, 64, 512, 64, &random, 1.3);
}

static void tails_are_part_of_the_prediction(void **state)
{
    uint64_t random = 3;
    for (int b = 0; b < BASIS_COUNT; b++) {
        stile_config config = plain_config(basis_called(*state, BASES[b]));
        config.precision = PRECISIONS[0];
        check_prediction(&config, 1, 511, 300, &random, 1.4);
        check_prediction(&config, 300, 509, 1, &random, 1.4);
        check_prediction(&config, 65, 257, 67, &random, 1.3);
    }
}

/* Shapes down to one element, where errors and references are few and uneven. */
static void correct_results_pass_whatever_the_shape(void **state)
{
    uint64_t random = 4;
    int failures = 0;
    for (int i = 0; i < 4000; i++) {
        stile_config config =
            plain_config(basis_called(*state, BASES[random_between(&random, 0, BASIS_COUNT - 1)]));
        config.precision = PRECISIONS[random_between(&random, 0, PRECISION_COUNT - 1)];
        const int64_t limit = i % 3 == 0 ? 5 : 40;
        const int64_t M = random_between(&random, 1, limit), K = random_between(&random, 1, limit);
        const int64_t N = random_between(&random, 1, limit);
        const measurement found = measure(&config, M, K, N, &random);
        if (!found.passes) {
            failures++;
            print_message("%s %dx%dx%d: %d, %d permille of the prediction\n", config.basis->name,
                          (int)M, (int)K, (int)N, (int)(1000 * found.overall),
                          (int)(1000 * found.worst));
        }
    }
    assert_int_equal(failures, 0);
}

static void few_inner_terms_and_many_elements_pass(void **state)
{
    uint64_t random = 5;
    const char *const bases[] = {"strassen", "winograd", "random16"};
    for (int b = 0; b < 3; b++) {
        stile_config config = plain_config(basis_called(*state, bases[b]));
        config.precision = PRECISIONS[0];
        for (int64_t K = 1; K <= 4; K++) {
            check_prediction(&config, 700, K, 700, &random, 1.3);
        }
    }
    /* Eight terms in each channel, where tails are still far from Gaussian. */
    stile_config config = plain_config(basis_called(*state, "winograd"));
    config.precision = PRECISIONS[0];
    for (int i = 0; i < 5; i++)
        check_prediction(&config, 744, 16, 1184, &random, 1.3);
}

static stile_comparison compare_doubles(const double *y, const double *ref, int64_t rows,
                                        int64_t columns)
{
    float *stored = malloc((size_t)(rows * columns) * sizeof *stored);
    for (int64_t i = 0; i < rows * columns; i++)
        stored[i] = (float)y[i];
    stile_comparison c;
    assert_int_equal(stile_compare(&c, STILE_TYPE_F32, stored, 0, ref, rows, columns), 0);
    free(stored);
    return c;
}

enum { SIDE = 50, SIZE = SIDE * SIDE };

/*
 * Whether a comparison passes for an operator that only rounds its result to bf16: ⟨1,1,1;1⟩ with
 * everything else exact, predicted to be off by ROUNDOFF.
 */
static const double ROUNDOFF = 1.659e-3;

static bool passes(stile_arena *arena, const stile_comparison *comparison)
{
    stile_basis *unit;
    assert_int_equal(stile_basis_classical(&unit, arena, 1, 1, 1), 0);
    stile_config config = plain_config(unit);
    config.precision =
        (stile_precision){STILE_TYPE_F16, STILE_TYPE_TF32, STILE_TYPE_F32, STILE_TYPE_BF16};
    const stile_problem problem = {.config = &config, .M = SIDE, .K = SIDE, .N = SIDE};
    assert_true(fabs(stile_predicted_error(&problem) / ROUNDOFF - 1) < 1e-3);
    return stile_comparison_passes(comparison, &problem);
}

static void a_single_wrong_element_is_found(void **state)
{
    uint64_t random = 6;
    static double ref[SIZE], y[SIZE];
    for (int i = 0; i < SIZE; i++)
        y[i] = ref[i] = random_normal(&random) * 20;
    stile_comparison c = compare_doubles(y, ref, SIDE, SIDE);
    assert_true(passes(*state, &c));
    y[7 * SIDE + 3] += 20 * 0.05; /* 30 times the prediction, in one of 2500 elements */
    c = compare_doubles(y, ref, SIDE, SIDE);
    assert_true(c.relative_rms < ROUNDOFF);
    assert_false(passes(*state, &c));
    assert_int_equal(c.worst_row, 7);
    assert_int_equal(c.worst_column, 3);
    assert_int_equal(c.count, SIZE);
}

static void twice_the_prediction_fails(void **state)
{
    uint64_t random = 7;
    static double ref[SIZE], y[SIZE];
    for (int i = 0; i < SIZE; i++)
        ref[i] = random_normal(&random);
    for (int percent = 50; percent <= 350; percent += 100) {
        for (int i = 0; i < SIZE; i++)
            y[i] = ref[i] + random_normal(&random) * ROUNDOFF * percent / 100;
        const stile_comparison c = compare_doubles(y, ref, SIDE, SIDE);
        assert_int_equal(passes(*state, &c), percent < 200);
    }
}

static void swapped_rows_fail(void **state)
{
    uint64_t random = 8;
    static double ref[SIZE], y[SIZE];
    for (int i = 0; i < SIZE; i++)
        y[i] = ref[i] = random_normal(&random);
    memcpy(y, ref + SIDE, SIDE * sizeof *y);
    const stile_comparison c = compare_doubles(y, ref, SIDE, SIDE);
    assert_false(passes(*state, &c));
}

static void nan_never_passes_for_a_number(void **state)
{
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        double ref[4] = {1, 2, 3, 4}, y[4] = {1, 2, 3, 4};
        y[2] = bad[i];
        stile_comparison c = compare_doubles(y, ref, 2, 2);
        assert_int_equal(c.nonfinite, 1);
        assert_int_equal(c.worst_row, 1);
        assert_int_equal(c.worst_column, 0);
        assert_false(passes(*state, &c));
        c = compare_doubles(ref, y, 2, 2);
        assert_int_equal(c.nonfinite, 1);
        ref[2] = bad[(i + 1) % 3]; /* of another kind */
        assert_int_equal(compare_doubles(y, ref, 2, 2).nonfinite, 1);
        ref[2] = bad[i];
        c = compare_doubles(y, ref, 2, 2);
        assert_int_equal(c.nonfinite, 0);
        assert_true(passes(*state, &c));
    }
    const stile_comparison unknown = {.relative_rms = NAN, .count = 4};
    assert_false(passes(*state, &unknown));
}

static void overflow_to_infinity_is_a_correct_rounding(void **state)
{
    (void)state;
    const double ref[2] = {70000, 1};
    const uint16_t rounded[2] = {0x7c00, 0x3c00}, negative[2] = {0xfc00, 0x3c00};
    stile_comparison c;
    assert_int_equal(stile_compare(&c, STILE_TYPE_F16, rounded, 0, ref, 1, 2), 0);
    assert_int_equal(c.nonfinite, 0);
    assert_int_equal(stile_compare(&c, STILE_TYPE_F16, negative, 0, ref, 1, 2), 0);
    assert_int_equal(c.nonfinite, 1);
}

static void zero_and_empty_references_are_compared(void **state)
{
    const double zero[4] = {0}, one[4] = {0, 0, 1, 0};
    stile_comparison c = compare_doubles(zero, zero, 2, 2);
    assert_true(passes(*state, &c));
    c = compare_doubles(one, zero, 2, 2);
    assert_true(isinf(c.relative_rms) && isinf(c.worst_element));
    assert_false(passes(*state, &c));
    assert_int_equal(stile_compare(&c, STILE_TYPE_F32, NULL, 0, NULL, 0, 5), 0);
    assert_int_equal(c.count, 0);
    assert_true(passes(*state, &c));
}

static void gaps_between_rows_are_not_compared(void **state)
{
    (void)state;
    const float y[2][3] = {{1, 2, NAN}, {3, 4, NAN}};
    const double ref[4] = {1, 2, 3, 4};
    stile_comparison c;
    assert_int_equal(stile_compare(&c, STILE_TYPE_F32, y, 3, ref, 2, 2), 0);
    assert_int_equal(c.nonfinite, 0);
    assert_true(c.relative_rms == 0);
}

/* The last rounding of an element six standard deviations out is up to 2^-9 of it, not of the RMS.
 */
static void gaussian_tails_pass(void **state)
{
    uint64_t random = 9;
    static double ref[SIZE], y[SIZE];
    for (int i = 0; i < SIZE; i++)
        ref[i] = random_normal(&random);
    ref[SIZE / 2] = 4 * (1 + 0x1p-8); /* halfway between two bf16 */
    ref[SIZE / 3] = 5.9;
    for (int i = 0; i < SIZE; i++)
        y[i] = stile_round_to_type(STILE_TYPE_BF16, ref[i]);
    const stile_comparison c = compare_doubles(y, ref, SIDE, SIDE);
    assert_true(passes(*state, &c));
}

static double prediction(const stile_basis *basis, const stile_precision *precision)
{
    stile_config config = plain_config(basis);
    config.precision = *precision;
    const stile_problem problem = {.config = &config, .M = 64 * 45, .K = 64 * 45, .N = 64 * 45};
    return stile_predicted_error(&problem);
}

/* DESIGN §7 with the growth of DESIGN §1, for an encoder of which no channel copies. */
static void growth_is_that_of_the_design(void **state)
{
    const double u = stile_type_unit_roundoff_rms(STILE_TYPE_BF16);
    const stile_precision rounds = {STILE_TYPE_F32, STILE_TYPE_BF16, STILE_TYPE_BF16,
                                    STILE_TYPE_BF16};
    const struct {
        const char *name;
        double growth;
    } known[] = {{"classical", 1}, {"strassen", 4}, {"winograd", 7}, {"strassen²", 16}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const double expected = u * sqrt(3 * known[i].growth + 1);
        assert_true(fabs(prediction(basis_called(*state, known[i].name), &rounds) / expected - 1) <
                    1e-4);
    }
    /* Copies of bf16 in bf16 round nothing: only Ŷ and Y are left of the classical algorithm. */
    const double copied = prediction(basis_called(*state, "classical"), &PRECISIONS[0]);
    assert_true(fabs(copied / (u * sqrt(2)) - 1) < 1e-4);
}

static void nothing_is_predicted_for_nothing(void **state)
{
    stile_basis *zero = stile_basis_create(*state, "zero", 2, 2, 2, 3, false);
    assert_non_null(zero);
    stile_config config = plain_config(zero);
    stile_problem problem = {.config = &config, .M = 4, .K = 4, .N = 4};
    assert_true(stile_predicted_error(&problem) == 0);
    config.basis = basis_called(*state, "strassen");
    problem.M = 0;
    assert_true(stile_predicted_error(&problem) == 0);
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
        cmocka_unit_test(measured_errors_are_near_the_prediction),
        cmocka_unit_test(trained_weights_are_predicted_too),
        cmocka_unit_test(tails_are_part_of_the_prediction),
        cmocka_unit_test(correct_results_pass_whatever_the_shape),
        cmocka_unit_test(few_inner_terms_and_many_elements_pass),
        cmocka_unit_test(a_single_wrong_element_is_found),
        cmocka_unit_test(twice_the_prediction_fails),
        cmocka_unit_test(swapped_rows_fail),
        cmocka_unit_test(nan_never_passes_for_a_number),
        cmocka_unit_test(overflow_to_infinity_is_a_correct_rounding),
        cmocka_unit_test(zero_and_empty_references_are_compared),
        cmocka_unit_test(gaps_between_rows_are_not_compared),
        cmocka_unit_test(gaussian_tails_pass),
        cmocka_unit_test(growth_is_that_of_the_design),
        cmocka_unit_test(nothing_is_predicted_for_nothing),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
