/* SPDX-License-Identifier: Apache-2.0 */
/* Backward plans through the public interface, on the CPU device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stile/stile.h>

#include "plan.h"

enum { M = 6, K = 5, N = 7, RANK = 7 };

/* Host memory for everything a run may need; tiles are 2×2. */
typedef struct memory {
    float x[M * K], w[N * K], dy[M * N], z[M * N], y[M * N], residual[M * N], bias[N];
    float dx[M * K], dw[N * K], dbias[N], du[RANK * 4], dv[RANK * 4], dd[RANK * 4];
} memory;

typedef struct fixture {
    stile_context *context;
    memory m;
} fixture;

static void fill(float *array, int count, int seed)
{
    for (int i = 0; i < count; i++)
        array[i] = sinf((float)(3 * i + 17 * seed + 1));
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    stile_context_params params = {.device = STILE_DEVICE_CPU, .threads = 1};
    if (!f || stile_context_create(&f->context, &params))
        return -1;
    fill(f->m.x, M * K, 1);
    fill(f->m.w, N * K, 2);
    fill(f->m.dy, M * N, 3);
    fill(f->m.z, M * N, 4);
    fill(f->m.bias, N, 5);
    fill(f->m.residual, M * N, 6);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    stile_context_destroy(&f->context);
    free(f);
    return 0;
}

static stile_plan *plan_of(fixture *f, const char *more, stile_plan_params params)
{
    char text[512];
    stile_spec *spec = NULL;
    stile_plan *plan = NULL;
    int size = snprintf(text, sizeof text,
                        "stile: 1\nname: test\nbasis: {name: strassen}\n"
                        "precision: {input: f32, output: f32}\n%s",
                        more);
    assert_int_equal(stile_spec_parse(&spec, text, (size_t)size, NULL, NULL), 0);
    params.M = M;
    params.K = K;
    params.N = N;
    assert_int_equal(stile_plan_create(&plan, f->context, spec, &params), 0);
    stile_spec_destroy(&spec);
    return plan;
}

static int run(const stile_plan *plan, const stile_operands *operands)
{
    size_t size = stile_align(stile_plan_workspace_size(plan) + 1);
    void *workspace = aligned_alloc(STILE_ALIGNMENT, size);
    assert_non_null(workspace);
    int error = stile_workspace_init(plan, workspace, NULL);
    if (!error)
        error = stile_run(plan, operands, workspace, NULL);
    free(workspace);
    return error;
}

static void assert_refused(const stile_plan *plan, stile_operands operands, const char *why)
{
    assert_int_equal(run(plan, &operands), STILE_ERROR_ARGUMENT);
    if (!strstr(stile_last_error(), why))
        fail_msg("\"%s\" does not say \"%s\"", stile_last_error(), why);
}

static void a_plan_takes_what_its_operations_name(void **state)
{
    fixture *f = *state;
    memory *m = &f->m;
    stile_plan *plan = plan_of(
        f, "weight: {encode: online}\nepilogue: {bias: true, activation: silu, residual: true}\n",
        (stile_plan_params){.op = STILE_OP_BACKWARD});
    const stile_operands all = {.x = m->x,
                                .w = m->w,
                                .z = m->z,
                                .dy = m->dy,
                                .dx = m->dx,
                                .dw = m->dw,
                                .dbias = m->dbias,
                                .du = m->du,
                                .dv = m->dv,
                                .dd = m->dd};
    assert_int_equal(run(plan, &all), 0);
    stile_operands o = all;
    o.z = NULL;
    assert_refused(plan, o, "z is NULL");
    o = all;
    o.dv = NULL;
    assert_refused(plan, o, "dv is NULL");
    o = all;
    o.bias = m->bias;
    assert_refused(plan, o, "a bias was given");
    o = all;
    o.y = m->y;
    assert_refused(plan, o, "y was given");
    stile_plan_destroy(&plan);

    /* Of the input alone. */
    plan = plan_of(f, "weight: {encode: online}\n",
                   (stile_plan_params){.op = STILE_OP_BACKWARD_INPUT});
    o = (stile_operands){.w = m->w, .dy = m->dy, .dx = m->dx};
    assert_int_equal(run(plan, &o), 0);
    o.x = m->x;
    assert_refused(plan, o, "x was given");
    o.x = NULL;
    o.z = m->z;
    assert_refused(plan, o, "z was given");
    o.z = NULL;
    o.dw = m->dw;
    assert_refused(plan, o, "dw was given");
    stile_plan_destroy(&plan);

    /* Of the weights alone, which do not matter then. */
    plan = plan_of(f, "weight: {encode: online}\n",
                   (stile_plan_params){.op = STILE_OP_BACKWARD_WEIGHT});
    o = (stile_operands){.x = m->x, .dy = m->dy, .dw = m->dw};
    assert_int_equal(run(plan, &o), 0);
    o.w = m->w;
    assert_refused(plan, o, "w was given");
    stile_plan_destroy(&plan);
}

static void forward_plans_take_no_gradients(void **state)
{
    fixture *f = *state;
    memory *m = &f->m;
    stile_plan *plan = plan_of(f, "weight: {encode: online}\n", (stile_plan_params){0});
    stile_operands o = {.x = m->x, .w = m->w, .y = m->y};
    assert_int_equal(run(plan, &o), 0);
    o.dx = m->dx;
    assert_refused(plan, o, "forward plan");
    o.dx = NULL;
    o.z = m->z;
    assert_refused(plan, o, "z was given");
    stile_plan_destroy(&plan);
}

/* What one plan of all gradients gives is what plans of each give. */
static void operations_may_be_combined(void **state)
{
    fixture *f = *state;
    memory *m = &f->m;
    memory one = *m;
    stile_plan *plan =
        plan_of(f, "weight: {encode: online}\n", (stile_plan_params){.op = STILE_OP_BACKWARD});
    stile_operands o = {.x = m->x,
                        .w = m->w,
                        .dy = m->dy,
                        .dx = m->dx,
                        .dw = m->dw,
                        .du = m->du,
                        .dv = m->dv,
                        .dd = m->dd};
    assert_int_equal(run(plan, &o), 0);
    stile_plan_destroy(&plan);

    plan = plan_of(f, "weight: {encode: online}\n",
                   (stile_plan_params){.op = STILE_OP_BACKWARD_INPUT});
    o = (stile_operands){.w = m->w, .dy = m->dy, .dx = one.dx};
    assert_int_equal(run(plan, &o), 0);
    stile_plan_destroy(&plan);
    plan = plan_of(
        f, "weight: {encode: online}\n",
        (stile_plan_params){.op = (stile_op)(STILE_OP_BACKWARD_WEIGHT | STILE_OP_BACKWARD_BASIS)});
    o = (stile_operands){
        .x = m->x, .w = m->w, .dy = m->dy, .dw = one.dw, .du = one.du, .dv = one.dv, .dd = one.dd};
    assert_int_equal(run(plan, &o), 0);
    stile_plan_destroy(&plan);
    assert_memory_equal(m->dx, one.dx, sizeof one.dx);
    assert_memory_equal(m->dw, one.dw, sizeof one.dw);
    assert_memory_equal(m->du, one.du, sizeof one.du);
    assert_memory_equal(m->dv, one.dv, sizeof one.dv);
    assert_memory_equal(m->dd, one.dd, sizeof one.dd);
}

/* Strassen is exact: dX = dY·W and dW = dYᵀ·X for W stored [N, K]. */
static void exact_bases_have_the_gradients_of_a_product(void **state)
{
    fixture *f = *state;
    memory *m = &f->m;
    stile_plan *plan = plan_of(
        f, "weight: {encode: online}\n",
        (stile_plan_params){.op = (stile_op)(STILE_OP_BACKWARD_INPUT | STILE_OP_BACKWARD_WEIGHT)});
    const stile_operands o = {.x = m->x, .w = m->w, .dy = m->dy, .dx = m->dx, .dw = m->dw};
    assert_int_equal(run(plan, &o), 0);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < K; j++) {
            double sum = 0;
            for (int n = 0; n < N; n++)
                sum += (double)m->dy[i * N + n] * (double)m->w[n * K + j];
            assert_float_equal(m->dx[i * K + j], sum, 1e-6);
        }
    for (int n = 0; n < N; n++)
        for (int j = 0; j < K; j++) {
            double sum = 0;
            for (int i = 0; i < M; i++)
                sum += (double)m->dy[i * N + n] * (double)m->x[i * K + j];
            assert_float_equal(m->dw[n * K + j], sum, 1e-6);
        }
    stile_plan_destroy(&plan);
}

static void forward_plans_keep_what_the_activation_hides(void **state)
{
    fixture *f = *state;
    memory *m = &f->m;
    stile_plan *plan = plan_of(
        f, "weight: {encode: online}\nepilogue: {bias: true, activation: relu, residual: true}\n",
        (stile_plan_params){.keep_z = true});
    stile_plan_info info;
    assert_int_equal(stile_plan_get_info(&info, plan), 0);
    assert_true(info.z);
    float z[M * N] = {0};
    const stile_operands o = {
        .x = m->x, .w = m->w, .y = m->y, .bias = m->bias, .residual = m->residual, .z = z};
    assert_int_equal(run(plan, &o), 0);
    for (int i = 0; i < M; i++)
        for (int n = 0; n < N; n++) {
            double sum = m->bias[n];
            for (int j = 0; j < K; j++)
                sum += (double)m->x[i * K + j] * (double)m->w[n * K + j];
            assert_float_equal(z[i * N + n], sum, 1e-6);
            assert_float_equal(m->y[i * N + n], fmax(sum, 0) + m->residual[i * N + n], 1e-6);
        }
    stile_plan_destroy(&plan);
}

static void operations_that_do_not_exist_are_refused(void **state)
{
    fixture *f = *state;
    stile_spec *spec = NULL;
    stile_plan *plan = NULL;
    const char text[] = "stile: 1\nname: test\nbasis: {name: strassen}\n";
    assert_int_equal(stile_spec_parse(&spec, text, sizeof text - 1, NULL, NULL), 0);
    stile_plan_params params = {.op = (stile_op)8, .M = M, .K = K, .N = N};
    assert_int_equal(stile_plan_create(&plan, f->context, spec, &params), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "op 8"));
    params.op = STILE_OP_BACKWARD;
    params.keep_z = true;
    assert_int_equal(stile_plan_create(&plan, f->context, spec, &params), STILE_ERROR_ARGUMENT);
    params.keep_z = false;
    params.lddx = K - 1;
    assert_int_equal(stile_plan_create(&plan, f->context, spec, &params), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "lddx"));
    stile_spec_destroy(&spec);
    assert_null(plan);
}

static void operations_have_names(void **state)
{
    (void)state;
    static const stile_op ops[] = {STILE_OP_FORWARD, STILE_OP_BACKWARD_INPUT,
                                   STILE_OP_BACKWARD_WEIGHT, STILE_OP_BACKWARD_BASIS,
                                   STILE_OP_BACKWARD};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        const char *name = stile_op_name(ops[i]);
        stile_op parsed = STILE_OP_FORWARD;
        assert_true(stile_op_parse(&parsed, name, strlen(name)));
        assert_int_equal(parsed, ops[i]);
    }
    stile_op untouched = STILE_OP_BACKWARD_BASIS;
    assert_false(stile_op_parse(&untouched, "backwards", 9));
    assert_false(stile_op_parse(&untouched, "backward_", 9));
    assert_int_equal(untouched, STILE_OP_BACKWARD_BASIS);
    assert_null(stile_op_name((stile_op)3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_takes_what_its_operations_name),
        cmocka_unit_test(forward_plans_take_no_gradients),
        cmocka_unit_test(operations_may_be_combined),
        cmocka_unit_test(exact_bases_have_the_gradients_of_a_product),
        cmocka_unit_test(forward_plans_keep_what_the_activation_hides),
        cmocka_unit_test(operations_that_do_not_exist_are_refused),
        cmocka_unit_test(operations_have_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
