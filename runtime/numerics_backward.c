/* SPDX-License-Identifier: Apache-2.0 */
#include "numerics_backward.h"

#include <math.h>

#include "formats.h"

static double square(double x)
{
    return x * x;
}

const char *stile_gradient_name(stile_gradient gradient)
{
    static const char *const names[STILE_GRADIENT_COUNT] = {"dX", "dW", "dbias", "dU", "dV", "dD"};
    return names[gradient];
}

double stile_gradient_terms(const stile_problem *problem, stile_gradient gradient)
{
    const stile_tiling t = stile_problem_tiling(problem);
    switch (gradient) {
    case STILE_GRADIENT_DX:
        return (double)t.tile_columns;
    case STILE_GRADIENT_DW:
        return (double)t.tile_rows;
    case STILE_GRADIENT_DBIAS:
        return (double)problem->M;
    case STILE_GRADIENT_DU:
        return (double)t.tile_rows * (double)t.tile_inner;
    case STILE_GRADIENT_DV:
        return (double)t.tile_inner * (double)t.tile_columns;
    case STILE_GRADIENT_DD:
        return (double)t.tile_rows * (double)t.tile_columns;
    }
    return 1;
}

static double unit(stile_type type)
{
    return square(stile_type_unit_roundoff_rms(type));
}

/* u² of a sum of `terms` in f32. */
static double accumulation(double terms)
{
    return square(ldexp(2 + terms / 8, -24));
}

/* dX, and dW where it is dense: results of operators. */
static stile_prediction predict_operator(const stile_problem *problem,
                                         const stile_gradient_configs *configs,
                                         stile_gradient gradient)
{
    stile_problem p = {.config = configs->input,
                       .M = problem->M,
                       .K = problem->N,
                       .N = problem->K,
                       .rows_per_group = problem->rows_per_group};
    if (gradient == STILE_GRADIENT_DX)
        return stile_predict(&p);
    /* Groups are alike: one of them has the relative error of all. */
    const bool nk = problem->config->layout == STILE_WEIGHT_NK;
    p = (stile_problem){.config = configs->weight,
                        .M = nk ? problem->N : problem->K,
                        .K = problem->rows_per_group ? problem->rows_per_group : problem->M,
                        .N = nk ? problem->K : problem->N};
    return stile_predict(&p);
}

stile_prediction stile_predict_gradient(const stile_problem *problem,
                                        const stile_gradient_configs *configs,
                                        stile_gradient gradient)
{
    const stile_config *config = problem->config;
    const stile_precision *p = &config->precision;
    const stile_tiling t = stile_problem_tiling(problem);
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    const bool active = config->epilogue.activation != STILE_ACTIVATION_NONE;
    const double dz = active ? unit(p->output) : 0, encoded = unit(p->encoded);
    const double w = trained && stile_type_holds(p->encoded, p->input) ? 0 : encoded;
    const double sums = accumulation(sqrt(stile_gradient_terms(problem, gradient)));
    double error = 0;

    switch (gradient) {
    case STILE_GRADIENT_DX:
    case STILE_GRADIENT_DW:
        if (gradient == STILE_GRADIENT_DX || !trained) {
            const stile_prediction of = predict_operator(problem, configs, gradient);
            return (stile_prediction){sqrt(square(of.overall) + dz), sqrt(square(of.worst) + dz)};
        }
        error = 2 * encoded + accumulation((double)t.tile_rows) + unit(p->input);
        break;
    case STILE_GRADIENT_DBIAS:
        error = accumulation((double)problem->M) + unit(p->output);
        break;
    case STILE_GRADIENT_DU:
        error = encoded + w + unit(p->product) + accumulation((double)t.tile_columns) + sums;
        break;
    case STILE_GRADIENT_DV:
        error = 2 * encoded + accumulation((double)t.tile_rows) + sums;
        break;
    case STILE_GRADIENT_DD:
        error = encoded + w + unit(p->product) + accumulation((double)t.tile_inner) + sums;
        break;
    }
    return (stile_prediction){sqrt(error + dz), sqrt(error + dz)};
}
