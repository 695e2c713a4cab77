/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Newton's equations by preconditioned conjugate gradients. With A_g = P_gᵀX_g for a direction P,
 * the Hessian times P is, in factor f with g and h the other two,
 *
 *   P_f·(G_g∘G_h + penalty) + X_f·(G_h∘A_g + G_g∘A_h + penalty) + second order
 *
 * which takes products of matrices over channels alone, a few of rank × rank × mk. What weighs rows
 * differently does the same by classes of rows. The preconditioner is the first term, damped: that
 * of alternating least squares.
 */
#include <math.h>
#include <string.h>

#include "basis_search_optimizer.h"
#include "dense.h"

enum { REST, DIRECTION, IMAGE, PRECONDITIONED, SOLUTION };

static size_t squares(const stile_search_point *point)
{
    return (size_t)(point->stride * point->stride);
}

/* normal ← the normal matrix of a class of rows with its penalty. */
static void make_normal(const stile_search_optimizer *o, const stile_search_point *point,
                        double weight, int f, int row, double *normal)
{
    memset(normal, 0, squares(point) * sizeof *normal);
    stile_search_add_normal(o, point, f, row, 0, point->rank, normal);
    for (int c = 0; c < point->rank; c++)
        normal[c * (point->stride + 1)] += weight * stile_search_ridge(o, point, f, c);
}

double stile_search_krylov_begin(stile_search_optimizer *o, const stile_search_point *point,
                                 double weight)
{
    double trace = 0;
    for (int f = 0; f < 3; f++) {
        const int count = stile_search_class_rows(point, f);
        for (int row = 0, class = 0; row < point->sizes[f]; row += count, class ++) {
            make_normal(o, point, weight, f, row, o->blocks[f][class]);
            for (int c = 0; c < point->rank; c++)
                trace += count * o->blocks[f][class][c * (point->stride + 1)];
        }
    }
    return trace / ((point->sizes[0] + point->sizes[1] + point->sizes[2]) * point->rank);
}

bool stile_search_krylov_precondition(stile_search_optimizer *o, const stile_search_point *point,
                                      double shift)
{
    const int stride = point->stride, rank = point->rank;
    for (int f = 0; f < 3; f++) {
        const int count = stile_search_class_rows(point, f);
        for (int row = 0, class = 0; row < point->sizes[f]; row += count, class ++) {
            double *inverse = o->inverses[f][class];
            memcpy(o->reduced, o->blocks[f][class], squares(point) * sizeof *o->reduced);
            for (int c = 0; c < rank; c++)
                o->reduced[c * (stride + 1)] += shift;
            if (!stile_dense_cholesky(rank, o->reduced, stride))
                return false;
            memset(inverse, 0, squares(point) * sizeof *inverse);
            for (int c = 0; c < rank; c++) {
                inverse[c * (stride + 1)] = 1;
                stile_dense_solve(rank, o->reduced, stride, inverse + c * stride);
            }
        }
    }
    return true;
}

/* Rows of x, as those of factor f, times the matrix of their class are added to out. */
static void add_classes(const stile_search_point *point, int f,
                        double *const matrices[STILE_MAX_TILE], const double *x, double *out)
{
    const int stride = point->stride, count = stile_search_class_rows(point, f);
    for (int row = 0, class = 0; row < point->sizes[f]; row += count, class ++)
        stile_dense_multiply(count, stride, point->rank, 1,
                             (stile_dense_view){x + row * stride, stride, 1}, matrices[class],
                             stride, out + row * stride, stride);
}

/* Entries that are held do not move. */
static void mask(const stile_search_point *point, double *x)
{
    for (size_t i = 0; i < stile_search_point_size(point); i++)
        if (point->held[0][i])
            x[i] = 0;
}

/* a[g][class] ← P_gᵀX_g over the rows of each class. */
static void make_pairs(stile_search_optimizer *o, const stile_search_point *point, const double *p)
{
    const int stride = point->stride;
    for (int g = 0; g < 3; p += point->sizes[g++] * stride) {
        const int count = stile_search_class_rows(point, g);
        for (int row = 0, class = 0; row < point->sizes[g]; row += count, class ++) {
            memset(o->pairs[g][class], 0, squares(point) * sizeof *o->pairs[g][class]);
            stile_dense_multiply(point->rank, stride, count, 1,
                                 (stile_dense_view){p + row * stride, 1, stride},
                                 point->x[g] + row * stride, stride, o->pairs[g][class], stride);
        }
    }
}

/* What the rows of a class of factor f are multiplied by for the pairs with the other factors. */
static void make_cross(stile_search_optimizer *o, const stile_search_point *point, double weight,
                       int f, int row, double *cross)
{
    const int stride = point->stride;
    memset(cross, 0, squares(point) * sizeof *cross);
    for (int g = 0; g < 3; g++) {
        const int h = 3 - f - g, count = stile_search_class_rows(point, g);
        for (int other = 0, class = 0; g != f && other < point->sizes[g];
             other += count, class ++) {
            double scale;
            const double *gram = stile_search_pair_gram(o, point, f, row, g, other, &scale);
            const double *pair = o->pairs[g][class];
            memset(o->normal, 0, squares(point) * sizeof *o->normal);
            stile_dense_add_products((int)squares(point), gram, pair, o->normal);
            stile_dense_add((int)squares(point), scale, o->normal, cross);
            for (int c = 0; c < point->rank; c++) {
                const int at = c * (stride + 1);
                cross[at] += 2 * weight * o->grams[h][at] * pair[at];
            }
        }
    }
}

/* out ← (Hessian + shift)·p */
static void multiply(stile_search_optimizer *o, const stile_search_point *point, double weight,
                     double shift, const double *p, double *out)
{
    const int stride = point->stride;
    const size_t size = stile_search_point_size(point);
    const int offsets[3] = {0, point->sizes[0] * stride,
                            (point->sizes[0] + point->sizes[1]) * stride};
    memset(out, 0, size * sizeof *out);
    stile_dense_add((int)size, shift, p, out);
    make_pairs(o, point, p);
    for (int f = 0; f < 3; f++) {
        const int count = stile_search_class_rows(point, f);
        add_classes(point, f, o->blocks[f], p + offsets[f], out + offsets[f]);
        for (int row = 0; row < point->sizes[f]; row += count) {
            make_cross(o, point, weight, f, row, o->reduced);
            stile_dense_multiply(count, stride, point->rank, 1,
                                 (stile_dense_view){point->x[f] + row * stride, stride, 1},
                                 o->reduced, stride, out + offsets[f] + row * stride, stride);
        }
    }
    for (int h = 0; h < 3; h++) {
        const int f = (h + 1) % 3, g = (h + 2) % 3;
        for (int i = 0; i < point->sizes[f]; i++) {
            for (int j = 0; j < point->sizes[g]; j++) {
                const double *mixed = o->mixed[h] + (i * point->sizes[g] + j) * stride;
                const int from_f = offsets[f] + i * stride, from_g = offsets[g] + j * stride;
                stile_dense_add_products(stride, mixed, p + from_g, out + from_f);
                stile_dense_add_products(stride, mixed, p + from_f, out + from_g);
            }
        }
    }
    mask(point, out);
}

static void scatter(const stile_search_optimizer *o, const stile_search_point *point, int count,
                    const double *compact, double *full)
{
    memset(full, 0, stile_search_point_size(point) * sizeof *full);
    for (int i = 0; i < count; i++)
        full[o->variables[i]] = compact[i];
}

double stile_search_krylov_curvature(stile_search_optimizer *o, const stile_search_point *point,
                                     double weight, int count, const double *x)
{
    scatter(o, point, count, x, o->krylov[DIRECTION]);
    multiply(o, point, weight, 0, o->krylov[DIRECTION], o->krylov[IMAGE]);
    return stile_dense_dot((int)stile_search_point_size(point), o->krylov[DIRECTION],
                           o->krylov[IMAGE]);
}

static void precondition(stile_search_optimizer *o, const stile_search_point *point,
                         const double *x, double *out)
{
    const int stride = point->stride;
    memset(out, 0, stile_search_point_size(point) * sizeof *out);
    for (int f = 0, offset = 0; f < 3; offset += point->sizes[f++] * stride)
        add_classes(point, f, o->inverses[f], x + offset, out + offset);
    mask(point, out);
}

void stile_search_krylov_solve(stile_search_optimizer *o, const stile_search_point *point,
                               double weight, double shift, int count, double tolerance, int most,
                               double *x)
{
    const int size = (int)stile_search_point_size(point);
    double *rest = o->krylov[REST], *direction = o->krylov[DIRECTION], *image = o->krylov[IMAGE];
    double *other = o->krylov[PRECONDITIONED], *solution = o->krylov[SOLUTION];
    scatter(o, point, count, x, rest);
    memset(solution, 0, (size_t)size * sizeof *solution);
    precondition(o, point, rest, other);
    memcpy(direction, other, (size_t)size * sizeof *direction);
    double product = stile_dense_dot(size, rest, other);
    const double enough = product * tolerance * tolerance;
    for (int i = 0; i < most && product > enough; i++) {
        multiply(o, point, weight, shift, direction, image);
        const double curvature = stile_dense_dot(size, direction, image);
        if (!(curvature > 0)) { /* downhill for ever: what there is by now will do */
            if (i == 0)
                memcpy(solution, direction, (size_t)size * sizeof *solution);
            break;
        }
        const double length = product / curvature;
        stile_dense_add(size, length, direction, solution);
        stile_dense_add(size, -length, image, rest);
        precondition(o, point, rest, other);
        const double next = stile_dense_dot(size, rest, other), ratio = next / product;
        for (int j = 0; j < size; j++)
            direction[j] = other[j] + ratio * direction[j];
        product = next;
    }
    for (int i = 0; i < count; i++)
        x[i] = solution[o->variables[i]];
}
