/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU device: the fp64 reference behind the interface of plans. Encoded weights are doubles. */
#include "plan.h"

#include "fail.h"

static const size_t MAX_DOUBLES = SIZE_MAX / 4 / sizeof(double);

static size_t entries(int rank, int rows, int columns)
{
    return (size_t)rank * (size_t)(rows * columns);
}

int stile_plan_cpu_create(stile_plan *plan)
{
    const stile_basis *b = plan->config->basis;
    bool dense = !plan->config->sparse;
    bool online = plan->config->encode == STILE_ENCODE_ONLINE;
    stile_problem problem = stile_plan_problem(plan, 0);
    stile_workspace_layout *w = &plan->workspace;

    int error = stile_problem_check(&problem);
    if (error)
        return error;
    size_t weight = stile_reference_weight_size(&problem);
    size_t scratch = stile_reference_scratch_size(&problem, plan->context->threads);
    if (weight > MAX_DOUBLES || scratch > MAX_DOUBLES)
        return stile_fail(STILE_ERROR_MEMORY, "%s: a problem of this size cannot be addressed",
                          plan->config->name);

    plan->weight_size = stile_align(weight * sizeof(double));
    w->u = 0;
    w->v = w->u + (dense ? stile_align(entries(b->rank, b->m, b->k) * sizeof(double)) : 0);
    w->d = w->v + (dense ? stile_align(entries(b->rank, b->k, b->n) * sizeof(double)) : 0);
    w->w_encoded = w->d + (dense ? stile_align(entries(b->rank, b->m, b->n) * sizeof(double)) : 0);
    w->x_encoded = w->w_encoded + (online ? plan->weight_size : 0);
    w->product = w->x_encoded + stile_align(scratch * sizeof(double));
    w->size = w->product;
    return 0;
}

int stile_plan_cpu_encode_weight(const stile_plan *plan, const void *w, void *w_hat)
{
    stile_problem problem = stile_plan_problem(plan, 0);
    if (plan->config->encode == STILE_ENCODE_TRAINED)
        return stile_reference_pack_weight(&problem, w, w_hat, plan->context->threads);
    return stile_reference_encode_weight(&problem, w, w_hat, plan->context->threads);
}

/* Coefficients of the caller as doubles, in their part of the workspace; NULL stays NULL. */
static const double *widen(const float *from, double *to, size_t count)
{
    for (size_t i = 0; from && i < count; i++)
        to[i] = from[i];
    return from ? to : NULL;
}

/* Z is Y without activation and residual. */
static int run_to_z(const stile_problem *problem, const stile_operands *operands,
                    const double *w_hat, double *scratch, int threads)
{
    stile_config config = *problem->config;
    config.epilogue.activation = STILE_ACTIVATION_NONE;
    config.epilogue.residual = false;
    stile_problem to_z = *problem;
    to_z.config = &config;
    to_z.ldy = problem->ldz;
    return stile_reference_run(&to_z, operands->x, w_hat, operands->bias, NULL, operands->z, false,
                               scratch, threads);
}

int stile_plan_cpu_run(const stile_plan *plan, const stile_operands *operands, void *workspace)
{
    const stile_basis *b = plan->config->basis;
    const stile_workspace_layout *layout = &plan->workspace;
    int threads = plan->context->threads;
    char *base = workspace;

    if (plan->op != STILE_OP_FORWARD)
        return stile_plan_cpu_run_backward(plan, operands);
    stile_problem problem = stile_plan_problem(plan, operands->M);
    problem.u = widen(operands->u, (double *)(base + layout->u), entries(b->rank, b->m, b->k));
    problem.v = widen(operands->v, (double *)(base + layout->v), entries(b->rank, b->k, b->n));
    problem.d = widen(operands->d, (double *)(base + layout->d), entries(b->rank, b->m, b->n));

    const double *w_hat = operands->w;
    if (plan->config->encode == STILE_ENCODE_ONLINE) {
        double *encoded = (double *)(base + layout->w_encoded);
        int error = stile_reference_encode_weight(&problem, operands->w, encoded, threads);
        if (error)
            return error;
        w_hat = encoded;
    }
    int error = plan->keep_z ? run_to_z(&problem, operands, w_hat,
                                        (double *)(base + layout->x_encoded), threads)
                             : 0;
    if (error)
        return error;
    return stile_reference_run(&problem, operands->x, w_hat, operands->bias, operands->residual,
                               operands->y, false, (double *)(base + layout->x_encoded), threads);
}
