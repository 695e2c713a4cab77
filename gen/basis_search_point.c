/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_search_point.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dense.h"
#include "fail.h"

static int row_count(const stile_search_point *p)
{
    return p->sizes[0] + p->sizes[1] + p->sizes[2];
}

size_t stile_search_point_size(const stile_search_point *point)
{
    return (size_t)row_count(point) * (size_t)point->stride;
}

int stile_search_point_create(stile_search_point *out, int m, int k, int n, int rank, int capacity)
{
    stile_search_point p = {.m = m,
                            .k = k,
                            .n = n,
                            .rank = rank,
                            .rows = STILE_COUPLING_FULL,
                            .leak = 1,
                            .sizes = {m * k, k * n, m * n}};
    p.stride = stile_dense_stride(capacity);
    p.x[0] = calloc(stile_search_point_size(&p), sizeof *p.x[0]);
    p.held[0] = calloc(stile_search_point_size(&p), 1);
    if (!p.x[0] || !p.held[0]) {
        stile_search_point_destroy(&p);
        return stile_fail_memory();
    }
    for (int f = 1; f < 3; f++) {
        p.x[f] = p.x[f - 1] + p.sizes[f - 1] * p.stride;
        p.held[f] = p.held[f - 1] + p.sizes[f - 1] * p.stride;
    }
    *out = p;
    return STILE_OK;
}

void stile_search_point_destroy(stile_search_point *point)
{
    free(point->x[0]);
    free(point->held[0]);
    *point = (stile_search_point){0};
}

void stile_search_point_copy(stile_search_point *to, const stile_search_point *from)
{
    to->rank = from->rank;
    to->rows = from->rows;
    to->leak = from->leak;
    memcpy(to->x[0], from->x[0], stile_search_point_size(from) * sizeof *to->x[0]);
    memcpy(to->held[0], from->held[0], stile_search_point_size(from));
}

void stile_search_point_load(stile_search_point *point, const stile_basis *basis)
{
    for (int c = 0; c < point->rank; c++) {
        for (int i = 0; i < point->sizes[0]; i++)
            point->x[0][i * point->stride + c] = basis->u[c * point->sizes[0] + i];
        for (int i = 0; i < point->sizes[1]; i++)
            point->x[1][i * point->stride + c] = basis->v[c * point->sizes[1] + i];
        for (int i = 0; i < point->sizes[2]; i++)
            point->x[2][i * point->stride + c] = basis->d[i * point->rank + c];
    }
}

void stile_search_point_store(const stile_search_point *point, stile_basis *basis)
{
    for (int c = 0; c < point->rank; c++) {
        for (int i = 0; i < point->sizes[0]; i++)
            basis->u[c * point->sizes[0] + i] = point->x[0][i * point->stride + c];
        for (int i = 0; i < point->sizes[1]; i++)
            basis->v[c * point->sizes[1] + i] = point->x[1][i * point->stride + c];
        for (int i = 0; i < point->sizes[2]; i++)
            basis->d[i * point->rank + c] = point->x[2][i * point->stride + c];
    }
}

void stile_search_point_drop(stile_search_point *point, int channel)
{
    const int last = --point->rank;
    for (int row = 0; row < row_count(point); row++) {
        double *x = point->x[0] + row * point->stride;
        unsigned char *held = point->held[0] + row * point->stride;
        x[channel] = x[last];
        held[channel] = held[last];
        x[last] = 0;
        held[last] = 0;
    }
}

static double squares(const stile_search_point *p, int f, int c)
{
    double sum = 0;
    for (int i = 0; i < p->sizes[f]; i++)
        sum += p->x[f][i * p->stride + c] * p->x[f][i * p->stride + c];
    return sum;
}

/* Whether scaling would move an entry that is held. */
static bool is_pinned(const stile_search_point *p, int c)
{
    for (int row = 0; row < row_count(p); row++) {
        const int at = row * p->stride + c;
        if (p->held[0][at] && p->x[0][at] != 0)
            return true;
    }
    return false;
}

void stile_search_point_balance(stile_search_point *point)
{
    for (int c = 0; c < point->rank; c++) {
        const double norms[3] = {sqrt(squares(point, 0, c)), sqrt(squares(point, 1, c)),
                                 sqrt(squares(point, 2, c))};
        /* No cbrt: its last digit is not the same everywhere. Newton's steps from above are. */
        const double product = norms[0] * norms[1] * norms[2];
        if (!(product > 1e-200) || !isfinite(product) || is_pinned(point, c))
            continue;
        double mean = fmax(norms[0], fmax(norms[1], norms[2]));
        for (double last = INFINITY; mean < last;) {
            last = mean;
            mean = (2 * last + product / (last * last)) / 3;
        }
        for (int f = 0; f < 3; f++)
            for (int i = 0; i < point->sizes[f]; i++)
                point->x[f][i * point->stride + c] *= mean / norms[f];
    }
}

void stile_search_contract(const stile_search_point *point, int f, double *out)
{
    const int m = point->m, k = point->k, n = point->n, stride = point->stride;
    memset(out, 0, (size_t)(point->sizes[f] * stride) * sizeof *out);
    for (int i = 0; i < m * k * n; i++) {
        const int a = i / (k * n), b = i / n % k, d = i % n;
        const int rows[3] = {a * k + b, b * n + d, a * n + d};
        const int g = (f + 1) % 3, h = (f + 2) % 3;
        stile_dense_add_products(stride, point->x[g] + rows[g] * stride,
                                 point->x[h] + rows[h] * stride, out + rows[f] * stride);
    }
}

/* One slice of T̂, kn × mn rounded up; the products of a row of U with those of V; Dᵀ. */
size_t stile_search_residual_scratch(const stile_search_point *point)
{
    const int columns = stile_dense_stride(point->sizes[2]);
    return (size_t)point->sizes[1] * (size_t)(columns + point->stride) +
           (size_t)point->stride * (size_t)columns;
}

/* Dᵀ, which slices are made with. */
static void turn(const stile_search_point *point, double *turned)
{
    const int mn = point->sizes[2], columns = stile_dense_stride(mn);
    memset(turned, 0, (size_t)(point->stride * columns) * sizeof *turned);
    for (int c = 0; c < point->rank; c++)
        for (int i = 0; i < mn; i++)
            turned[c * columns + i] = point->x[2][i * point->stride + c];
}

static double *turned_of(const stile_search_point *point, double *scratch)
{
    const int columns = stile_dense_stride(point->sizes[2]);
    return scratch + point->sizes[1] * (columns + point->stride);
}

/* T̂[x,·,·] into the beginning of `scratch`: kn rows of mn entries, padded with zeros. */
static void make_slice(const stile_search_point *point, int x, double *scratch)
{
    const int stride = point->stride, kn = point->sizes[1];
    const int columns = stile_dense_stride(point->sizes[2]);
    double *slice = scratch, *products = slice + kn * columns;
    memset(slice, 0, (size_t)(kn * (columns + stride)) * sizeof *slice);
    for (int w = 0; w < kn; w++)
        stile_dense_add_products(stride, point->x[0] + x * stride, point->x[1] + w * stride,
                                 products + w * stride);
    stile_dense_multiply(kn, columns, point->rank, 1, (stile_dense_view){products, stride, 1},
                         turned_of(point, scratch), columns, slice, columns);
}

double stile_search_error(const stile_search_point *point, double *scratch)
{
    const int k = point->k, n = point->n, kn = point->sizes[1];
    const int columns = stile_dense_stride(point->sizes[2]);
    double sum = 0;
    turn(point, turned_of(point, scratch));
    for (int x = 0; x < point->sizes[0]; x++) {
        make_slice(point, x, scratch);
        for (int d = 0; d < n; d++)
            scratch[(x % k * n + d) * columns + x / k * n + d] -= 1;
        if (point->rows == STILE_COUPLING_FULL) {
            sum += stile_dense_dot(kn * columns, scratch, scratch);
            continue;
        }
        for (int w = 0; w < kn; w++) {
            for (int to = 0; to < point->m; to++) {
                const double *entries = scratch + w * columns + to * n;
                sum += stile_search_row_weight(point, x / k, to) *
                       stile_dense_dot(n, entries, entries);
            }
        }
    }
    return sum / (point->m * k * n);
}

double stile_search_leakage(const stile_search_point *point, double *scratch)
{
    const int columns = stile_dense_stride(point->sizes[2]);
    double largest = 0, forbidden = 0;
    stile_search_point strict = *point;
    strict.leak = 0;
    turn(point, turned_of(point, scratch));
    for (int x = 0; x < point->sizes[0]; x++) {
        make_slice(point, x, scratch);
        for (int w = 0; w < point->sizes[1]; w++) {
            for (int y = 0; y < point->sizes[2]; y++) {
                const double size = fabs(scratch[w * columns + y]);
                largest = fmax(largest, size);
                if (stile_search_row_weight(&strict, x / point->k, y / point->n) == 0)
                    forbidden = fmax(forbidden, size);
            }
        }
    }
    return largest > 0 ? forbidden / largest : 0;
}

double stile_search_growth(const stile_search_point *point)
{
    double sum = 0;
    for (int c = 0; c < point->rank; c++)
        sum += squares(point, 0, c) * squares(point, 1, c) * squares(point, 2, c);
    return sum / (point->m * point->k * point->n);
}
