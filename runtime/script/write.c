/* SPDX-License-Identifier: Apache-2.0 */
/* Specs and bases as files; a spec that moves keeps finding its basis files. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "diagnostics.h"
#include "fail.h"
#include "file_write.h"
#include "objects.h"

int stile_script_write(const char *path, const char *data, size_t size)
{
    const int problem = stile_file_write(path, &(stile_file_part){data, size}, 1);
    if (!problem)
        return 0;
    return stile_fail(STILE_ERROR_IO, "the file '%s' cannot be written: %s", path,
                      strerror(problem));
}

/* --- Relative paths --- */

/* A folder's absolute path without links, ending in '/'. `path`: "" or ending in '/'. */
static int resolve_folder(const char **out, stile_arena *arena, const char *path)
{
    char resolved[PATH_MAX];
    if (!realpath(*path ? path : ".", resolved))
        return stile_fail(STILE_ERROR_IO, "the folder '%s' cannot be found: %s", path,
                          strerror(errno));
    *out = stile_arena_printf(arena, "%s%s", resolved, strcmp(resolved, "/") ? "/" : "");
    return *out ? 0 : stile_fail_memory();
}

/* The way from folder `from` to file `to`, both absolute. */
static const char *way(stile_arena *arena, const char *from, const char *to)
{
    size_t common = 0;
    for (size_t i = 0; from[i] && from[i] == to[i]; i++) {
        if (from[i] == '/')
            common = i + 1;
    }
    const char *up = "";
    for (const char *c = from + common; *c && up; c++) {
        if (*c == '/')
            up = stile_arena_printf(arena, "%s../", up);
    }
    return up ? stile_arena_printf(arena, "%s%s", up, to + common) : NULL;
}

typedef struct move {
    stile_arena *arena;
    const char *from, *to; /* absolute folders */
} move;

/* The file name `name` as seen from the new folder. */
static int move_name(const move *m, stile_lua_value *name)
{
    if (name->kind != STILE_LUA_STRING || name->string[0] == '/')
        return 0;
    /* The folder's links are resolved, the file's own are kept. */
    const char *path = stile_arena_printf(m->arena, "%s%s", m->from, name->string);
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *folder =
        path ? stile_arena_strndup(m->arena, path, (size_t)(slash - path) + 1) : NULL;
    if (!folder)
        return stile_fail_memory();
    int error = resolve_folder(&folder, m->arena, folder);
    if (error)
        return error;
    path = stile_arena_printf(m->arena, "%s%s", folder, slash + 1);
    path = path ? way(m->arena, m->to, path) : NULL;
    if (!path)
        return stile_fail_memory();
    *name = stile_lua_string(path);
    return 0;
}

/* Moves every `file` of a basis reference. References nest no deeper than the loader allowed. */
static int move_basis(const move *m, stile_lua_value *reference)
{
    stile_lua_table *table = reference->kind == STILE_LUA_TABLE ? reference->table : NULL;
    int error = 0;
    for (size_t i = 0; table && i < table->item_count && !error; i++)
        error = move_basis(m, &table->items[i]);
    for (size_t i = 0; table && i < table->field_count && !error; i++) {
        stile_lua_field *field = &table->fields[i];
        error = strcmp(field->key, "file") == 0 ? move_name(m, &field->value)
                                                : move_basis(m, &field->value);
    }
    return error;
}

/* Parses canonical text into a value. */
static int read_canonical(const move *m, const char *text, stile_lua_value *out)
{
    const stile_node *root;
    stile_diagnostics *diagnostics;
    int error = stile_diagnostics_create(&diagnostics);
    if (error)
        return error;
    error = stile_yaml_parse(&root, m->arena, "<text>", text, strlen(text), diagnostics);
    stile_diagnostics_destroy(&diagnostics);
    if (!error)
        *out = stile_lua_from_yaml(m->arena, root);
    return error;
}

static int keep_text(stile_arena *arena, stile_text *text, const char **out)
{
    const char *kept =
        text->failed ? NULL : stile_arena_strdup(arena, text->data ? text->data : "");
    stile_text_free(text);
    if (!kept)
        return stile_fail_memory();
    *out = kept;
    return 0;
}

/* The reference of a configuration, moved. */
static int move_reference(const move *m, stile_config *config)
{
    stile_lua_value reference;
    stile_text text = {0};
    int error = read_canonical(m, config->basis_text, &reference);
    if (!error)
        error = move_basis(m, &reference);
    if (!error)
        error = stile_lua_to_yaml(&text, m->arena, &reference);
    if (!error)
        return keep_text(m->arena, &text, &config->basis_text);
    stile_text_free(&text);
    return error;
}

/* The lines of its variants section, with the reference moved in there too. */
static int move_section(const move *m, stile_config *config)
{
    stile_lua_value section;
    stile_text text = {0};
    if (!*config->variant_text)
        return 0;
    int error = read_canonical(m, config->variant_text, &section);
    size_t count = !error && section.table ? section.table->field_count : 0;
    for (size_t i = 0; i < count && !error; i++) {
        stile_lua_field *field = &section.table->fields[i];
        if (strcmp(field->key, "basis") == 0)
            error = move_basis(m, &field->value);
        stile_text_appendf(&text, "  %s: ", field->key);
        if (!error)
            error = stile_lua_to_yaml(&text, m->arena, &field->value);
        stile_text_append(&text, "\n");
    }
    if (!error)
        return keep_text(m->arena, &text, &config->variant_text);
    stile_text_free(&text);
    return error;
}

int stile_script_print_moved(stile_text *out, stile_arena *arena, const stile_config *config,
                             const char *directory, const char *path)
{
    stile_config moved = *config;
    move m = {.arena = arena};
    const char *slash = strrchr(path, '/');
    const char *folder = stile_arena_strndup(arena, path, slash ? (size_t)(slash - path) + 1 : 0);
    int error = folder ? resolve_folder(&m.to, arena, folder) : stile_fail_memory();
    if (!error)
        error = resolve_folder(&m.from, arena, directory);
    if (!error && strcmp(m.from, m.to) != 0) {
        error = move_reference(&m, &moved);
        if (!error)
            error = move_section(&m, &moved);
    }
    if (!error)
        stile_config_print(out, &moved);
    return !error && out->failed ? stile_fail_memory() : error;
}
