/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where starts begin: at random, at Kronecker products of small bases, or at bases that are given,
 * as they are and perturbed.
 */
#include <math.h>
#include <string.h>

#include "basis_search_start.h"
#include "fail.h"

enum {
    SMALL_STARTS = 16, /* of the search for the small bases of a product */
    SMALL_TILE = 12,   /* mkn of those for which so many are cheap */
    LARGE_STARTS = 2,  /* of the search for others */
    MAX_PAIRS = 64 * 64,
};

static const double RANDOM_SCALE = 0.4; /* of entries: T̂ is of the order of T */
static const double FIRST_LEAK = 4;     /* weight of errors where rows may not be coupled */
static const double FIRST_WEIGHTS[] = {0.01, 0.003, 0.01, 0.03}; /* of growth, by index */
static const double NOISES[] = {0.03, 0.1, 0.3};                 /* of entries, by variant */

/* --- Kronecker products ----------------------------------------------------------------------- */

/* A pair of ranks whose product reaches the rank that is wanted. */
typedef struct pair {
    int outer, inner;
} pair;

/* The tile as a product of two: halves every even side. False where one of them would be 1×1×1. */
static bool split_tile(const stile_search_problem *p, int outer[3], int inner[3])
{
    const int sides[3] = {p->m, p->k, p->n};
    for (int i = 0; i < 3; i++) {
        outer[i] = sides[i] % 2 == 0 ? 2 : 1;
        inner[i] = sides[i] / outer[i];
    }
    return outer[0] * outer[1] * outer[2] > 1 && inner[0] * inner[1] * inner[2] > 1;
}

/* The most channels that a product may have: more would only be dropped. */
static int most_channels(const stile_search_problem *p)
{
    const int most = p->rank + p->rank / 3 + 4;
    return most < p->m * p->k * p->n ? most : p->m * p->k * p->n;
}

/* How little a pair promises: pairs of few products are best, and of parts alike. */
static double demerit(pair ranks, int outer_classical, int inner_classical)
{
    const double outer = (double)ranks.outer / outer_classical;
    const double inner = (double)ranks.inner / inner_classical;
    return ranks.outer * ranks.inner * (1 + fabs(outer - inner));
}

/* The best first; returns their number. */
static int list_pairs(const stile_search_problem *p, pair *out)
{
    int outer[3], inner[3], count = 0;
    if (!split_tile(p, outer, inner))
        return 0;
    const int first = outer[0] * outer[1] * outer[2], second = inner[0] * inner[1] * inner[2];
    for (int i = 1; i <= first; i++) {
        for (int j = 1; j <= second && i * j <= most_channels(p); j++) {
            if (i * j < p->rank || count == MAX_PAIRS)
                continue;
            const pair next = {i, j};
            int at = count++;
            for (; at > 0 && demerit(out[at - 1], first, second) > demerit(next, first, second);
                 at--)
                out[at] = out[at - 1];
            out[at] = next;
        }
    }
    return count;
}

/* The best of a few random starts. */
static int find_small(stile_basis **out, stile_arena *arena, const stile_search_problem *problem)
{
    stile_search_quality best = {false, INFINITY, INFINITY};
    const bool small = problem->m * problem->k * problem->n <= SMALL_TILE;
    int error = STILE_OK;
    for (int i = 0; i < (small ? SMALL_STARTS : LARGE_STARTS) && !error; i++) {
        stile_search_start *start;
        error = stile_search_begin(&start, problem, i);
        if (error)
            return error;
        for (bool done = false; !done && !error;)
            error = stile_search_advance(start, &done);
        const stile_search_quality quality = stile_search_assess(start);
        if (!error && (i == 0 || stile_search_is_better(&quality, &best))) {
            error = stile_search_basis(out, arena, start);
            best = quality;
        }
        stile_search_end(&start);
    }
    return error;
}

static double mean_size(const stile_search_point *p)
{
    double sum = 0;
    const size_t size = stile_search_point_size(p);
    for (size_t i = 0; i < size; i++)
        sum += p->x[0][i] * p->x[0][i];
    return sqrt(sum / (double)((p->sizes[0] + p->sizes[1] + p->sizes[2]) * p->rank));
}

static void randomize_channel(stile_search_start *s, int channel, double size)
{
    const stile_search_point *p = &s->point;
    for (int row = 0; row < p->sizes[0] + p->sizes[1] + p->sizes[2]; row++)
        p->x[0][row * p->stride + channel] = size * stile_generator_normal(&s->random);
}

static int below(stile_search_start *s, int limit)
{
    return (int)(stile_generator_next(&s->random) % (uint64_t)limit);
}

/* Variant 0 is the basis as it is; others have noise, or some channels made anew. */
static void perturb(stile_search_start *s, int64_t variant)
{
    const stile_search_point *p = &s->point;
    const double size = mean_size(p);
    s->varied = variant > 0;
    if (variant % 2 == 1) {
        const double noise = size * NOISES[variant / 2 % 3];
        for (int row = 0; row < p->sizes[0] + p->sizes[1] + p->sizes[2]; row++)
            for (int c = 0; c < p->rank; c++)
                p->x[0][row * p->stride + c] += noise * stile_generator_normal(&s->random);
    } else if (variant > 0) {
        for (int count = 1 + below(s, 1 + p->rank / 6); count > 0; count--)
            randomize_channel(s, below(s, p->rank), size);
    }
}

/* A product of two small bases, each under the root of the bound of growth. */
static int depart_from_product(stile_search_start *s, pair ranks, int64_t variant)
{
    const stile_search_problem *p = s->problem;
    int outer[3], inner[3];
    split_tile(p, outer, inner);
    stile_search_problem small = {
        .random = true, .growth = sqrt(p->growth), .weight = p->weight, .rows = p->rows};
    stile_basis *first, *second, *product;
    stile_arena *arena = stile_arena_create();
    int error = arena ? STILE_OK : stile_fail_memory();
    for (int i = 0; i < 2 && !error; i++) {
        const int *tile = i ? inner : outer;
        small.m = tile[0];
        small.k = tile[1];
        small.n = tile[2];
        small.rank = i ? ranks.inner : ranks.outer;
        small.seed = stile_generator_next(&s->random);
        error = find_small(i ? &second : &first, arena, &small);
    }
    if (!error)
        error = stile_basis_kron(&product, arena, first, second);
    if (!error) {
        s->point.rank = product->rank;
        stile_search_point_load(&s->point, product);
        perturb(s, variant);
        s->phase = STILE_SEARCH_REDUCE;
    }
    stile_arena_destroy(&arena);
    return error;
}

/* --- Given bases ------------------------------------------------------------------------------ */

static void depart_from_given(stile_search_start *s)
{
    const stile_search_problem *p = s->problem;
    const stile_basis *basis = p->from[s->index % p->from_count];
    s->point.rank = basis->rank;
    stile_search_point_load(&s->point, basis);
    stile_search_point_balance(&s->point);
    perturb(s, s->index / p->from_count);
    const double size = mean_size(&s->point);
    while (s->point.rank < p->rank)
        randomize_channel(s, s->point.rank++, size / 3);
    s->phase = STILE_SEARCH_REDUCE;
}

/* --- All -------------------------------------------------------------------------------------- */

static void depart_at_random(stile_search_start *s)
{
    const stile_search_point *p = &s->point;
    for (int row = 0; row < p->sizes[0] + p->sizes[1] + p->sizes[2]; row++)
        for (int c = 0; c < p->rank; c++)
            p->x[0][row * p->stride + c] = RANDOM_SCALE * stile_generator_normal(&s->random);
    s->point.leak = FIRST_LEAK;
    s->weight = FIRST_WEIGHTS[s->index / 2 % 4];
    if (stile_search_wants_fractions(s->problem))
        s->weight *= 10;
    stile_search_apply_support(s);
    s->phase = STILE_SEARCH_ANNEAL;
}

void stile_search_apply_support(stile_search_start *start)
{
    const stile_basis *support = start->problem->support;
    stile_search_point *p = &start->point;
    if (!support)
        return;
    stile_search_point_copy(&start->kept, p);
    stile_search_point_load(&start->kept, support);
    for (int row = 0; row < p->sizes[0] + p->sizes[1] + p->sizes[2]; row++) {
        for (int c = 0; c < p->rank; c++) {
            const int at = row * p->stride + c;
            p->held[0][at] = start->kept.x[0][at] == 0;
            if (p->held[0][at])
                p->x[0][at] = 0;
        }
    }
}

int stile_search_capacity(const stile_search_problem *problem)
{
    int capacity = problem->rank, outer[3], inner[3];
    for (int i = 0; i < problem->from_count; i++)
        if (problem->from[i]->rank > capacity)
            capacity = problem->from[i]->rank;
    if (problem->from_count == 0 && split_tile(problem, outer, inner))
        capacity = most_channels(problem);
    return capacity;
}

int stile_search_depart(stile_search_start *start)
{
    const stile_search_problem *p = start->problem;
    /* Starts of one seed must not overlap: their states are hashes, a generator's next number. */
    stile_generator seeds = {p->seed};
    seeds.state = stile_generator_next(&seeds) + (uint64_t)start->index;
    start->random.state = stile_generator_next(&seeds);
    if (p->from_count > 0) {
        depart_from_given(start);
        return STILE_OK;
    }
    pair pairs[MAX_PAIRS];
    const int64_t products = start->index - start->index / 4; /* three starts of four */
    const bool random = p->random || p->exact || p->support || start->index % 4 == 3;
    const int count = random ? 0 : list_pairs(p, pairs);
    if (count > 0)
        return depart_from_product(start, pairs[products % count], products / count);
    depart_at_random(start);
    return STILE_OK;
}
