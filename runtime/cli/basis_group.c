/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis group: bases from finite groups. */
#include "basis_group.h"

#include <stile/version.h>

#include "basis_group_survey.h"
#include "basis_input.h"
#include "basis_transform.h"
#include "output.h"

/* The options that say what to make. */
typedef struct request {
    int tile[3];
    int64_t rank, moves, seed; /* rank 0: any */
    unsigned freedom;
} request;

static bool read_request(const stile_arguments *arguments, request *out)
{
    request r = {.seed = 1};
    if (!stile_argument_required(arguments, "tile") || !stile_input_tile(arguments, r.tile) ||
        !stile_argument_int(arguments, "rank", 1, STILE_MAX_RANK, &r.rank) ||
        !stile_argument_int(arguments, "moves", 0, 1000000000, &r.moves) ||
        !stile_argument_int(arguments, "seed", 0, INT64_MAX, &r.seed))
        return false;
    if (stile_flag(arguments, "relaxed"))
        r.freedom |= STILE_GROUP_RELAXED;
    if (stile_flag(arguments, "truncate"))
        r.freedom |= STILE_GROUP_TRUNCATED;
    *out = r;
    return true;
}

/* The command that makes it again. */
static const char *describe_source(stile_arena *arena, const stile_group *group, const request *r)
{
    const char *text =
        stile_arena_printf(arena, "stile %s: stile basis group --group %s --tile %d,%d,%d",
                           stile_version(), group->name, r->tile[0], r->tile[1], r->tile[2]);
    if (text && r->rank)
        text = stile_arena_printf(arena, "%s --rank %d", text, (int)r->rank);
    if (text && r->freedom & STILE_GROUP_RELAXED)
        text = stile_arena_printf(arena, "%s --relaxed", text);
    if (text && r->freedom & STILE_GROUP_TRUNCATED)
        text = stile_arena_printf(arena, "%s --truncate", text);
    if (text && r->moves)
        text = stile_arena_printf(arena, "%s --moves %lld", text, (long long)r->moves);
    if (text && r->seed != 1)
        text = stile_arena_printf(arena, "%s --seed %lld", text, (long long)r->seed);
    return text;
}

/* Says why there is no basis of that rank, and what to try. */
static int refuse(const stile_group_curve *curve, const request *r)
{
    const char *name = curve->group->name;
    const bool truncated = r->freedom & STILE_GROUP_TRUNCATED;
    const bool relaxed = r->freedom & STILE_GROUP_RELAXED;
    if (!curve->has_property && !relaxed)
        stile_print_error("%s subsets of %d, %d and %d elements with the triple product property "
                          "%s in %s: add --relaxed for others, or take another group",
                          curve->complete ? "no" : "some", curve->m, curve->k, curve->n,
                          curve->complete ? "exist" : "may exist, but were not found,", name);
    else if (!truncated && curve->exact_rank)
        stile_print_error("the exact basis found in %s has %d products: add --truncate for fewer",
                          name, curve->exact_rank);
    else if (!truncated)
        stile_print_error("no basis found in %s has as few products: add --truncate", name);
    else
        stile_print_error("%s has no subsets of %d, %d and %d elements: take a larger group, or "
                          "add --moves",
                          name, curve->m, curve->k, curve->n);
    return STILE_EXIT_USAGE;
}

static int transform(const stile_arguments *arguments, stile_arena *arena,
                     const stile_basis *const *operands, const stile_basis **out)
{
    (void)operands; /* none: the group is an option */
    request r;
    stile_group *group = NULL;
    stile_group_curve curve;
    stile_basis *basis = NULL;
    if (!read_request(arguments, &r))
        return STILE_EXIT_USAGE;
    int error = stile_group_create(&group, arena, stile_argument(arguments, "group"));
    if (!error)
        error = stile_group_curve_find(&curve, arena, group, r.tile[0], r.tile[1], r.tile[2],
                                       r.freedom, (uint64_t)r.seed);
    if (!error && r.moves)
        error =
            stile_group_curve_improve(&curve, arena, (int)r.rank, (int)r.moves, (uint64_t)r.seed);
    if (error)
        return stile_report_failure(error, NULL);
    const int rank = r.rank && r.rank < curve.max_rank ? (int)r.rank : curve.max_rank;
    if (!curve.choices[rank].count)
        return refuse(&curve, &r);
    error = stile_group_curve_basis(&basis, arena, &curve, rank);
    if (!error) {
        basis->source = describe_source(arena, group, &r);
        if (!basis->source)
            error = STILE_ERROR_MEMORY;
    }
    if (error)
        return stile_report_failure(error, NULL);
    *out = basis;
    return STILE_EXIT_OK;
}

static int run(const stile_arguments *arguments)
{
    request r;
    if (!stile_flag(arguments, "survey") && !stile_argument_required(arguments, "group"))
        return STILE_EXIT_USAGE;
    if (!read_request(arguments, &r))
        return STILE_EXIT_USAGE;
    static const char *const made[] = {"rank", "relaxed", "truncate", "moves", "output"};
    for (int i = 0; i < 5 && stile_flag(arguments, "survey"); i++) {
        if (stile_flag(arguments, made[i])) {
            stile_print_error("--survey makes no basis: leave out --%s", made[i]);
            return STILE_EXIT_USAGE;
        }
    }
    if (stile_flag(arguments, "survey"))
        return stile_survey_groups(arguments, r.tile, (uint64_t)r.seed);
    if (stile_flag(arguments, "json")) {
        stile_print_error("--json goes with --survey: stile basis show --json describes a basis");
        return STILE_EXIT_USAGE;
    }
    if ((r.freedom & STILE_GROUP_TRUNCATED || r.moves) && !r.rank) {
        stile_print_error("--truncate and --moves need --rank, the number of products to keep");
        return STILE_EXIT_USAGE;
    }
    return stile_transform_bases(arguments, transform);
}

static const stile_option options[] = {
    {"group", 0, "NAME", "Z<n>, D<n>, S3, S4, A4, Q8 and products: Z2xZ4, Z2^3, D4xZ2"},
    {"tile", 0, "M,K,N", "the tile"},
    {"rank", 0, "R", "the most products; default: as many as it takes"},
    {"relaxed", 0, NULL, "also subsets without the triple product property: inexact bases"},
    {"truncate", 0, NULL, "leave out the channels that matter least, down to --rank"},
    {"moves", 0, "N", "then move single entries of the tiles N times to lessen the error"},
    {"seed", 0, "S", "of what is drawn at random; default: 1"},
    {"survey", 0, NULL, "list what groups can do with the tile, all or that of --group"},
    STILE_OPTION_BASIS_OUTPUT,
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_basis_group = {
    .name = "basis group",
    .synopsis = "--group NAME|--survey --tile M,K,N [--rank R] [-o FILE]",
    .summary = "bases from finite groups",
    .text = "Writes a basis that multiplies tiles in the algebra of a finite group (H. Cohn,\n"
            "C. Umans, 2003) as a basis file. Three subsets of the group with the triple product\n"
            "property make an exact one. With --relaxed others will do, and --truncate drops\n"
            "channels down to --rank; what is left is decoded by least squares. Bases are\n"
            "rational where the characters of the group are. The result depends on the arguments\n"
            "alone.",
    .options = options,
    .run = run,
};
