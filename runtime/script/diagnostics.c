/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a spec, as data and as the text of an error. */
#include <string.h>

#include "diagnostics.h"
#include "fail.h"
#include "objects.h"

int stile_script_fail(stile_arena *arena, int error, const stile_diagnostics *diagnostics,
                      const char *what)
{
    if (error == STILE_ERROR_MEMORY) /* not everyone who says so has set a text */
        return stile_fail_memory();
    size_t count = stile_diagnostics_count(diagnostics);
    const char *text = count ? "" : stile_last_error();
    for (size_t i = 0; i < count && text; i++) {
        const stile_diagnostic *d = stile_diagnostics_get(diagnostics, i);
        const char *separator = i ? "\n" : "";
        if (what && strcmp(d->file, "<text>") == 0)
            text = stile_arena_printf(arena, "%s%s%s: error: [STILE-%03d] %s", text, separator,
                                      what, d->code, d->message);
        else
            text = stile_arena_printf(arena, "%s%s%s", text, separator, d->text);
    }
    return text ? stile_fail(error, "%s", text) : stile_fail_memory();
}

int stile_script_diagnose(stile_lua_call *call)
{
    const char *path;
    stile_diagnostics *diagnostics = NULL;
    stile_spec *spec = NULL;
    int error = stile_lua_take_string(call, 0, "path", &path);
    if (!error)
        error = stile_diagnostics_create(&diagnostics);
    if (error)
        return error;
    error = stile_spec_load(&spec, path, diagnostics);
    stile_spec_destroy(&spec);
    if (error == STILE_ERROR_SPEC || error == STILE_ERROR_IO)
        error = 0; /* that is the answer */

    stile_arena *arena = call->arena;
    call->result = stile_lua_table_create(arena);
    for (size_t i = 0; i < stile_diagnostics_count(diagnostics); i++) {
        const stile_diagnostic *d = stile_diagnostics_get(diagnostics, i);
        stile_lua_value item = stile_lua_table_create(arena);
        stile_lua_set(&item, "file", stile_lua_string(stile_arena_strdup(arena, d->file)));
        stile_lua_set(&item, "line", stile_lua_integer(d->line));
        stile_lua_set(&item, "column", stile_lua_integer(d->column));
        stile_lua_set(&item, "code", stile_lua_integer(d->code));
        stile_lua_set(&item, "message", stile_lua_string(stile_arena_strdup(arena, d->message)));
        stile_lua_set(&item, "text", stile_lua_string(stile_arena_strdup(arena, d->text)));
        stile_lua_add(&call->result, item);
    }
    stile_diagnostics_destroy(&diagnostics);
    return error;
}
