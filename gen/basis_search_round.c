/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From doubles to the coefficients that are asked for: the entry that is nearest to an allowed
 * number is held there and the others are solved for anew, until all are held.
 *
 * An exact solution has a manifold of others around it, its rotations at least. So it is first
 * drawn to where many entries are zero, by springs on all entries that weaken as an entry grows;
 * then entries are held one by one, and released where the others cannot make the basis exact any
 * more.
 */
#include <math.h>
#include <string.h>

#include <stile/error.h>

#include "basis_search_start.h"

enum {
    SPARSE_STEPS = 60,  /* of drawing to zeros */
    SPARSE_CHUNK = 5,   /* in one advance */
    RESOLVE_STEPS = 60, /* of Newton's method to become exact after it */
    REPAIR_STEPS = 25,  /* after an entry is held */
    REFIT_STEPS = 6,    /* the same where the basis is not exact anyhow */
    ATTEMPTS = 4,       /* at rounding a solution, with springs of different strength */
    MOST_FAILURES = 60, /* in an attempt */
    PATIENT_STEPS = 25, /* of springs, before entries are held that have not come near */
    FRACTION_MOVES = 8, /* up and down by 1, 1/2, 1/3, 1/4 */
    LEVELS = 3,         /* of simplicity of numbers */
    BATCHES = 12,       /* in which the entries of an inexact basis are held, or a few more */
};

static const double STRENGTHS[ATTEMPTS] = {1e-4, 3e-4, 3e-5, 1e-3}; /* of springs */
static const double INEXACT_STRENGTH = 1e-3;
static const double FIRST_PULL = 1e-3; /* of springs to fractions */
static const double NEAR = 0.01;       /* entries that springs have brought to a fraction */
static const double SMALLEST = 0.02;   /* size of entries that springs still tell from zero */
static const double NARROWING = 0.95;
static const double HIT = 1e-8;   /* an entry this near to a number is that number */
static const double LARGEST = 20; /* entries of a solution that is on its way to infinity */

/* --- Numbers ---------------------------------------------------------------------------------- */

/* The multiple of 1/denominator nearest to x. */
static double nearest_fraction(double x, int denominator)
{
    return rint(x * denominator) / denominator;
}

static void take_nearer(double x, double candidate, double *best)
{
    if (fabs(x - candidate) < fabs(x - *best))
        *best = candidate;
}

/* x with `bits` bits of mantissa, no finer than multiples of `least`. */
static double round_to_bits(double x, int bits, double least, double most)
{
    int exponent;
    frexp(x, &exponent);
    const double unit = fmax(ldexp(1, exponent - bits), least);
    return fmin(fmax(rint(x / unit) * unit, -most), most);
}

/* The nearest number to x that may be a coefficient; exact bases begin with simple ones. */
static double nearest_number(const stile_search_problem *p, int level, double x)
{
    double best = 0;
    switch (p->coefficients) {
    case STILE_COEFFICIENTS_BF16:
        return round_to_bits(x, 8, 0x1p-133, 0x1.fep127);
    case STILE_COEFFICIENTS_E4M3:
        return round_to_bits(x, 4, 0x1p-9, 448);
    case STILE_COEFFICIENTS_INTEGER:
        return p->exact && level == 0 ? fmin(fmax(rint(x), -1), 1) : fmin(fmax(rint(x), -64), 64);
    default:
        break;
    }
    best = fmin(fmax(rint(x), -64), 64);
    if (p->exact && level == 0)
        return fmin(fmax(best, -1), 1);
    if (p->exact && level == 1) {
        const double sign = x < 0 ? -1 : 1;
        best = fmin(fmax(best, -2), 2);
        take_nearer(x, sign * 0.5, &best);
        return best;
    }
    for (int denominator = 2; denominator <= 4; denominator++)
        take_nearer(x, nearest_fraction(x, denominator), &best);
    return best;
}

/* --- Points ----------------------------------------------------------------------------------- */

/* Scales channels so that the largest entries of U and V are 1, the first of equals. */
static void normalize(stile_search_point *p)
{
    for (int c = 0; c < p->rank; c++) {
        for (int f = 0; f < 2; f++) {
            double largest = 0;
            for (int i = 0; i < p->sizes[f]; i++) {
                const double x = p->x[f][i * p->stride + c];
                if (fabs(x) > fabs(largest) + 1e-9)
                    largest = x;
            }
            for (int i = 0; largest != 0 && i < p->sizes[f]; i++)
                p->x[f][i * p->stride + c] /= largest;
            for (int i = 0; largest != 0 && i < p->sizes[2]; i++)
                p->x[2][i * p->stride + c] *= largest;
        }
    }
}

static double largest_entry(const stile_search_point *p)
{
    double largest = 0;
    for (size_t i = 0; i < stile_search_point_size(p); i++)
        largest = fmax(largest, fabs(p->x[0][i]));
    return largest;
}

/* Solves for an exact basis from one that is nearly so; false where there is none near. */
static int solve(stile_search_start *s, int steps, bool *solved)
{
    s->goal = (stile_search_goal){.gauss = true, .error = -1};
    s->optimizer.damping = 1e-6;
    s->optimizer.raise = 2;
    *solved = false;
    for (int i = 0; i < steps; i++) {
        const stile_newton_outcome outcome =
            stile_search_newton(&s->optimizer, &s->point, &s->goal);
        if (outcome == STILE_NEWTON_FAILED)
            return STILE_ERROR_MEMORY;
        if (stile_search_is_solved(s->goal.error) || outcome == STILE_NEWTON_CONVERGED)
            break;
    }
    *solved = stile_search_is_solved(s->goal.error) && largest_entry(&s->point) < LARGEST;
    return STILE_OK;
}

/* --- Sparsifying ------------------------------------------------------------------------------ */

static void begin_attempt(stile_search_start *s)
{
    stile_search_point_copy(&s->point, &s->settled);
    memset(s->refused, 0, stile_search_point_size(&s->point));
    s->phase = STILE_SEARCH_SPARSE;
    s->step = s->level = s->failures = 0;
}

/* The next attempt, or none. */
static void give_up(stile_search_start *s)
{
    s->attempt++;
    if (s->attempt < ATTEMPTS) {
        begin_attempt(s);
        return;
    }
    stile_search_point_copy(&s->point, &s->settled);
    s->phase = STILE_SEARCH_DONE;
}

void stile_search_begin_rounding(stile_search_start *start)
{
    start->attempt = 0;
    stile_search_point_copy(&start->settled, &start->point);
    begin_attempt(start);
    if (!start->problem->exact && !stile_search_wants_fractions(start->problem))
        start->phase = STILE_SEARCH_ROUND;
}

/* Springs as strong as an entry is small: Σ log(1 + x²/ε²), linearized, with ε falling. */
static void set_springs(stile_search_start *s, double reach)
{
    const size_t size = stile_search_point_size(&s->point);
    const double strength = s->problem->exact ? STRENGTHS[s->attempt] : INEXACT_STRENGTH;
    for (size_t i = 0; i < size; i++) {
        const double x = s->point.x[0][i];
        s->pull[i] = strength * (reach * reach) / (x * x + reach * reach);
        s->aim[i] = 0;
    }
}

int stile_search_sparsify(stile_search_start *s)
{
    double reach = 0.5;
    for (int i = 0; i < s->step; i++)
        reach = fmax(reach * NARROWING, SMALLEST);
    int error = STILE_OK;
    s->optimizer.pull = s->pull;
    s->optimizer.aim = s->aim;
    for (int i = 0; i < SPARSE_CHUNK && !error; i++) {
        set_springs(s, reach);
        s->goal.error = -1;
        s->optimizer.damping = 1e-4;
        s->optimizer.raise = 2;
        for (int j = 0; j < 2 && !error; j++)
            if (stile_search_newton(&s->optimizer, &s->point, &s->goal) == STILE_NEWTON_FAILED)
                error = STILE_ERROR_MEMORY;
        stile_search_point_balance(&s->point);
        reach = fmax(reach * NARROWING, SMALLEST);
    }
    s->optimizer.pull = s->optimizer.aim = NULL;
    s->step += SPARSE_CHUNK;
    if (error || s->step < SPARSE_STEPS)
        return error;

    bool solved = true;
    if (s->problem->exact)
        error = solve(s, RESOLVE_STEPS, &solved);
    if (error)
        return error;
    if (!solved) {
        give_up(s);
        return STILE_OK;
    }
    stile_search_point *p = &s->point;
    for (int row = 0; row < p->sizes[0] + p->sizes[1] + p->sizes[2]; row++) {
        for (int c = 0; c < p->rank; c++) {
            const int at = row * p->stride + c;
            if (fabs(p->x[0][at]) < 1e-6) {
                p->x[0][at] = 0;
                p->held[0][at] = 1;
            }
        }
    }
    normalize(p);
    s->phase = STILE_SEARCH_ROUND;
    s->step = 0;
    return STILE_OK;
}

/* --- Holding entries -------------------------------------------------------------------------- */

static void hold(stile_search_start *s, int at, double number)
{
    s->point.x[0][at] = number;
    s->point.held[0][at] = 1;
}

/* Entries that are nearer than `hit` to numbers are held; returns how many are still free, and
   which of them is nearest to a number that was not refused (−1: none). */
static int survey(stile_search_start *s, double hit, int *nearest)
{
    stile_search_point *p = &s->point;
    double least = INFINITY;
    int free_entries = 0;
    *nearest = -1;
    for (int row = 0; row < p->sizes[0] + p->sizes[1] + p->sizes[2]; row++) {
        for (int c = 0; c < p->rank; c++) {
            const int at = row * p->stride + c;
            if (p->held[0][at])
                continue;
            const double number = nearest_number(s->problem, s->level, p->x[0][at]);
            const double distance = fabs(p->x[0][at] - number);
            if (distance < hit) {
                hold(s, at, number);
                continue;
            }
            free_entries++;
            if (distance < least && !(s->refused[at] & 1 << s->level)) {
                least = distance;
                *nearest = at;
            }
        }
    }
    return free_entries;
}

static int round_exactly(stile_search_start *s)
{
    int nearest;
    const int free_entries = survey(s, HIT, &nearest);
    if (free_entries == 0) {
        s->rounded = stile_search_is_solved(stile_search_error(&s->point, s->optimizer.residual));
        if (s->rounded)
            s->phase = STILE_SEARCH_DONE;
        else
            give_up(s);
        return STILE_OK;
    }
    if (nearest < 0 && ++s->level < LEVELS)
        return STILE_OK;
    if (nearest < 0 || s->failures > MOST_FAILURES) {
        give_up(s);
        return STILE_OK;
    }
    stile_search_point_copy(&s->kept, &s->point);
    hold(s, nearest, nearest_number(s->problem, s->level, s->point.x[0][nearest]));
    bool solved;
    const int error = solve(s, REPAIR_STEPS, &solved);
    if (!error && !solved) {
        stile_search_point_copy(&s->point, &s->kept);
        s->refused[nearest] |= (unsigned char)(1 << s->level);
        s->failures++;
    }
    return error;
}

/* Newton's method for the entries that are still free. */
static int refit(stile_search_start *s)
{
    s->goal.error = -1;
    s->optimizer.damping = 0;
    for (int i = 0; i < REFIT_STEPS; i++) {
        const stile_newton_outcome outcome =
            stile_search_newton(&s->optimizer, &s->point, &s->goal);
        if (outcome == STILE_NEWTON_FAILED)
            return STILE_ERROR_MEMORY;
        if (outcome == STILE_NEWTON_CONVERGED)
            break;
    }
    return STILE_OK;
}

/* Draws entries to the numbers nearest to them, more strongly at each step. */
static int draw_together(stile_search_start *s)
{
    double strength = FIRST_PULL;
    for (int i = 0; i < s->step; i++)
        strength = fmin(strength * 1.25, 1);
    for (size_t i = 0; i < stile_search_point_size(&s->point); i++) {
        s->pull[i] = strength;
        s->aim[i] = nearest_number(s->problem, s->level, s->point.x[0][i]);
    }
    s->optimizer.pull = s->pull;
    s->optimizer.aim = s->aim;
    const int error = refit(s);
    s->optimizer.pull = s->optimizer.aim = NULL;
    return error;
}

/* The `which`th number next to x, of FRACTION_MOVES; x itself where there is none. */
static double neighbour(const stile_search_problem *p, double x, int which)
{
    const int denominator = 1 + which / 2, step = which % 2 ? 1 : -1;
    if (p->coefficients == STILE_COEFFICIENTS_INTEGER && denominator > 1)
        return x;
    return (rint(x * denominator) + step) / denominator;
}

/* Whether an entry is held for another reason than that it was rounded. */
static bool is_fixed(const stile_search_start *s, int at)
{
    return s->settled.held[0][at];
}

/* One round of changing single entries where that lessens the error; whether any was. */
static bool descend(stile_search_start *s)
{
    stile_search_point *p = &s->point;
    double *scratch = s->optimizer.residual, least = stile_search_error(p, scratch);
    const double bound = s->problem->growth > 0 ? s->problem->growth : INFINITY;
    bool improved = false;
    for (int row = 0; row < p->sizes[0] + p->sizes[1] + p->sizes[2]; row++) {
        for (int c = 0; c < p->rank; c++) {
            double *entry = &p->x[0][row * p->stride + c];
            for (int which = 0; which < FRACTION_MOVES && !is_fixed(s, row * p->stride + c);
                 which++) {
                const double before = *entry;
                *entry = neighbour(s->problem, before, which);
                const double error = *entry == before ? least : stile_search_error(p, scratch);
                if (error < least * (1 - 1e-12) && stile_search_growth(p) <= bound) {
                    least = error;
                    improved = true;
                } else {
                    *entry = before;
                }
            }
        }
    }
    return improved;
}

/* Fractions are far between: entries come to them slowly, and in the end one by one. */
static int round_to_fractions(stile_search_start *s)
{
    int nearest, error = draw_together(s);
    if (error)
        return error;
    survey(s, NEAR, &nearest);
    if (nearest >= 0 && s->step >= PATIENT_STEPS)
        hold(s, nearest, nearest_number(s->problem, s->level, s->point.x[0][nearest]));
    return STILE_OK;
}

/* Types are dense: entries are held in batches. */
static int round_to_type(stile_search_start *s)
{
    int nearest, error = refit(s);
    if (error)
        return error;
    int batch = 1 + survey(s, HIT, &nearest) / BATCHES;
    for (; batch > 0 && nearest >= 0; batch--) {
        hold(s, nearest, nearest_number(s->problem, s->level, s->point.x[0][nearest]));
        survey(s, 0, &nearest);
    }
    return STILE_OK;
}

static int round_nearly(stile_search_start *s)
{
    const bool fractions = stile_search_wants_fractions(s->problem);
    if (s->rounded) {
        if (!fractions || !descend(s))
            s->phase = STILE_SEARCH_DONE;
        return STILE_OK;
    }
    s->level = LEVELS - 1;
    const int error = fractions ? round_to_fractions(s) : round_to_type(s);
    int nearest;
    s->step++;
    s->rounded = !error && survey(s, 0, &nearest) == 0;
    return error;
}

int stile_search_round(stile_search_start *start)
{
    return start->problem->exact ? round_exactly(start) : round_nearly(start);
}
