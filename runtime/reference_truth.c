/* SPDX-License-Identifier: Apache-2.0 */
/* What the reference is measured against: contraction with T̂, and true matrix multiplication. */
#include <stdlib.h>

#include "epilogue.h"
#include "fail.h"
#include "formats.h"
#include "reference.h"

/* Element of X that tile (group, i, κ) has as entry (a, b); zero in the padding. */
static double tile_x(const stile_problem *p, const stile_tiling *tiling, const void *x,
                     int64_t group, int64_t row, int64_t column)
{
    if (row >= tiling->rows_per_group || column >= p->K)
        return 0;
    return stile_load_element(p->config->precision.input, x,
                              (group * tiling->rows_per_group + row) * (p->ldx ? p->ldx : p->K) +
                                  column);
}

static double dense_w(const stile_problem *p, const void *w, int64_t row, int64_t column)
{
    const stile_type type = p->config->precision.input;
    if (row >= p->K || column >= p->N)
        return 0;
    if (p->config->layout == STILE_WEIGHT_NK)
        return stile_load_element(type, w, column * (p->ldw ? p->ldw : p->K) + row);
    return stile_load_element(type, w, row * (p->ldw ? p->ldw : p->N) + column);
}

/* y_tile[(a',d')] += Σ T̂[(a,b),(b',d),(a',d')] · x_tile[(a,b)] · w_tile[(b',d)] */
static void contract_tile(const stile_basis *basis, const double *tensor, const double *x_tile,
                          const double *w_tile, double *y_tile)
{
    const int mn = basis->m * basis->n;
    for (int i = 0; i < basis->m * basis->k; i++) {
        for (int j = 0; j < basis->k * basis->n; j++) {
            for (int o = 0; o < mn; o++) {
                const double t = tensor[(i * basis->k * basis->n + j) * mn + o];
                if (t != 0)
                    y_tile[o] += t * x_tile[i] * w_tile[j];
            }
        }
    }
}

/* y_tile += D·((U·x_tile) ∘ ŵ) for trained weights, one value ŵ_c every `stride` elements. */
static void contract_trained(const stile_basis *basis, const double *x_tile, stile_type type,
                             const void *w_hat, int64_t index, int64_t stride, double *y_tile)
{
    const int mk = basis->m * basis->k;
    for (int64_t c = 0; c < basis->rank; c++) {
        double x_hat = 0;
        for (int i = 0; i < mk; i++)
            if (basis->u[c * mk + i] != 0)
                x_hat += basis->u[c * mk + i] * x_tile[i];
        const double y_hat = x_hat * stile_load_element(type, w_hat, index + c * stride);
        for (int o = 0; o < basis->m * basis->n; o++)
            if (basis->d[o * basis->rank + c] != 0)
                y_tile[o] += basis->d[o * basis->rank + c] * y_hat;
    }
}

typedef struct contraction {
    const stile_problem *problem;
    stile_tiling tiling;
    stile_basis basis;    /* with the problem's coefficients */
    const double *tensor; /* T̂; NULL where weights are trained */
    const void *x, *w;
} contraction;

static void contract_y_tile(const contraction *t, int64_t group, int64_t i, int64_t j,
                            double *y_tile)
{
    const stile_problem *p = t->problem;
    const stile_basis *basis = &t->basis;
    const int m = basis->m, k = basis->k, n = basis->n;
    double x_tile[STILE_MAX_TILE * STILE_MAX_TILE], w_tile[STILE_MAX_TILE * STILE_MAX_TILE];
    for (int o = 0; o < m * n; o++)
        y_tile[o] = 0;
    for (int64_t inner = 0; inner < t->tiling.tile_inner; inner++) {
        for (int e = 0; e < m * k; e++)
            x_tile[e] = tile_x(p, &t->tiling, t->x, group, i * m + e / k, inner * k + e % k);
        if (!t->tensor) {
            contract_trained(basis, x_tile, p->config->precision.input, t->w,
                             j * t->tiling.tile_inner + inner,
                             t->tiling.tile_columns * t->tiling.tile_inner, y_tile);
            continue;
        }
        for (int e = 0; e < k * n; e++)
            w_tile[e] = dense_w(p, t->w, inner * k + e / n, j * n + e % n);
        contract_tile(basis, t->tensor, x_tile, w_tile, y_tile);
    }
}

int stile_reference_contract(const stile_problem *problem, const void *x, const void *w,
                             const void *bias, const void *residual, double *y)
{
    int error = stile_problem_check(problem);
    if (!error)
        error = stile_epilogue_check(problem, bias, residual);
    if (error)
        return error;

    contraction t = {.problem = problem,
                     .tiling = stile_problem_tiling(problem),
                     .basis = *problem->config->basis,
                     .x = x,
                     .w = w};
    if (problem->u)
        t.basis.u = (double *)problem->u;
    if (problem->v)
        t.basis.v = (double *)problem->v;
    if (problem->d)
        t.basis.d = (double *)problem->d;
    const int m = t.basis.m, k = t.basis.k, n = t.basis.n;
    double *tensor = NULL;
    if (problem->config->encode != STILE_ENCODE_TRAINED) {
        tensor = malloc((size_t)(m * k) * (size_t)(k * n) * (size_t)(m * n) * sizeof *tensor);
        if (!tensor)
            return stile_fail_memory();
        stile_basis_tensor(&t.basis, tensor);
        t.tensor = tensor;
    }

    for (int64_t tile_row = 0; tile_row < t.tiling.tile_rows; tile_row++) {
        const int64_t group = tile_row / t.tiling.tile_rows_per_group;
        const int64_t i = tile_row % t.tiling.tile_rows_per_group;
        for (int64_t j = 0; j < t.tiling.tile_columns; j++) {
            double y_tile[STILE_MAX_TILE * STILE_MAX_TILE];
            contract_y_tile(&t, group, i, j, y_tile);
            for (int o = 0; o < m * n; o++) {
                const int64_t row = i * m + o / n, column = j * n + o % n;
                if (row >= t.tiling.rows_per_group || column >= problem->N)
                    continue;
                const int64_t y_row = group * t.tiling.rows_per_group + row;
                y[y_row * problem->N + column] =
                    stile_epilogue_apply(problem, y_tile[o], y_row, column, bias, residual);
            }
        }
    }
    free(tensor);
    return 0;
}

int stile_reference_dense(const stile_problem *problem, const void *x, const void *w,
                          const void *bias, const void *residual, double *y, int threads)
{
    if (problem->config->encode == STILE_ENCODE_TRAINED)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the spec has trained weights: there is no W to multiply with");

    /* The operator with tiles of one element. */
    double one = 1;
    const stile_basis unit = {.name = "unit",
                              .source = "",
                              .m = 1,
                              .k = 1,
                              .n = 1,
                              .rank = 1,
                              .u = &one,
                              .v = &one,
                              .d = &one};
    stile_config config = *problem->config;
    config.basis = &unit;
    stile_problem dense = *problem;
    dense.config = &config;
    dense.u = dense.v = dense.d = NULL;
    dense.ldy = 0;

    int error = stile_problem_check(&dense);
    if (error)
        return error;
    const size_t size = stile_reference_weight_size(&dense);
    double *w_hat = size == SIZE_MAX ? NULL : malloc(size * sizeof *w_hat);
    if (!w_hat)
        return stile_fail_memory();
    error = stile_reference_encode_weight(&dense, w, w_hat, threads);
    if (!error)
        error = stile_reference_run(&dense, x, w_hat, bias, residual, y, true, NULL, threads);
    free(w_hat);
    return error;
}
