/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis sum: tiles side by side. */
#include <string.h>

#include "basis_algebra.h"
#include "basis_transform.h"
#include "output.h"

static int transform(const stile_arguments *arguments, stile_arena *arena,
                     const stile_basis *const *operands, const stile_basis **out)
{
    static const char axes[] = "mkn";
    const char *word = stile_argument(arguments, "along");
    const char *axis = strlen(word) == 1 ? strchr(axes, *word) : NULL;
    if (!axis) {
        stile_print_error("--along is '%s', but must be m, k or n", word);
        return STILE_EXIT_USAGE;
    }
    const stile_basis *sum = operands[0];
    for (int i = 1; i < arguments->operand_count; i++) {
        stile_basis *next;
        const int error =
            stile_basis_sum(&next, arena, (stile_axis)(axis - axes), sum, operands[i]);
        if (error)
            return stile_report_failure(error, NULL);
        sum = next;
    }
    *out = sum;
    return STILE_EXIT_OK;
}

static int run(const stile_arguments *arguments)
{
    if (!stile_argument_required(arguments, "along"))
        return STILE_EXIT_USAGE;
    return stile_transform_bases(arguments, transform);
}

static const stile_option options[] = {
    {"along", 0, "m|k|n", "the side of the tile that grows"},
    STILE_OPTION_BASIS_OUTPUT,
    STILE_OPTION_VARIANT,
    {NULL},
};

const stile_command stile_command_basis_sum = {
    .name = "basis sum",
    .synopsis = "A B... --along m|k|n [-o FILE]",
    .summary = "glue tiles along a side",
    .text = "Writes the direct sum of bases as a basis file. Their tiles agree in the other two\n"
            "sides; ranks add. 2,2,2 in 7 products and 2,2,1 in 4 make 2,2,3 in 11, along n.",
    .options = options,
    .min_operands = 2,
    .max_operands = STILE_MAX_BASIS_OPERANDS,
    .run = run,
};
