/* SPDX-License-Identifier: Apache-2.0 */
/* The two things a rendering hands to Lua: the template as a chunk, and its data as another. */
#ifndef STILE_GEN_TEMPLATE_LUA_H
#define STILE_GEN_TEMPLATE_LUA_H

#include "template.h"
#include "text.h"

/*
 * Appends the Lua chunk of a template, line for line, so that Lua's line numbers are the
 * template's. Literal text becomes `emit("…")`, `${x}` becomes `emit_value((x), "x")`, an include
 * `include("…")`. Errors: INTERNAL (an expression is not closed), MEMORY.
 */
int stile_template_translate(stile_text *out, const char *name, const char *text, size_t size);

/* Appends a chunk that defines `constants`, `program` and the strictness of globals. */
void stile_template_prelude(stile_text *out, const stile_template_data *data);

#endif
