/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_group.h"

#include <string.h>

#include "fail.h"
#include "generator.h"

/* --- The triple product property -------------------------------------------------------------- */

/* A set of elements, by bits. */
typedef uint64_t element_set;

static element_set set_of(int element)
{
    return (element_set)1 << element;
}

/* All s'·s⁻¹. */
static element_set quotients_of(const stile_group *group, const uint8_t *elements, int count)
{
    element_set set = 0;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++)
            set |= set_of(group->product[elements[i]][group->inverse[elements[j]]]);
    }
    return set;
}

/* All products of an element of each set that are not of the two identities. */
static element_set products_of(const stile_group *group, element_set first, element_set second)
{
    element_set set = 0;
    for (int g = 0; g < group->order; g++) {
        for (int h = 0; first >> g & 1 && h < group->order; h++) {
            if (second >> h & 1 && (g || h))
                set |= set_of(group->product[g][h]);
        }
    }
    return set;
}

bool stile_triple_has_property(const stile_group *group, const stile_triple *triple)
{
    element_set quotients[3];
    for (int i = 0; i < 3; i++)
        quotients[i] = quotients_of(group, triple->elements[i], triple->sizes[i]);
    /* q₁q₂ = q₃⁻¹, which is a quotient too, only where all are 1. */
    return !(products_of(group, quotients[0], quotients[1]) & quotients[2]);
}

/* --- All triples that have it ----------------------------------------------------------------- */

static const int64_t MOST_STEPS = 30000000;

/* A search for U, then T, then S, each in ascending order from the identity on. */
typedef struct search {
    const stile_group *group;
    stile_triple triple;
    stile_triples *found;
    int limit;
    int64_t steps;
} search;

/*
 * Adds elements to subset `which` from place `count` on; none may have a quotient in `forbidden`,
 * which for U are all products of quotients of S and T, for T the quotients of S. True: go on.
 */
static bool extend(search *s, int which, int count, element_set forbidden)
{
    const stile_group *group = s->group;
    uint8_t *elements = s->triple.elements[which];
    if (count == s->triple.sizes[which]) {
        if (which == 2) {
            s->found->items[s->found->count++] = s->triple;
            return s->found->count < s->limit;
        }
        const element_set quotients = quotients_of(group, elements, count);
        if (which == 0)
            return extend(s, 1, 1, quotients & ~set_of(0));
        const element_set first = quotients_of(group, s->triple.elements[0], s->triple.sizes[0]);
        return extend(s, 2, 1, products_of(group, first, quotients));
    }
    for (int g = elements[count - 1] + 1; g < group->order; g++) {
        bool allowed = true;
        if (++s->steps > MOST_STEPS)
            return false;
        for (int i = 0; i < count && allowed; i++) {
            const int quotient = group->product[g][group->inverse[elements[i]]];
            allowed = !(forbidden >> quotient & 1) && !(forbidden >> group->inverse[quotient] & 1);
        }
        elements[count] = (uint8_t)g;
        if (allowed && !extend(s, which, count + 1, forbidden))
            return false;
    }
    return true;
}

int stile_triples_exact(stile_triples *out, stile_arena *arena, const stile_group *group,
                        const int sizes[3], int limit)
{
    stile_triples found = {stile_arena_array(arena, (size_t)limit, sizeof *found.items)};
    if (!found.items)
        return stile_fail_memory();
    search s = {.group = group, .found = &found, .limit = limit};
    memcpy(s.triple.sizes, sizes, sizeof s.triple.sizes);
    /* In an abelian group s·t·u takes mkn values; in any one s⁻¹·t takes mk, and so on. */
    const int m = sizes[0], k = sizes[1], n = sizes[2], order = group->order;
    const bool too_small =
        (group->abelian && m * k * n > order) || m * k > order || k * n > order || m * n > order;
    found.complete = too_small || extend(&s, 0, 1, 0);
    *out = found;
    return STILE_OK;
}

/* --- Triples of small error ------------------------------------------------------------------- */

enum {
    MOST_EXHAUSTIVE = 40000, /* triples; of more only some are looked at */
    STARTS = 300,
    SAME_ERROR = 24, /* triples kept of one error: the others are likely to be as good */
};

/* The best triples so far, by error, those of one error by when they were found. */
typedef struct ranking {
    stile_triple *items;
    double *errors;
    int count, limit;
} ranking;

static void rank_triple(ranking *list, const stile_triple *triple, double error)
{
    int at = list->count, same = 0;
    while (at > 0 && list->errors[at - 1] > error + 0x1p-40)
        at--;
    for (int i = at; i > 0 && list->errors[i - 1] > error - 0x1p-40; i--) {
        same++;
        if (!memcmp(&list->items[i - 1], triple, sizeof *triple))
            return;
    }
    if (at == list->limit || same == SAME_ERROR)
        return;
    const int last = list->count < list->limit ? list->count++ : list->limit - 1;
    memmove(list->items + at + 1, list->items + at, (size_t)(last - at) * sizeof *list->items);
    memmove(list->errors + at + 1, list->errors + at, (size_t)(last - at) * sizeof *list->errors);
    list->items[at] = *triple;
    list->errors[at] = error;
}

/* The elements from place `first` on become `next`, next + 1, … */
static void count_on(uint8_t elements[STILE_MAX_TILE], int count, int first, int next)
{
    for (int i = 0; i < STILE_MAX_TILE; i++) {
        if (i >= first && i < count)
            elements[i] = (uint8_t)(next + i - first);
    }
}

/* The next subset in lexicographic order, the identity kept; false: the first one again. */
static bool next_subset(uint8_t elements[STILE_MAX_TILE], int count, int order)
{
    int i = count - 1;
    while (i > 0 && elements[i] == order - count + i)
        i--;
    count_on(elements, count, i > 0 ? i : 0, i > 0 ? elements[i] + 1 : 0);
    return i > 0;
}

/* How many triples there are with the identity in each subset. */
static double count_triples(int order, const int sizes[3])
{
    double count = 1;
    for (int i = 0; i < 3; i++) {
        for (int j = 1; j < sizes[i]; j++)
            count = count * (order - j) / j;
    }
    return count;
}

static double error_of(const stile_group *group, const stile_triple *triple)
{
    const stile_placement placement = stile_placement_of_triple(group, triple);
    return stile_placement_error(group, &placement);
}

static void rank_all(ranking *list, const stile_group *group, stile_triple *triple)
{
    for (int i = 0; i < 3; i++)
        count_on(triple->elements[i], triple->sizes[i], 0, 0);
    for (bool more = true; more;) {
        rank_triple(list, triple, error_of(group, triple));
        more = false;
        for (int i = 0; i < 3 && !more; i++)
            more = next_subset(triple->elements[i], triple->sizes[i], group->order);
    }
}

static bool has_element(const uint8_t *elements, int count, int element)
{
    for (int i = 0; i < count; i++) {
        if (elements[i] == element)
            return true;
    }
    return false;
}

static void draw_subset(stile_generator *g, uint8_t *elements, int count, int order)
{
    elements[0] = 0;
    for (int i = 1; i < count;) {
        const int element = (int)(stile_generator_uniform(g) * order);
        if (!has_element(elements, i, element))
            elements[i++] = (uint8_t)element;
    }
}

/* In ascending order, so that one triple has one form. */
static void sort_elements(stile_triple *triple)
{
    for (int which = 0; which < 3; which++) {
        uint8_t *elements = triple->elements[which];
        for (int i = 1; i < triple->sizes[which]; i++) {
            for (int j = i; j > 0 && elements[j] < elements[j - 1]; j--) {
                const uint8_t other = elements[j];
                elements[j] = elements[j - 1];
                elements[j - 1] = other;
            }
        }
    }
}

/* Exchanges the one element whose exchange helps most, until none does. */
static void descend(ranking *list, const stile_group *group, stile_triple *triple)
{
    double least = error_of(group, triple);
    for (bool better = true; better;) {
        stile_triple best = *triple;
        better = false;
        for (int which = 0; which < 3; which++) {
            for (int i = 1; i < triple->sizes[which]; i++) {
                uint8_t *element = &triple->elements[which][i];
                const uint8_t old = *element;
                for (int other = 1; other < group->order; other++) {
                    if (has_element(triple->elements[which], triple->sizes[which], other))
                        continue;
                    const uint8_t before = *element;
                    *element = (uint8_t)other;
                    const double error = error_of(group, triple);
                    if (error < least - 0x1p-40) {
                        least = error;
                        best = *triple;
                        better = true;
                    }
                    *element = before;
                }
                *element = old;
            }
        }
        *triple = best;
    }
    sort_elements(triple);
    rank_triple(list, triple, least);
}

int stile_triples_relaxed(stile_triples *out, stile_arena *arena, const stile_group *group,
                          const int sizes[3], int limit, uint64_t seed)
{
    ranking list = {.limit = limit};
    list.items = stile_arena_array(arena, (size_t)limit, sizeof *list.items);
    list.errors = stile_arena_array(arena, (size_t)limit, sizeof *list.errors);
    if (!list.items || !list.errors)
        return stile_fail_memory();
    stile_triple triple = {{sizes[0], sizes[1], sizes[2]}, {{0}}};
    bool complete = true;
    for (int i = 0; i < 3; i++) {
        if (sizes[i] > group->order) { /* no such subsets */
            *out = (stile_triples){list.items, 0, true};
            return STILE_OK;
        }
    }
    if (count_triples(group->order, sizes) <= MOST_EXHAUSTIVE) {
        rank_all(&list, group, &triple);
    } else {
        stile_generator generator = {seed};
        complete = false;
        for (int start = 0; start < STARTS; start++) {
            for (int i = 0; i < 3; i++)
                draw_subset(&generator, triple.elements[i], sizes[i], group->order);
            /* Where the descent starts is one to try, too: the best full spectrum is not always the
               best one to cut. */
            stile_triple sorted = triple;
            sort_elements(&sorted);
            rank_triple(&list, &sorted, error_of(group, &sorted));
            descend(&list, group, &triple);
        }
    }
    *out = (stile_triples){list.items, list.count, complete};
    return STILE_OK;
}
