/* SPDX-License-Identifier: Apache-2.0 */
/* The gradients by their definition: every product of two tiles, every channel, on its own. */
#include <string.h>

#include "formats.h"
#include "reference_backward.h"

enum { MAX_ENTRIES = STILE_MAX_TILE * STILE_MAX_TILE };

typedef struct direct {
    const stile_problem *problem;
    const stile_backward_inputs *inputs;
    const stile_gradients *out;
    stile_tiling tiling;
    const double *u, *v, *d;
} direct;

/* Tiles x, w, dz of one product, and where their entries lie in dX, dW and dZ (-1: padding). */
typedef struct product {
    double x[MAX_ENTRIES], w[MAX_ENTRIES], dz[MAX_ENTRIES];
    int64_t x_index[MAX_ENTRIES], w_index[MAX_ENTRIES];
    int64_t trained_index; /* of channel 0 in logical Ŵ */
} product;

static void load(const direct *t, int64_t tile_row, int64_t inner, int64_t tile_column,
                 product *out)
{
    const stile_problem *p = t->problem;
    const stile_basis *b = p->config->basis;
    const stile_type input = p->config->precision.input;
    const bool nk = p->config->layout == STILE_WEIGHT_NK;
    const bool trained = p->config->encode == STILE_ENCODE_TRAINED;
    const int64_t ldw = p->ldw ? p->ldw : nk ? p->K : p->N;
    const int64_t in_group = tile_row % t->tiling.tile_rows_per_group * b->m;
    const int64_t group_row = tile_row / t->tiling.tile_rows_per_group * t->tiling.rows_per_group;
    for (int e = 0; e < b->m * b->k; e++) {
        const int64_t row = in_group + e / b->k, column = inner * b->k + e % b->k;
        const bool inside = row < t->tiling.rows_per_group && column < p->K;
        out->x_index[e] = inside ? (group_row + row) * p->K + column : -1;
        out->x[e] = inside
                        ? stile_load_element(input, t->inputs->x,
                                             (group_row + row) * (p->ldx ? p->ldx : p->K) + column)
                        : 0;
    }
    for (int o = 0; o < b->m * b->n; o++) {
        const int64_t row = in_group + o / b->n, column = tile_column * b->n + o % b->n;
        const bool inside = row < t->tiling.rows_per_group && column < p->N;
        out->dz[o] = inside ? stile_backward_dz(p, t->inputs, group_row + row, column) : 0;
    }
    for (int e = 0; e < b->k * b->n; e++) {
        const int64_t row = inner * b->k + e / b->n, column = tile_column * b->n + e % b->n;
        const bool inside = row < p->K && column < p->N;
        out->w_index[e] = !inside ? -1 : nk ? column * p->K + row : row * p->N + column;
        out->w[e] = inside && !trained
                        ? stile_load_element(input, t->inputs->w,
                                             nk ? column * ldw + row : row * ldw + column)
                        : 0;
    }
    out->trained_index = tile_column * t->tiling.tile_inner + inner;
}

/* Σ coefficients·entries over those that are not zero. */
static double encode(const double *coefficients, int64_t stride, const double *entries, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        if (coefficients[i * stride] != 0)
            sum += coefficients[i * stride] * entries[i];
    return sum;
}

static void spread(double *out, const int64_t *index, const double *coefficients, int count,
                   double value)
{
    for (int i = 0; out && i < count; i++)
        if (coefficients[i] != 0 && index[i] >= 0)
            out[index[i]] += coefficients[i] * value;
}

static void add_outer(double *out, int64_t stride, const double *entries, int count, double value)
{
    for (int i = 0; out && i < count; i++)
        out[i * stride] += entries[i] * value;
}

static void add_channel(const direct *t, const product *tiles, int c)
{
    const stile_problem *p = t->problem;
    const stile_basis *b = p->config->basis;
    const stile_gradients *g = t->out;
    const int mk = b->m * b->k, kn = b->k * b->n, mn = b->m * b->n;
    const bool trained = p->config->encode == STILE_ENCODE_TRAINED;
    const int64_t trained_index =
        c * t->tiling.tile_columns * t->tiling.tile_inner + tiles->trained_index;
    const double x = encode(t->u + c * mk, 1, tiles->x, mk);
    const double dy = encode(t->d + c, b->rank, tiles->dz, mn);
    const double w =
        trained ? stile_load_element(p->config->precision.input, t->inputs->w, trained_index)
                : encode(t->v + c * kn, 1, tiles->w, kn);
    spread(g->dx, tiles->x_index, t->u + c * mk, mk, dy * w);
    if (trained && g->dw)
        g->dw[trained_index] += dy * x;
    else
        spread(g->dw, tiles->w_index, t->v + c * kn, kn, dy * x);
    add_outer(g->du ? g->du + c * mk : NULL, 1, tiles->x, mk, dy * w);
    add_outer(g->dv ? g->dv + c * kn : NULL, 1, tiles->w, kn, dy * x);
    add_outer(g->dd ? g->dd + c : NULL, b->rank, tiles->dz, mn, x * w);
}

static void clear(double *array, size_t count)
{
    if (array)
        memset(array, 0, count * sizeof *array);
}

int stile_reference_backward_direct(const stile_problem *problem,
                                    const stile_backward_inputs *inputs, const stile_gradients *out)
{
    int error = stile_backward_check(problem, inputs, out);
    if (error)
        return error;
    const stile_basis *b = problem->config->basis;
    const direct t = {
        .problem = problem,
        .inputs = inputs,
        .out = out,
        .tiling = stile_problem_tiling(problem),
        .u = problem->u ? problem->u : b->u,
        .v = problem->v ? problem->v : b->v,
        .d = problem->d ? problem->d : b->d,
    };
    const size_t rank = (size_t)b->rank;
    clear(out->dx, (size_t)(problem->M * problem->K));
    clear(out->dw, stile_weight_gradient_size(problem));
    clear(out->dbias, (size_t)problem->N);
    clear(out->du, rank * (size_t)(b->m * b->k));
    clear(out->dv, rank * (size_t)(b->k * b->n));
    clear(out->dd, rank * (size_t)(b->m * b->n));

    for (int64_t row = 0; row < problem->M && out->dbias; row++)
        for (int64_t column = 0; column < problem->N; column++)
            out->dbias[column] += stile_backward_dz(problem, inputs, row, column);
    for (int64_t i = 0; i < t.tiling.tile_rows; i++)
        for (int64_t j = 0; j < t.tiling.tile_columns; j++)
            for (int64_t inner = 0; inner < t.tiling.tile_inner; inner++) {
                product tiles;
                load(&t, i, inner, j, &tiles);
                for (int c = 0; c < b->rank; c++)
                    add_channel(&t, &tiles, c);
            }
    stile_mask_basis_gradients(problem->config, out->du, out->dd);
    return 0;
}
