/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `size` more bytes and the NUL. */
static bool reserve(stile_text *text, size_t size)
{
    if (text->failed || size > (size_t)1 << 40) {
        text->failed = true;
        return false;
    }
    if (text->capacity - text->size > size)
        return true;
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity - text->size <= size)
        capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void stile_text_append_bytes(stile_text *text, const char *bytes, size_t size)
{
    if (!reserve(text, size))
        return;
    if (size) /* `bytes` may be NULL else */
        memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void stile_text_append(stile_text *text, const char *string)
{
    stile_text_append_bytes(text, string, strlen(string));
}

void stile_text_appendf(stile_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0)
        text->failed = true;
    else if (reserve(text, (size_t)size)) {
        vsnprintf(text->data + text->size, (size_t)size + 1, format, arguments);
        text->size += (size_t)size;
    }
    va_end(arguments);
}

void stile_text_free(stile_text *text)
{
    free(text->data);
    *text = (stile_text){0};
}
