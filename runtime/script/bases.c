/* SPDX-License-Identifier: Apache-2.0 */
/* Bases: from names, references, files and matrices; their algebra and measures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "basis_file.h"
#include "diagnostics.h"
#include "fail.h"
#include "number.h"
#include "objects.h"
#include "spec_basis.h"

/* --- Handles --- */

stile_script_basis *stile_script_basis_create(void)
{
    stile_arena *arena = stile_arena_create();
    stile_script_basis *basis = arena ? stile_arena_alloc(arena, sizeof *basis) : NULL;
    if (basis)
        basis->arena = arena;
    else
        stile_arena_destroy(&arena);
    return basis;
}

static void release(void *object)
{
    stile_script_basis *basis = object;
    stile_script_spec_release(basis->spec);
    stile_arena *arena = basis->arena; /* holds the handle itself */
    stile_arena_destroy(&arena);
}

stile_lua_value stile_script_give_basis_of(stile_lua_call *call, stile_script_spec *spec,
                                           const stile_basis *basis)
{
    stile_script_basis *handle = stile_script_basis_create();
    if (!handle) /* an object that nobody owns: an error once it is handed over */
        return (stile_lua_value){.kind = STILE_LUA_OBJECT, .class = &stile_script_basis_class};
    handle->spec = stile_script_spec_retain(spec);
    handle->basis = basis;
    return stile_lua_give(call, &stile_script_basis_class, handle);
}

/* --- Making bases --- */

/* From a reference as specs have it: {kron: [strassen, {classical: [1, 2, 1]}]}. */
static int resolve(stile_lua_call *call, stile_script_basis *handle, const stile_lua_value *value,
                   const char *directory)
{
    stile_text text = {0};
    stile_diagnostics *diagnostics = NULL;
    stile_spec_basis found;
    int error = stile_lua_to_yaml(&text, call->arena, value);
    if (!error)
        error = stile_diagnostics_create(&diagnostics);
    const stile_node *root;
    if (!error)
        error = stile_yaml_parse(&root, call->arena, "<text>", text.data, text.size, diagnostics);
    if (!error) {
        stile_basis_resolver resolver = {.arena = handle->arena,
                                         .scratch = call->arena,
                                         .diagnostics = diagnostics,
                                         .directory = directory};
        bool good = stile_basis_resolve(&resolver, root, &found);
        error = resolver.error;
        if (!error && (!good || stile_diagnostics_count(diagnostics)))
            error = STILE_ERROR_SPEC;
        else if (!error)
            handle->basis = found.basis;
    }
    if (error)
        error = stile_script_fail(call->arena, error, diagnostics, call->name);
    stile_diagnostics_destroy(&diagnostics);
    stile_text_free(&text);
    return error;
}

/* Appends an entry of a matrix as basis files have it: strings ("1/2") without their quotes. */
static int print_entry(stile_lua_call *call, stile_text *text, const char *matrix,
                       const stile_lua_value *entry)
{
    char number[32];
    stile_rational rational;
    double value;
    bool exact;
    if (entry->kind == STILE_LUA_INTEGER || entry->kind == STILE_LUA_NUMBER) {
        if (!isfinite(entry->number))
            return stile_lua_refuse(call, "an entry of %s is not finite", matrix);
        if (entry->kind == STILE_LUA_INTEGER)
            stile_text_appendf(text, "%lld", (long long)entry->integer);
        else
            stile_format_double(number, entry->number);
        if (entry->kind == STILE_LUA_NUMBER)
            stile_text_append(text, number);
        return 0;
    }
    if (entry->kind == STILE_LUA_STRING && strlen(entry->string) == entry->size &&
        stile_rational_parse(entry->string, &rational, &exact, &value)) {
        stile_text_append(text, entry->string);
        return 0;
    }
    return stile_lua_refuse(call,
                            "an entry of %s is %s, but must be a number or a string such as "
                            "\"1/2\"",
                            matrix, stile_lua_kind_text(call->arena, entry));
}

static int print_matrix(stile_lua_call *call, stile_text *text, const char *name,
                        const stile_lua_value *matrix)
{
    if (matrix->kind != STILE_LUA_TABLE || matrix->table->field_count)
        return stile_lua_refuse(call, "%s must be a list of rows", name);
    stile_text_appendf(text, "%s:\n", name);
    for (size_t i = 0; i < matrix->table->item_count; i++) {
        const stile_lua_value *row = &matrix->table->items[i];
        if (row->kind != STILE_LUA_TABLE || row->table->field_count)
            return stile_lua_refuse(call, "%s must be a list of rows", name);
        stile_text_append(text, "  - [");
        for (size_t j = 0; j < row->table->item_count; j++) {
            stile_text_append(text, j ? ", " : "");
            int error = print_entry(call, text, name, &row->table->items[j]);
            if (error)
                return error;
        }
        stile_text_append(text, "]\n");
    }
    return 0;
}

/* From the fields of a basis file: tile, rank, U, V, D and, where they are given, name and source.
 */
static int from_matrices(stile_lua_call *call, stile_script_basis *handle,
                         const stile_lua_value *value)
{
    stile_text text = {0};
    stile_diagnostics *diagnostics = NULL;
    stile_basis *basis;
    int error = stile_diagnostics_create(&diagnostics);
    stile_text_append(&text, "basis: 1\n");
    if (!stile_lua_find(value, "name"))
        stile_text_append(&text, "name: basis\n");
    for (size_t i = 0; i < value->table->field_count && !error; i++) {
        const stile_lua_field *field = &value->table->fields[i];
        if (strlen(field->key) == 1 && strchr("UVD", field->key[0])) {
            error = print_matrix(call, &text, field->key, &field->value);
            continue;
        }
        stile_yaml_print_string(&text, field->key);
        stile_text_append(&text, ": ");
        error = stile_lua_to_yaml(&text, call->arena, &field->value);
        stile_text_append(&text, "\n");
    }
    if (!error && text.failed)
        error = stile_fail_memory();
    if (!error) {
        error = stile_basis_file_parse(&basis, handle->arena, "<text>", text.data, text.size,
                                       diagnostics);
        if (error)
            error = stile_script_fail(call->arena, error, diagnostics, call->name);
        else
            handle->basis = basis;
    }
    stile_diagnostics_destroy(&diagnostics);
    stile_text_free(&text);
    return error;
}

/* Any description of a basis. */
static int read_basis(stile_lua_call *call, stile_script_basis *handle,
                      const stile_lua_value *value, const char *directory)
{
    stile_lua_value reference = *value;
    if (value->kind == STILE_LUA_STRING) {
        reference = stile_lua_table_create(call->arena);
        stile_lua_set(&reference, "name", *value);
    }
    if (reference.kind != STILE_LUA_TABLE)
        return stile_lua_refuse(call,
                                "a basis is given by name, by a table such as {classical = "
                                "{2, 2, 2}}, or by its matrices, not by %s",
                                stile_lua_kind_text(call->arena, value));
    if (!reference.table || reference.table->failed)
        return stile_fail_memory();
    if (stile_lua_find(&reference, "U"))
        return from_matrices(call, handle, &reference);
    return resolve(call, handle, &reference, directory);
}

int stile_script_make_basis(stile_lua_call *call)
{
    const char *directory = "";
    int error = 0;
    if (call->arguments[1].kind != STILE_LUA_NIL)
        error = stile_lua_take_string(call, 1, "directory", &directory);
    size_t length = error ? 0 : strlen(directory);
    if (length && directory[length - 1] != '/')
        directory = stile_arena_printf(call->arena, "%s/", directory);
    stile_script_basis *handle = error ? NULL : stile_script_basis_create();
    if (!error && (!handle || !directory))
        error = stile_fail_memory();
    if (!error)
        error = read_basis(call, handle, &call->arguments[0], directory);
    if (!error)
        call->result = stile_lua_give(call, &stile_script_basis_class, handle);
    else if (handle)
        release(handle);
    return error;
}

int stile_script_kron(stile_lua_call *call)
{
    if (call->count < 2)
        return stile_lua_refuse(call, "a product needs at least two bases");
    stile_script_basis *handle = stile_script_basis_create();
    int error = handle ? 0 : stile_fail_memory();
    for (int i = 0; i < call->count && !error; i++) {
        const stile_lua_value *value = &call->arguments[i];
        stile_script_basis scratch = {.arena = handle->arena};
        const stile_basis *factor = NULL;
        void *object = NULL;
        if (value->kind == STILE_LUA_OBJECT) {
            error = stile_lua_take_object(call, i, "a factor", &stile_script_basis_class, false,
                                          &object);
            factor = error ? NULL : ((const stile_script_basis *)object)->basis;
        } else {
            error = read_basis(call, &scratch, value, "");
            factor = scratch.basis;
        }
        stile_basis *product = NULL;
        if (!error && i > 0)
            error = stile_basis_kron(&product, handle->arena, handle->basis, factor);
        handle->basis = i > 0 ? product : factor;
    }
    if (!error)
        call->result = stile_lua_give(call, &stile_script_basis_class, handle);
    else if (handle)
        release(handle);
    return error;
}

int stile_script_basis_names(stile_lua_call *call)
{
    call->result = stile_lua_table_create(call->arena);
    for (const char *const *name = stile_basis_names(); *name; name++)
        stile_lua_add(&call->result, stile_lua_string(*name));
    return 0;
}

/* --- Fields and methods --- */

static const stile_basis *basis_of(const stile_lua_call *call)
{
    return ((const stile_script_basis *)call->self)->basis;
}

static int get_name(stile_lua_call *call)
{
    call->result = stile_lua_string(basis_of(call)->name);
    return 0;
}

static int get_source(stile_lua_call *call)
{
    call->result = stile_lua_string(basis_of(call)->source);
    return 0;
}

static int get_tile(stile_lua_call *call)
{
    const stile_basis *basis = basis_of(call);
    call->result = stile_lua_table_create(call->arena);
    stile_lua_add(&call->result, stile_lua_integer(basis->m));
    stile_lua_add(&call->result, stile_lua_integer(basis->k));
    stile_lua_add(&call->result, stile_lua_integer(basis->n));
    return 0;
}

static int get_rank(stile_lua_call *call)
{
    call->result = stile_lua_integer(basis_of(call)->rank);
    return 0;
}

/* Rows of numbers; whole ones as integers. */
static int get_matrix(stile_lua_call *call, stile_basis_matrix matrix)
{
    call->result = stile_lua_table_create(call->arena);
    for (int i = 0; i < matrix.rows; i++) {
        stile_lua_value row = stile_lua_table_create(call->arena);
        for (int j = 0; j < matrix.columns; j++) {
            double entry = matrix.entries[i * matrix.columns + j];
            bool whole = entry == floor(entry) && fabs(entry) < 0x1p53;
            stile_lua_add(&row,
                          whole ? stile_lua_integer((int64_t)entry) : stile_lua_number(entry));
        }
        stile_lua_add(&call->result, row);
    }
    return 0;
}

static int get_u(stile_lua_call *call)
{
    return get_matrix(call, stile_basis_u(basis_of(call)));
}

static int get_v(stile_lua_call *call)
{
    return get_matrix(call, stile_basis_v(basis_of(call)));
}

static int get_d(stile_lua_call *call)
{
    return get_matrix(call, stile_basis_d(basis_of(call)));
}

void stile_script_set_metrics(const stile_lua_value *table, stile_arena *arena,
                              const stile_basis_metrics *metrics)
{
    stile_lua_value coupling = stile_lua_table_create(arena);
    stile_lua_set(&coupling, "algebraic",
                  stile_lua_string(stile_coupling_name(metrics->algebraic)));
    stile_lua_set(&coupling, "structural",
                  stile_lua_string(stile_coupling_name(metrics->structural)));
    stile_lua_set(table, "exact", stile_lua_boolean(metrics->exact));
    stile_lua_set(table, "error", stile_lua_number(metrics->error));
    stile_lua_set(table, "growth", stile_lua_number(metrics->growth));
    stile_lua_set(table, "gain", stile_lua_number(metrics->gain));
    stile_lua_set(table, "coupling", coupling);
}

static int measure(stile_lua_call *call)
{
    const stile_basis *basis = basis_of(call);
    stile_basis_metrics metrics;
    int error = stile_basis_measure(basis, &metrics);
    if (error)
        return error;
    stile_lua_value nonzeros = stile_lua_table_create(call->arena);
    stile_lua_set(&nonzeros, "U", stile_lua_integer(metrics.nonzeros_u));
    stile_lua_set(&nonzeros, "V", stile_lua_integer(metrics.nonzeros_v));
    stile_lua_set(&nonzeros, "D", stile_lua_integer(metrics.nonzeros_d));
    stile_lua_value table = stile_lua_table_create(call->arena);
    stile_script_set_metrics(&table, call->arena, &metrics);
    stile_lua_set(&table, "nonzeros", nonzeros);
    stile_lua_set(&table, "limit",
                  stile_lua_number((double)(basis->m * basis->k * basis->n) / basis->rank));
    stile_lua_set(&table, "rational", stile_lua_boolean(stile_basis_is_rational(basis)));
    stile_lua_set(&table, "sparse", stile_lua_boolean(stile_basis_is_sparse(basis)));
    call->result = table;
    return 0;
}

static int get_yaml(stile_lua_call *call)
{
    stile_text text = {0};
    stile_basis_file_print(&text, basis_of(call));
    const char *copy = text.failed ? NULL : stile_arena_strndup(call->arena, text.data, text.size);
    stile_text_free(&text);
    call->result = stile_lua_string(copy);
    return copy ? 0 : stile_fail_memory();
}

static int write_file(stile_lua_call *call)
{
    const char *path;
    int error = stile_lua_take_string(call, 0, "path", &path);
    if (error)
        return error;
    stile_text text = {0};
    stile_basis_file_print(&text, basis_of(call));
    error = text.failed ? stile_fail_memory() : stile_script_write(path, text.data, text.size);
    stile_text_free(&text);
    return error;
}

static const char *text_of(stile_arena *arena, const void *object)
{
    const stile_basis *b = ((const stile_script_basis *)object)->basis;
    return stile_arena_printf(arena, "⟨%d,%d,%d;%d⟩ %s", b->m, b->k, b->n, b->rank, b->name);
}

static const stile_lua_entry methods[] = {
    {"metrics", measure},
    {"yaml", get_yaml},
    {"write", write_file},
    {"sum", stile_script_basis_sum},
    {"rotate", stile_script_basis_rotate},
    {"transpose", stile_script_basis_transpose},
    {"cycle", stile_script_basis_cycle},
    {"drop", stile_script_basis_drop},
    {"merge", stile_script_basis_merge},
    {"balance", stile_script_basis_balance},
    {"polish", stile_script_basis_polish},
    {NULL, NULL},
};
static const stile_lua_entry fields[] = {
    {"name", get_name}, {"source", get_source}, {"tile", get_tile}, {"rank", get_rank},
    {"U", get_u},       {"V", get_v},           {"D", get_d},       {NULL, NULL}};

const stile_lua_class stile_script_basis_class = {"basis", release, methods, fields, text_of};
