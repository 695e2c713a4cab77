/* SPDX-License-Identifier: Apache-2.0 */
/* Backward plans on the CPU device: gradients in fp64, rounded once. */
#include <stdlib.h>

#include "fail.h"
#include "formats.h"
#include "plan.h"
#include "reference_backward.h"

/* Everything a run needs besides its operands: one allocation each, NULL where not wanted. */
typedef struct arrays {
    stile_gradients gradients;
    double *u, *v, *d, *w_hat;
} arrays;

static bool allocate(double **out, bool wanted, size_t count)
{
    if (wanted && count <= PTRDIFF_MAX / sizeof **out)
        *out = malloc((count ? count : 1) * sizeof **out);
    return !wanted || *out;
}

static void release(arrays *a)
{
    free(a->gradients.dx);
    free(a->gradients.dw);
    free(a->gradients.dbias);
    free(a->gradients.du);
    free(a->gradients.dv);
    free(a->gradients.dd);
    free(a->u);
    free(a->v);
    free(a->d);
    free(a->w_hat);
}

static double *widen(double *to, const float *from, size_t count)
{
    for (size_t i = 0; from && i < count; i++)
        to[i] = from[i];
    return to;
}

static void store(stile_type type, void *to, int64_t ld, const double *from, int64_t rows,
                  int64_t columns)
{
    for (int64_t i = 0; from && i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            stile_store_element(type, to, i * ld + j, from[i * columns + j]);
}

int stile_plan_cpu_run_backward(const stile_plan *plan, const stile_operands *o)
{
    const stile_config *config = plan->config;
    const stile_basis *b = config->basis;
    const int mk = b->m * b->k, kn = b->k * b->n, mn = b->m * b->n;
    const size_t u_count = (size_t)(b->rank * mk), v_count = (size_t)(b->rank * kn);
    const size_t d_count = (size_t)(b->rank * mn);
    const bool online = config->encode == STILE_ENCODE_ONLINE;
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    const bool nk = config->layout == STILE_WEIGHT_NK;
    const stile_type input = config->precision.input;
    stile_problem problem = stile_plan_problem(plan, o->M);
    arrays a = {0};
    stile_gradients *g = &a.gradients;
    int error = 0;

    if (!allocate(&g->dx, o->dx, (size_t)problem.M * (size_t)problem.K) ||
        !allocate(&g->dw, o->dw, stile_weight_gradient_size(&problem)) ||
        !allocate(&g->dbias, o->dbias, (size_t)problem.N) || !allocate(&g->du, o->du, u_count) ||
        !allocate(&g->dv, o->dv, v_count) || !allocate(&g->dd, o->dd, d_count) ||
        !allocate(&a.u, o->u, u_count) || !allocate(&a.v, o->v, v_count) ||
        !allocate(&a.d, o->d, d_count) ||
        !allocate(&a.w_hat, online && o->w, stile_reference_weight_size(&problem))) {
        error = stile_fail_memory();
        goto done;
    }
    problem.u = widen(a.u, o->u, u_count);
    problem.v = widen(a.v, o->v, v_count);
    problem.d = widen(a.d, o->d, d_count);
    if (a.w_hat)
        error = stile_reference_encode_weight(&problem, o->w, a.w_hat, plan->context->threads);
    stile_backward_inputs inputs = {
        .x = o->x,
        .w_hat = online ? a.w_hat : o->w,
        .w = online ? o->w : NULL,
        .dy = o->dy,
        .z = o->z,
    };
    if (!error)
        error = stile_reference_backward(&problem, &inputs, g, plan->context->threads);
    if (error)
        goto done;
    store(input, o->dx, plan->lddx, g->dx, problem.M, problem.K);
    if (trained)
        store(input, o->dw, 0, g->dw, 1, (int64_t)stile_weight_gradient_size(&problem));
    else
        store(input, o->dw, plan->lddw, g->dw, nk ? problem.N : problem.K,
              nk ? problem.K : problem.N);
    store(config->precision.output, o->dbias, 0, g->dbias, 1, problem.N);
    store(STILE_TYPE_F32, o->du, 0, g->du, 1, (int64_t)u_count);
    store(STILE_TYPE_F32, o->dv, 0, g->dv, 1, (int64_t)v_count);
    store(STILE_TYPE_F32, o->dd, 0, g->dd, 1, (int64_t)d_count);
done:
    release(&a);
    return error;
}
