/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_transform.h"

#include "basis_file.h"
#include "basis_input.h"
#include "describe.h"
#include "output.h"

/* "stile: cycle(strassen) ⟨2,2,2;7⟩: exact, growth 4, rows none" */
static int note_metrics(stile_arena *arena, const stile_basis *basis)
{
    stile_basis_metrics metrics;
    const int error = stile_basis_measure(basis, &metrics);
    if (error)
        return stile_report_failure(error, NULL);
    const char *quality =
        metrics.exact
            ? "exact"
            : stile_arena_printf(arena, "error %s", stile_human_number(arena, metrics.error, 4));
    stile_print_note(
        "%s %s: %s, growth %s, rows %s", basis->name, stile_base_case_text(arena, basis), quality,
        stile_human_number(arena, metrics.growth, 4), stile_coupling_text(arena, &metrics));
    return STILE_EXIT_OK;
}

static int write_basis(const char *path, const stile_basis *basis)
{
    stile_text text = {0};
    int result = STILE_EXIT_FAILURE;
    stile_basis_file_print(&text, basis);
    if (text.failed)
        stile_print_error("out of memory");
    else if (path)
        result = stile_write_file(path, text.data, text.size);
    else
        return stile_emit(&text);
    stile_text_free(&text);
    return result;
}

int stile_transform_bases(const stile_arguments *arguments, stile_basis_transform transform)
{
    const char *path = stile_argument(arguments, "output");
    if (path && !stile_can_create(arguments, path))
        return STILE_EXIT_USAGE;
    stile_arena *arena = stile_arena_create();
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    stile_spec *specs[STILE_MAX_BASIS_OPERANDS] = {NULL};
    const stile_basis *operands[STILE_MAX_BASIS_OPERANDS], *out = NULL;
    int result = STILE_EXIT_OK;
    for (int i = 0; i < arguments->operand_count && !result; i++)
        result =
            stile_input_basis(arguments, arguments->operands[i], arena, &operands[i], &specs[i]);
    if (!result)
        result = transform(arguments, arena, operands, &out);
    if (!result)
        result = note_metrics(arena, out);
    if (!result)
        result = write_basis(path, out);
    for (int i = 0; i < STILE_MAX_BASIS_OPERANDS; i++)
        stile_spec_destroy(&specs[i]);
    stile_arena_destroy(&arena);
    return result;
}
