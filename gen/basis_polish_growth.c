/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Newton's method on positive definite matrices, in moving frames: each step takes the basis as it
 * is rotated by now, and looks for symmetric S, the step's logarithm on each side of the tile, such
 * that the rotation by exp(S) has less growth.
 */
#include "basis_polish.h"

#include <math.h>
#include <string.h>

#include "basis_factor.h"
#include "fail.h"

enum {
    MAX_ENTRIES = STILE_MAX_TILE * STILE_MAX_TILE,
    MAX_STEPS = 200,
};

static const double NO_GAIN = 1e-9;        /* of growth: what is nearer counts as equal */
static const double CONVERGED = 1e-13;     /* of growth, for the decrease that a step foresees */
static const double SUFFICIENT = 1e-4;     /* of that decrease: what a step must bring */
static const double LONGEST_STEP = 2;      /* Frobenius norm of S */
static const double SHORTEST_STEP = 1e-10; /* part of a step that is still tried */
static const double LAST_STEP = 1e-5; /* Frobenius norm of a step that is only taken to sharpen */

/* One symmetric matrix a side: m, k, n. */
typedef struct tangent {
    double side[3][MAX_ENTRIES];
} tangent;

/* Channel vectors of U, V, D are matrices: from side `left` to side `right` of the tile. Rotating
   by exp(S) multiplies by exp(±S) on both. */
static const int left_side[] = {0, 1, 0}, right_side[] = {1, 2, 2};
static const double left_sign[] = {1, 1, -1}, right_sign[] = {-1, -1, 1};

typedef struct problem {
    int sizes[3];
    stile_basis_factor factors[3];
    int mkn;
} problem;

static problem problem_of(const stile_basis *basis)
{
    problem p = {.sizes = {basis->m, basis->k, basis->n}, .mkn = basis->m * basis->k * basis->n};
    for (int f = 0; f < 3; f++)
        p.factors[f] = stile_basis_factor_of(basis, f);
    return p;
}

static double dot(const problem *p, const tangent *a, const tangent *b)
{
    double sum = 0;
    for (int s = 0; s < 3; s++)
        for (int i = 0; i < p->sizes[s] * p->sizes[s]; i++)
            sum += a->side[s][i] * b->side[s][i];
    return sum;
}

/* a += factor · b */
static void add(const problem *p, tangent *a, double factor, const tangent *b)
{
    for (int s = 0; s < 3; s++)
        for (int i = 0; i < p->sizes[s] * p->sizes[s]; i++)
            a->side[s][i] += factor * b->side[s][i];
}

/* The channel vector as a dense matrix. */
static void load(const stile_basis_factor *factor, int channel, double *out)
{
    for (int i = 0; i < factor->rows * factor->columns; i++)
        out[i] = factor->entries[stile_factor_at(factor, channel, i)];
}

static double inner(const double *a, const double *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* The velocity of a channel vector x under S: ±S_left·x ± x·S_right. */
static void move(const problem *p, int f, const tangent *s, const double *x, double *out)
{
    const int rows = p->factors[f].rows, columns = p->factors[f].columns;
    const double *left = s->side[left_side[f]], *right = s->side[right_side[f]];
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            double first = 0, second = 0;
            for (int l = 0; l < rows; l++)
                first += left[i * rows + l] * x[l * columns + j];
            for (int l = 0; l < columns; l++)
                second += x[i * columns + l] * right[l * columns + j];
            out[i * columns + j] = left_sign[f] * first + right_sign[f] * second;
        }
    }
}

/* Adds weight·(x·yᵀ + y·xᵀ)/2 to the left side, likewise xᵀ·y to the right, with their signs. */
static void add_products(const problem *p, int f, double weight, const double *x, const double *y,
                         tangent *out)
{
    const int rows = p->factors[f].rows, columns = p->factors[f].columns;
    double *left = out->side[left_side[f]], *right = out->side[right_side[f]];
    const double to_left = weight * left_sign[f] / 2, to_right = weight * right_sign[f] / 2;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < rows; j++)
            for (int l = 0; l < columns; l++)
                left[i * rows + j] += to_left * (x[i * columns + l] * y[j * columns + l] +
                                                 y[i * columns + l] * x[j * columns + l]);
    for (int i = 0; i < columns; i++)
        for (int j = 0; j < columns; j++)
            for (int l = 0; l < rows; l++)
                right[i * columns + j] += to_right * (x[l * columns + i] * y[l * columns + j] +
                                                      y[l * columns + i] * x[l * columns + j]);
}

/* Growth and its gradient. */
static double slope(const problem *p, tangent *gradient)
{
    double growth = 0;
    memset(gradient, 0, sizeof *gradient);
    for (int c = 0; c < p->factors[0].rank; c++) {
        double x[3][MAX_ENTRIES], squares[3];
        for (int f = 0; f < 3; f++) {
            load(&p->factors[f], c, x[f]);
            squares[f] = inner(x[f], x[f], p->factors[f].rows * p->factors[f].columns);
        }
        growth += squares[0] * squares[1] * squares[2] / p->mkn;
        for (int f = 0; f < 3; f++) {
            const double others = squares[(f + 1) % 3] * squares[(f + 2) % 3] / p->mkn;
            add_products(p, f, 2 * others, x[f], x[f], gradient);
        }
    }
    return growth;
}

/* The derivative of the gradient along S: the Hessian times S. */
static void curve(const problem *p, const tangent *s, tangent *out)
{
    memset(out, 0, sizeof *out);
    for (int c = 0; c < p->factors[0].rank; c++) {
        double x[3][MAX_ENTRIES], moved[3][MAX_ENTRIES], squares[3], change[3];
        for (int f = 0; f < 3; f++) {
            const int count = p->factors[f].rows * p->factors[f].columns;
            load(&p->factors[f], c, x[f]);
            move(p, f, s, x[f], moved[f]);
            squares[f] = inner(x[f], x[f], count);
            change[f] = 2 * inner(x[f], moved[f], count);
        }
        for (int f = 0; f < 3; f++) {
            const int g = (f + 1) % 3, h = (f + 2) % 3;
            add_products(p, f, 4 * squares[g] * squares[h] / p->mkn, x[f], moved[f], out);
            add_products(p, f, 2 * (change[g] * squares[h] + squares[g] * change[h]) / p->mkn, x[f],
                         x[f], out);
        }
    }
}

/*
 * Newton's step by conjugate gradients. The Hessian is positive semidefinite, and the gradient has
 * nothing in its kernel (multiples of the identity); directions that are flat but for rounding end
 * the iteration.
 */
static void find_step(const problem *p, const tangent *gradient, tangent *step)
{
    memset(step, 0, sizeof *step);
    tangent rest = *gradient, direction, image;
    memset(&direction, 0, sizeof direction);
    add(p, &direction, -1, gradient);
    double squares = dot(p, &rest, &rest);
    const double enough = 1e-20 * squares;
    int dimension = 0;
    for (int s = 0; s < 3; s++)
        dimension += p->sizes[s] * (p->sizes[s] + 1) / 2;
    for (int i = 0; i < 2 * dimension && squares > enough; i++) {
        curve(p, &direction, &image);
        const double curvature = dot(p, &direction, &image);
        if (!(curvature > 1e-14 * dot(p, &direction, &direction))) {
            if (i == 0)
                *step = direction;
            return;
        }
        const double length = squares / curvature;
        add(p, step, length, &direction);
        add(p, &rest, length, &image);
        const double next = dot(p, &rest, &rest), ratio = next / squares;
        tangent previous = direction;
        memset(&direction, 0, sizeof direction);
        add(p, &direction, -1, &rest);
        add(p, &direction, ratio, &previous);
        squares = next;
    }
}

/* exp(factor·S) by its series, S halved until that is short and the result squared again. */
static stile_square exponential(const double *s, int size, double factor)
{
    double norm = 0;
    for (int i = 0; i < size * size; i++)
        norm += s[i] * s[i];
    norm = sqrt(norm) * fabs(factor);
    int halvings = 0;
    for (; norm > 0.25; norm /= 2)
        halvings++;
    stile_square sum = stile_square_identity(size), term = sum, scaled = sum;
    sum.rational = term.rational = scaled.rational = false;
    for (int i = 0; i < size * size; i++)
        scaled.entries[i] = ldexp(factor * s[i], -halvings);
    for (int order = 1; order <= 14; order++) {
        stile_square_multiply(&term, &term, &scaled);
        for (int i = 0; i < size * size; i++) {
            term.entries[i] /= order;
            sum.entries[i] += term.entries[i];
        }
    }
    for (int i = 0; i < halvings; i++)
        stile_square_multiply(&sum, &sum, &sum);
    return sum;
}

static stile_rotation rotation_along(const problem *p, const tangent *step, double length)
{
    return (stile_rotation){exponential(step->side[0], p->sizes[0], length),
                            exponential(step->side[1], p->sizes[1], length),
                            exponential(step->side[2], p->sizes[2], length)};
}

/* Cuts a step that leaves the region where its foresight is worth anything. */
static void shorten(const problem *p, tangent *step)
{
    const double norm = sqrt(dot(p, step, step));
    for (int s = 0; norm > LONGEST_STEP && s < 3; s++)
        for (int i = 0; i < p->sizes[s] * p->sizes[s]; i++)
            step->side[s][i] *= LONGEST_STEP / norm;
}

/* total ← total · next */
static void compose(stile_rotation *total, const stile_rotation *next)
{
    stile_square_multiply(&total->a, &total->a, &next->a);
    stile_square_multiply(&total->b, &total->b, &next->b);
    stile_square_multiply(&total->c, &total->c, &next->c);
}

/* One step of descent from where *rotation leads; *done where there is none. */
static int descend_once(stile_arena *scratch, const stile_basis *basis, stile_rotation *rotation,
                        bool *done)
{
    stile_basis *here, *there;
    int error = stile_basis_rotate(&here, scratch, basis, rotation);
    if (error)
        return error;
    const problem p = problem_of(here);
    tangent gradient, step, ignored;
    const double growth = slope(&p, &gradient);
    find_step(&p, &gradient, &step);
    shorten(&p, &step);
    const double decrease = -dot(&p, &gradient, &step);
    *done = true;
    if (!(decrease > CONVERGED * growth)) {
        /* Growth cannot tell any more, but the last step of Newton's method still sharpens. */
        const stile_rotation last = rotation_along(&p, &step, 1);
        if (dot(&p, &step, &step) < LAST_STEP * LAST_STEP)
            compose(rotation, &last);
        return STILE_OK;
    }
    for (double length = 1; length > SHORTEST_STEP; length /= 2) {
        const stile_rotation next = rotation_along(&p, &step, length);
        error = stile_basis_rotate(&there, scratch, here, &next);
        if (error)
            return error;
        const problem q = problem_of(there);
        if (slope(&q, &ignored) <= growth - SUFFICIENT * length * decrease) {
            compose(rotation, &next);
            *done = false;
            return STILE_OK;
        }
    }
    return STILE_OK;
}

/* Descends from `basis`: *rotation leads to the least growth. */
static int descend(const stile_basis *basis, stile_rotation *rotation)
{
    *rotation = stile_rotation_identity(basis);
    rotation->a.rational = rotation->b.rational = rotation->c.rational = false;
    bool done = false;
    int error = STILE_OK;
    for (int i = 0; i < MAX_STEPS && !done && !error; i++) {
        stile_arena *scratch = stile_arena_create();
        error = scratch ? descend_once(scratch, basis, rotation, &done) : stile_fail_memory();
        stile_arena_destroy(&scratch);
    }
    return error;
}

/* --- From the minimum to a basis -------------------------------------------------------------- */

/*
 * The triangular matrix T, first entry on the diagonal 1, with T·Tᵀ = A·Aᵀ up to a factor: of all
 * rotations that reach the same growth, those by such have the most zeros. `upper` counts rows and
 * columns from the end.
 */
static stile_square triangle(const stile_square *a, bool upper)
{
    const int size = a->size;
    const stile_square transposed = stile_square_transpose(a);
    stile_square square, out = stile_square_identity(size);
    stile_square_multiply(&square, a, &transposed);
    for (int j = 0; j < size; j++) {
        for (int i = j; i < size; i++) {
            const int row = upper ? size - 1 - i : i, column = upper ? size - 1 - j : j;
            double rest = square.entries[row * size + column];
            for (int l = 0; l < j; l++) {
                const int inner_l = upper ? size - 1 - l : l;
                rest -= out.entries[row * size + inner_l] * out.entries[column * size + inner_l];
            }
            const double pivot = out.entries[column * size + column];
            out.entries[row * size + column] = i == j ? sqrt(fmax(rest, 0)) : rest / pivot;
        }
    }
    const double first = out.entries[upper ? size * size - 1 : 0];
    out.rational = false;
    for (int i = 0; i < size * size; i++)
        out.entries[i] /= first;
    return out;
}

/* Sets to zero what is zero but for rounding. */
static void clean(stile_basis *basis)
{
    for (int f = 0; f < 3; f++) {
        const stile_basis_factor factor = stile_basis_factor_of(basis, f);
        for (int c = 0; c < basis->rank; c++) {
            const double norm = sqrt(stile_factor_dot(&factor, c, c));
            for (int i = 0; i < factor.rows * factor.columns; i++) {
                double *entry = &factor.entries[stile_factor_at(&factor, c, i)];
                if (fabs(*entry) < 1e-13 * norm)
                    *entry = 0;
            }
        }
    }
}

static double growth_of(const stile_basis *basis)
{
    const problem p = problem_of(basis);
    tangent ignored;
    return slope(&p, &ignored);
}

/* The basis in coordinates of triangular matrices, upper ones where `choice` has a bit. */
static int arrive(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                  const stile_rotation *rotation, int choice)
{
    const stile_rotation r = {triangle(&rotation->a, choice & 1),
                              triangle(&rotation->b, choice & 2),
                              triangle(&rotation->c, choice & 4)};
    stile_basis *rotated;
    const int error = stile_basis_rotate(&rotated, arena, basis, &r);
    if (error)
        return error;
    clean(rotated);
    return stile_basis_balance(out, arena, rotated);
}

static int nonzeros(const stile_basis *basis)
{
    return stile_basis_nonzeros(stile_basis_u(basis)) + stile_basis_nonzeros(stile_basis_v(basis)) +
           stile_basis_nonzeros(stile_basis_d(basis));
}

/* The sparsest arrival; a rational one, if an integer rotation has as little growth. */
static int arrive_best(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                       const stile_rotation *rotation, double least)
{
    stile_basis *best = NULL;
    int error = STILE_OK;
    if (stile_basis_is_rational(basis))
        error = stile_basis_polish_sparsity(&best, arena, basis, STILE_POLISH_NONZEROS);
    if (best && growth_of(best) > least * (1 + NO_GAIN))
        best = NULL;
    if (!best) {
        for (int choice = 0; choice < 8 && !error; choice++) {
            stile_basis *candidate;
            error = arrive(&candidate, arena, basis, rotation, choice);
            if (!error && (!best || nonzeros(candidate) < nonzeros(best)))
                best = candidate;
        }
    }
    if (!error)
        *out = best;
    return error;
}

int stile_basis_polish_growth(stile_basis **out, stile_arena *arena, const stile_basis *basis)
{
    stile_basis_metrics metrics;
    stile_rotation rotation;
    stile_basis *polished, *least;
    int error = stile_basis_measure(basis, &metrics);
    if (!error && !metrics.exact)
        error = stile_fail(STILE_ERROR_ARGUMENT,
                           "'%.64s' is not exact: rotations that keep its error keep its growth "
                           "too, so there is nothing to minimize",
                           basis->name);
    if (!error)
        error = descend(basis, &rotation);
    if (!error)
        error = stile_basis_rotate(&least, arena, basis, &rotation);
    if (error)
        return error;
    const double growth = growth_of(least);
    if (growth < growth_of(basis) * (1 - NO_GAIN)) {
        error = arrive_best(&polished, arena, basis, &rotation, growth);
    } else {
        rotation = stile_rotation_identity(basis);
        error = stile_basis_rotate(&polished, arena, basis, &rotation);
    }
    if (error)
        return error;
    polished->name = stile_basis_compose_name(arena, "polish", basis->name);
    polished->source = "rotated to the least growth";
    if (!polished->name)
        return stile_fail_memory();
    *out = polished;
    return STILE_OK;
}
