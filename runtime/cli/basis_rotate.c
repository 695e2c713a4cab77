/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis rotate: other coordinates for X, W and Y. */
#include <string.h>

#include "basis_algebra.h"
#include "basis_input.h"
#include "basis_transform.h"
#include "fail.h"
#include "output.h"

/* Reads --a, --b or --c as it stands on the command line. */
static int read_option(const stile_arguments *arguments, stile_arena *arena, const char *option,
                       const char *name, stile_square *square)
{
    const char *text = stile_argument(arguments, option);
    if (!text)
        return STILE_EXIT_OK;
    const char *file = stile_arena_printf(arena, "--%s", option);
    stile_diagnostics *diagnostics = NULL;
    const stile_node *node;
    int error = file ? stile_diagnostics_create(&diagnostics) : stile_fail_memory();
    if (!error)
        error = stile_yaml_parse(&node, arena, file, text, strlen(text), diagnostics);
    if (!error && (!stile_square_read(square, square->size, node, name, diagnostics) ||
                   stile_diagnostics_count(diagnostics)))
        error = STILE_ERROR_SPEC;
    return stile_report_diagnostics(error, &diagnostics);
}

static int read_file(stile_arena *arena, const char *path, const stile_basis *basis,
                     stile_rotation *rotation)
{
    stile_diagnostics *diagnostics = NULL;
    const stile_node *root;
    const char *text;
    size_t size;
    int error = stile_diagnostics_create(&diagnostics);
    if (!error)
        error =
            stile_yaml_read_file(&text, &size, arena, path, (stile_mark){path, 0, 0}, diagnostics);
    if (!error)
        error = stile_yaml_parse(&root, arena, path, text, size, diagnostics);
    if (!error && (!stile_rotation_read(rotation, basis, root, diagnostics) ||
                   stile_diagnostics_count(diagnostics)))
        error = STILE_ERROR_SPEC;
    return stile_report_diagnostics(error, &diagnostics);
}

static int transform(const stile_arguments *arguments, stile_arena *arena,
                     const stile_basis *const *operands, const stile_basis **out)
{
    const char *path = stile_argument(arguments, "matrices");
    stile_rotation rotation = stile_rotation_identity(operands[0]);
    int result = path ? read_file(arena, path, operands[0], &rotation) : STILE_EXIT_OK;
    if (!result)
        result = read_option(arguments, arena, "a", "A", &rotation.a);
    if (!result)
        result = read_option(arguments, arena, "b", "B", &rotation.b);
    if (!result)
        result = read_option(arguments, arena, "c", "C", &rotation.c);
    if (result)
        return result;
    stile_basis *rotated;
    const int error = stile_basis_rotate(&rotated, arena, operands[0], &rotation);
    if (error)
        return stile_report_failure(error, NULL);
    *out = rotated;
    return STILE_EXIT_OK;
}

static int run(const stile_arguments *arguments)
{
    const bool matrices = stile_flag(arguments, "matrices");
    const bool options =
        stile_flag(arguments, "a") || stile_flag(arguments, "b") || stile_flag(arguments, "c");
    if (matrices == options) {
        stile_print_error("stile basis rotate needs either --matrices, or some of --a, --b, --c");
        return STILE_EXIT_USAGE;
    }
    return stile_transform_bases(arguments, transform);
}

static const stile_option options[] = {
    {"a", 0, "MATRIX", "A, m rows of m, as \"[[1, 1], [0, 1]]\"; default: the identity"},
    {"b", 0, "MATRIX", "B, k rows of k"},
    {"c", 0, "MATRIX", "C, n rows of n"},
    {"matrices", 0, "FILE", "a YAML file with the keys A, B and C instead"},
    STILE_OPTION_BASIS_OUTPUT,
    STILE_OPTION_VARIANT,
    {NULL},
};

const stile_command stile_command_basis_rotate = {
    .name = "basis rotate",
    .synopsis = "BASIS [--a MATRIX] [--b MATRIX] [--c MATRIX] [-o FILE]",
    .summary = "a basis in other coordinates",
    .text =
        "Writes the basis for X -> A X B^-1, W -> B W C^-1, Y -> A Y C^-1 as a basis file.\n"
        "Exact bases stay exact; growth, sparsity and row coupling change. Of other bases only\n"
        "orthogonal matrices keep the error. Entries are integers, fractions p/q, decimals or\n"
        "hex floats.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
