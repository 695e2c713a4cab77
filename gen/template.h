/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: CUDA with control lines, rendered to plain CUDA.
 *
 * A line whose first characters (after blanks) are `//@` is Lua; every other line is literal,
 * except that `${expression}` in it is replaced by the value of a Lua expression (integers, exact
 * numbers, strings, true and false; nil is an error). An `#include "file"` of another template,
 * named from the root of the templates, is replaced by that template, rendered, once. The Lua of a
 * template sees:
 *
 *   constants      table: name → integer or type name. An unknown name is an error; 0 is true
 *   declare()      writes the prologue: `constexpr int NAME = value;` or `using Name = type;` each
 *   program(name)  iterates over the statements of a straight-line program, as tables with
 *                  `value` (the CUDA expression, over inputs `in[i]` and locals `t0`, `t1`, …) and
 *                  either `name` (the local it defines) or `output` (the output number, from 0)
 *   include(file)  includes a template chosen at render time
 *
 * and the pure part of Lua's library (no files, no clock, no random numbers, no pairs). Globals are
 * shared between the templates of a rendering, and reading one that nobody set is an error.
 *
 * Each part of the result starts with a comment that names its template. Licence lines, include
 * guards and runs of blank lines are left out.
 */
#ifndef STILE_GEN_TEMPLATE_H
#define STILE_GEN_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "straight_line.h"

/* A named constant of the prologue: an integer, or a type where `type` is not NULL. */
typedef struct stile_constant {
    const char *name;
    int64_t value;
    const char *type;
    const char *comment; /* the spec field it comes from, or NULL */
} stile_constant;

typedef struct stile_template_program {
    const char *name;
    const stile_straight_line *program;
} stile_template_program;

typedef struct stile_template_data {
    const stile_constant *constants;
    size_t constant_count;
    const stile_template_program *programs;
    size_t program_count;
} stile_template_data;

/*
 * Renders template `name` ("sm_80/decode.cu") to NUL-terminated text in `arena`.
 * Errors: INTERNAL (a template is wrong; the text says its file and line), MEMORY.
 */
int stile_template_render(const char **out, stile_arena *arena, const char *name,
                          const stile_template_data *data);

/* The same from a text of the caller's, which may include embedded templates. */
int stile_template_render_text(const char **out, stile_arena *arena, const char *name,
                               const char *text, size_t size, const stile_template_data *data);

/* The text of an embedded template, or NULL; *size (may be NULL) without the NUL. */
const char *stile_template_source(const char *name, size_t *size);

#endif
