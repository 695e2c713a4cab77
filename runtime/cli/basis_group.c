/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis group: bases from finite groups. */
#include "basis_group_survey.h"
#include "basis_input.h"
#include "basis_transform.h"
#include "group_basis.h"
#include "output.h"

static bool read_request(const stile_arguments *arguments, stile_group_request *out)
{
    int tile[3];
    int64_t rank = 0, moves = 0, seed = 1;
    if (!stile_argument_required(arguments, "tile") || !stile_input_tile(arguments, tile) ||
        !stile_argument_int(arguments, "rank", 1, STILE_MAX_RANK, &rank) ||
        !stile_argument_int(arguments, "moves", 0, 1000000000, &moves) ||
        !stile_argument_int(arguments, "seed", 0, INT64_MAX, &seed))
        return false;
    *out = (stile_group_request){
        .group = stile_argument(arguments, "group"),
        .m = tile[0],
        .k = tile[1],
        .n = tile[2],
        .rank = (int)rank,
        .relaxed = stile_flag(arguments, "relaxed"),
        .truncate = stile_flag(arguments, "truncate"),
        .moves = (int)moves,
        .seed = (uint64_t)seed,
    };
    return true;
}

static int transform(const stile_arguments *arguments, stile_arena *arena,
                     const stile_basis *const *operands, const stile_basis **out)
{
    (void)operands; /* none: the group is an option */
    stile_group_request request;
    stile_basis *basis = NULL;
    if (!read_request(arguments, &request))
        return STILE_EXIT_USAGE;
    const int error = stile_group_basis_make(&basis, arena, &request);
    if (error)
        return stile_report_failure(error, NULL);
    *out = basis;
    return STILE_EXIT_OK;
}

/* A survey makes no basis. */
static int run_survey(const stile_arguments *arguments, const stile_group_request *request)
{
    static const char *const of_bases[] = {"rank", "relaxed", "truncate", "moves", "output"};
    for (int i = 0; i < 5; i++) {
        if (stile_flag(arguments, of_bases[i])) {
            stile_print_error("--survey makes no basis: leave out --%s", of_bases[i]);
            return STILE_EXIT_USAGE;
        }
    }
    const int tile[] = {request->m, request->k, request->n};
    return stile_survey_groups(arguments, tile, request->seed);
}

static int run(const stile_arguments *arguments)
{
    stile_group_request request;
    const bool survey = stile_flag(arguments, "survey");
    if ((!survey && !stile_argument_required(arguments, "group")) ||
        !read_request(arguments, &request))
        return STILE_EXIT_USAGE;
    if (survey)
        return run_survey(arguments, &request);
    if (stile_flag(arguments, "json")) {
        stile_print_error("--json goes with --survey: stile basis show --json describes a basis");
        return STILE_EXIT_USAGE;
    }
    if ((request.truncate || request.moves) && !request.rank) {
        stile_print_error("--truncate and --moves need --rank, the number of products to keep");
        return STILE_EXIT_USAGE;
    }
    return stile_transform_bases(arguments, transform);
}

static const stile_option options[] = {
    {"group", 0, "NAME", "Z<n>, D<n>, S3, S4, A4, Q8 and products: Z2xZ4, Z2^3, D4xZ2"},
    {"tile", 0, "M,K,N", "the sides of the tile"},
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
