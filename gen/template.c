/* SPDX-License-Identifier: Apache-2.0 */
#include "template.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "embedded.h"
#include "fail.h"
#include "lua_host.h"
#include "number.h"
#include "template_lua.h"

/* Far above what a kernel needs; they stop a template that runs away. */
enum { LUA_BYTES = 64 << 20, LUA_INSTRUCTIONS = 200 << 20, OUTPUT_BYTES = 16 << 20 };

typedef struct rendering {
    stile_lua *lua;
    const stile_template_data *data;
    stile_text output;
    const char *part;      /* the template being rendered */
    const char *announced; /* the one that the output last named */
    bool *included;        /* by embedded template */
} rendering;

static const stile_embedded_template *find_template(const char *name)
{
    size_t low = 0, high = stile_embedded_template_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, stile_embedded_templates[middle].name);
        if (order == 0)
            return &stile_embedded_templates[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *stile_template_source(const char *name, size_t *size)
{
    const stile_embedded_template *found = find_template(name);
    if (found && size)
        *size = found->size;
    return found ? found->text : NULL;
}

/* --- Output ----------------------------------------------------------------------------------- */

static bool ends_with(const stile_text *text, const char *suffix)
{
    size_t length = strlen(suffix);
    return text->size >= length && memcmp(text->data + text->size - length, suffix, length) == 0;
}

/* Text of the current part, named first where another came before. One blank line stays one. */
static int emit_bytes(rendering *r, const char *bytes, size_t size)
{
    stile_text *out = &r->output;
    bool newline = size == 1 && *bytes == '\n';
    if (newline && (ends_with(out, "\n\n") || ends_with(out, " ---\n")))
        return 0;
    if (!newline && size && r->announced != r->part) {
        if (!ends_with(out, "\n\n"))
            stile_text_append(out, "\n");
        stile_text_appendf(out, "// --- %s ---\n", r->part);
        r->announced = r->part;
    }
    stile_text_append_bytes(out, bytes, size);
    if (out->failed)
        return stile_fail_memory();
    if (out->size > OUTPUT_BYTES)
        return stile_fail(STILE_ERROR_INTERNAL, "the rendered source passes %d MiB",
                          OUTPUT_BYTES >> 20);
    return 0;
}

static int emit_string(rendering *r, const char *string)
{
    return emit_bytes(r, string, strlen(string));
}

/* --- What templates call ---------------------------------------------------------------------- */

/* emit(text): translated literal text, always a string. */
static int emit(void *user, const stile_lua_value *arguments, int count, stile_lua_value *result)
{
    (void)count, (void)result;
    return emit_bytes(user, arguments[0].string, arguments[0].size);
}

static int emit_integer(rendering *r, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    return emit_string(r, digits);
}

static int emit_number(rendering *r, double value, const char *expression)
{
    char digits[32];
    if (!isfinite(value))
        return stile_fail(STILE_ERROR_INTERNAL, "${%s} is not a finite number", expression);
    if (value == floor(value) && fabs(value) < 0x1p53)
        return emit_integer(r, (int64_t)value);
    stile_format_double(digits, value);
    return emit_string(r, digits);
}

/* emit_value(value, expression): a `${expression}`. */
static int emit_value(void *user, const stile_lua_value *arguments, int count,
                      stile_lua_value *result)
{
    (void)count, (void)result;
    const stile_lua_value *value = &arguments[0];
    const char *expression = arguments[1].string;
    switch (value->kind) {
    case STILE_LUA_STRING:
        return emit_bytes(user, value->string, value->size);
    case STILE_LUA_INTEGER:
        return emit_integer(user, value->integer);
    case STILE_LUA_NUMBER:
        return emit_number(user, value->number, expression);
    case STILE_LUA_BOOLEAN:
        return emit_string(user, value->boolean ? "true" : "false");
    case STILE_LUA_NIL:
        return stile_fail(STILE_ERROR_INTERNAL, "${%s} is nil", expression);
    default:
        return stile_fail(STILE_ERROR_INTERNAL, "${%s} is neither a number nor text", expression);
    }
}

/* declare(): the prologue of constants. */
static int declare(void *user, const stile_lua_value *arguments, int count, stile_lua_value *result)
{
    (void)arguments, (void)count, (void)result;
    rendering *r = user;
    stile_text lines = {0};
    for (size_t i = 0; i < r->data->constant_count; i++) {
        const stile_constant *constant = &r->data->constants[i];
        bool wide = constant->value > INT_MAX || constant->value < INT_MIN;
        if (constant->type)
            stile_text_appendf(&lines, "using %s = %s;", constant->name, constant->type);
        else if (constant->value == INT64_MIN) /* has no literal */
            stile_text_appendf(&lines, "constexpr long long %s = -0x7fffffffffffffff - 1;",
                               constant->name);
        else
            stile_text_appendf(&lines, "constexpr %s %s = %" PRId64 ";", wide ? "long long" : "int",
                               constant->name, constant->value);
        if (constant->comment)
            stile_text_appendf(&lines, " // %s", constant->comment);
        stile_text_append(&lines, "\n");
    }
    int error = lines.failed ? stile_fail_memory() : emit_bytes(r, lines.data, lines.size);
    stile_text_free(&lines);
    return error;
}

static int run_template(rendering *r, const char *name, const char *text, size_t size)
{
    stile_text chunk = {0};
    const char *part = r->part;
    int error = stile_template_translate(&chunk, name, text, size);
    if (!error) {
        r->part = name;
        error = stile_lua_run(r->lua, name, chunk.data ? chunk.data : "", chunk.size);
        r->part = part;
    }
    stile_text_free(&chunk);
    return error;
}

/* include(file): also what `#include "file"` becomes. */
static int include(void *user, const stile_lua_value *arguments, int count, stile_lua_value *result)
{
    (void)result;
    rendering *r = user;
    if (count != 1 || arguments[0].kind != STILE_LUA_STRING)
        return stile_fail(STILE_ERROR_INTERNAL, "include needs the name of a template");
    const stile_embedded_template *found = find_template(arguments[0].string);
    if (!found)
        return stile_fail(STILE_ERROR_INTERNAL,
                          "there is no template '%s': name it from the root of the templates",
                          arguments[0].string);
    bool *included = &r->included[found - stile_embedded_templates];
    if (*included)
        return 0;
    *included = true;
    return run_template(r, found->name, found->text, found->size);
}

/* --- Rendering -------------------------------------------------------------------------------- */

static int run_prelude(rendering *r)
{
    stile_text chunk = {0};
    stile_template_prelude(&chunk, r->data);
    int error = chunk.failed ? stile_fail_memory()
                             : stile_lua_run(r->lua, "prelude", chunk.data, chunk.size);
    stile_text_free(&chunk);
    return error;
}

int stile_template_render_text(const char **out, stile_arena *arena, const char *name,
                               const char *text, size_t size, const stile_template_data *data)
{
    static const struct {
        const char *name;
        stile_lua_function function;
    } functions[] = {
        {"emit", emit}, {"emit_value", emit_value}, {"declare", declare}, {"include", include}};
    const stile_lua_params params = {
        .memory_limit = LUA_BYTES,
        .instruction_limit = LUA_INSTRUCTIONS,
        .sandboxed = true,
        .script_error = STILE_ERROR_INTERNAL,
    };
    rendering r = {.data = data, .part = name};
    const stile_embedded_template *self = find_template(name);

    int error = stile_lua_create(&r.lua, &params);
    if (error)
        goto done;
    r.included = stile_arena_array(arena, stile_embedded_template_count, sizeof *r.included);
    if (!r.included) {
        error = stile_fail_memory();
        goto done;
    }
    if (self)
        r.included[self - stile_embedded_templates] = true;
    for (size_t i = 0; !error && i < sizeof functions / sizeof functions[0]; i++)
        error = stile_lua_register(r.lua, functions[i].name, functions[i].function, &r);
    if (!error)
        error = run_prelude(&r);
    stile_text_append(&r.output, "// Rendered by stile. The comments below name the templates that "
                                 "each part comes from.\n");
    if (!error)
        error = run_template(&r, name, text, size);
    if (error)
        goto done;

    while (ends_with(&r.output, "\n\n"))
        r.output.data[--r.output.size] = '\0';
    const char *rendered = r.output.failed ? NULL : stile_arena_strdup(arena, r.output.data);
    if (rendered)
        *out = rendered;
    else
        error = stile_fail_memory();
done:
    stile_lua_destroy(&r.lua);
    stile_text_free(&r.output);
    return error;
}

int stile_template_render(const char **out, stile_arena *arena, const char *name,
                          const stile_template_data *data)
{
    const stile_embedded_template *found = find_template(name);
    if (!found)
        return stile_fail(STILE_ERROR_INTERNAL, "there is no template '%s'", name);
    return stile_template_render_text(out, arena, found->name, found->text, found->size, data);
}
