/* SPDX-License-Identifier: Apache-2.0 */
#include "diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "fail.h"

struct stile_diagnostics {
    stile_arena *strings;
    stile_diagnostic *items;
    size_t count, capacity;
    size_t reported; /* by stile_diagnose, listed or not */
    bool failed;
};

const char *stile_code_meaning(int code)
{
    switch (code) {
#define STILE_CODE(number, name, meaning)                                                          \
    case number:                                                                                   \
        return meaning;
#include "diagnostic_codes.def"
#undef STILE_CODE
    default:
        return NULL;
    }
}

int stile_diagnostics_create(stile_diagnostics **out)
{
    stile_diagnostics *diagnostics = calloc(1, sizeof *diagnostics);
    if (!diagnostics)
        return stile_fail_memory();
    diagnostics->strings = stile_arena_create();
    if (!diagnostics->strings) {
        free(diagnostics);
        return stile_fail_memory();
    }
    *out = diagnostics;
    return STILE_OK;
}

void stile_diagnostics_destroy(stile_diagnostics **diagnostics)
{
    if (!diagnostics || !*diagnostics)
        return;
    stile_arena_destroy(&(*diagnostics)->strings);
    free((*diagnostics)->items);
    free(*diagnostics);
    *diagnostics = NULL;
}

size_t stile_diagnostics_count(const stile_diagnostics *diagnostics)
{
    return diagnostics ? diagnostics->count : 0;
}

const stile_diagnostic *stile_diagnostics_get(const stile_diagnostics *diagnostics, size_t index)
{
    return index < stile_diagnostics_count(diagnostics) ? &diagnostics->items[index] : NULL;
}

size_t stile_diagnostics_reported(const stile_diagnostics *diagnostics)
{
    return diagnostics->reported;
}

bool stile_diagnostics_failed(const stile_diagnostics *diagnostics)
{
    return diagnostics->failed;
}

static bool holds(const stile_diagnostics *diagnostics, const stile_diagnostic *wanted)
{
    for (size_t i = 0; i < diagnostics->count; i++) {
        const stile_diagnostic *item = &diagnostics->items[i];
        if (item->code == wanted->code && !strcmp(item->text, wanted->text))
            return true;
    }
    return false;
}

/* Adds a diagnostic whose strings live elsewhere. */
static bool add(stile_diagnostics *diagnostics, const stile_diagnostic *item)
{
    if (diagnostics->count == diagnostics->capacity) {
        size_t capacity = diagnostics->capacity ? 2 * diagnostics->capacity : 16;
        stile_diagnostic *items = realloc(diagnostics->items, capacity * sizeof *items);
        if (!items)
            return false;
        diagnostics->items = items;
        diagnostics->capacity = capacity;
    }
    stile_diagnostic copy = *item;
    copy.file = stile_arena_strdup(diagnostics->strings, item->file);
    copy.text = stile_arena_strdup(diagnostics->strings, item->text);
    if (!copy.file || !copy.text)
        return false;
    copy.message = copy.text + (item->message - item->text);
    diagnostics->items[diagnostics->count++] = copy;
    return true;
}

/* Fills `text` and `message` of a diagnostic, in scratch memory. */
static bool format_item(stile_arena *scratch, stile_diagnostic *item, const char *message)
{
    char *text = item->line
                     ? stile_arena_printf(scratch, "%s:%d:%d: error: [STILE-%03d] %s", item->file,
                                          item->line, item->column, item->code, message)
                     : stile_arena_printf(scratch, "%s: error: [STILE-%03d] %s", item->file,
                                          item->code, message);
    if (!text)
        return false;
    item->text = text;
    item->message = text + strlen(text) - strlen(message);
    return true;
}

int stile_diagnose(stile_diagnostics *diagnostics, stile_mark mark, stile_code code,
                   const char *format, ...)
{
    diagnostics->reported++;
    if (diagnostics->count > STILE_MAX_DIAGNOSTICS)
        return STILE_ERROR_SPEC;

    stile_diagnostic item = {
        .file = mark.file, .line = mark.line, .column = mark.column, .code = code};
    int result = STILE_ERROR_SPEC;
    stile_arena *scratch = stile_arena_create();
    char *message = NULL;
    if (scratch) {
        va_list arguments;
        va_start(arguments, format);
        message = stile_arena_vprintf(scratch, format, arguments);
        va_end(arguments);
    }
    if (!message || !format_item(scratch, &item, message))
        goto fail;
    if (holds(diagnostics, &item))
        goto done;
    if (diagnostics->count == STILE_MAX_DIAGNOSTICS) {
        item = (stile_diagnostic){.file = mark.file, .code = STILE_CODE_TOO_MANY_ERRORS};
        if (!format_item(scratch, &item, "there are more errors; mend these first"))
            goto fail;
    }
    if (!add(diagnostics, &item))
        goto fail;
    if (diagnostics->count == 1)
        stile_fail(STILE_ERROR_SPEC, "%s", item.text);
done:
    stile_arena_destroy(&scratch);
    return result;
fail:
    stile_arena_destroy(&scratch);
    diagnostics->failed = true;
    return stile_fail_memory();
}

/* Whether `a` belongs before `b`, which came up earlier. */
static bool precedes(const stile_diagnostic *a, const stile_diagnostic *b)
{
    if (strcmp(a->file, b->file) || a->code == STILE_CODE_TOO_MANY_ERRORS)
        return false;
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* By insertion, each among those of its own file: stable, and lists are short. */
static void sort(stile_diagnostics *diagnostics)
{
    for (size_t i = 1; i < diagnostics->count; i++) {
        stile_diagnostic item = diagnostics->items[i];
        size_t place = i;
        for (size_t j = i; j-- > 0;)
            if (precedes(&item, &diagnostics->items[j]))
                place = j;
        memmove(&diagnostics->items[place + 1], &diagnostics->items[place],
                (i - place) * sizeof item);
        diagnostics->items[place] = item;
    }
}

int stile_diagnostics_finish(stile_diagnostics *own, int result, stile_diagnostics *diagnostics)
{
    sort(own);
    if ((result == STILE_ERROR_SPEC || result == STILE_ERROR_IO) && own->count)
        stile_fail(result, "%s", own->items[0].text);
    for (size_t i = 0; diagnostics && i < own->count; i++) {
        if (!add(diagnostics, &own->items[i])) {
            diagnostics->failed = true;
            result = stile_fail_memory();
            break;
        }
    }
    stile_diagnostics_destroy(&own);
    return result;
}

/* Bytes of the UTF-8 character at `text`; never past its end. */
static size_t character_size(const char *text)
{
    size_t size = 1;
    while (((unsigned char)text[size] & 0xc0) == 0x80)
        size++;
    return size;
}

stile_quoted stile_quote(const char *text)
{
    enum { LONGEST = 80 }; /* leaves room for an escape or a character, "…", the quote and NUL */
    stile_quoted out = {.text = "\""};
    size_t size = 1;
    for (size_t step; *text; text += step) {
        unsigned char byte = (unsigned char)*text;
        step = character_size(text);
        if (size >= LONGEST || step > 4) {
            size += (size_t)sprintf(out.text + size, "…");
            break;
        }
        if (byte == '\n')
            size += (size_t)sprintf(out.text + size, "\\n");
        else if (byte < 0x20 || byte == 0x7f)
            size += (size_t)sprintf(out.text + size, "\\x%02x", byte);
        else
            size += (size_t)sprintf(out.text + size, "%.*s", (int)step, text);
    }
    out.text[size] = '"';
    return out;
}
