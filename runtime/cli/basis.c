/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis: the group of commands about bases, and `basis list`. */
#include "basis_input.h"

#include <stddef.h>

#include "basis_transform.h"
#include "describe.h"
#include "output.h"

/* Names and metrics of the catalogue. */
static int run_list(const stile_arguments *arguments)
{
    stile_arena *arena = stile_arena_create();
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    bool json_wanted = stile_flag(arguments, "json");
    stile_text text = {0};
    stile_json json = {.text = &text};
    stile_table table = {.arena = arena, .alignment = "llrrrl"};
    static const char *const header[] = {"name", "base case", "limit", "error", "growth", "source"};
    stile_table_row(&table);
    for (int i = 0; i < 6; i++)
        stile_table_cell(&table, header[i]);
    if (json_wanted)
        stile_json_begin_array(&json, NULL);
    int error = STILE_OK;
    for (const char *const *name = stile_basis_names(); *name && !error; name++) {
        stile_basis *basis = NULL;
        stile_basis_metrics metrics;
        error = stile_basis_named(&basis, arena, *name);
        if (!error)
            error = stile_basis_measure(basis, &metrics);
        if (error)
            break;
        if (json_wanted) {
            stile_describe_basis_json(&json, NULL, basis, &metrics);
            continue;
        }
        double limit = (double)(basis->m * basis->k * basis->n) / basis->rank;
        stile_table_row(&table);
        stile_table_cell(&table, *name);
        stile_table_cell(&table, stile_base_case_text(arena, basis));
        stile_table_cell(&table, stile_human_number(arena, limit, 4));
        stile_table_cell(&table, stile_human_number(arena, metrics.error, 3));
        stile_table_cell(&table, stile_human_number(arena, metrics.growth, 4));
        stile_table_cell(&table, basis->source);
    }
    if (json_wanted) {
        stile_json_end_array(&json);
    } else {
        stile_table_print(&text, &table);
        stile_text_append(&text, "\nAlso: classical:m,k,n and 'random:m,k,n;rank;seed'.\n");
    }
    int result = STILE_EXIT_OK;
    if (error) {
        result = stile_report_failure(error, NULL);
        stile_text_free(&text);
    } else {
        result = stile_emit_json(arguments, &text);
    }
    stile_arena_destroy(&arena);
    return result;
}

static const stile_option list_options[] = {STILE_OPTION_JSON, {NULL}};

const stile_command stile_command_basis_list = {
    .name = "basis list",
    .synopsis = "",
    .summary = "the bases of the catalogue",
    .options = list_options,
    .run = run_list,
};

static const stile_command *const subcommands[] = {
    &stile_command_basis_list,
    &stile_command_basis_show,
    &stile_command_basis_check,
    &stile_command_basis_kron,
    &stile_command_basis_sum,
    &stile_command_basis_rotate,
    &stile_command_basis_transpose,
    &stile_command_basis_cycle,
    &stile_command_basis_drop,
    &stile_command_basis_merge,
    &stile_command_basis_balance,
    &stile_command_basis_polish,
    &stile_command_basis_search,
    &stile_command_basis_group,
    &stile_command_basis_import,
    &stile_command_basis_export,
    NULL,
};

const stile_command stile_command_basis = {
    .name = "basis",
    .synopsis = "list|show|check|kron|sum|rotate|polish|import|export|... ...",
    .summary = "list, show, check, transform, import and export bases",
    .text =
        "Bases are named as NAME (stile basis list), classical:m,k,n, 'random:m,k,n;rank;seed',\n"
        "a basis file, or a spec.",
    .subcommands = subcommands,
};
