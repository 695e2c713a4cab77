/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_algebra.h"

#include <math.h>
#include <string.h>

#include "basis_factor.h"
#include "fail.h"

static const double PARALLEL_TOLERANCE = 1e-12; /* of a vector's norm, for doubles */

/* The channels of `basis` with keep[c], in order, under a new name; at least one. */
static int select_channels(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                           const char *what, const bool *keep)
{
    int rank = 0;
    for (int c = 0; c < basis->rank; c++)
        rank += keep[c];
    const char *name = stile_basis_compose_name(arena, what, basis->name);
    stile_basis *result = name ? stile_basis_create(arena, name, basis->m, basis->k, basis->n, rank,
                                                    stile_basis_is_rational(basis))
                               : NULL;
    if (!result)
        return stile_fail_memory();
    result->source = basis->source;
    for (int f = 0; f < 3; f++) {
        const stile_basis_factor to = stile_basis_factor_of(result, f);
        const stile_basis_factor from = stile_basis_factor_of(basis, f);
        for (int c = 0, channel = 0; c < basis->rank; channel += keep[c++]) {
            for (int i = 0; keep[c] && i < from.rows * from.columns; i++)
                stile_factor_copy(&to, stile_factor_at(&to, channel, i), &from,
                                  stile_factor_at(&from, c, i));
        }
    }
    *out = result;
    return STILE_OK;
}

/* --- Dropping --------------------------------------------------------------------------------- */

static int refuse_count(const stile_basis *basis, int count)
{
    return stile_fail(STILE_ERROR_ARGUMENT,
                      "cannot drop %d of the %d channels of '%.64s': at least one must go and one "
                      "must be left",
                      count, basis->rank, basis->name);
}

int stile_basis_drop(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                     const int *channels, int count)
{
    bool keep[STILE_MAX_RANK];
    memset(keep, true, sizeof keep);
    for (int i = 0; i < count; i++) {
        if (channels[i] < 0 || channels[i] >= basis->rank)
            return stile_fail(STILE_ERROR_ARGUMENT,
                              "'%.64s' has no channel %d: its channels are 0 to %d", basis->name,
                              channels[i], basis->rank - 1);
        if (!keep[channels[i]])
            return stile_fail(STILE_ERROR_ARGUMENT, "channel %d is named twice", channels[i]);
        keep[channels[i]] = false;
    }
    if (count < 1 || count >= basis->rank)
        return refuse_count(basis, count);
    return select_channels(out, arena, basis, "drop", keep);
}

/* ⟨T, t_c⟩, where t_c is what channel c adds to T̂. */
static double overlap_with_truth(const stile_basis *basis, int c)
{
    const int m = basis->m, k = basis->k, n = basis->n;
    const double *u = basis->u + c * m * k, *v = basis->v + c * k * n, *d = basis->d + c;
    double sum = 0;
    for (int i = 0; i < m * k * n; i++) {
        const int x = i / (k * n), inner = i / n % k, y = i % n;
        sum += u[x * k + inner] * v[inner * n + y] * d[(x * n + y) * basis->rank];
    }
    return sum;
}

/* ⟨t_c, t_e⟩ */
static double overlap(const stile_basis_factor factors[3], int c, int e)
{
    return stile_factor_dot(&factors[0], c, e) * stile_factor_dot(&factors[1], c, e) *
           stile_factor_dot(&factors[2], c, e);
}

/*
 * With R = T − T̂, leaving out channel c changes ‖R‖² by 2⟨R, t_c⟩ + ‖t_c‖², and ⟨R, t_e⟩ of every
 * other by ⟨t_c, t_e⟩.
 */
int stile_basis_least_channels(const stile_basis *basis, int count, int *channels)
{
    if (count < 1 || count >= basis->rank)
        return refuse_count(basis, count);
    const int rank = basis->rank;
    stile_basis_factor factors[3];
    for (int f = 0; f < 3; f++)
        factors[f] = stile_basis_factor_of(basis, f);
    double residual[STILE_MAX_RANK], squares[STILE_MAX_RANK];
    bool dropped[STILE_MAX_RANK] = {false};
    for (int c = 0; c < rank; c++) {
        residual[c] = overlap_with_truth(basis, c);
        squares[c] = overlap(factors, c, c);
        for (int e = 0; e < rank; e++)
            residual[c] -= overlap(factors, c, e);
    }
    for (int i = 0; i < count; i++) {
        int best = -1;
        double least = 0;
        for (int c = 0; c < rank; c++) {
            const double change = 2 * residual[c] + squares[c];
            if (!dropped[c] && (best < 0 || change < least)) {
                best = c;
                least = change;
            }
        }
        channels[i] = best;
        dropped[best] = true;
        for (int c = 0; c < rank; c++)
            residual[c] += overlap(factors, best, c);
    }
    return STILE_OK;
}

/* --- Merging ---------------------------------------------------------------------------------- */

static bool is_zero(const stile_basis_factor *factor, int channel)
{
    for (int i = 0; i < factor->rows * factor->columns; i++) {
        if (factor->entries[stile_factor_at(factor, channel, i)] != 0)
            return false;
    }
    return true;
}

/* A coefficient, in both forms. */
typedef struct ratio {
    double value;
    stile_rational exact;
} ratio;

/* Whether channel e is a multiple of channel c, neither of them zero. False also on overflow: then
   the channels just stay apart. */
static bool is_multiple(const stile_basis_factor *factor, int e, int c, ratio *out)
{
    const int count = factor->rows * factor->columns;
    if (!factor->exact) {
        const double squares = stile_factor_dot(factor, c, c);
        const double multiple = stile_factor_dot(factor, e, c) / squares;
        double difference = 0;
        for (int i = 0; i < count; i++) {
            const double rest = factor->entries[stile_factor_at(factor, e, i)] -
                                multiple * factor->entries[stile_factor_at(factor, c, i)];
            difference += rest * rest;
        }
        out->value = multiple;
        return sqrt(difference) <= PARALLEL_TOLERANCE * sqrt(stile_factor_dot(factor, e, e));
    }
    int first = 0;
    while (!factor->exact[stile_factor_at(factor, c, first)].num)
        first++;
    if (!stile_rational_div(&out->exact, factor->exact[stile_factor_at(factor, e, first)],
                            factor->exact[stile_factor_at(factor, c, first)]))
        return false;
    for (int i = 0; i < count; i++) {
        stile_rational multiple;
        if (!stile_rational_mul(&multiple, out->exact,
                                factor->exact[stile_factor_at(factor, c, i)]) ||
            !stile_rational_equal(multiple, factor->exact[stile_factor_at(factor, e, i)]))
            return false;
    }
    return true;
}

/* Channel c plus a·b times channel e, into c; what cancels but for rounding becomes zero. */
static bool add_multiple(const stile_basis_factor *factor, int c, int e, ratio a, ratio b)
{
    const int count = factor->rows * factor->columns;
    if (!factor->exact) {
        const double before = stile_factor_dot(factor, c, c);
        for (int i = 0; i < count; i++)
            factor->entries[stile_factor_at(factor, c, i)] +=
                a.value * b.value * factor->entries[stile_factor_at(factor, e, i)];
        const double after = stile_factor_dot(factor, c, c);
        if (sqrt(after) <= PARALLEL_TOLERANCE * sqrt(before))
            for (int i = 0; i < count; i++)
                factor->entries[stile_factor_at(factor, c, i)] = 0;
        return true;
    }
    stile_rational product, sums[STILE_MAX_TILE * STILE_MAX_TILE];
    if (!stile_rational_mul(&product, a.exact, b.exact))
        return false;
    for (int i = 0; i < count; i++) {
        if (!stile_rational_mul(&sums[i], product, factor->exact[stile_factor_at(factor, e, i)]) ||
            !stile_rational_add(&sums[i], sums[i], factor->exact[stile_factor_at(factor, c, i)]))
            return false;
    }
    for (int i = 0; i < count; i++) {
        factor->exact[stile_factor_at(factor, c, i)] = sums[i];
        factor->entries[stile_factor_at(factor, c, i)] = stile_rational_to_double(sums[i]);
    }
    return true;
}

/* Merges channel e into c if it can be. */
static bool merge_pair(const stile_basis_factor factors[3], int c, int e)
{
    for (int third = 2; third >= 0; third--) {
        ratio a, b;
        if (is_multiple(&factors[third == 0], e, c, &a) &&
            is_multiple(&factors[third == 2 ? 1 : 2], e, c, &b) &&
            add_multiple(&factors[third], c, e, a, b))
            return true;
    }
    return false;
}

int stile_basis_merge(stile_basis **out, stile_arena *arena, const stile_basis *basis)
{
    bool keep[STILE_MAX_RANK];
    memset(keep, true, sizeof keep);
    stile_basis *work;
    int error = select_channels(&work, arena, basis, "merge", keep);
    if (error)
        return error;
    stile_basis_factor factors[3];
    for (int f = 0; f < 3; f++)
        factors[f] = stile_basis_factor_of(work, f);
    int left = 0;
    for (bool changed = true; changed;) {
        changed = false;
        left = 0;
        for (int c = 0; c < work->rank; c++) {
            if (keep[c])
                keep[c] = !is_zero(&factors[0], c) && !is_zero(&factors[1], c) &&
                          !is_zero(&factors[2], c);
            for (int e = c + 1; keep[c] && e < work->rank; e++) {
                if (!keep[e] || is_zero(&factors[0], e) || is_zero(&factors[1], e) ||
                    is_zero(&factors[2], e) || !merge_pair(factors, c, e))
                    continue;
                keep[e] = false;
                changed = true;
                break; /* c may be zero now, or parallel to a channel that it was not parallel to */
            }
            left += keep[c];
        }
    }
    if (!left)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the channels of '%.64s' cancel: nothing would be left", basis->name);
    stile_basis *merged;
    error = select_channels(&merged, arena, work, "merge", keep);
    if (error)
        return error;
    merged->name = work->name;
    error = stile_basis_finish(merged);
    if (!error)
        *out = merged;
    return error;
}
