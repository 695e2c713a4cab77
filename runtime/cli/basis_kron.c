/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis kron: Kronecker products, as basis files. */
#include "basis_input.h"
#include "basis_transform.h"
#include "output.h"

static int transform(const stile_arguments *arguments, stile_arena *arena,
                     const stile_basis *const *operands, const stile_basis **out)
{
    const stile_basis *product = operands[0];
    for (int i = 1; i < arguments->operand_count; i++) {
        stile_basis *next;
        const int error = stile_basis_kron(&next, arena, product, operands[i]);
        if (error)
            return stile_report_failure(error, NULL);
        product = next;
    }
    *out = product;
    return STILE_EXIT_OK;
}

static int run(const stile_arguments *arguments)
{
    return stile_transform_bases(arguments, transform);
}

static const stile_option options[] = {
    STILE_OPTION_BASIS_OUTPUT,
    STILE_OPTION_VARIANT,
    {NULL},
};

const stile_command stile_command_basis_kron = {
    .name = "basis kron",
    .synopsis = "A B... [-o FILE]",
    .summary = "the Kronecker product of bases",
    .text = "Writes the Kronecker product as a basis file. Tile sizes and ranks multiply; the\n"
            "first basis is the outermost.",
    .options = options,
    .min_operands = 2,
    .max_operands = STILE_MAX_BASIS_OPERANDS,
    .run = run,
};
