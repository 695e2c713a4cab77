/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With G_f the Gram matrix of factor f over channels, G = G_g∘G_h, and half of error +
 * weight·growth times mkn as objective F:
 *
 *   ∂F/∂x_f[i,c]            = Σ_e G[c,e] x_f[i,e] − (T contracted)[i,c] + weight·G[c,c] x_f[i,c]
 *   ∂²F/∂x_f[i,c]∂x_f[i,e]  = G[c,e] + weight·δ_ce G[c,c]
 *   ∂²F/∂x_f[i,c]∂x_g[j,e]  = G_h[c,e] x_f[i,e] x_g[j,c] + δ_ce (… second order)
 *
 * The second-order part, of one channel alone, is −(T − T̂) contracted with the vector of the third
 * factor, and weight times x_f[i,c] x_g[j,c] G_h[c,c]; Gauss and Newton leave it out.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "basis_search_optimizer.h"
#include "dense.h"
#include "fail.h"

enum {
    MOST_DIRECT = 400, /* unknowns of systems that are factorized */
    MOST_EXACT = 5000, /* the same towards exact solutions, which take precision */
    MOST_ITERATIONS = 150,
};

static const double PRECISE = 0.03, ROUGH = 0.1; /* of solutions that are iterated */
static const double FIRST_DAMPING = 1e-3;        /* of the mean of the Hessian's diagonal */
static const double LEAST_DAMPING = 1e-15;
static const double MOST_DAMPING = 1e8;
static const double LEAST_WEIGHT = 1e-9; /* of growth under a bound: then it does not bind */
static const double SUFFICIENT = 1e-4;   /* part of the foreseen decrease that a step must bring */

/* The system of a step, and its solution. */
typedef struct linear_system {
    int count, stride; /* of unknowns; of rows */
    double scale;      /* the mean of the Hessian's diagonal */
    double weight;     /* of growth, after the step */
    bool iterative;    /* by conjugate gradients, without the Hessian */
    double foreseen;   /* the decrease of the objective, if it were quadratic */
} linear_system;

/* What the springs add to the objective. */
static double stretch(const stile_search_optimizer *o, const stile_search_point *point)
{
    const size_t size = o->pull ? stile_search_point_size(point) : 0;
    double sum = 0;
    for (size_t i = 0; i < size; i++) {
        const double distance = point->x[0][i] - o->aim[i];
        sum += o->pull[i] * distance * distance;
    }
    return sum / (point->m * point->k * point->n);
}

/* gradient ← the derivatives of F; slope ← those of growth, likewise scaled; grams. */
static void make_gradient(stile_search_optimizer *o, const stile_search_point *point, double weight)
{
    const int stride = point->stride;
    stile_search_make_grams(o, point);
    double *gradient = o->gradient, *slope = o->slope;
    for (int f = 0; f < 3; f++) {
        const int entries = point->sizes[f] * stride, count = stile_search_class_rows(point, f);
        stile_search_contract(point, f, gradient);
        for (int i = 0; i < entries; i++) {
            const int c = i % stride;
            slope[i] = c < point->rank ? stile_search_ridge(o, point, f, c) * point->x[f][i] : 0;
            gradient[i] = weight * slope[i] - gradient[i];
        }
        for (int first = 0; first < point->sizes[f]; first += count) {
            memset(o->normal, 0, (size_t)(stride * stride) * sizeof *o->normal);
            stile_search_add_normal(o, point, f, first, 0, point->rank, o->normal);
            stile_dense_multiply(count, stride, point->rank, 1,
                                 (stile_dense_view){point->x[f] + first * stride, stride, 1},
                                 o->normal, stride, gradient + first * stride, stride);
        }
        gradient += entries;
        slope += entries;
    }
}

/*
 * mixed[h][(i, j)][c]: the second-order part for factors f = h + 1 and g = h + 2 (mod 3), except
 * for the penalty's.
 */
static void make_mixed(stile_search_optimizer *o, const stile_search_point *point)
{
    const int m = point->m, k = point->k, n = point->n, stride = point->stride;
    for (int h = 0; h < 3; h++) {
        const int f = (h + 1) % 3, g = (h + 2) % 3, columns = point->sizes[g];
        const int count = stile_search_class_rows(point, g);
        memset(o->mixed[h], 0, (size_t)(point->sizes[f] * columns * stride) * sizeof *o->mixed[h]);
        for (int i = 0; i < point->sizes[f]; i++) {
            double *products = o->row, scale;
            memset(products, 0, (size_t)(columns * stride) * sizeof *products);
            for (int j = 0; j < columns; j++)
                stile_dense_add_products(stride, point->x[f] + i * stride, point->x[g] + j * stride,
                                         products + j * stride);
            for (int j = 0; j < columns; j += count) {
                const double *gram = stile_search_pair_gram(o, point, f, i, g, j, &scale);
                stile_dense_multiply(count, stride, point->rank, scale,
                                     (stile_dense_view){products + j * stride, stride, 1}, gram,
                                     stride, o->mixed[h] + (i * columns + j) * stride, stride);
            }
        }
    }
    for (int i = 0; i < m * k * n; i++) {
        const int a = i / (k * n), b = i / n % k, d = i % n;
        const int rows[3] = {a * k + b, b * n + d, a * n + d};
        for (int h = 0; h < 3; h++) {
            const int f = (h + 1) % 3, g = (h + 2) % 3;
            stile_dense_add(stride, -1, point->x[h] + rows[h] * stride,
                            o->mixed[h] + (rows[f] * point->sizes[g] + rows[g]) * stride);
        }
    }
}

/* Derivatives by x_f[i,c] of the gradient in factor g, into `out` of the shape of that factor. */
static void make_block(const stile_search_optimizer *o, const stile_search_point *point,
                       double weight, bool gauss, int f, int i, int c, int g, double *out)
{
    const int stride = point->stride, h = 3 - f - g;
    memset(out, 0, (size_t)(point->sizes[g] * stride) * sizeof *out);
    if (f == g) {
        stile_search_add_normal(o, point, f, i, c, 1, out + i * stride);
        out[i * stride + c] += weight * stile_search_ridge(o, point, f, c);
        return;
    }
    const double *x = point->x[f] + i * stride;
    const double penalty = (gauss ? 1 : 2) * weight * o->grams[h][c * (stride + 1)] * x[c];
    double *products = o->step, scale = 1;
    const int count = stile_search_class_rows(point, g);
    for (int j = 0; j < point->sizes[g]; j++) {
        if (j % count == 0) {
            const double *gram = stile_search_pair_gram(o, point, f, i, g, j, &scale);
            memset(products, 0, (size_t)stride * sizeof *products);
            stile_dense_add_products(stride, x, gram + c * stride, products);
        }
        const double y = point->x[g][j * stride + c];
        double *line = out + j * stride;
        stile_dense_add(stride, scale * y, products, line);
        line[c] += penalty * y;
        if (!gauss) {
            const int at = f == (h + 1) % 3 ? i * point->sizes[g] + j : j * point->sizes[f] + i;
            line[c] += o->mixed[h][at * stride + c];
        }
    }
}

/* The upper triangle of the Hessian over the variables; the springs join it and the gradient. */
static void make_hessian(stile_search_optimizer *o, const stile_search_point *point,
                         const stile_search_goal *goal, linear_system *system)
{
    const int count = system->count, stride = system->stride;
    int position = 0, offsets[4] = {0};
    for (int f = 0; f < 3; f++)
        offsets[f + 1] = offsets[f] + point->sizes[f] * point->stride;
    for (int f = 0; f < 3; f++) {
        for (; position < count && o->variables[position] < offsets[f + 1]; position++) {
            const int at = o->variables[position] - offsets[f];
            for (int g = f; g < 3; g++)
                make_block(o, point, goal->weight, goal->gauss, f, at / point->stride,
                           at % point->stride, g, o->row + offsets[g]);
            double *line = o->hessian + (size_t)position * (size_t)stride;
            for (int j = position; j < count; j++)
                line[j] = o->row[o->variables[j]];
        }
    }
    system->scale = 0;
    for (int i = 0; i < count; i++) {
        const int at = o->variables[i];
        double *diagonal = &o->hessian[(size_t)i * (size_t)(stride + 1)];
        if (o->pull) {
            o->gradient[at] += o->pull[at] * (point->x[0][at] - o->aim[at]);
            *diagonal += o->pull[at];
        }
        system->scale += *diagonal / count;
    }
}

/* Entries that are not held, in order. */
static int list_variables(stile_search_optimizer *o, const stile_search_point *point)
{
    const int rows = point->sizes[0] + point->sizes[1] + point->sizes[2];
    int count = 0;
    for (int row = 0; row < rows; row++)
        for (int c = 0; c < point->rank; c++)
            if (!point->held[0][row * point->stride + c])
                o->variables[count++] = row * point->stride + c;
    return count;
}

/* Room for systems of `count` unknowns. */
static bool make_room(stile_search_optimizer *o, size_t count, size_t stride)
{
    if (count <= o->dimension)
        return true;
    free(o->hessian);
    free(o->factor);
    o->hessian = malloc(count * stride * sizeof *o->hessian);
    o->factor = malloc(count * stride * sizeof *o->factor);
    o->dimension = o->hessian && o->factor ? count : 0;
    if (!o->dimension)
        stile_fail_memory();
    return o->dimension > 0;
}

static void raise_damping(stile_search_optimizer *o)
{
    o->damping *= o->raise;
    o->raise *= 2;
}

/* factor ← that of the Hessian plus damping. */
static bool factorize(stile_search_optimizer *o, int count, int stride, double scale)
{
    memcpy(o->factor, o->hessian, (size_t)count * (size_t)stride * sizeof *o->factor);
    for (int i = 0; i < count; i++)
        o->factor[(size_t)i * (size_t)(stride + 1)] += o->damping * scale;
    return stile_dense_cholesky(count, o->factor, stride);
}

/* x ← (Hessian + damping)⁻¹·x, where it is solved iteratively approximately. */
static void solve(stile_search_optimizer *o, const stile_search_point *point,
                  const stile_search_goal *goal, const linear_system *system, double tolerance,
                  double *x)
{
    if (system->iterative)
        stile_search_krylov_solve(o, point, goal->weight, o->damping * system->scale, system->count,
                                  tolerance, MOST_ITERATIONS, x);
    else
        stile_dense_solve(system->count, o->factor, system->stride, x);
}

/*
 * The step along which growth, to first order, ends at the bound: with q the slope of growth, it is
 * −(H + damping)⁻¹(g + change·q), and the change of the weight follows.
 */
static void constrain_step(stile_search_optimizer *o, const stile_search_point *point,
                           const stile_search_goal *goal, linear_system *system)
{
    double *step = o->step, *other = o->row, along_step = 0, along_other = 0;
    for (int i = 0; i < system->count; i++)
        other[i] = -o->slope[o->variables[i]];
    solve(o, point, goal, system, ROUGH, other);
    for (int i = 0; i < system->count; i++) {
        along_step += o->slope[o->variables[i]] * step[i];
        along_other += o->slope[o->variables[i]] * other[i];
    }
    const double room = (goal->bound - goal->growth) * (point->m * point->k * point->n) / 2;
    double change = along_other < 0 ? (room - along_step) / along_other : 0;
    system->weight = fmin(fmax(goal->weight + change, goal->weight * 0.4), goal->weight * 2.5);
    system->weight = fmax(system->weight, LEAST_WEIGHT);
    change = system->weight - goal->weight;
    stile_dense_add(system->count, change, other, step);
}

/* The decrease of the objective if it were quadratic: exactly solved systems tell it at once. */
static double foresee(stile_search_optimizer *o, const stile_search_point *point,
                      const stile_search_goal *goal, const linear_system *system)
{
    const double change = system->weight - goal->weight, *step = o->step;
    double slope = 0, squares = 0;
    for (int i = 0; i < system->count; i++) {
        const int at = o->variables[i];
        slope += step[i] * (o->gradient[at] + change * o->slope[at]);
        squares += step[i] * step[i];
    }
    const double decrease = system->iterative
                                ? -2 * slope - stile_search_krylov_curvature(o, point, goal->weight,
                                                                             system->count, step)
                                : o->damping * system->scale * squares - slope;
    return decrease / (point->m * point->k * point->n);
}

/* The step for the current damping; false where the damped Hessian is not positive definite. */
static bool find_step(stile_search_optimizer *o, const stile_search_point *point,
                      const stile_search_goal *goal, linear_system *system)
{
    if (system->iterative ? !stile_search_krylov_precondition(o, point, o->damping * system->scale)
                          : !factorize(o, system->count, system->stride, system->scale))
        return false;
    for (int i = 0; i < system->count; i++)
        o->step[i] = -o->gradient[o->variables[i]];
    solve(o, point, goal, system, PRECISE, o->step);
    system->weight = goal->weight;
    if (goal->bound > 0)
        constrain_step(o, point, goal, system);
    system->foreseen = foresee(o, point, goal, system);
    return true;
}

static double objective(const stile_search_goal *goal, double weight)
{
    return goal->error + weight * goal->growth;
}

stile_newton_outcome stile_search_newton(stile_search_optimizer *o, stile_search_point *point,
                                         stile_search_goal *goal)
{
    linear_system system = {.count = list_variables(o, point)};
    system.stride = stile_dense_stride(system.count);
    system.iterative = !o->pull && system.count > (goal->gauss ? MOST_EXACT : MOST_DIRECT);
    if (!system.iterative && !make_room(o, (size_t)system.count, (size_t)system.stride))
        return STILE_NEWTON_FAILED;
    if (goal->error < 0) {
        goal->error = stile_search_error(point, o->residual);
        goal->growth = stile_search_growth(point);
    }
    make_gradient(o, point, goal->weight);
    if (!goal->gauss || system.iterative)
        make_mixed(o, point);
    if (system.iterative)
        system.scale = stile_search_krylov_begin(o, point, goal->weight);
    else
        make_hessian(o, point, goal, &system);
    if (!(o->damping > 0)) {
        o->damping = FIRST_DAMPING;
        o->raise = 2;
    }
    const double springs = stretch(o, point);
    for (; o->damping < MOST_DAMPING; raise_damping(o)) {
        if (!find_step(o, point, goal, &system))
            continue;
        stile_search_point_copy(&o->trial, point);
        for (int i = 0; i < system.count; i++)
            o->trial.x[0][o->variables[i]] += o->step[i];
        stile_search_goal next = *goal;
        next.weight = system.weight;
        next.error = stile_search_error(&o->trial, o->residual);
        next.growth = stile_search_growth(&o->trial);
        const double before = objective(goal, system.weight) + springs;
        const double after = objective(&next, system.weight) + stretch(o, &o->trial);
        const double ratio = (before - after) / system.foreseen;
        /* An approximate step may lead uphill; a shorter one does not. */
        const bool uphill = !(system.foreseen > 0);
        if (uphill || !(ratio > SUFFICIENT)) {
            const bool exhausted = uphill ? !system.iterative : system.foreseen < 1e-15 * before;
            if (exhausted || before < 1e-30)
                return STILE_NEWTON_CONVERGED;
            continue;
        }
        stile_search_point_copy(point, &o->trial);
        *goal = next;
        const double bend = 2 * ratio - 1;
        o->damping = fmax(LEAST_DAMPING, o->damping * fmax(0.1, 1 - bend * bend * bend));
        o->raise = 2;
        return STILE_NEWTON_MOVED;
    }
    o->damping = 0;
    return STILE_NEWTON_CONVERGED;
}
