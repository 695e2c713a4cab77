/* SPDX-License-Identifier: Apache-2.0 */
#include "basis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

enum { MAX_ENTRIES = STILE_MAX_TILE * STILE_MAX_TILE }; /* of a tile */

static const double EXACT_TOLERANCE = 1e-9; /* per entry of T̂, of bases that are not rational */
static const double COUPLING_TOLERANCE = 1e-6; /* of the largest entry of T̂, likewise */

typedef __int128 wide;

/* The non-zero coefficients of one channel of one matrix: the positions of their tile entries. */
typedef struct support {
    int count;
    int index[MAX_ENTRIES];
} support;

static int tensor_size(const stile_basis *basis)
{
    return basis->m * basis->k * basis->k * basis->n * basis->m * basis->n;
}

/* Coefficients first, first + stride, … */
static void find_support(support *out, const double *first, int count, int stride)
{
    out->count = 0;
    for (int i = 0; i < count; i++) {
        if (first[i * stride] != 0)
            out->index[out->count++] = i;
    }
}

/* line += factor · values: apart, so that compilers see a loop they can vectorize. */
static void add_multiple(double *restrict line, const double *restrict values, double factor,
                         int count)
{
    for (int i = 0; i < count; i++)
        line[i] += factor * values[i];
}

void stile_basis_tensor(const stile_basis *basis, double *out)
{
    const int mk = basis->m * basis->k, kn = basis->k * basis->n, mn = basis->m * basis->n;
    memset(out, 0, (size_t)tensor_size(basis) * sizeof *out);
    for (int c = 0; c < basis->rank; c++) {
        const double *u = basis->u + c * mk, *v = basis->v + c * kn, *d = basis->d + c;
        support in_u, in_v, in_d;
        find_support(&in_u, u, mk, 1);
        find_support(&in_v, v, kn, 1);
        find_support(&in_d, d, mn, basis->rank);
        double values[MAX_ENTRIES]; /* side by side */
        for (int l = 0; l < in_d.count; l++)
            values[l] = d[in_d.index[l] * basis->rank];
        for (int i = 0; i < in_u.count; i++) {
            for (int j = 0; j < in_v.count; j++) {
                const double uv = u[in_u.index[i]] * v[in_v.index[j]];
                double *line = out + (in_u.index[i] * kn + in_v.index[j]) * mn;
                if (in_d.count == mn) {
                    add_multiple(line, values, uv, mn);
                    continue;
                }
                for (int l = 0; l < in_d.count; l++)
                    line[in_d.index[l]] += uv * values[l];
            }
        }
    }
}

/* T: one where the three pairs of indices agree, in the order of stile_basis_tensor. */
static bool in_true_tensor(const stile_basis *basis, int index)
{
    const int k = basis->k, n = basis->n, mn = basis->m * n;
    const int x = index / (k * n * mn), w = index / mn % (k * n), y = index % mn;
    return x % k == w / n && w % n == y % n && x / k == y / n;
}

/* --- exact contraction ------------------------------------------------------------------------ */

/* A matrix times the common denominator of its entries. */
typedef struct integers {
    int64_t *entries;
    int64_t denominator, largest; /* magnitude */
} integers;

/* False where a number passes 2^58. */
static bool scale_to_integers(integers *out, stile_basis_matrix matrix)
{
    const int64_t limit = INT64_C(1) << 58;
    const int count = matrix.rows * matrix.columns;
    out->denominator = 1;
    out->largest = 0;
    for (int i = 0; i < count; i++) {
        /* The least common multiple: reducing their quotient divides both by their gcd. */
        stile_rational reduced;
        if (!stile_rational_make(&reduced, out->denominator, matrix.exact[i].den) ||
            __builtin_mul_overflow(reduced.num, matrix.exact[i].den, &out->denominator) ||
            out->denominator > limit)
            return false;
    }
    for (int i = 0; i < count; i++) {
        const int64_t factor = out->denominator / matrix.exact[i].den;
        if (__builtin_mul_overflow(matrix.exact[i].num, factor, &out->entries[i]))
            return false;
        const int64_t magnitude = out->entries[i] < 0 ? -out->entries[i] : out->entries[i];
        if (magnitude > limit)
            return false;
        if (magnitude > out->largest)
            out->largest = magnitude;
    }
    return true;
}

/*
 * T̂ times `*denominator` in integers. False where 128 bits might not hold it: U·V up to 2^58, D up
 * to 2^58, and 2^9 channels make 2^125.
 */
static bool exact_tensor(const stile_basis *basis, wide *out, wide *denominator, int64_t *scratch)
{
    const int mk = basis->m * basis->k, kn = basis->k * basis->n, mn = basis->m * basis->n;
    const int rank = basis->rank;
    integers u = {.entries = scratch};
    integers v = {.entries = u.entries + rank * mk};
    integers d = {.entries = v.entries + rank * kn};
    int64_t largest_uv, denominator_uv;
    if (!scale_to_integers(&u, stile_basis_u(basis)) ||
        !scale_to_integers(&v, stile_basis_v(basis)) ||
        !scale_to_integers(&d, stile_basis_d(basis)) ||
        __builtin_mul_overflow(u.largest, v.largest, &largest_uv) ||
        __builtin_mul_overflow(u.denominator, v.denominator, &denominator_uv) ||
        largest_uv > INT64_C(1) << 58)
        return false;

    memset(out, 0, (size_t)tensor_size(basis) * sizeof *out);
    for (int c = 0; c < rank; c++) {
        support in_u, in_v, in_d;
        find_support(&in_u, basis->u + c * mk, mk, 1);
        find_support(&in_v, basis->v + c * kn, kn, 1);
        find_support(&in_d, basis->d + c, mn, rank);
        for (int i = 0; i < in_u.count; i++) {
            for (int j = 0; j < in_v.count; j++) {
                const int64_t uv =
                    u.entries[c * mk + in_u.index[i]] * v.entries[c * kn + in_v.index[j]];
                wide *line = out + (in_u.index[i] * kn + in_v.index[j]) * mn;
                for (int l = 0; l < in_d.count; l++)
                    line[in_d.index[l]] += (wide)uv * d.entries[in_d.index[l] * rank + c];
            }
        }
    }
    *denominator = (wide)denominator_uv * d.denominator;
    return true;
}

/* --- measures --------------------------------------------------------------------------------- */

static stile_coupling looser(stile_coupling a, stile_coupling b)
{
    return a > b ? a : b;
}

/* What an influence of input row `from` on output row `to` makes of a tile. */
static stile_coupling coupling_of_rows(int from, int to)
{
    return from == to  ? STILE_COUPLING_NONE
           : from < to ? STILE_COUPLING_CAUSAL
                       : STILE_COUPLING_FULL;
}

static stile_coupling structural_coupling(const stile_basis *basis)
{
    const int m = basis->m, k = basis->k, n = basis->n, rank = basis->rank;
    stile_coupling coupling = STILE_COUPLING_NONE;
    for (int c = 0; c < rank; c++) {
        bool reads[STILE_MAX_TILE] = {false}, writes[STILE_MAX_TILE] = {false};
        for (int i = 0; i < m * k; i++)
            reads[i / k] |= basis->u[c * m * k + i] != 0;
        for (int i = 0; i < m * n; i++)
            writes[i / n] |= basis->d[i * rank + c] != 0;
        for (int from = 0; from < m; from++) {
            for (int to = 0; to < m; to++) {
                if (reads[from] && writes[to])
                    coupling = looser(coupling, coupling_of_rows(from, to));
            }
        }
    }
    return coupling;
}

/* Entries up to `tolerance` count as zero, NaN does not. */
static stile_coupling algebraic_coupling(const stile_basis *basis, const double *tensor,
                                         double tolerance)
{
    const int kn = basis->k * basis->n, mn = basis->m * basis->n;
    stile_coupling coupling = STILE_COUPLING_NONE;
    for (int i = 0; i < tensor_size(basis); i++) {
        if (!(fabs(tensor[i]) <= tolerance)) {
            const int from = i / (kn * mn) / basis->k, to = i % mn / basis->n;
            coupling = looser(coupling, coupling_of_rows(from, to));
        }
    }
    return coupling;
}

static double growth(const stile_basis *basis)
{
    const int mk = basis->m * basis->k, kn = basis->k * basis->n, mn = basis->m * basis->n;
    double sum = 0;
    for (int c = 0; c < basis->rank; c++) {
        double u = 0, v = 0, d = 0;
        for (int i = 0; i < mk; i++)
            u += basis->u[c * mk + i] * basis->u[c * mk + i];
        for (int i = 0; i < kn; i++)
            v += basis->v[c * kn + i] * basis->v[c * kn + i];
        for (int i = 0; i < mn; i++)
            d += basis->d[i * basis->rank + c] * basis->d[i * basis->rank + c];
        sum += u * v * d;
    }
    return sum / (basis->m * basis->k * basis->n);
}

/* Whether T̂·denominator is T·denominator; makes the doubles of T̂ too. */
static bool compare_exactly(const stile_basis *basis, const wide *scaled, wide denominator,
                            double *tensor)
{
    bool exact = true;
    for (int i = 0; i < tensor_size(basis); i++) {
        exact = exact && scaled[i] == (in_true_tensor(basis, i) ? denominator : 0);
        tensor[i] = (double)scaled[i] / (double)denominator;
    }
    return exact;
}

static bool compare_doubles(const stile_basis *basis, const double *tensor)
{
    for (int i = 0; i < tensor_size(basis); i++) {
        if (!(fabs(tensor[i] - in_true_tensor(basis, i)) <= EXACT_TOLERANCE))
            return false;
    }
    return true;
}

int stile_basis_measure(const stile_basis *basis, stile_basis_metrics *out)
{
    const size_t size = (size_t)tensor_size(basis);
    const int mk = basis->m * basis->k, kn = basis->k * basis->n, mn = basis->m * basis->n;
    const int coefficients = basis->rank * (mk + kn + mn);
    stile_basis_metrics metrics = {0};
    int error = STILE_OK;
    wide *scaled = NULL, denominator;
    int64_t *scratch = NULL;
    double *tensor = malloc(size * sizeof *tensor);
    if (!tensor)
        return stile_fail_memory();
    if (stile_basis_is_rational(basis)) {
        scaled = malloc(size * sizeof *scaled);
        scratch = malloc((size_t)coefficients * sizeof *scratch);
        if (!scaled || !scratch) {
            error = stile_fail_memory();
            goto done;
        }
    }

    double tolerance = 0;
    if (scaled && exact_tensor(basis, scaled, &denominator, scratch)) {
        metrics.exact = compare_exactly(basis, scaled, denominator, tensor);
    } else {
        stile_basis_tensor(basis, tensor);
        metrics.exact = compare_doubles(basis, tensor);
        for (size_t i = 0; i < size; i++)
            tolerance = fmax(tolerance, COUPLING_TOLERANCE * fabs(tensor[i]));
        if (!isfinite(tolerance)) /* entries beyond the range of doubles hide none */
            tolerance = 0;
    }

    const double volume = basis->m * basis->k * basis->n;
    for (size_t i = 0; i < size; i++) {
        const double difference = tensor[i] - in_true_tensor(basis, (int)i);
        metrics.error += difference * difference;
        metrics.gain += tensor[i] * tensor[i];
    }
    metrics.error /= volume;
    metrics.gain /= volume;
    metrics.growth = growth(basis);
    metrics.structural = structural_coupling(basis);
    metrics.algebraic = algebraic_coupling(basis, tensor, tolerance);
    metrics.nonzeros_u = stile_basis_nonzeros(stile_basis_u(basis));
    metrics.nonzeros_v = stile_basis_nonzeros(stile_basis_v(basis));
    metrics.nonzeros_d = stile_basis_nonzeros(stile_basis_d(basis));
    *out = metrics;

done:
    free(scratch);
    free(scaled);
    free(tensor);
    return error;
}

const char *stile_coupling_name(stile_coupling coupling)
{
    static const char *const names[] = {"none", "causal", "full"};
    return names[coupling];
}
