/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_search.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "basis_search_start.h"
#include "fail.h"
#include "number.h"

enum {
    ANNEAL_SWEEPS = 400, /* in all, for random starts */
    ANNEAL_EXACT_SWEEPS = 2400,
    ANNEAL_CHUNK = 20,        /* in one advance */
    REDUCE_STEPS = 8,         /* of Newton's method after a channel is dropped */
    SETTLE_STEPS = 600,       /* at most */
    SETTLE_EXACT_STEPS = 120, /* likewise, towards an exact solution */
    PATIENCE = 10,            /* steps in which the objective must fall noticeably */
};

static const double LAST_WEIGHT = 1e-5; /* of growth, where annealing ends */
/* What errors weigh, stage by stage, where rows may not be coupled: they end as good as none. */
static const double LEAKS[] = {4, 64, 1024, 1e5, 1e8};
enum { LAST_STAGE = sizeof LEAKS / sizeof *LEAKS - 1, STAGE_STEPS = 12, REDUCED_STAGE = 2 };

static const double SIMPLE_WEIGHT = 0.03; /* of growth, where simple bases are */
static const double COOLING = 0.97;       /* of the weight of growth, by sweep */
static const double EXACT_COOLING = 0.997;
static const double REHEATING = 1.3; /* by chunk, where growth passes its bound */
static const double DEFAULT_WEIGHT = 1e-8;

/* --- Names ------------------------------------------------------------------------------------ */

/* Where `name` stands among `count` names; −1: nowhere. */
static int find_name(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

bool stile_coefficients_parse(const char *name, stile_coefficients *out)
{
    static const char *const names[] = {"real", "integer", "rational", "bf16", "e4m3"};
    const int found = find_name(names, 5, name);
    if (found >= 0)
        *out = (stile_coefficients)found;
    return found >= 0;
}

bool stile_search_rows_parse(const char *name, stile_coupling *out)
{
    static const char *const names[] = {"none", "causal", "any"};
    const int found = find_name(names, 3, name);
    if (found >= 0)
        *out = (stile_coupling)found;
    return found >= 0;
}

/* --- Problems --------------------------------------------------------------------------------- */

static bool is_side(int side)
{
    return side >= 1 && side <= STILE_MAX_TILE;
}

static int refuse_tile(const stile_search_problem *p, const stile_basis *basis, const char *what)
{
    return stile_fail(STILE_ERROR_ARGUMENT,
                      "%s '%.64s' has tiles of %dx%dx%d, but the search is for %dx%dx%d", what,
                      basis->name, basis->m, basis->k, basis->n, p->m, p->k, p->n);
}

static bool has_tile(const stile_search_problem *p, const stile_basis *basis)
{
    return basis->m == p->m && basis->k == p->k && basis->n == p->n;
}

int stile_search_check(const stile_search_problem *p)
{
    if (!is_side(p->m) || !is_side(p->k) || !is_side(p->n))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "a tile of %dx%dx%d cannot work: each side must be from 1 to %d", p->m,
                          p->k, p->n, STILE_MAX_TILE);
    if (p->rank < 1 || p->rank > p->m * p->k * p->n)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "rank %d cannot work: it must be from 1 to %d, which the classical "
                          "algorithm takes",
                          p->rank, p->m * p->k * p->n);
    if (p->exact &&
        (p->coefficients == STILE_COEFFICIENTS_BF16 || p->coefficients == STILE_COEFFICIENTS_E4M3))
        return stile_fail(STILE_ERROR_ARGUMENT, "exact bases have integer or rational coefficients,"
                                                " not those of a floating-point type");
    if (p->rows != STILE_COUPLING_FULL && !p->exact && p->coefficients != STILE_COEFFICIENTS_REAL)
        return stile_fail(
            STILE_ERROR_ARGUMENT,
            "rows that are coupled %s need real coefficients: rounded ones would leak",
            p->rows == STILE_COUPLING_NONE ? "not at all" : "causally");
    for (int i = 0; i < p->from_count; i++)
        if (!has_tile(p, p->from[i]))
            return refuse_tile(p, p->from[i], "the basis to start from,");
    if (p->support && !has_tile(p, p->support))
        return refuse_tile(p, p->support, "the support");
    if (p->support && p->support->rank != p->rank)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the support '%.64s' has rank %d, but the search is for rank %d",
                          p->support->name, p->support->rank, p->rank);
    return STILE_OK;
}

/* FNV-1a of the numbers of a basis. */
static uint64_t hash_basis(const stile_basis *basis)
{
    const stile_basis_matrix matrices[] = {stile_basis_u(basis), stile_basis_v(basis),
                                           stile_basis_d(basis)};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < matrices[i].rows * matrices[i].columns; j++) {
            uint64_t bits;
            memcpy(&bits, &matrices[i].entries[j], sizeof bits);
            for (int byte = 0; byte < 8; byte++)
                hash = (hash ^ (bits >> (8 * byte) & 0xff)) * UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

void stile_search_print_problem(stile_text *out, const stile_search_problem *p)
{
    char growth[32], weight[32];
    stile_format_double(growth, p->growth);
    stile_format_double(weight, p->weight);
    stile_text_appendf(out,
                       "tile %d,%d,%d rank %d seed %llu growth %s weight %s exact %d "
                       "coefficients %d random %d rows %s",
                       p->m, p->k, p->n, p->rank, (unsigned long long)p->seed, growth, weight,
                       p->exact, (int)p->coefficients, p->random, stile_coupling_name(p->rows));
    for (int i = 0; i < p->from_count; i++)
        stile_text_appendf(out, " from %d:%016llx", p->from[i]->rank,
                           (unsigned long long)hash_basis(p->from[i]));
    if (p->support)
        stile_text_appendf(out, " support %016llx", (unsigned long long)hash_basis(p->support));
    stile_text_append(out, "\n");
}

/* --- Life of a start -------------------------------------------------------------------------- */

int stile_search_allocate(stile_search_start **out, const stile_search_problem *problem,
                          int64_t index)
{
    stile_search_start *s = calloc(1, sizeof *s);
    if (!s)
        return stile_fail_memory();
    const int m = problem->m, k = problem->k, n = problem->n;
    const int capacity = stile_search_capacity(problem);
    s->problem = problem;
    s->index = index;
    s->goal.error = -1;
    int error = stile_search_point_create(&s->point, m, k, n, problem->rank, capacity);
    if (!error)
        error = stile_search_point_create(&s->settled, m, k, n, problem->rank, capacity);
    if (!error)
        error = stile_search_point_create(&s->kept, m, k, n, problem->rank, capacity);
    if (!error && !problem->exact) /* exact bases are coupled algebraically not at all */
        s->point.rows = problem->rows;
    if (!error)
        error = stile_search_optimizer_create(&s->optimizer, &s->point);
    if (!error) {
        const size_t size = stile_search_point_size(&s->point);
        s->refused = calloc(size, 1);
        s->pull = calloc(size, sizeof *s->pull);
        s->aim = calloc(size, sizeof *s->aim);
        if (!s->refused || !s->pull || !s->aim)
            error = stile_fail_memory();
    }
    if (error) {
        stile_search_end(&s);
        return error;
    }
    *out = s;
    return STILE_OK;
}

int stile_search_begin(stile_search_start **out, const stile_search_problem *problem, int64_t index)
{
    stile_search_start *start;
    int error = stile_search_allocate(&start, problem, index);
    if (error)
        return error;
    error = stile_search_depart(start);
    if (error)
        stile_search_end(&start);
    else
        *out = start;
    return error;
}

void stile_search_end(stile_search_start **start)
{
    stile_search_start *s = *start;
    if (!s)
        return;
    stile_search_optimizer_destroy(&s->optimizer);
    stile_search_point_destroy(&s->point);
    stile_search_point_destroy(&s->settled);
    stile_search_point_destroy(&s->kept);
    free(s->refused);
    free(s->pull);
    free(s->aim);
    free(s);
    *start = NULL;
}

/* --- Phases ----------------------------------------------------------------------------------- */

static void enter(stile_search_start *s, stile_search_phase phase)
{
    s->phase = phase;
    s->step = 0;
    s->goal.error = -1;
    s->optimizer.damping = 0;
}

/* Whether the start shall end near a basis of simple numbers, which are those of little growth. */
static bool is_simple(const stile_search_start *s)
{
    return stile_search_wants_fractions(s->problem) && s->index % 4 < 2;
}

/* Goes on with more weight on couplings that may not be. */
static void enter_stage(stile_search_start *s, int stage)
{
    s->level = stage;
    s->step = 0;
    s->last = DBL_MAX;
    s->goal.error = -1;
    s->optimizer.damping = 0;
    if (s->point.rows != STILE_COUPLING_FULL)
        s->point.leak = LEAKS[stage];
}

/* The weight of growth for Newton's method; under a bound it adapts itself. */
static double final_weight(const stile_search_problem *p)
{
    if (p->growth > 0)
        return 1e-3;
    return p->weight > 0 ? p->weight : DEFAULT_WEIGHT;
}

static void begin_settling(stile_search_start *s, int stage)
{
    const stile_search_problem *p = s->problem;
    stile_search_point_balance(&s->point);
    enter(s, STILE_SEARCH_SETTLE);
    s->goal.gauss = p->exact;
    s->goal.weight = p->exact ? 0 : final_weight(p);
    s->goal.bound = p->exact ? 0 : p->growth;
    if (is_simple(s)) {
        s->goal.weight = SIMPLE_WEIGHT;
        s->goal.bound = 0;
    }
    stile_search_apply_support(s);
    enter_stage(s, stage);
}

static void anneal(stile_search_start *s)
{
    const stile_search_problem *p = s->problem;
    const double last = is_simple(s) ? SIMPLE_WEIGHT : p->weight > 0 ? p->weight : LAST_WEIGHT;
    for (int i = 0; i < ANNEAL_CHUNK; i++) {
        if (!stile_search_sweep(&s->optimizer, &s->point, s->weight)) {
            s->phase = STILE_SEARCH_DONE;
            return;
        }
        s->weight = fmax(s->weight * (p->exact ? EXACT_COOLING : COOLING), last);
    }
    s->step += ANNEAL_CHUNK;
    stile_search_point_balance(&s->point);
    if (p->growth > 0 && stile_search_growth(&s->point) > p->growth)
        s->weight *= REHEATING;
    if (s->step >= (p->exact ? ANNEAL_EXACT_SWEEPS : ANNEAL_SWEEPS))
        begin_settling(s, 0);
}

/* The channel without which the error is least; starts that are varied choose among three. */
static int choose_channel(stile_search_start *s)
{
    const stile_search_point *p = &s->point;
    double best[3] = {INFINITY, INFINITY, INFINITY};
    int channels[3] = {0, 0, 0};
    for (int c = 0; c < p->rank; c++) {
        stile_search_point_copy(&s->kept, p);
        stile_search_point_drop(&s->kept, c);
        const double error = stile_search_error(&s->kept, s->optimizer.residual);
        for (int i = 0; i < 3; i++) {
            if (error < best[i]) {
                memmove(best + i + 1, best + i, (size_t)(2 - i) * sizeof *best);
                memmove(channels + i + 1, channels + i, (size_t)(2 - i) * sizeof *channels);
                best[i] = error;
                channels[i] = c;
                break;
            }
        }
    }
    const int choices = p->rank < 3 ? p->rank : 3;
    if (!s->varied)
        return channels[0];
    return channels[stile_generator_next(&s->random) % (uint64_t)choices];
}

/* One step towards the rank that is wanted. */
static int reduce(stile_search_start *s)
{
    if (s->step == 0) {
        if (s->point.rank == s->problem->rank) {
            begin_settling(s, REDUCED_STAGE);
            return STILE_OK;
        }
        stile_search_point_drop(&s->point, choose_channel(s));
        for (int i = 0; i < 3; i++)
            stile_search_sweep(&s->optimizer, &s->point, 1e-3);
        stile_search_point_balance(&s->point);
        const double weight = s->goal.weight;
        enter(s, STILE_SEARCH_REDUCE);
        s->point.leak = LEAKS[REDUCED_STAGE];
        s->goal.bound = s->problem->growth;
        s->goal.weight = weight > 0 ? weight : final_weight(s->problem);
    }
    const stile_newton_outcome outcome = stile_search_newton(&s->optimizer, &s->point, &s->goal);
    if (outcome == STILE_NEWTON_FAILED)
        return STILE_ERROR_MEMORY;
    s->step++;
    if (s->step == REDUCE_STEPS || outcome == STILE_NEWTON_CONVERGED)
        s->step = 0;
    return STILE_OK;
}

/* Whether the bound, if any, is kept or nearly so: then the objective tells progress. */
static bool is_settled(stile_search_start *s)
{
    const double objective = s->goal.error + s->goal.weight * s->goal.growth;
    if (s->step % PATIENCE)
        return false;
    const bool bounded = s->goal.bound == 0 || s->goal.growth <= s->goal.bound * (1 + 1e-5);
    const bool stalled = !(objective < s->last * (1 - 1e-7));
    s->last = objective;
    return bounded && stalled;
}

/* Under a bound that was met but for a trifle, gives up that trifle of every product. */
static void keep_bound(stile_search_start *s)
{
    const double bound = s->problem->growth, growth = stile_search_growth(&s->point);
    stile_search_point *p = &s->point;
    if (bound == 0 || growth <= bound || s->problem->exact)
        return; /* entries that are held by now are zero */
    const double factor = sqrt(bound / growth) * (1 - 1e-12);
    for (int i = 0; i < p->sizes[2] * p->stride; i++)
        p->x[2][i] *= factor;
}

void stile_search_cut(stile_search_start *start)
{
    if (start->phase == STILE_SEARCH_ANNEAL || start->phase == STILE_SEARCH_SETTLE)
        keep_bound(start);
}

static int settle(stile_search_start *s)
{
    const stile_newton_outcome outcome = stile_search_newton(&s->optimizer, &s->point, &s->goal);
    if (outcome == STILE_NEWTON_FAILED)
        return STILE_ERROR_MEMORY;
    s->step++;
    const bool staged = s->point.rows != STILE_COUPLING_FULL && s->level < LAST_STAGE;
    const bool early = staged && s->level < LAST_STAGE - 1;
    const bool solved = s->problem->exact && stile_search_is_solved(s->goal.error);
    const int most = s->problem->exact ? SETTLE_EXACT_STEPS : SETTLE_STEPS;
    if (outcome == STILE_NEWTON_MOVED && !solved && s->step < (early ? STAGE_STEPS : most) &&
        !is_settled(s))
        return STILE_OK;
    if (staged) {
        enter_stage(s, s->level + 1);
        return STILE_OK;
    }
    stile_search_point_balance(&s->point);
    keep_bound(s);
    const bool round = s->problem->coefficients != STILE_COEFFICIENTS_REAL;
    if (s->problem->exact ? solved : round)
        stile_search_begin_rounding(s);
    else
        s->phase = STILE_SEARCH_DONE;
    return STILE_OK;
}

int stile_search_advance(stile_search_start *start, bool *done)
{
    int error = STILE_OK;
    switch (start->phase) {
    case STILE_SEARCH_ANNEAL:
        anneal(start);
        break;
    case STILE_SEARCH_REDUCE:
        error = reduce(start);
        break;
    case STILE_SEARCH_SETTLE:
        error = settle(start);
        break;
    case STILE_SEARCH_SPARSE:
        error = stile_search_sparsify(start);
        break;
    case STILE_SEARCH_ROUND:
        error = stile_search_round(start);
        break;
    default:
        break;
    }
    if (!error)
        *done = start->phase == STILE_SEARCH_DONE;
    return error;
}

const char *stile_search_phase_name(const stile_search_start *start)
{
    static const char *const names[STILE_SEARCH_PHASES] = {
        "annealing", "dropping channels", "settling", "sparsifying", "rounding", "done"};
    return names[start->phase];
}
