/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_group.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "generator.h"

enum { EXACT_TRIPLES = 400, RELAXED_TRIPLES = 400 };

static const double EXACT = 1e-10, BETTER = 1e-10; /* errors */

/* The two chains of a placement. */
typedef struct spectrum {
    stile_channel_chain grown, shrunk;
} spectrum;

static int find_spectrum(spectrum *out, const stile_group *group, const stile_placement *placement)
{
    stile_arena *scratch = stile_arena_create();
    stile_basis *basis = NULL;
    if (!scratch)
        return stile_fail_memory();
    int error = stile_basis_of_placement(&basis, scratch, group, placement);
    if (!error)
        error = stile_basis_chains(basis, &out->grown, &out->shrunk);
    stile_arena_destroy(&scratch);
    return error;
}

/* Takes the first `count` channels of a chain for the basis of a rank where they are better. */
static int keep(stile_group_curve *curve, stile_arena *arena, int rank,
                const stile_channel_chain *chain, int count, const stile_placement *placement)
{
    stile_group_choice *choice = &curve->choices[rank];
    if (choice->count && chain->errors[count] > choice->error - BETTER)
        return STILE_OK;
    int *channels = stile_arena_array(arena, (size_t)count, sizeof *channels);
    stile_placement *copy = stile_arena_alloc(arena, sizeof *copy);
    if (!channels || !copy)
        return stile_fail_memory();
    memcpy(channels, chain->channels, (size_t)count * sizeof *channels);
    *copy = *placement;
    *choice = (stile_group_choice){chain->errors[count], count, channels, copy};
    return STILE_OK;
}

/* Takes what a chain offers: all its beginnings, or without truncation the shortest one that is as
   good as the whole. */
static int keep_chain(stile_group_curve *curve, stile_arena *arena,
                      const stile_channel_chain *chain, const stile_placement *placement,
                      bool truncated)
{
    int whole = chain->count, error = STILE_OK;
    while (whole > 0 && chain->errors[whole - 1] < chain->errors[chain->count] + EXACT)
        whole--;
    for (int count = truncated ? 1 : whole; count <= whole && count > 0 && !error; count++)
        error = keep(curve, arena, count, chain, count, placement);
    if (whole && chain->errors[whole] < EXACT && (!curve->exact_rank || whole < curve->exact_rank))
        curve->exact_rank = whole;
    return error;
}

static int try_triples(stile_group_curve *curve, stile_arena *arena, const stile_triples *triples,
                       bool truncated, spectrum *scratch)
{
    int error = STILE_OK;
    for (int i = 0; i < triples->count && !error; i++) {
        const stile_placement placement =
            stile_placement_of_triple(curve->group, &triples->items[i]);
        error = find_spectrum(scratch, curve->group, &placement);
        if (!error)
            error = keep_chain(curve, arena, &scratch->grown, &placement, truncated);
        if (!error)
            error = keep_chain(curve, arena, &scratch->shrunk, &placement, truncated);
    }
    return error;
}

/* A basis of lower rank will do for a higher one. */
static void make_monotone(stile_group_curve *curve)
{
    for (int rank = 2; rank <= curve->max_rank; rank++) {
        const stile_group_choice *lower = &curve->choices[rank - 1];
        stile_group_choice *choice = &curve->choices[rank];
        if (lower->count && (!choice->count || lower->error <= choice->error + BETTER))
            *choice = *lower;
    }
}

int stile_group_curve_find(stile_group_curve *out, stile_arena *arena, const stile_group *group,
                           int m, int k, int n, unsigned freedom, uint64_t seed)
{
    if (m < 1 || k < 1 || n < 1 || m > STILE_MAX_TILE || k > STILE_MAX_TILE || n > STILE_MAX_TILE)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "a tile of %dx%dx%d cannot work: each side must be from 1 to %d", m, k, n,
                          STILE_MAX_TILE);
    const int sizes[] = {m, k, n};
    const bool truncated = freedom & STILE_GROUP_TRUNCATED;
    stile_group_curve curve = {group, m, k, n, group->rank};
    curve.choices = stile_arena_array(arena, (size_t)(curve.max_rank + 1), sizeof *curve.choices);
    spectrum *scratch = stile_arena_alloc(arena, sizeof *scratch);
    if (!curve.choices || !scratch)
        return stile_fail_memory();
    stile_triples exact, relaxed = {0};
    int error = stile_triples_exact(&exact, arena, group, sizes, EXACT_TRIPLES);
    const bool descend =
        !error && ((freedom & STILE_GROUP_RELAXED) || (!exact.count && !exact.complete));
    if (descend)
        error = stile_triples_relaxed(&relaxed, arena, group, sizes, RELAXED_TRIPLES, seed);
    if (error)
        return error;
    /* The best ones come first, and may be exact where the search found none in its time. */
    int same = 0;
    while (same < relaxed.count && stile_triple_has_property(group, &relaxed.items[same]))
        same++;
    if (!(freedom & STILE_GROUP_RELAXED))
        relaxed.count = same;
    curve.has_property = exact.count + same > 0;
    curve.complete = exact.complete;
    error = try_triples(&curve, arena, &exact, truncated, scratch);
    if (!error)
        error = try_triples(&curve, arena, &relaxed, truncated, scratch);
    if (error)
        return error;
    make_monotone(&curve);
    *out = curve;
    return STILE_OK;
}

/* --- Moving entries --------------------------------------------------------------------------- */

enum { PATIENCE = 400 }; /* tries without success until the next start */

/* How much worse a try may be, at most, to be gone on from: at first, and how it falls with each.
 */
static const double FIRST_LOSS = 0.01, LOSS_FALLS = 0.997;

static int draw(stile_generator *g, int below)
{
    return (int)(stile_generator_uniform(g) * below);
}

/* Moves the entry with that number, those of W after those of X. */
static void move_entry(stile_placement *p, int entry, int element, int sign)
{
    const int in_x = p->m * p->k;
    if (entry < in_x) {
        p->x[entry] = (uint8_t)element;
        p->x_signs[entry] = (int8_t)sign;
    } else {
        p->w[entry - in_x] = (uint8_t)element;
        p->w_signs[entry - in_x] = (int8_t)sign;
    }
}

static void move_random_entry(stile_placement *p, stile_generator *g, int order)
{
    const int entry = draw(g, p->m * p->k + p->k * p->n);
    const int element = draw(g, order);
    move_entry(p, entry, element, draw(g, 2) ? 1 : -1);
}

/* The chain that is better at a rank. */
static const stile_channel_chain *better_chain(const spectrum *s, int rank, int *count)
{
    *count = s->grown.count < rank ? s->grown.count : rank;
    return s->shrunk.errors[*count] < s->grown.errors[*count] ? &s->shrunk : &s->grown;
}

int stile_group_curve_improve(stile_group_curve *curve, stile_arena *arena, int rank, int tries,
                              uint64_t seed)
{
    const int order = curve->group->order;
    const int entries = curve->m * curve->k + curve->k * curve->n;
    const int at = rank > curve->max_rank ? curve->max_rank : rank;
    stile_generator g = {seed};
    stile_placement current = {curve->m, curve->k, curve->n};
    spectrum *s = stile_arena_alloc(arena, sizeof *s);
    if (!s)
        return stile_fail_memory();
    double error = 2; /* of `current`: worse than any */
    double loss = FIRST_LOSS;
    int failures = 0;
    for (int i = 0; i < entries; i++)
        move_entry(&current, i, draw(&g, order), 1);
    if (curve->choices[at].count) {
        current = *curve->choices[at].placement;
        error = curve->choices[at].error;
    }
    for (int i = 0; i < tries; i++) {
        stile_placement next = current;
        if (failures > PATIENCE) {
            for (int j = 0; j < 4 * entries; j++)
                move_random_entry(&next, &g, order);
            error = 2;
            loss = FIRST_LOSS;
            failures = 0;
        } else if (error <= 1) {
            for (int moves = 1 + draw(&g, 2); moves > 0; moves--)
                move_random_entry(&next, &g, order);
        }
        int result = find_spectrum(s, curve->group, &next), count;
        if (result)
            return result;
        const stile_channel_chain *chain = better_chain(s, at, &count);
        loss *= LOSS_FALLS;
        failures = chain->errors[count] < error - BETTER ? 0 : failures + 1;
        if (chain->errors[count] > error + loss * stile_generator_uniform(&g))
            continue;
        current = next;
        error = chain->errors[count];
        if (count)
            result = keep(curve, arena, at, chain, count, &current);
        if (result)
            return result;
        if (error < EXACT && (!curve->exact_rank || count < curve->exact_rank))
            curve->exact_rank = count;
    }
    return STILE_OK;
}

int stile_group_curve_basis(stile_basis **out, stile_arena *arena, const stile_group_curve *curve,
                            int rank)
{
    const int at = rank > curve->max_rank ? curve->max_rank : rank;
    const stile_group_choice *choice = at < 1 ? NULL : &curve->choices[at];
    if (!choice || !choice->count)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "no basis of up to %d products for tiles of %dx%dx%d was found in %.64s",
                          rank, curve->m, curve->k, curve->n, curve->group->name);
    stile_basis *whole = NULL;
    const int error = stile_basis_of_placement(&whole, arena, curve->group, choice->placement);
    if (error)
        return error;
    return stile_basis_decoded(out, arena, whole, choice->channels, choice->count);
}
