/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrices over channels that both optimizers are made of. Where all rows of a tile may depend
 * on each other there are three, G_f = X_fᵀX_f. Else errors from row a of the X tile to row a' of
 * the Y tile weigh w(a,a'), and U and D are seen through these weights:
 *
 *   seen[2][a] = Σ_a' w(a,a') D_a'ᵀD_a'    seen[0][a'] = Σ_a w(a,a') U_aᵀU_a
 *   both = Σ_a U_aᵀU_a ∘ seen[2][a]        where U_a are the rows of U that read row a
 */
#include <string.h>

#include "basis_search_optimizer.h"
#include "dense.h"

/* gram += weight · XᵀX of some rows of factor f. */
static void add_gram(const stile_search_point *point, int f, int first, int rows, double weight,
                     double *gram)
{
    const double *x = point->x[f] + first * point->stride;
    stile_dense_multiply(point->rank, point->stride, rows, weight,
                         (stile_dense_view){x, 1, point->stride}, x, point->stride, gram,
                         point->stride);
}

void stile_search_make_grams(stile_search_optimizer *o, const stile_search_point *point)
{
    const int m = point->m, count = point->stride * point->stride;
    const size_t bytes = (size_t)count * sizeof(double);
    for (int f = 0; f < 3; f++) {
        memset(o->grams[f], 0, bytes);
        add_gram(point, f, 0, point->sizes[f], 1, o->grams[f]);
    }
    if (point->rows == STILE_COUPLING_FULL)
        return;
    memset(o->both, 0, bytes);
    for (int here = 0; here < m; here++) {
        memset(o->seen[0][here], 0, bytes);
        memset(o->seen[2][here], 0, bytes);
        for (int there = 0; there < m; there++) {
            add_gram(point, 0, there * point->k, point->k,
                     stile_search_row_weight(point, there, here), o->seen[0][here]);
            add_gram(point, 2, there * point->n, point->n,
                     stile_search_row_weight(point, here, there), o->seen[2][here]);
        }
        memset(o->normal, 0, bytes);
        add_gram(point, 0, here * point->k, point->k, 1, o->normal);
        stile_dense_add_products(count, o->normal, o->seen[2][here], o->both);
    }
}

int stile_search_class_rows(const stile_search_point *point, int f)
{
    if (point->rows == STILE_COUPLING_FULL || f == 1)
        return point->sizes[f];
    return f == 0 ? point->k : point->n;
}

void stile_search_add_normal(const stile_search_optimizer *o, const stile_search_point *point,
                             int f, int row, int first, int count, double *out)
{
    const int at = first * point->stride, entries = count * point->stride;
    const double *left = o->grams[1], *right = f == 0 ? o->grams[2] : o->grams[0];
    if (point->rows != STILE_COUPLING_FULL && f == 1) {
        stile_dense_add(entries, 1, o->both + at, out);
        return;
    }
    if (point->rows != STILE_COUPLING_FULL)
        right = f == 0 ? o->seen[2][row / point->k] : o->seen[0][row / point->n];
    else if (f == 1)
        left = o->grams[2];
    stile_dense_add_products(entries, left + at, right + at, out);
}

const double *stile_search_pair_gram(const stile_search_optimizer *o,
                                     const stile_search_point *point, int f, int i, int g, int j,
                                     double *scale)
{
    const int h = 3 - f - g;
    *scale = 1;
    if (point->rows == STILE_COUPLING_FULL)
        return o->grams[h];
    const int from = (f == 0 ? i : j) / point->k, to = (f == 2 ? i : j) / point->n;
    if (h == 1)
        *scale = stile_search_row_weight(point, from, to);
    return h == 0 ? o->seen[0][to] : h == 1 ? o->grams[1] : o->seen[2][from];
}

double stile_search_ridge(const stile_search_optimizer *o, const stile_search_point *point, int f,
                          int channel)
{
    const int at = channel * (point->stride + 1);
    return o->grams[(f + 1) % 3][at] * o->grams[(f + 2) % 3][at];
}
