/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_search_optimizer.h"

#include <math.h>
#include <string.h>

#include "dense.h"

/* Ridges below this part of the diagonal are lost in rounding. */
static const double LEAST_WEIGHT = 1e-13;

/* Solves for a row some of whose entries are held: the system of the others. */
static bool solve_row(stile_search_optimizer *o, const stile_search_point *point, int f, int row,
                      double weight)
{
    const int stride = point->stride;
    const double *target = o->gradient + row * stride;
    double *x = point->x[f] + row * stride, *right = o->step;
    const unsigned char *held = point->held[f] + row * stride;
    int count = 0;
    for (int c = 0; c < point->rank; c++) {
        o->variables[count] = c;
        count += !held[c];
    }
    const int reduced_stride = stile_dense_stride(count);
    for (int i = 0; i < count; i++) {
        const int c = o->variables[i];
        const double *line = o->normal + c * stride;
        right[i] = target[c];
        for (int e = 0; e < point->rank; e++)
            if (held[e])
                right[i] -= line[e] * x[e];
        for (int j = i; j < count; j++)
            o->reduced[i * reduced_stride + j] = line[o->variables[j]];
        o->reduced[i * reduced_stride + i] += weight * stile_search_ridge(o, point, f, c);
    }
    if (!stile_dense_cholesky(count, o->reduced, reduced_stride))
        return false;
    stile_dense_solve(count, o->reduced, reduced_stride, right);
    for (int i = 0; i < count; i++)
        x[o->variables[i]] = right[i];
    return true;
}

/* Solves for rows that share their normal matrix. */
static bool solve_rows(stile_search_optimizer *o, stile_search_point *point, int f, int first,
                       int count, double weight)
{
    const int stride = point->stride, rank = point->rank;
    if (memchr(point->held[f] + first * stride, 1, (size_t)(count * stride))) {
        for (int row = first; row < first + count; row++)
            if (!solve_row(o, point, f, row, weight))
                return false;
        return true;
    }
    memcpy(o->reduced, o->normal, (size_t)(rank * stride) * sizeof *o->reduced);
    for (int c = 0; c < rank; c++)
        o->reduced[c * stride + c] += weight * stile_search_ridge(o, point, f, c);
    if (!stile_dense_cholesky(rank, o->reduced, stride))
        return false;
    for (int row = first; row < first + count; row++) {
        double *x = point->x[f] + row * stride;
        memcpy(x, o->gradient + row * stride, (size_t)rank * sizeof *x);
        stile_dense_solve(rank, o->reduced, stride, x);
    }
    return true;
}

bool stile_search_solve_factor(stile_search_optimizer *optimizer, stile_search_point *point, int f,
                               double weight)
{
    const int stride = point->stride, count = stile_search_class_rows(point, f);
    stile_search_make_grams(optimizer, point);
    stile_search_contract(point, f, optimizer->gradient);
    for (int first = 0; first < point->sizes[f]; first += count) {
        double *normal = optimizer->normal, largest = 0;
        memset(normal, 0, (size_t)(stride * stride) * sizeof *normal);
        stile_search_add_normal(optimizer, point, f, first, 0, point->rank, normal);
        /* A channel that is zero leaves zeros on the diagonal: any ridge settles it. */
        for (int c = 0; c < point->rank; c++)
            largest = fmax(largest, normal[c * (stride + 1)]);
        for (int c = 0; c < point->rank; c++)
            normal[c * (stride + 1)] += 1e-200 + largest * 1e-16;
        double ridge = fmax(weight, LEAST_WEIGHT);
        while (!solve_rows(optimizer, point, f, first, count, ridge)) {
            ridge *= 100;
            if (!(ridge < 1))
                return false;
        }
    }
    return true;
}

bool stile_search_sweep(stile_search_optimizer *optimizer, stile_search_point *point, double weight)
{
    for (int f = 0; f < 3; f++)
        if (!stile_search_solve_factor(optimizer, point, f, weight))
            return false;
    return true;
}
