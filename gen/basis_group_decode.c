/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_group.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "basis_factor.h"
#include "dense.h"
#include "fail.h"

/* Of the channels' squared lengths: what is less than this beside the others counts as dependent,
   and errors that differ by less (of mkn) as equal. */
static const double DEPENDENT = 1e-9, SAME = 1e-12;

/*
 * Least squares over D for the channels of U and V. With t_c = u_c ⊗ v_c, scaled to length 1, D
 * minimises ‖T − Σ_c t_c ⊗ d_c‖²: gram·Dᵀ = truth, where truth[c,(a,d)] = Σ_b t_c[(a,b),(b,d)].
 */
typedef struct problem {
    int count, outputs;
    double volume; /* ‖T‖² = mkn */
    double *gram;  /* count × count */
    double *truth; /* count × outputs */
    double *scale; /* 1/‖t_c‖, 0 for channels that are zero */
} problem;

static void problem_free(problem *p)
{
    free(p->gram);
    free(p->truth);
    free(p->scale);
    *p = (problem){0};
}

static int problem_create(problem *out, const stile_basis *basis)
{
    const int count = basis->rank, m = basis->m, k = basis->k, n = basis->n, outputs = m * n;
    const stile_basis_factor u = stile_basis_factor_of(basis, 0);
    const stile_basis_factor v = stile_basis_factor_of(basis, 1);
    problem p = {count, outputs, m * k * n};
    p.gram = malloc((size_t)(count * count) * sizeof *p.gram);
    p.truth = calloc((size_t)(count * outputs), sizeof *p.truth);
    p.scale = calloc((size_t)count, sizeof *p.scale);
    if (!p.gram || !p.truth || !p.scale) {
        problem_free(&p);
        return stile_fail_memory();
    }
    for (int c = 0; c < count; c++) {
        const double square = stile_factor_dot(&u, c, c) * stile_factor_dot(&v, c, c);
        p.scale[c] = square > 0 ? 1 / sqrt(square) : 0;
        for (int i = 0; i < outputs; i++) {
            for (int b = 0; b < k; b++)
                p.truth[c * outputs + i] += p.scale[c] * basis->u[c * m * k + i / n * k + b] *
                                            basis->v[c * k * n + b * n + i % n];
        }
        for (int e = 0; e <= c; e++) {
            const double dot =
                p.scale[c] * p.scale[e] * stile_factor_dot(&u, c, e) * stile_factor_dot(&v, c, e);
            p.gram[c * count + e] = p.gram[e * count + c] = dot;
        }
    }
    *out = p;
    return STILE_OK;
}

static double square_of(const double *values, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += values[i] * values[i];
    return sum;
}

/* --- Growing: orthogonal least squares -------------------------------------------------------- */

/*
 * Channels are made orthogonal to those chosen as Cholesky's factorization does it: `columns` has
 * its columns, `left` the squared lengths of what is left of each channel, `truth` their inner
 * products with T.
 */
static int grow(stile_channel_chain *out, const problem *p)
{
    const int count = p->count, outputs = p->outputs;
    double *columns = calloc((size_t)(count * count), sizeof *columns);
    double *truth = malloc((size_t)(count * outputs) * sizeof *truth);
    double left[STILE_MAX_RANK];
    bool chosen[STILE_MAX_RANK] = {false};
    out->count = 0;
    out->errors[0] = 1;
    if (!columns || !truth) {
        free(columns);
        free(truth);
        return stile_fail_memory();
    }
    memcpy(truth, p->truth, (size_t)(count * outputs) * sizeof *truth);
    for (int c = 0; c < count; c++)
        left[c] = p->scale[c] > 0;
    while (out->count < count) {
        int best = -1;
        double most = SAME;
        for (int c = 0; c < count; c++) {
            if (chosen[c] || left[c] < DEPENDENT)
                continue;
            const double gain = square_of(truth + c * outputs, outputs) / left[c] / p->volume;
            if (gain > most + SAME) {
                best = c;
                most = gain;
            }
        }
        if (best < 0)
            break;
        const int step = out->count++;
        const double pivot = 1 / sqrt(left[best]);
        double *column = columns + step * count;
        chosen[best] = true;
        for (int c = 0; c < count; c++) {
            double rest = p->gram[c * count + best];
            for (int i = 0; i < step; i++)
                rest -= columns[i * count + c] * columns[i * count + best];
            column[c] = rest * pivot;
        }
        for (int c = 0; c < count; c++) {
            if (chosen[c])
                continue;
            left[c] -= column[c] * column[c];
            for (int i = 0; i < outputs; i++)
                truth[c * outputs + i] -= column[c] * pivot * truth[best * outputs + i];
        }
        out->channels[step] = best;
        out->errors[step + 1] = fmax(out->errors[step] - most, 0);
    }
    free(truth);
    free(columns);
    return STILE_OK;
}

/* --- Shrinking -------------------------------------------------------------------------------- */

/*
 * The inverse of the Gram matrix of some channels, and D, whose rows are solutions. Returns false
 * where the matrix is singular. `inverse` is count × count, `solution` count × outputs.
 */
static bool invert(const problem *p, const int *channels, int count, double *inverse,
                   double *solution, double *scratch)
{
    const int outputs = p->outputs;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++)
            scratch[i * count + j] = p->gram[channels[i] * p->count + channels[j]];
    }
    if (!stile_dense_cholesky(count, scratch, count))
        return false;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++)
            inverse[i * count + j] = i == j;
        stile_dense_solve(count, scratch, count, inverse + i * count);
    }
    for (int i = 0; i < count; i++) {
        for (int o = 0; o < outputs; o++) {
            double sum = 0;
            for (int j = 0; j < count; j++)
                sum += inverse[i * count + j] * p->truth[channels[j] * outputs + o];
            solution[i * outputs + o] = sum;
        }
    }
    return true;
}

/*
 * Dropping channel c raises the squared error by ‖d_c‖²/(G⁻¹)_cc; what is left of G⁻¹ and D follows
 * without another solve.
 */
static int shrink(stile_channel_chain *out, const stile_channel_chain *from, const problem *p)
{
    const int count = from->count, outputs = p->outputs;
    const size_t square = (size_t)(count * count);
    double *inverse = malloc((square * 2 + (size_t)(count * outputs)) * sizeof *inverse);
    double *const scratch = inverse + square, *const solution = scratch + square;
    bool dropped[STILE_MAX_RANK] = {false};
    if (!inverse)
        return stile_fail_memory();
    *out = *from;
    if (!invert(p, from->channels, count, inverse, solution, scratch)) {
        free(inverse);
        return STILE_OK; /* as it was grown */
    }
    for (int rank = count; rank > 0; rank--) {
        int worst = -1;
        double least = 0;
        for (int c = 0; c < count; c++) {
            if (dropped[c])
                continue;
            const double cost =
                square_of(solution + c * outputs, outputs) / inverse[c * count + c] / p->volume;
            if (worst < 0 || cost < least - SAME) {
                worst = c;
                least = cost;
            }
        }
        dropped[worst] = true;
        out->channels[rank - 1] = from->channels[worst];
        out->errors[rank - 1] = rank > 1 ? fmin(out->errors[rank] + least, 1) : 1;
        const double pivot = inverse[worst * count + worst];
        for (int c = 0; c < count; c++) {
            const double factor = inverse[c * count + worst] / pivot;
            if (dropped[c])
                continue;
            for (int o = 0; o < outputs; o++)
                solution[c * outputs + o] -= factor * solution[worst * outputs + o];
            for (int e = 0; e < count; e++)
                scratch[e] = inverse[worst * count + e];
            for (int e = 0; e < count; e++)
                inverse[c * count + e] -= factor * scratch[e];
        }
    }
    free(inverse);
    return STILE_OK;
}

int stile_basis_chains(const stile_basis *basis, stile_channel_chain *grown,
                       stile_channel_chain *shrunk)
{
    problem p;
    int error = problem_create(&p, basis);
    if (error)
        return error;
    error = grow(grown, &p);
    if (!error && grown->count == 0)
        *shrunk = *grown;
    else if (!error)
        error = shrink(shrunk, grown, &p);
    problem_free(&p);
    return error;
}

/* --- The decoder ------------------------------------------------------------------------------ */

/* The fraction of least denominator up to 2^12 within rounding of `value`, by its continued
   fraction. */
static bool find_fraction(stile_rational *out, double value)
{
    int64_t num = 1, den = 0, last_num = 0, last_den = 1;
    double rest = value;
    for (int i = 0; i < 40; i++) {
        const double whole = floor(rest);
        if (fabs(whole) > 1 << 20)
            return false;
        const int64_t next_num = (int64_t)whole * num + last_num;
        const int64_t next_den = (int64_t)whole * den + last_den;
        last_num = num;
        last_den = den;
        num = next_num;
        den = next_den;
        if (den > 1 << 12 || num > 1 << 20 || num < -(1 << 20))
            return false;
        if (fabs(value - (double)num / (double)den) < 1e-10)
            return stile_rational_make(out, num, den);
        rest = 1 / (rest - whole);
    }
    return false;
}

/* Σ left·right over the entries of two channels. */
static bool exact_dot(stile_rational *out, const stile_basis_factor *factor, int c, int e)
{
    stile_rational term, sum = STILE_RATIONAL_ZERO;
    for (int i = 0; i < factor->rows * factor->columns; i++) {
        if (!stile_rational_mul(&term, factor->exact[stile_factor_at(factor, c, i)],
                                factor->exact[stile_factor_at(factor, e, i)]) ||
            !stile_rational_add(&sum, sum, term))
            return false;
    }
    *out = sum;
    return true;
}

/* Whether the exact entries of D solve the normal equations exactly. */
static bool solves_exactly(const stile_basis *basis)
{
    const int rank = basis->rank, k = basis->k, n = basis->n, outputs = basis->m * n;
    const stile_basis_factor u = stile_basis_factor_of(basis, 0);
    const stile_basis_factor v = stile_basis_factor_of(basis, 1);
    for (int c = 0; c < rank; c++) {
        stile_rational line[STILE_MAX_RANK], term;
        for (int e = 0; e < rank; e++) {
            if (!exact_dot(&line[e], &u, c, e) || !exact_dot(&term, &v, c, e) ||
                !stile_rational_mul(&line[e], line[e], term))
                return false;
        }
        for (int i = 0; i < outputs; i++) {
            stile_rational sum = STILE_RATIONAL_ZERO;
            for (int e = 0; e < rank; e++) {
                if (!stile_rational_mul(&term, line[e], basis->d_exact[i * rank + e]) ||
                    !stile_rational_add(&sum, sum, term))
                    return false;
            }
            for (int b = 0; b < k; b++) {
                if (!stile_rational_mul(&term, u.exact[stile_factor_at(&u, c, i / n * k + b)],
                                        v.exact[stile_factor_at(&v, c, b * n + i % n)]) ||
                    !stile_rational_sub(&sum, sum, term))
                    return false;
            }
            if (sum.num)
                return false;
        }
    }
    return true;
}

/* D as fractions that solve the normal equations; else the basis becomes one of doubles. */
static void round_decoder(stile_basis *basis)
{
    bool exact = true;
    for (int i = 0; i < basis->m * basis->n * basis->rank && exact; i++)
        exact = find_fraction(&basis->d_exact[i], basis->d[i]);
    if (exact && solves_exactly(basis))
        stile_basis_round_exact(basis);
    else
        basis->u_exact = basis->v_exact = basis->d_exact = NULL;
}

int stile_basis_decoded(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                        const int *channels, int count)
{
    const bool exact = stile_basis_is_rational(basis);
    stile_basis *decoded =
        stile_basis_create(arena, basis->name, basis->m, basis->k, basis->n, count, exact);
    if (!decoded)
        return stile_fail_memory();
    decoded->source = basis->source;
    for (int f = 0; f < 2; f++) {
        const stile_basis_factor to = stile_basis_factor_of(decoded, f);
        const stile_basis_factor from = stile_basis_factor_of(basis, f);
        for (int c = 0; c < count; c++) {
            for (int i = 0; i < to.rows * to.columns; i++)
                stile_factor_copy(&to, stile_factor_at(&to, c, i), &from,
                                  stile_factor_at(&from, channels[c], i));
        }
    }

    problem p;
    int all[STILE_MAX_RANK];
    int error = problem_create(&p, decoded);
    if (error)
        return error;
    const size_t square = (size_t)(count * count);
    double *inverse = malloc((square * 2 + (size_t)(count * p.outputs)) * sizeof *inverse);
    if (!inverse) {
        error = stile_fail_memory();
        goto done;
    }
    double *const scratch = inverse + square, *const solution = scratch + square;
    for (int c = 0; c < count; c++)
        all[c] = c;
    if (!invert(&p, all, count, inverse, solution, scratch)) {
        error = stile_fail(STILE_ERROR_ARGUMENT,
                           "the channels of '%.64s' depend on one another: no decoder is the best",
                           basis->name);
        goto done;
    }
    for (int i = 0; i < p.outputs; i++) {
        for (int c = 0; c < count; c++)
            decoded->d[i * count + c] = p.scale[c] * solution[c * p.outputs + i];
    }
    if (exact)
        round_decoder(decoded);
    *out = decoded;

done:
    free(inverse);
    problem_free(&p);
    return error;
}
