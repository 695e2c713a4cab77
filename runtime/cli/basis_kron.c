/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis kron: Kronecker products, as basis files. */
#include "basis_file.h"
#include "basis_input.h"
#include "inputs.h"
#include "output.h"

enum { MAX_FACTORS = 16 };

static int run(const stile_arguments *arguments)
{
    const char *path = stile_argument(arguments, "output");
    if (path && !stile_can_create(arguments, path))
        return STILE_EXIT_USAGE;
    stile_arena *arena = stile_arena_create();
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    stile_spec *specs[MAX_FACTORS] = {NULL};
    stile_text text = {0};
    const stile_basis *product = NULL;
    int result = STILE_EXIT_OK;
    for (int i = 0; i < arguments->operand_count && !result; i++) {
        const stile_basis *factor = NULL;
        result = stile_input_basis(arguments, arguments->operands[i], arena, &factor, &specs[i]);
        if (!result && product) {
            stile_basis *next;
            int error = stile_basis_kron(&next, arena, product, factor);
            result = error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
            factor = error ? NULL : next;
        }
        product = factor;
    }
    if (!result) {
        stile_basis_file_print(&text, product);
        if (text.failed) {
            stile_print_error("out of memory");
            result = STILE_EXIT_FAILURE;
        } else if (path) {
            result = stile_write_file(path, text.data, text.size);
        } else {
            result = stile_emit(&text);
        }
    }
    stile_text_free(&text);
    for (int i = 0; i < MAX_FACTORS; i++)
        stile_spec_destroy(&specs[i]);
    stile_arena_destroy(&arena);
    return result;
}

static const stile_option options[] = {
    {"output", 'o', "FILE", "the basis file to write; default: stdout"},
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
    .max_operands = MAX_FACTORS,
    .run = run,
};
