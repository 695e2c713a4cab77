/* SPDX-License-Identifier: Apache-2.0 */
#include "group_basis.h"

#include <stile/version.h>

#include "fail.h"

static const char *describe(stile_arena *arena, const stile_group_request *r)
{
    const char *text =
        stile_arena_printf(arena, "stile %s: stile basis group --group %s --tile %d,%d,%d",
                           stile_version(), r->group, r->m, r->k, r->n);
    if (text && r->rank)
        text = stile_arena_printf(arena, "%s --rank %d", text, r->rank);
    if (text && r->relaxed)
        text = stile_arena_printf(arena, "%s --relaxed", text);
    if (text && r->truncate)
        text = stile_arena_printf(arena, "%s --truncate", text);
    if (text && r->moves)
        text = stile_arena_printf(arena, "%s --moves %d", text, r->moves);
    if (text && r->seed != 1)
        text = stile_arena_printf(arena, "%s --seed %llu", text, (unsigned long long)r->seed);
    return text;
}

/* Says why there is no basis, and what to try. */
static int refuse(const stile_group_curve *curve, const stile_group_request *r)
{
    const char *name = curve->group->name;
    if (!curve->has_property && !r->relaxed && curve->complete)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s has no subsets of %d, %d and %d elements with the triple product "
                          "property: allow relaxed ones, or take another group",
                          name, r->m, r->k, r->n);
    if (!curve->has_property && !r->relaxed)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "no subsets of %d, %d and %d elements with the triple product property "
                          "were found in %s, though not all were looked at: allow relaxed ones, or "
                          "take another group",
                          r->m, r->k, r->n, name);
    if (!r->truncate && curve->exact_rank)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the exact basis found in %s has %d products: truncate it for fewer",
                          name, curve->exact_rank);
    if (!r->truncate)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "no basis found in %s has as few as %d products: truncate one", name,
                          r->rank);
    return stile_fail(
        STILE_ERROR_ARGUMENT,
        "%s has no subsets of %d, %d and %d elements: take a larger group, or ask for "
        "moves",
        name, r->m, r->k, r->n);
}

int stile_group_basis_make(stile_basis **out, stile_arena *arena,
                           const stile_group_request *request)
{
    stile_group *group = NULL;
    stile_group_curve curve;
    stile_basis *basis = NULL;
    const unsigned freedom = (request->relaxed ? STILE_GROUP_RELAXED : 0u) |
                             (request->truncate ? STILE_GROUP_TRUNCATED : 0u);
    if ((request->truncate || request->moves) && !request->rank)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "to truncate and to move needs a rank, the number of products to keep");
    int error = stile_group_create(&group, arena, request->group);
    if (!error)
        error = stile_group_curve_find(&curve, arena, group, request->m, request->k, request->n,
                                       freedom, request->seed);
    if (!error && request->moves)
        error =
            stile_group_curve_improve(&curve, arena, request->rank, request->moves, request->seed);
    if (error)
        return error;
    const int rank =
        request->rank && request->rank < curve.max_rank ? request->rank : curve.max_rank;
    if (!curve.choices[rank].count)
        return refuse(&curve, request);
    error = stile_group_curve_basis(&basis, arena, &curve, rank);
    if (error)
        return error;
    basis->source = describe(arena, request);
    if (!basis->source)
        return stile_fail_memory();
    *out = basis;
    return STILE_OK;
}
