/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_file.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "fail.h"
#include "number.h"
#include "reader.h"

enum { LONGEST_TEXT = 4096 }; /* of a name or a source */

static const char *const known_keys[] = {"basis", "name", "tile", "rank", "source",
                                         "U",     "V",    "D",    NULL};

/* A matrix of the file and what decides its shape; its arrays are NULL until all is known to be
 * well. */
typedef struct matrix_part {
    const char *key, *rows_formula, *columns_formula;
    stile_basis_matrix matrix;
} matrix_part;

/* --- Reading --- */

/* An entry; `*exact` says whether `*fraction` is its value. */
static bool read_entry(stile_diagnostics *diagnostics, const stile_node *node, const char *key,
                       double *value, stile_rational *fraction, bool *exact)
{
    char what[32] = "an entry of ";
    strcat(what, key);
    if (!stile_read_kind(diagnostics, node, what, STILE_NODE_SCALAR))
        return false;
    if (!stile_rational_parse(node->text, fraction, exact, value)) {
        stile_report_number(diagnostics, node, what,
                            "an integer, a fraction p/q, a decimal or a hex float");
        return false;
    }
    if (fabs(*value) > (double)FLT_MAX) {
        stile_diagnose(diagnostics, node->mark, STILE_CODE_OUT_OF_RANGE,
                       "%s is too large for f32, in which kernels hold it: %s", what,
                       stile_quote(node->text).text);
        return false;
    }
    /* A spelling such as 1e-1 counts as the 0.1 that it will be printed as. */
    if (!*exact) {
        char shortest[32];
        double same;
        stile_format_double(shortest, *value);
        stile_rational_parse(shortest, fraction, exact, &same);
    }
    return true;
}

/* Whether every row has the same wrong number of columns: one mistake, not many. */
static bool all_rows_have(const stile_node *rows, size_t columns)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->items[i]->kind != STILE_NODE_LIST || rows->items[i]->count != columns)
            return false;
    return true;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* Checks the form of a matrix: a list of rows of the right number and length. */
static bool check_shape(stile_diagnostics *diagnostics, const stile_node *node,
                        const matrix_part *part)
{
    if (!stile_read_kind(diagnostics, node, part->key, STILE_NODE_LIST))
        return false;
    bool good = true;
    if (node->count != (size_t)part->matrix.rows) {
        stile_diagnose(diagnostics, node->mark, STILE_CODE_BASIS_ROWS,
                       "basis has %zu row%s in %s but %s is %d", node->count, plural(node->count),
                       part->key, part->rows_formula, part->matrix.rows);
        good = false;
    }
    size_t first = node->count && node->items[0]->kind == STILE_NODE_LIST
                       ? node->items[0]->count
                       : (size_t)part->matrix.columns;
    if (node->count > 1 && first != (size_t)part->matrix.columns && all_rows_have(node, first)) {
        stile_diagnose(diagnostics, node->items[0]->mark, STILE_CODE_BASIS_COLUMNS,
                       "basis has %zu column%s in %s but %s is %d", first, plural(first), part->key,
                       part->columns_formula, part->matrix.columns);
        return false;
    }
    char what[16];
    strcat(strcpy(what, "a row of "), part->key);
    for (size_t i = 0; i < node->count; i++) {
        const stile_node *row = node->items[i];
        if (!stile_read_kind(diagnostics, row, what, STILE_NODE_LIST)) {
            good = false;
        } else if (row->count != (size_t)part->matrix.columns) {
            stile_diagnose(diagnostics, row->mark, STILE_CODE_BASIS_COLUMNS,
                           "row %zu of %s has %zu column%s but %s is %d", i + 1, part->key,
                           row->count, plural(row->count), part->columns_formula,
                           part->matrix.columns);
            good = false;
        }
    }
    return good;
}

/*
 * Reads the entries of a matrix whose form is right into `part`, or with NULL arrays just checks
 * those that are there. `*rational` turns false where one is not exact.
 */
static bool read_entries(stile_diagnostics *diagnostics, const stile_node *node,
                         const matrix_part *part, bool *rational)
{
    bool good = true;
    if (node->kind != STILE_NODE_LIST)
        return false;
    for (size_t i = 0, at = 0; i < node->count; i++) {
        const stile_node *row = node->items[i];
        for (size_t j = 0; row->kind == STILE_NODE_LIST && j < row->count; j++, at++) {
            double value;
            stile_rational fraction;
            bool exact;
            if (!read_entry(diagnostics, row->items[j], part->key, &value, &fraction, &exact)) {
                good = false;
                continue;
            }
            *rational &= exact;
            if (part->matrix.entries)
                part->matrix.entries[at] =
                    part->matrix.exact ? stile_rational_to_double(fraction) : value;
            if (part->matrix.exact)
                part->matrix.exact[at] = fraction;
        }
    }
    return good;
}

/* Reads everything into `out`; false where something is wrong (or memory is exhausted). */
static bool read_basis(stile_basis **out, stile_arena *arena, const stile_node *root,
                       stile_diagnostics *diagnostics)
{
    if (!stile_read_kind(diagnostics, root, "a basis file", STILE_NODE_MAP))
        return false;
    if (stile_node_get(root, "stile")) {
        stile_diagnose(diagnostics, root->mark, STILE_CODE_WRONG_KIND,
                       "this is a spec, not a basis file");
        return false;
    }
    if (!stile_read_version(diagnostics, root, "basis"))
        return false;
    bool good = stile_read_keys(diagnostics, root, known_keys);

    const char *name = NULL, *source = "";
    int64_t tile[3], rank;
    const stile_node *node = stile_read_required(diagnostics, root, "name");
    good &= node && stile_read_text(diagnostics, node, "name", LONGEST_TEXT, &name);
    node = stile_node_get(root, "source");
    good &= !node || stile_read_text(diagnostics, node, "source", LONGEST_TEXT, &source);
    node = stile_read_required(diagnostics, root, "tile");
    bool sized = node && stile_read_integers(diagnostics, node, "tile", "[m, k, n]", 1,
                                             STILE_MAX_TILE, 3, tile);
    node = stile_read_required(diagnostics, root, "rank");
    sized &= node && stile_read_integer(diagnostics, node, "rank", 1, STILE_MAX_RANK, &rank);

    int m = sized ? (int)tile[0] : 1, k = sized ? (int)tile[1] : 1, n = sized ? (int)tile[2] : 1;
    int r = sized ? (int)rank : 1;
    matrix_part parts[3] = {{"U", "the rank", "m*k of its tile", {r, m * k}},
                            {"V", "the rank", "k*n of its tile", {r, k * n}},
                            {"D", "m*n of its tile", "the rank", {m * n, r}}};
    const stile_node *nodes[3];
    for (int i = 0; i < 3; i++) {
        nodes[i] = stile_read_required(diagnostics, root, parts[i].key);
        good &= nodes[i] && (!sized || check_shape(diagnostics, nodes[i], &parts[i]));
    }
    bool rational = true;
    for (int i = 0; i < 3; i++)
        good &= nodes[i] && read_entries(diagnostics, nodes[i], &parts[i], &rational);
    if (!good || !sized)
        return false;

    stile_basis *basis = NULL;
    const char *source_copy = stile_arena_strdup(arena, source);
    if (source_copy)
        basis = stile_basis_create(arena, name, m, k, n, r, rational);
    if (!basis)
        return false;
    basis->source = source_copy;
    const stile_basis_matrix filled[3] = {stile_basis_u(basis), stile_basis_v(basis),
                                          stile_basis_d(basis)};
    for (int i = 0; i < 3; i++) {
        parts[i].matrix = filled[i];
        read_entries(diagnostics, nodes[i], &parts[i], &rational);
    }
    *out = basis;
    return true;
}

/* Parses into a list of the loader's own. */
static int parse(stile_basis **out, stile_arena *arena, const char *file, const char *text,
                 size_t size, stile_diagnostics *diagnostics)
{
    stile_arena *scratch = stile_arena_create();
    if (!scratch)
        return stile_fail_memory();
    size_t before = stile_diagnostics_reported(diagnostics);
    const stile_node *root;
    stile_basis *basis;
    int result = stile_yaml_parse(&root, scratch, file, text, size, diagnostics);
    if (!result) {
        bool read = read_basis(&basis, arena, root, diagnostics);
        if (stile_diagnostics_failed(diagnostics))
            result = STILE_ERROR_MEMORY;
        else if (stile_diagnostics_reported(diagnostics) > before)
            result = STILE_ERROR_SPEC;
        else if (!read)
            result = stile_fail_memory();
    }
    if (!result)
        *out = basis;
    stile_arena_destroy(&scratch);
    return result;
}

int stile_basis_file_read(stile_basis **out, stile_arena *arena, const char *path, stile_mark mark,
                          stile_diagnostics *diagnostics)
{
    stile_arena *scratch = stile_arena_create();
    if (!scratch)
        return stile_fail_memory();
    const char *text;
    size_t size;
    int result = stile_yaml_read_file(&text, &size, scratch, path, mark, diagnostics);
    if (!result)
        result = parse(out, arena, path, text, size, diagnostics);
    stile_arena_destroy(&scratch);
    return result;
}

int stile_basis_file_load(stile_basis **out, stile_arena *arena, const char *path,
                          stile_diagnostics *diagnostics)
{
    stile_diagnostics *own;
    int result = stile_diagnostics_create(&own);
    if (result)
        return result;
    result = stile_basis_file_read(out, arena, path, (stile_mark){path, 0, 0}, own);
    return stile_diagnostics_finish(own, result, diagnostics);
}

int stile_basis_file_parse(stile_basis **out, stile_arena *arena, const char *file,
                           const char *text, size_t size, stile_diagnostics *diagnostics)
{
    stile_diagnostics *own;
    int result = stile_diagnostics_create(&own);
    if (result)
        return result;
    result = parse(out, arena, file, text, size, own);
    return stile_diagnostics_finish(own, result, diagnostics);
}

/* --- Printing --- */

static void format_entry(char out[static 48], stile_basis_matrix matrix, int at)
{
    if (matrix.exact)
        stile_rational_format(out, matrix.exact[at]);
    else
        stile_format_double(out, matrix.entries[at]);
}

/* Rows of aligned columns. */
static void print_matrix(stile_text *out, const char *key, stile_basis_matrix matrix)
{
    char entry[48];
    int width = 1;
    for (int i = 0; i < matrix.rows * matrix.columns; i++) {
        format_entry(entry, matrix, i);
        if ((int)strlen(entry) > width)
            width = (int)strlen(entry);
    }
    stile_text_appendf(out, "%s:\n", key);
    for (int i = 0; i < matrix.rows; i++) {
        for (int j = 0; j < matrix.columns; j++) {
            format_entry(entry, matrix, i * matrix.columns + j);
            stile_text_appendf(out, "%s%*s", j ? ", " : "  - [", width, entry);
        }
        stile_text_append(out, "]\n");
    }
}

void stile_basis_file_print(stile_text *out, const stile_basis *basis)
{
    stile_text_append(out, "basis: 1\nname: ");
    stile_yaml_print_string(out, basis->name);
    stile_text_appendf(out, "\ntile: [%d, %d, %d]\nrank: %d\n", basis->m, basis->k, basis->n,
                       basis->rank);
    if (basis->source && *basis->source) {
        stile_text_append(out, "source: ");
        stile_yaml_print_string(out, basis->source);
        stile_text_append(out, "\n");
    }
    print_matrix(out, "U", stile_basis_u(basis));
    print_matrix(out, "V", stile_basis_v(basis));
    print_matrix(out, "D", stile_basis_d(basis));
}
