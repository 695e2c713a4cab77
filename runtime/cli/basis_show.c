/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis show and stile basis check: matrices and metrics. */
#include "basis_file.h"
#include "basis_input.h"
#include "describe.h"
#include "output.h"
#include "straight_line.h"

/* The additions of one matrix after sharing. */
static int additions(stile_arena *arena, stile_basis_matrix matrix, int *out)
{
    stile_straight_line *program;
    int error =
        stile_straight_line_compile(&program, arena, matrix.exact, matrix.rows, matrix.columns);
    if (!error)
        *out = program->addition_count;
    return error;
}

static void print_entry(stile_table *table, stile_basis_matrix matrix, int index)
{
    char exact[48];
    if (matrix.exact) {
        stile_rational_format(exact, matrix.exact[index]);
        stile_table_cell(table, matrix.exact[index].num ? exact : ".");
    } else {
        stile_table_cell(table, stile_human_number(table->arena, matrix.entries[index], 4));
    }
}

/* One row a channel: `transposed` for D, whose channels are columns. */
static void print_matrix(stile_text *text, stile_arena *arena, const char *title,
                         stile_basis_matrix matrix, bool transposed, char letter, int columns)
{
    int rows = transposed ? matrix.columns : matrix.rows;
    int entries = transposed ? matrix.rows : matrix.columns;
    stile_text_appendf(text, "\n%s\n", title);
    /* Wide matrices are cut into slices that a table can hold. */
    for (int first = 0; first < entries; first += STILE_TABLE_MAX_COLUMNS - 2) {
        stile_table table = {.arena = arena, .alignment = "r", .indent = "  "};
        int end = first + STILE_TABLE_MAX_COLUMNS - 2;
        end = end < entries ? end : entries;
        stile_table_row(&table);
        stile_table_cell(&table, "");
        for (int e = first; e < end; e++)
            stile_table_cellf(&table, "%c%d%d", letter, e / columns, e % columns);
        for (int row = 0; row < rows; row++) {
            stile_table_row(&table);
            stile_table_cellf(&table, "%d", row);
            for (int e = first; e < end; e++)
                print_entry(&table, matrix,
                            transposed ? e * matrix.columns + row : row * matrix.columns + e);
        }
        stile_table_print(text, &table);
        if (end < entries)
            stile_text_append(text, "\n");
    }
}

static void fact(stile_table *table, const char *name, const char *value)
{
    stile_table_row(table);
    stile_table_cell(table, name);
    stile_table_cell(table, value);
}

static int print_metrics(stile_text *text, stile_arena *arena, const stile_basis *basis,
                         const stile_basis_metrics *metrics)
{
    stile_table table = {.arena = arena, .alignment = "l", .indent = "  "};
    double limit = (double)(basis->m * basis->k * basis->n) / basis->rank;
    if (*basis->source)
        fact(&table, "source", basis->source);
    fact(&table, "limit",
         stile_arena_printf(arena, "%s × dense (mkn/r = %d/%d)",
                            stile_human_number(arena, limit, 4), basis->m * basis->k * basis->n,
                            basis->rank));
    fact(&table, "exact", metrics->exact ? "yes: matrix multiplication" : "no");
    fact(&table, "error", stile_human_number(arena, metrics->error, 4));
    fact(&table, "growth", stile_human_number(arena, metrics->growth, 4));
    fact(&table, "row coupling", stile_coupling_text(arena, metrics));
    fact(&table, "nonzeros",
         stile_arena_printf(arena, "U %d, V %d, D %d of %d, %d, %d", metrics->nonzeros_u,
                            metrics->nonzeros_v, metrics->nonzeros_d,
                            basis->rank * basis->m * basis->k, basis->rank * basis->k * basis->n,
                            basis->rank * basis->m * basis->n));
    int u = 0, v = 0, d = 0, error = STILE_OK;
    if (stile_basis_is_sparse(basis)) {
        error = additions(arena, stile_basis_u(basis), &u);
        if (!error)
            error = additions(arena, stile_basis_v(basis), &v);
        if (!error)
            error = additions(arena, stile_basis_d(basis), &d);
        fact(&table, "additions",
             stile_arena_printf(arena, "U %d, V %d, D %d after sharing", u, v, d));
    } else {
        fact(&table, "kind", "dense: coefficients are operands of the kernels");
    }
    stile_text_appendf(text, "%s %s\n", basis->name, stile_base_case_text(arena, basis));
    stile_table_print(text, &table);
    return error;
}

static void matrix_json(stile_json *json, const char *key, stile_basis_matrix matrix)
{
    char exact[48];
    stile_json_begin_array(json, key);
    for (int row = 0; row < matrix.rows; row++) {
        stile_json_begin_array(json, NULL);
        for (int column = 0; column < matrix.columns; column++) {
            int i = row * matrix.columns + column;
            if (matrix.exact && matrix.exact[i].den != 1) {
                stile_rational_format(exact, matrix.exact[i]);
                stile_json_string(json, NULL, exact);
            } else {
                stile_json_real(json, NULL, matrix.entries[i]);
            }
        }
        stile_json_end_array(json);
    }
    stile_json_end_array(json);
}

static int show(const stile_arguments *arguments, const stile_basis *basis, stile_arena *arena,
                stile_text *text)
{
    stile_basis_metrics metrics;
    int error = stile_basis_measure(basis, &metrics);
    if (error)
        return stile_report_failure(error, NULL);
    if (stile_flag(arguments, "yaml")) {
        stile_basis_file_print(text, basis);
    } else if (stile_flag(arguments, "json")) {
        stile_json json = {.text = text};
        stile_json_begin_object(&json, NULL);
        stile_describe_basis_json(&json, "basis", basis, &metrics);
        matrix_json(&json, "U", stile_basis_u(basis));
        matrix_json(&json, "V", stile_basis_v(basis));
        matrix_json(&json, "D", stile_basis_d(basis));
        stile_json_end_object(&json);
    } else {
        error = print_metrics(text, arena, basis, &metrics);
        print_matrix(text, arena,
                     "U: the encoder of X, a row for each channel, xAB is entry (A,B) "
                     "of a tile",
                     stile_basis_u(basis), false, 'x', basis->k);
        print_matrix(text, arena, "V: the encoder of W", stile_basis_v(basis), false, 'w',
                     basis->n);
        print_matrix(text, arena, "D: the decoder, transposed: a row for each channel",
                     stile_basis_d(basis), true, 'y', basis->n);
    }
    return error ? stile_report_failure(error, NULL) : STILE_EXIT_OK;
}

static int run_show(const stile_arguments *arguments)
{
    stile_arena *arena = stile_arena_create();
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    const stile_basis *basis = NULL;
    stile_spec *spec = NULL;
    stile_text text = {0};
    int result = stile_input_basis(arguments, arguments->operands[0], arena, &basis, &spec);
    if (!result)
        result = show(arguments, basis, arena, &text);
    if (!result)
        result = stile_emit_json(arguments, &text);
    stile_text_free(&text);
    stile_spec_destroy(&spec);
    stile_arena_destroy(&arena);
    return result;
}

static const stile_option show_options[] = {
    {"yaml", 0, NULL, "print a basis file instead of tables"},
    STILE_OPTION_VARIANT,
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_basis_show = {
    .name = "basis show",
    .synopsis = "NAME|FILE|SPEC",
    .summary = "matrices and metrics of a basis",
    .text = "Prints U, V and D with the metrics of a basis: exactness, error as matrix\n"
            "multiplication, growth of rounding errors, both kinds of row coupling, nonzeros and\n"
            "additions.",
    .options = show_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_show,
};

/* Checks one file and adds its row. */
static int check(const char *path, bool exact_wanted, stile_table *table, stile_json *json)
{
    stile_basis *basis = NULL;
    stile_basis_metrics metrics;
    int result = stile_input_basis_file(path, table->arena, &basis);
    if (!result) {
        int error = stile_basis_measure(basis, &metrics);
        result = error ? stile_report_failure(error, path) : STILE_EXIT_OK;
    }
    if (json) {
        stile_json_begin_object(json, NULL);
        stile_json_string(json, "file", path);
        stile_json_bool(json, "ok", !result);
        if (!result)
            stile_describe_basis_json(json, "basis", basis, &metrics);
        stile_json_end_object(json);
    }
    if (result)
        return result;
    stile_table_row(table);
    stile_table_cellf(table, "%s: ok", path);
    stile_table_cell(table, stile_base_case_text(table->arena, basis));
    if (metrics.exact)
        stile_table_cell(table, "exact");
    else
        stile_table_cellf(table, "error %s", stile_human_number(table->arena, metrics.error, 4));
    stile_table_cellf(table, "growth %s", stile_human_number(table->arena, metrics.growth, 4));
    stile_table_cellf(table, "rows %s", stile_coupling_text(table->arena, &metrics));
    if (!exact_wanted || metrics.exact)
        return STILE_EXIT_OK;
    stile_print_error("%s: the basis is not exact", path);
    return STILE_EXIT_CHECK_FAILED;
}

static int run_check(const stile_arguments *arguments)
{
    stile_arena *arena = stile_arena_create();
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    stile_text text = {0};
    stile_json json = {.text = &text};
    bool json_wanted = stile_flag(arguments, "json");
    stile_table table = {.arena = arena, .alignment = "l"};
    int worst = STILE_EXIT_OK;
    if (json_wanted)
        stile_json_begin_array(&json, NULL);
    for (int i = 0; i < arguments->operand_count; i++) {
        int result = check(arguments->operands[i], stile_flag(arguments, "exact"), &table,
                           json_wanted ? &json : NULL);
        worst = result > worst ? result : worst;
    }
    if (json_wanted)
        stile_json_end_array(&json);
    else
        stile_table_print(&text, &table);
    int result = stile_emit_json(arguments, &text);
    stile_arena_destroy(&arena);
    return result > worst ? result : worst;
}

static const stile_option check_options[] = {
    {"exact", 0, NULL, "fail (exit status 1) where a basis is not matrix multiplication"},
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_basis_check = {
    .name = "basis check",
    .synopsis = "FILE... [--exact]",
    .summary = "validate basis files",
    .text = "Validates basis files; prints every error of a bad one and the metrics of a good\n"
            "one.",
    .options = check_options,
    .min_operands = 1,
    .max_operands = -1,
    .run = run_check,
};
