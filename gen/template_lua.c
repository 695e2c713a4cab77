/* SPDX-License-Identifier: Apache-2.0 */
#include "template_lua.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "fail.h"
#include "number.h"

/* A piece of a template, without its newline. */
typedef struct span {
    const char *begin, *end;
} span;

static void append_span(stile_text *out, span s)
{
    stile_text_append_bytes(out, s.begin, (size_t)(s.end - s.begin));
}

static void append_quoted(stile_text *out, span s)
{
    stile_text_append(out, "\"");
    for (const char *c = s.begin; c < s.end; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte == '"' || byte == '\\')
            stile_text_appendf(out, "\\%c", byte);
        else if (byte < ' ' || byte > '~')
            stile_text_appendf(out, "\\%03d", byte);
        else
            stile_text_append_bytes(out, c, 1);
    }
    stile_text_append(out, "\"");
}

static void append_quoted_string(stile_text *out, const char *string)
{
    append_quoted(out, (span){string, string + strlen(string)});
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static span trim_end(span s)
{
    while (s.end > s.begin && is_blank(s.end[-1]))
        s.end--;
    return s;
}

static span trim(span s)
{
    while (s.begin < s.end && is_blank(*s.begin))
        s.begin++;
    return trim_end(s);
}

/* Whether the span starts with `prefix`; if so, moves past it and the blanks behind it. */
static bool skip(span *s, const char *prefix)
{
    size_t length = strlen(prefix);
    if ((size_t)(s->end - s->begin) < length || memcmp(s->begin, prefix, length) != 0)
        return false;
    s->begin += length;
    *s = trim(*s);
    return true;
}

static bool equal(span a, span b)
{
    size_t length = (size_t)(a.end - a.begin);
    return length == (size_t)(b.end - b.begin) && memcmp(a.begin, b.begin, length) == 0;
}

/* The lines of a text, the last one with or without a newline. */
static bool next_line(span *rest, span *line)
{
    if (rest->begin == rest->end)
        return false;
    const char *newline = memchr(rest->begin, '\n', (size_t)(rest->end - rest->begin));
    *line = (span){rest->begin, newline ? newline : rest->end};
    rest->begin = newline ? newline + 1 : rest->end;
    return true;
}

/* --- Lines that only matter to a compiler that reads the files one by one --------------------- */

/* The include guard of a header, empty if it has none: the first two directives must agree. */
static span find_guard(const char *text, size_t size)
{
    span rest = {text, text + size}, line, guard = {text, text};
    while (next_line(&rest, &line)) {
        line = trim(line);
        if (guard.begin < guard.end)
            return skip(&line, "#define ") && equal(line, guard) ? guard : (span){text, text};
        if (skip(&line, "#ifndef "))
            guard = line;
        else if (line.begin < line.end && *line.begin == '#')
            break;
    }
    return (span){text, text};
}

static bool is_last_line(span rest)
{
    rest.end = rest.end > rest.begin && rest.end[-1] == '\n' ? rest.end - 1 : rest.end;
    return trim(rest).begin == trim(rest).end;
}

static bool is_left_out(span line, span guard, bool last)
{
    if (skip(&line, "// SPDX-License-Identifier") || skip(&line, "/* SPDX-License-Identifier") ||
        skip(&line, "#pragma once"))
        return true;
    if (guard.begin == guard.end)
        return false;
    if (last && skip(&line, "#endif"))
        return true;
    return (skip(&line, "#ifndef ") || skip(&line, "#define ")) && equal(line, guard);
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* The `}` that closes an expression whose text starts at `c`, past nested braces and strings. */
static const char *expression_end(const char *c, const char *end)
{
    int depth = 0;
    char quote = 0;
    for (; c < end; c++) {
        if (quote) {
            if (*c == '\\' && c + 1 < end)
                c++;
            else if (*c == quote)
                quote = 0;
        } else if (*c == '"' || *c == '\'') {
            quote = *c;
        } else if (*c == '{') {
            depth++;
        } else if (*c == '}' && depth-- == 0) {
            return c;
        }
    }
    return NULL;
}

static bool translate_literal(stile_text *out, span line)
{
    const char *c = line.begin;
    for (;;) {
        const char *open = c;
        while (open < line.end && !(open[0] == '$' && open + 1 < line.end && open[1] == '{'))
            open++;
        if (c < open) {
            stile_text_append(out, "emit(");
            append_quoted(out, (span){c, open});
            stile_text_append(out, ") ");
        }
        if (open == line.end)
            break;
        span expression = {open + 2, expression_end(open + 2, line.end)};
        if (!expression.end)
            return false;
        stile_text_append(out, "emit_value((");
        append_span(out, expression);
        stile_text_append(out, "), ");
        append_quoted(out, expression);
        stile_text_append(out, ") ");
        c = expression.end + 1;
    }
    stile_text_append(out, "emit(\"\\n\")");
    return true;
}

int stile_template_translate(stile_text *out, const char *name, const char *text, size_t size)
{
    span guard = find_guard(text, size), rest = {text, text + size}, line;
    for (int number = 1; next_line(&rest, &line); number++) {
        span content = trim(line), directive = content;
        if (number > 1)
            stile_text_append(out, "\n");
        if (skip(&directive, "//@")) {
            append_span(out, directive);
        } else if (skip(&directive, "#include \"") && directive.end > directive.begin &&
                   directive.end[-1] == '"') {
            directive.end--;
            stile_text_append(out, "include(");
            append_quoted(out, directive);
            stile_text_append(out, ")");
        } else if (!is_left_out(content, guard, is_last_line(rest)) &&
                   !translate_literal(out, trim_end(line))) {
            return stile_fail(STILE_ERROR_INTERNAL, "%s:%d: `${` is not closed on its line", name,
                              number);
        }
    }
    return out->failed ? stile_fail_memory() : 0;
}

/* --- Statements ------------------------------------------------------------------------------- */

/* A positive float literal: decimal where that is exact, else the nearest float in hex. */
static void append_float(stile_text *out, double value)
{
    char digits[32];
    if ((double)(float)value == value)
        stile_format_double(digits, value);
    else
        stile_format_hex(digits, (double)(float)value);
    stile_text_append(out, digits);
    stile_text_append(out, strpbrk(digits, ".epx") ? "f" : ".0f");
}

/* |coefficient| · value: "t3", "0.5f * in[2]". */
static void append_term(stile_text *out, const stile_straight_line *program, stile_term term)
{
    double coefficient = fabs(stile_rational_to_double(term.coefficient));
    if (coefficient != 1) {
        append_float(out, coefficient);
        stile_text_append(out, " * ");
    }
    if (term.value < program->input_count)
        stile_text_appendf(out, "in[%d]", term.value);
    else
        stile_text_appendf(out, "t%d", term.value - program->input_count);
}

/*
 * A sum of at most two terms, a positive one first: a difference needs no negation, and a product
 * and a sum fuse whichever side the product is on.
 */
static void append_sum(stile_text *out, const stile_straight_line *program, const stile_step *step)
{
    if (step->term_count == 0) {
        stile_text_append(out, "0.0f");
        return;
    }
    stile_term first = step->a, second = step->b;
    if (step->term_count == 2 && first.coefficient.num < 0 && second.coefficient.num > 0) {
        first = step->b;
        second = step->a;
    }
    if (first.coefficient.num < 0)
        stile_text_append(out, "-");
    append_term(out, program, first);
    if (step->term_count == 2) {
        stile_text_append(out, second.coefficient.num < 0 ? " - " : " + ");
        append_term(out, program, second);
    }
}

/* programs["u"] = {{name = "t0", value = "in[0] + in[3]"}, {output = 0, value = "t0"}} */
static void append_program(stile_text *out, const stile_template_program *entry)
{
    const stile_straight_line *program = entry->program;
    stile_text_append(out, "programs[");
    append_quoted_string(out, entry->name);
    stile_text_append(out, "] = {\n");
    int local = 0;
    for (int i = 0; i < program->step_count; i++) {
        const stile_step *step = &program->steps[i];
        if (step->output >= 0)
            stile_text_appendf(out, "{output = %d, value = \"", step->output);
        else
            stile_text_appendf(out, "{name = \"t%d\", value = \"", local++);
        append_sum(out, program, step);
        stile_text_append(out, "\"},\n");
    }
    stile_text_append(out, "}\n");
}

void stile_template_prelude(stile_text *out, const stile_template_data *data)
{
    stile_text_append(out, "constants = {\n");
    for (size_t i = 0; i < data->constant_count; i++) {
        const stile_constant *constant = &data->constants[i];
        stile_text_append(out, "[");
        append_quoted_string(out, constant->name);
        stile_text_append(out, "] = ");
        if (constant->type)
            append_quoted_string(out, constant->type);
        else if (constant->value == INT64_MIN) /* has no literal */
            stile_text_append(out, "math.mininteger");
        else
            stile_text_appendf(out, "%" PRId64, constant->value);
        stile_text_append(out, ",\n");
    }
    stile_text_append(out, "}\nlocal programs = {}\n");
    for (size_t i = 0; i < data->program_count; i++)
        append_program(out, &data->programs[i]);

    stile_text_append(
        out,
        "function program(name)\n"
        "    local statements = programs[name] or error('there is no program ' .. name, 2)\n"
        "    local i = 0\n"
        "    return function()\n"
        "        i = i + 1\n"
        "        return statements[i]\n"
        "    end\n"
        "end\n"
        "local function strict(table, what)\n"
        "    setmetatable(table, {__index = function(_, name)\n"
        "        error('there is no ' .. what .. ' ' .. name, 2)\n"
        "    end})\n"
        "end\n"
        "strict(constants, 'constant')\n"
        "strict(_G, 'variable')\n");
}
