/* SPDX-License-Identifier: Apache-2.0 */
/* What a start has found, as a basis and in numbers. */
#include <math.h>

#include "basis_search_start.h"
#include "fail.h"

enum { MAX_DENOMINATOR = 12 };

static const double MOST_LEAKAGE = 5e-7; /* half of what stile_basis_measure takes for none */

bool stile_search_is_better(const stile_search_quality *a, const stile_search_quality *b)
{
    if (a->feasible != b->feasible)
        return a->feasible;
    if (a->error != b->error)
        return a->error < b->error;
    return a->growth < b->growth;
}

/* The point to be judged: while it is rounded, what it was before. */
static const stile_search_point *result_of(const stile_search_start *s)
{
    return s->phase == STILE_SEARCH_SPARSE || s->phase == STILE_SEARCH_ROUND ? &s->settled
                                                                             : &s->point;
}

stile_search_quality stile_search_assess(const stile_search_start *start)
{
    const stile_search_problem *p = start->problem;
    const stile_search_point *point = result_of(start);
    stile_search_point even = *point; /* every error counts alike */
    even.leak = 1;
    stile_search_quality quality = {
        .error = stile_search_error(&even, start->optimizer.residual),
        .growth = stile_search_growth(point),
    };
    const bool wants_rounding = p->exact || p->coefficients != STILE_COEFFICIENTS_REAL;
    quality.feasible = point->rank == p->rank && isfinite(quality.error) &&
                       (p->growth == 0 || quality.growth <= p->growth * (1 + 1e-12)) &&
                       (!wants_rounding || start->rounded) &&
                       (point->rows == STILE_COUPLING_FULL ||
                        stile_search_leakage(point, start->optimizer.residual) < MOST_LEAKAGE);
    return quality;
}

/* A fraction of small denominator that the double is, but for rounding. */
static bool to_fraction(stile_rational *out, double value)
{
    for (int denominator = 1; denominator <= MAX_DENOMINATOR; denominator++) {
        const double numerator = rint(value * denominator);
        if (fabs(value * denominator - numerator) < 1e-12 && fabs(numerator) < 1 << 20)
            return stile_rational_make(out, (int64_t)numerator, denominator);
    }
    return false;
}

static bool make_exact(stile_basis_matrix matrix)
{
    for (int i = 0; i < matrix.rows * matrix.columns; i++)
        if (!to_fraction(&matrix.exact[i], matrix.entries[i]))
            return false;
    return true;
}

int stile_search_basis(stile_basis **out, stile_arena *arena, const stile_search_start *start)
{
    const stile_search_problem *p = start->problem;
    const stile_search_point *point = result_of(start);
    const bool fractions = start->rounded && p->coefficients != STILE_COEFFICIENTS_BF16 &&
                           p->coefficients != STILE_COEFFICIENTS_E4M3;
    const char *name =
        stile_arena_printf(arena, "search-%d-%d-%d-r%d", p->m, p->k, p->n, point->rank);
    stile_basis *basis =
        name ? stile_basis_create(arena, name, p->m, p->k, p->n, point->rank, fractions) : NULL;
    if (!basis)
        return stile_fail_memory();
    stile_search_point_store(point, basis);
    if (fractions) {
        if (make_exact(stile_basis_u(basis)) && make_exact(stile_basis_v(basis)) &&
            make_exact(stile_basis_d(basis)))
            stile_basis_round_exact(basis);
        else
            basis->u_exact = basis->v_exact = basis->d_exact = NULL;
    }
    *out = basis;
    return STILE_OK;
}
