/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis transpose, cycle, merge and balance: one basis in, one out, no choices. */
#include "basis_algebra.h"
#include "basis_transform.h"
#include "output.h"

/* A function of the algebra as a transform. */
static int apply(int (*function)(stile_basis **, stile_arena *, const stile_basis *),
                 stile_arena *arena, const stile_basis *basis, const stile_basis **out)
{
    stile_basis *result;
    const int error = function(&result, arena, basis);
    if (error)
        return stile_report_failure(error, NULL);
    *out = result;
    return STILE_EXIT_OK;
}

/* NAME_transform and run_NAME, for stile_basis_NAME. */
#define TRANSFORM(name)                                                                            \
    static int name##_transform(const stile_arguments *arguments, stile_arena *arena,              \
                                const stile_basis *const *operands, const stile_basis **out)       \
    {                                                                                              \
        (void)arguments;                                                                           \
        return apply(stile_basis_##name, arena, operands[0], out);                                 \
    }                                                                                              \
    static int run_##name(const stile_arguments *arguments)                                        \
    {                                                                                              \
        return stile_transform_bases(arguments, name##_transform);                                 \
    }

TRANSFORM(transpose)
TRANSFORM(cycle)
TRANSFORM(merge)
TRANSFORM(balance)

static const stile_option options[] = {
    STILE_OPTION_BASIS_OUTPUT,
    STILE_OPTION_VARIANT,
    {NULL},
};

const stile_command stile_command_basis_transpose = {
    .name = "basis transpose",
    .synopsis = "BASIS [-o FILE]",
    .summary = "from tiles m,k,n to n,k,m",
    .text = "Writes the transpose of a basis as a basis file: Y' = W'X', tiles n,k,m. Error and\n"
            "growth stay as they are; row coupling becomes that of the columns.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_transpose,
};

const stile_command stile_command_basis_cycle = {
    .name = "basis cycle",
    .synopsis = "BASIS [-o FILE]",
    .summary = "from tiles m,k,n to k,n,m",
    .text = "Writes a basis with the roles of X, W and Y in turn, as a basis file: tiles k,n,m.\n"
            "Error and growth stay as they are. Three cycles give the basis itself.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_cycle,
};

const stile_command stile_command_basis_merge = {
    .name = "basis merge",
    .synopsis = "BASIS [-o FILE]",
    .summary = "merge parallel channels",
    .text = "Merges channels that are parallel in two of their three vectors into one and leaves\n"
            "out those that are zero: the same operator in fewer products, where that is so easy.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_merge,
};

const stile_command stile_command_basis_balance = {
    .name = "basis balance",
    .synopsis = "BASIS [-o FILE]",
    .summary = "even out the norms of channels",
    .text = "Scales the three vectors of each channel to norms as equal as can be: by powers of\n"
            "two in a rational basis, so that it stays exact. The operator stays the same.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_balance,
};
