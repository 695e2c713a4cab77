/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "epilogue.h"
#include "problem.h"
#include "reference_backward.h"

enum { GRADIENT_COUNT = 6 };
static const char *const gradient_names[GRADIENT_COUNT] = {"dX", "dW", "dbias", "dU", "dV", "dD"};

/* A problem, what its gradients are computed from, and room for two sets of them. */
typedef struct fixture {
    stile_config config;
    stile_problem problem;
    void *x, *w, *dy, *z, *bias;
    double *w_hat;
    stile_backward_inputs inputs;
    double *arrays[2][GRADIENT_COUNT];
    int64_t counts[GRADIENT_COUNT];
} fixture;

static bool trained(const fixture *f)
{
    return f->config.encode == STILE_ENCODE_TRAINED;
}

static stile_gradients gradients(const fixture *f, int set)
{
    double *const *a = f->arrays[set];
    return (stile_gradients){a[0], a[1], a[2], a[3], a[4], a[5]};
}

static void set_up(fixture *f, uint64_t *random)
{
    stile_problem *p = &f->problem;
    const stile_basis *b = f->config.basis;
    const stile_type input = f->config.precision.input, output = f->config.precision.output;
    const bool nk = f->config.layout == STILE_WEIGHT_NK;
    p->config = &f->config;
    assert_int_equal(stile_problem_check(p), 0);
    const int64_t weights = (int64_t)stile_reference_weight_size(p);
    const int64_t columns = p->ldw ? p->ldw : nk ? p->K : p->N;
    f->x = random_array(random, input, p->M * (p->ldx ? p->ldx : p->K));
    f->w = random_array(random, input, trained(f) ? weights : (nk ? p->N : p->K) * columns);
    f->dy = random_array(random, output, p->M * (p->ldy ? p->ldy : p->N));
    f->z = f->config.epilogue.activation
               ? random_array(random, output, p->M * (p->ldz ? p->ldz : p->N))
               : NULL;
    f->bias = f->config.epilogue.bias ? random_array(random, output, p->N) : NULL;
    f->w_hat = malloc((size_t)weights * sizeof *f->w_hat);
    assert_non_null(f->w_hat);
    assert_int_equal(trained(f) ? stile_reference_pack_weight(p, f->w, f->w_hat, 2)
                                : stile_reference_encode_weight(p, f->w, f->w_hat, 2),
                     0);
    f->inputs = (stile_backward_inputs){f->x, f->w_hat, f->w, f->dy, f->z};
    const int64_t counts[GRADIENT_COUNT] = {
        p->M * p->K,           (int64_t)stile_weight_gradient_size(p), p->N,
        b->rank * b->m * b->k, trained(f) ? 0 : b->rank * b->k * b->n, b->rank * b->m * b->n,
    };
    for (int i = 0; i < GRADIENT_COUNT; i++) {
        f->counts[i] = counts[i];
        for (int set = 0; set < 2 && counts[i]; set++) {
            f->arrays[set][i] = malloc((size_t)counts[i] * sizeof(double));
            assert_non_null(f->arrays[set][i]);
            memset(f->arrays[set][i], 0xff, (size_t)counts[i] * sizeof(double)); /* NaN */
        }
    }
}

static void tear_down(fixture *f)
{
    free(f->x);
    free(f->w);
    free(f->dy);
    free(f->z);
    free(f->bias);
    free(f->w_hat);
    for (int i = 0; i < GRADIENT_COUNT; i++) {
        free(f->arrays[0][i]);
        free(f->arrays[1][i]);
    }
}

static void randomize(fixture *f, stile_arena *arena, uint64_t *random)
{
    static const stile_type types[] = {STILE_TYPE_F32, STILE_TYPE_F16, STILE_TYPE_BF16};
    *f = (fixture){0};
    f->config =
        plain_config(basis_called(arena, BASES[random_between(random, 0, BASIS_COUNT - 1)]));
    f->config.layout = random_between(random, 0, 1) ? STILE_WEIGHT_KN : STILE_WEIGHT_NK;
    f->config.encode = (stile_weight_encode)random_between(random, 0, 2);
    f->config.rows = (stile_rows)random_between(random, 0, 2);
    f->config.precision.input = types[random_between(random, 0, 2)];
    f->config.precision.output = types[random_between(random, 0, 2)];
    f->config.epilogue.activation = (stile_activation)random_between(random, 0, 4);
    stile_problem *p = &f->problem;
    const int64_t groups = random_between(random, 0, 3);
    p->rows_per_group = groups ? random_between(random, 1, 13) : 0;
    p->M = groups ? groups * p->rows_per_group : random_between(random, 1, 150);
    p->K = random_between(random, 1, 30);
    p->N = random_between(random, 1, 30);
    if (random_between(random, 0, 1)) {
        p->ldx = p->K + random_between(random, 0, 5);
        p->ldw = trained(f) ? 0 : (p->K > p->N ? p->K : p->N) + random_between(random, 0, 5);
        p->ldy = p->N + random_between(random, 0, 5);
        p->ldz = p->N + random_between(random, 0, 5);
    }
    set_up(f, random);
}

static void assert_same(const fixture *f, double tolerance)
{
    for (int i = 0; i < GRADIENT_COUNT; i++) {
        double largest = 0;
        for (int64_t j = 0; j < f->counts[i]; j++)
            largest = fmax(largest, fabs(f->arrays[1][i][j]));
        for (int64_t j = 0; j < f->counts[i]; j++) {
            const double a = f->arrays[0][i][j], b = f->arrays[1][i][j];
            if (!(fabs(a - b) <= tolerance * fmax(largest, 1)))
                fail_msg("%s M=%d K=%d N=%d R=%d: %s[%d] is %g, not %g", f->config.basis->name,
                         (int)f->problem.M, (int)f->problem.K, (int)f->problem.N,
                         (int)f->problem.rows_per_group, gradient_names[i], (int)j, a, b);
        }
    }
}

static void fast_way_agrees_with_the_definition(void **state)
{
    uint64_t random = 1;
    for (int i = 0; i < 120; i++) {
        fixture f;
        randomize(&f, *state, &random);
        const stile_gradients fast = gradients(&f, 0), slow = gradients(&f, 1);
        assert_int_equal(stile_reference_backward(&f.problem, &f.inputs, &fast, 2), 0);
        assert_int_equal(stile_reference_backward_direct(&f.problem, &f.inputs, &slow), 0);
        assert_same(&f, 1e-11);
        tear_down(&f);
    }
}

static void threads_change_no_bit(void **state)
{
    uint64_t random = 7;
    for (int i = 0; i < 10; i++) {
        fixture f;
        randomize(&f, *state, &random);
        const stile_gradients one = gradients(&f, 0), many = gradients(&f, 1);
        assert_int_equal(stile_reference_backward(&f.problem, &f.inputs, &one, 1), 0);
        assert_int_equal(stile_reference_backward(&f.problem, &f.inputs, &many, 5), 0);
        for (int g = 0; g < GRADIENT_COUNT; g++)
            if (f.counts[g])
                assert_memory_equal(f.arrays[0][g], f.arrays[1][g],
                                    (size_t)f.counts[g] * sizeof(double));
        tear_down(&f);
    }
}

/* --- against differences of the operator, by contraction with T̂ ------------------------------- */

/* The loss Σ dY ∘ Y; with `z`, also stores what the activation is applied to. */
static double loss(fixture *f, void *z)
{
    const stile_problem *p = &f->problem;
    double *y = malloc((size_t)(p->M * p->N) * sizeof *y), sum = 0;
    assert_non_null(y);
    assert_int_equal(stile_reference_contract(p, f->x, f->w, f->bias, NULL, y), 0);
    for (int64_t i = 0; i < p->M * p->N; i++)
        sum += y[i] * stile_load_element(STILE_TYPE_F32, f->dy, i);
    if (z) {
        stile_config plain = f->config;
        stile_problem to_z = *p;
        plain.epilogue.activation = STILE_ACTIVATION_NONE;
        to_z.config = &plain;
        assert_int_equal(stile_reference_contract(&to_z, f->x, f->w, f->bias, NULL, y), 0);
        for (int64_t i = 0; i < p->M * p->N; i++)
            stile_store_element(STILE_TYPE_F32, z, i, y[i]);
    }
    free(y);
    return sum;
}

/* (L(a + h) − L(a − h)) / 2h for an element of an operand. */
static double slope_of_operand(fixture *f, float *element)
{
    const float value = *element, step = 0x1p-8f;
    *element = value + step;
    const double above = *element, high = loss(f, NULL);
    *element = value - step;
    const double below = *element, low = loss(f, NULL);
    *element = value;
    return (high - low) / (above - below);
}

static double slope_of_coefficient(fixture *f, double *coefficient)
{
    const double value = *coefficient, step = 0x1p-10;
    *coefficient = value + step;
    const double high = loss(f, NULL);
    *coefficient = value - step;
    const double low = loss(f, NULL);
    *coefficient = value;
    return (high - low) / (2 * step);
}

static double *copy_doubles(const double *from, int64_t count)
{
    double *copy = malloc((size_t)count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, from, (size_t)count * sizeof *copy);
    return copy;
}

static void check_slopes(fixture *f, uint64_t *random)
{
    loss(f, f->z);
    const stile_gradients g = gradients(f, 0);
    const stile_basis *b = f->config.basis;
    double *const factors[3] = {copy_doubles(b->u, f->counts[3]),
                                copy_doubles(b->v, b->rank * b->k * b->n),
                                copy_doubles(b->d, f->counts[5])};
    f->problem.u = factors[0];
    f->problem.v = factors[1];
    f->problem.d = factors[2];
    assert_int_equal(stile_reference_backward(&f->problem, &f->inputs, &g, 2), 0);
    float *const operands[3] = {f->x, f->w, f->bias};
    for (int i = 0; i < GRADIENT_COUNT; i++) {
        for (int repeat = 0; repeat < 6 && f->counts[i]; repeat++) {
            const int64_t at = random_between(random, 0, f->counts[i] - 1);
            const double slope = i < 3 ? slope_of_operand(f, operands[i] + at)
                                       : slope_of_coefficient(f, factors[i - 3] + at);
            const double got = f->arrays[0][i][at];
            if (!(fabs(got - slope) <= 2e-3 * (1 + fabs(slope))))
                fail_msg("%s, activation %s: %s[%d] is %g, not %g", b->name,
                         stile_activation_name(f->config.epilogue.activation), gradient_names[i],
                         (int)at, got, slope);
        }
    }
    for (int i = 0; i < 3; i++)
        free(factors[i]);
    f->problem.u = f->problem.v = f->problem.d = NULL;
}

static void gradients_are_the_slopes_of_the_operator(void **state)
{
    static const char *const bases[] = {"strassen", "row", "random16"};
    uint64_t random = 3;
    for (int i = 0; i < 24; i++) {
        fixture f = {.config = plain_config(basis_called(*state, bases[i % 3]))};
        f.config.encode = i % 2 ? STILE_ENCODE_ONLINE : STILE_ENCODE_TRAINED;
        f.config.layout = i % 4 < 2 ? STILE_WEIGHT_KN : STILE_WEIGHT_NK;
        f.config.epilogue.activation = (stile_activation)(i % 5);
        f.config.epilogue.bias = true;
        f.problem = (stile_problem){.M = 10, .K = 7, .N = 5, .rows_per_group = i % 6 ? 0 : 5};
        set_up(&f, &random);
        if (f.config.epilogue.activation == STILE_ACTIVATION_RELU) {
            /* No slope at a kink: keep away from it. */
            for (int j = 0; j < 5; j++)
                ((float *)f.bias)[j] = j % 2 ? 200 : -200;
        }
        check_slopes(&f, &random);
        tear_down(&f);
    }
}

static void activations_have_their_slopes(void **state)
{
    (void)state;
    for (int a = STILE_ACTIVATION_NONE; a <= STILE_ACTIVATION_SILU; a++) {
        for (double z = -12.03; z < 12; z += 0.125) {
            const double h = 1e-5;
            const double slope = (stile_activate((stile_activation)a, z + h) -
                                  stile_activate((stile_activation)a, z - h)) /
                                 (2 * h);
            const double got = stile_activate_backward((stile_activation)a, z, 3);
            if (!(fabs(got - 3 * slope) < 1e-8))
                fail_msg("%s at %g: %g, not %g", stile_activation_name((stile_activation)a), z, got,
                         3 * slope);
        }
        const double at_nan = stile_activate_backward((stile_activation)a, NAN, 1);
        assert_true(a == STILE_ACTIVATION_NONE ? at_nan == 1 : isnan(at_nan));
    }
    assert_true(stile_activate_backward(STILE_ACTIVATION_RELU, 0, INFINITY) == 0);
    assert_true(stile_activate_backward(STILE_ACTIVATION_RELU, -1, NAN) == 0);
}

/* --- what rows demand ------------------------------------------------------------------------- */

static void rows_that_were_apart_stay_apart(void **state)
{
    for (int rows = STILE_ROWS_ANY; rows <= STILE_ROWS_NONE; rows++) {
        uint64_t random = 5;
        fixture f = {.config = plain_config(basis_called(*state, "classical"))};
        f.config.rows = (stile_rows)rows;
        f.problem = (stile_problem){.M = 20, .K = 12, .N = 10};
        set_up(&f, &random);
        const stile_gradients g = gradients(&f, 0);
        assert_int_equal(stile_reference_backward(&f.problem, &f.inputs, &g, 1), 0);
        const stile_basis_matrix factors[2] = {stile_basis_u(f.config.basis),
                                               stile_basis_d(f.config.basis)};
        double *const found[2] = {g.du, g.dd};
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < factors[i].rows * factors[i].columns; j++)
                assert_int_equal(found[i][j] != 0,
                                 rows == STILE_ROWS_ANY || factors[i].entries[j] != 0);
        tear_down(&f);
    }
}

static void inputs_that_do_not_fit_are_refused(void **state)
{
    uint64_t random = 5;
    fixture f = {.config = plain_config(basis_called(*state, "strassen"))};
    f.config.encode = STILE_ENCODE_TRAINED;
    f.problem = (stile_problem){.M = 4, .K = 4, .N = 4};
    set_up(&f, &random);
    stile_gradients g = gradients(&f, 0);
    g.dv = g.du;
    assert_int_equal(stile_reference_backward(&f.problem, &f.inputs, &g, 1), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "no V"));
    g.dv = NULL;
    f.config.epilogue.activation = STILE_ACTIVATION_SILU;
    assert_int_equal(stile_reference_backward(&f.problem, &f.inputs, &g, 1), STILE_ERROR_ARGUMENT);
    f.config.epilogue.activation = STILE_ACTIVATION_NONE;
    f.inputs.z = f.dy;
    assert_int_equal(stile_reference_backward(&f.problem, &f.inputs, &g, 1), STILE_ERROR_ARGUMENT);
    f.inputs.z = NULL;
    f.problem.ldz = 3;
    assert_int_equal(stile_reference_backward(&f.problem, &f.inputs, &g, 1), STILE_ERROR_ARGUMENT);
    tear_down(&f);
}

static int create_arena(void **state)
{
    *state = stile_arena_create();
    return *state ? 0 : -1;
}

static int destroy_arena(void **state)
{
    stile_arena_destroy((stile_arena **)state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_way_agrees_with_the_definition),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(gradients_are_the_slopes_of_the_operator),
        cmocka_unit_test(activations_have_their_slopes),
        cmocka_unit_test(rows_that_were_apart_stay_apart),
        cmocka_unit_test(inputs_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
