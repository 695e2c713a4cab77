/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_search_optimizer.h"

#include <math.h>
#include <string.h>

#include "dense.h"

/* Ridges below this part of the diagonal are lost in rounding. */
static const double LEAST_WEIGHT = 1e-13;

/* The normal matrix of factor f, (GGᵀ)∘(HHᵀ) of the other two, without the penalty. */
static void make_normal(stile_search_optimizer *o, const stile_search_point *point, int f)
{
    const int count = point->stride * point->stride, g = (f + 1) % 3, h = (f + 2) % 3;
    stile_search_gram(point, g, o->grams[g]);
    stile_search_gram(point, h, o->grams[h]);
    memset(o->normal, 0, (size_t)count * sizeof *o->normal);
    stile_dense_add_products(count, o->grams[g], o->grams[h], o->normal);
}

/* Solves for a row some of whose entries are held: the system of the others. */
static bool solve_row(stile_search_optimizer *o, const stile_search_point *point, int f, int row,
                      const double *target, double factor)
{
    const int stride = point->stride;
    double *x = point->x[f] + row * stride, *right = o->step;
    const unsigned char *held = point->held[f] + row * stride;
    int count = 0;
    for (int c = 0; c < point->rank; c++)
        o->variables[count] = c, count += !held[c];
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
        o->reduced[i * reduced_stride + i] *= factor;
    }
    if (!stile_dense_cholesky(count, o->reduced, reduced_stride))
        return false;
    stile_dense_solve(count, o->reduced, reduced_stride, right);
    for (int i = 0; i < count; i++)
        x[o->variables[i]] = right[i];
    return true;
}

static bool solve(stile_search_optimizer *o, stile_search_point *point, int f, double factor)
{
    const int stride = point->stride, rank = point->rank;
    const double *target = o->gradient;
    if (memchr(point->held[f], 1, (size_t)(point->sizes[f] * stride))) {
        for (int row = 0; row < point->sizes[f]; row++)
            if (!solve_row(o, point, f, row, target + row * stride, factor))
                return false;
        return true;
    }
    memcpy(o->reduced, o->normal, (size_t)(rank * stride) * sizeof *o->reduced);
    for (int c = 0; c < rank; c++)
        o->reduced[c * stride + c] *= factor;
    if (!stile_dense_cholesky(rank, o->reduced, stride))
        return false;
    for (int row = 0; row < point->sizes[f]; row++) {
        double *x = point->x[f] + row * stride;
        memcpy(x, target + row * stride, (size_t)rank * sizeof *x);
        stile_dense_solve(rank, o->reduced, stride, x);
    }
    return true;
}

bool stile_search_solve_factor(stile_search_optimizer *optimizer, stile_search_point *point, int f,
                               double weight)
{
    make_normal(optimizer, point, f);
    stile_search_contract(point, f, optimizer->gradient);
    /* A channel that is zero leaves zeros on the diagonal: any ridge settles it. */
    double largest = 0;
    for (int c = 0; c < point->rank; c++)
        largest = fmax(largest, optimizer->normal[c * point->stride + c]);
    for (int c = 0; c < point->rank; c++)
        optimizer->normal[c * point->stride + c] += 1e-200 + largest * 1e-16;
    for (double ridge = fmax(weight, LEAST_WEIGHT); ridge < 1e-6 || ridge == weight; ridge *= 100)
        if (solve(optimizer, point, f, 1 + ridge))
            return true;
    return false;
}

bool stile_search_sweep(stile_search_optimizer *optimizer, stile_search_point *point, double weight)
{
    for (int f = 0; f < 3; f++)
        if (!stile_search_solve_factor(optimizer, point, f, weight))
            return false;
    return true;
}
