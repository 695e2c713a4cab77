/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis polish: the best rotation of a basis. */
#include "basis_polish.h"

#include <string.h>

#include "basis_transform.h"
#include "output.h"
#include "table.h"

static const char *additions_text(stile_arena *arena, const stile_basis_cost *cost)
{
    if (cost->additions < 0)
        return "dense";
    return stile_arena_printf(arena, "%d", cost->additions);
}

/* What was traded for what, on stderr. */
static int note_trade(stile_arena *arena, const stile_basis *before, const stile_basis *after)
{
    stile_basis_cost old, new;
    int error = stile_basis_count_cost(before, &old);
    if (!error)
        error = stile_basis_count_cost(after, &new);
    if (error)
        return stile_report_failure(error, NULL);
    stile_print_note("growth %s -> %s, additions %s -> %s, nonzeros %d -> %d",
                     stile_human_number(arena, old.growth, 6),
                     stile_human_number(arena, new.growth, 6), additions_text(arena, &old),
                     additions_text(arena, &new), old.nonzeros, new.nonzeros);
    return STILE_EXIT_OK;
}

static int transform(const stile_arguments *arguments, stile_arena *arena,
                     const stile_basis *const *operands, const stile_basis **out)
{
    const char *goal = stile_argument(arguments, "minimize");
    stile_basis *polished;
    int error;
    if (strcmp(goal, "growth") == 0) {
        error = stile_basis_polish_growth(&polished, arena, operands[0]);
    } else if (strcmp(goal, "additions") == 0) {
        error = stile_basis_polish_sparsity(&polished, arena, operands[0], STILE_POLISH_ADDITIONS);
    } else if (strcmp(goal, "nonzeros") == 0) {
        error = stile_basis_polish_sparsity(&polished, arena, operands[0], STILE_POLISH_NONZEROS);
    } else {
        stile_print_error("--minimize is '%s', but must be growth, additions or nonzeros", goal);
        return STILE_EXIT_USAGE;
    }
    if (error)
        return stile_report_failure(error, NULL);
    *out = polished;
    return note_trade(arena, operands[0], polished);
}

static int run(const stile_arguments *arguments)
{
    if (!stile_argument_required(arguments, "minimize"))
        return STILE_EXIT_USAGE;
    return stile_transform_bases(arguments, transform);
}

static const stile_option options[] = {
    {"minimize", 0, "GOAL", "growth, additions or nonzeros"},
    STILE_OPTION_BASIS_OUTPUT,
    STILE_OPTION_VARIANT,
    {NULL},
};

const stile_command stile_command_basis_polish = {
    .name = "basis polish",
    .synopsis = "BASIS --minimize growth|additions|nonzeros [-o FILE]",
    .summary = "the best rotation of an exact basis",
    .text = "Writes the rotation of an exact basis that is best for one purpose as a basis file,\n"
            "and says on stderr what it costs otherwise. Growth is minimized over all rotations,\n"
            "and what is found is the least there is; its entries are in general no fractions, so\n"
            "that kernels take them as operands. Additions and nonzeros are minimized by integer\n"
            "rotations, step by step from the basis as it is given. The result depends on the\n"
            "basis alone.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
