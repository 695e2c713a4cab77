/* SPDX-License-Identifier: Apache-2.0 */
/* Specs from files, texts and tables, and what a script reads of them. */
#include <string.h>

#include "diagnostics.h"
#include "fail.h"
#include "objects.h"

/* --- Loading --- */

/* A handle without a spec. `directory` as users write it; "" and "." are the same. */
static stile_script_spec *create(const char *directory, size_t length, const char *text,
                                 size_t size)
{
    stile_arena *arena = stile_arena_create();
    stile_script_spec *spec = arena ? stile_arena_alloc(arena, sizeof *spec) : NULL;
    if (spec) {
        bool ended = length == 0 || directory[length - 1] == '/';
        *spec = (stile_script_spec){
            .references = 1,
            .arena = arena,
            .directory =
                stile_arena_printf(arena, "%.*s%s", (int)length, directory, ended ? "" : "/"),
            .text = stile_arena_strndup(arena, text, size),
            .size = size,
        };
    }
    if (spec && spec->directory && spec->text)
        return spec;
    stile_arena_destroy(&arena);
    stile_fail_memory();
    return NULL;
}

/*
 * Makes the result of a call from the source in `handle`: from file `path`, or where that is NULL
 * from the text. Takes the handle over.
 */
static int finish(stile_lua_call *call, stile_script_spec *handle, const char *path,
                  const char *what)
{
    stile_diagnostics *diagnostics = NULL;
    int error = handle ? stile_diagnostics_create(&diagnostics) : STILE_ERROR_MEMORY;
    if (!error && path)
        error = stile_spec_load(&handle->spec, path, diagnostics);
    else if (!error)
        error = stile_spec_parse(&handle->spec, handle->text, handle->size, handle->directory,
                                 diagnostics);
    if (error) {
        error = stile_script_fail(call->arena, error, diagnostics, what);
        stile_script_spec_release(handle);
    } else {
        call->result = stile_lua_give(call, &stile_script_spec_class, handle);
    }
    stile_diagnostics_destroy(&diagnostics);
    return error;
}

int stile_script_load(stile_lua_call *call)
{
    const char *path, *text;
    size_t size;
    int error = stile_lua_take_string(call, 0, "path", &path);
    stile_diagnostics *diagnostics = NULL;
    if (!error)
        error = stile_diagnostics_create(&diagnostics);
    if (error)
        return error;
    error = stile_yaml_read_file(&text, &size, call->arena, path, (stile_mark){path, 0, 0},
                                 diagnostics);
    if (error)
        error = stile_script_fail(call->arena, error, diagnostics, NULL);
    stile_diagnostics_destroy(&diagnostics);
    if (error)
        return error;
    const char *slash = strrchr(path, '/');
    return finish(call, create(path, slash ? (size_t)(slash - path) + 1 : 0, text, size), path,
                  NULL);
}

/* Argument 1 of the calls below: where relative paths start. */
static int take_directory(stile_lua_call *call, const char **out)
{
    *out = "";
    if (call->arguments[1].kind == STILE_LUA_NIL)
        return 0;
    return stile_lua_take_string(call, 1, "directory", out);
}

int stile_script_parse(stile_lua_call *call)
{
    const char *text, *directory;
    int error = stile_lua_take_string(call, 0, "text", &text);
    if (!error)
        error = take_directory(call, &directory);
    if (error)
        return error;
    return finish(call, create(directory, strlen(directory), text, strlen(text)), NULL, NULL);
}

int stile_script_make_spec(stile_lua_call *call)
{
    const stile_lua_value *table;
    const char *directory;
    stile_text text = {0};
    int error = stile_lua_take_table(call, 0, "spec", &table);
    if (!error)
        error = take_directory(call, &directory);
    if (!error)
        error = stile_lua_to_yaml(&text, call->arena, table);
    if (!error) {
        const stile_lua_value *name = stile_lua_find(table, "name");
        const char *what = name && name->kind == STILE_LUA_STRING
                               ? stile_arena_printf(call->arena, "spec '%.64s'", name->string)
                               : "spec";
        error = finish(call, create(directory, strlen(directory), text.data, text.size), NULL,
                       what ? what : "spec");
    }
    stile_text_free(&text);
    return error;
}

/* --- Fields and methods --- */

static int get_name(stile_lua_call *call)
{
    const stile_script_spec *spec = call->self;
    call->result = stile_lua_string(spec->spec->name);
    return 0;
}

static int get_directory(stile_lua_call *call)
{
    const stile_script_spec *spec = call->self;
    call->result = stile_lua_string(spec->directory);
    return 0;
}

static int get_variant(stile_lua_call *call)
{
    stile_script_spec *spec = call->self;
    const char *name = NULL;
    int error = 0;
    if (call->arguments[0].kind != STILE_LUA_NIL)
        error = stile_lua_take_string(call, 0, "name", &name);
    const stile_config *config = error ? NULL : stile_spec_variant(spec->spec, name);
    if (!config)
        return STILE_ERROR_ARGUMENT;
    call->result = stile_script_give_variant(call, spec, config);
    return 0;
}

static int get_variants(stile_lua_call *call)
{
    stile_script_spec *spec = call->self;
    call->result = stile_lua_table_create(call->arena);
    for (size_t i = 0; i < spec->spec->variant_count; i++)
        stile_lua_add(&call->result,
                      stile_script_give_variant(call, spec, &spec->spec->variants[i]));
    return 0;
}

/* The source as a table; the source was read before, so it parses. */
static int get_table(stile_lua_call *call)
{
    const stile_script_spec *spec = call->self;
    const stile_node *root;
    stile_diagnostics *diagnostics;
    int error = stile_diagnostics_create(&diagnostics);
    if (error)
        return error;
    error = stile_yaml_parse(&root, call->arena, "<text>", spec->text, spec->size, diagnostics);
    if (!error)
        call->result = stile_lua_from_yaml(call->arena, root);
    stile_diagnostics_destroy(&diagnostics);
    return error;
}

static const char *text_of(stile_arena *arena, const void *object)
{
    const stile_script_spec *spec = object;
    size_t count = spec->spec->variant_count;
    return stile_arena_printf(arena, "spec %s (%zu variant%s)", spec->spec->name, count,
                              count == 1 ? "" : "s");
}

static void release(void *object)
{
    stile_script_spec_release(object);
}

static const stile_lua_entry methods[] = {
    {"variant", get_variant}, {"variants", get_variants}, {"table", get_table}, {NULL, NULL}};
static const stile_lua_entry fields[] = {
    {"name", get_name}, {"directory", get_directory}, {NULL, NULL}};

const stile_lua_class stile_script_spec_class = {"spec", release, methods, fields, text_of};
