/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "number.h"
#include "utf8.h"

static void append_string(stile_text *text, const char *value)
{
    stile_text_append(text, "\"");
    const size_t size = strlen(value);
    for (size_t i = 0, length; i < size; i += length) {
        uint32_t point;
        length = stile_utf8_decode(value + i, size - i, &point);
        if (length == 0) {
            stile_text_append(text, "\\ufffd");
            length = 1;
        } else if (point == '"' || point == '\\') {
            stile_text_appendf(text, "\\%c", (int)point);
        } else if (point == '\n') {
            stile_text_append(text, "\\n");
        } else if (point < 0x20) {
            stile_text_appendf(text, "\\u%04x", (unsigned)point);
        } else {
            stile_text_append_bytes(text, value + i, length);
        }
    }
    stile_text_append(text, "\"");
}

static void indent(stile_json *json)
{
    stile_text_appendf(json->text, "\n%*s", 2 * json->depth, "");
}

/* Everything that stands before a value. */
static void begin_value(stile_json *json, const char *key)
{
    if (json->filled)
        stile_text_append(json->text, ",");
    if (json->depth > 0)
        indent(json);
    json->filled = true;
    if (key) {
        append_string(json->text, key);
        stile_text_append(json->text, ": ");
    }
}

static void begin(stile_json *json, const char *key, const char *bracket)
{
    begin_value(json, key);
    stile_text_append(json->text, bracket);
    json->depth++;
    json->filled = false;
}

static void end(stile_json *json, const char *bracket)
{
    json->depth--;
    if (json->filled)
        indent(json);
    stile_text_append(json->text, bracket);
    json->filled = true;
    if (json->depth == 0)
        stile_text_append(json->text, "\n");
}

void stile_json_begin_object(stile_json *json, const char *key)
{
    begin(json, key, "{");
}

void stile_json_end_object(stile_json *json)
{
    end(json, "}");
}

void stile_json_begin_array(stile_json *json, const char *key)
{
    begin(json, key, "[");
}

void stile_json_end_array(stile_json *json)
{
    end(json, "]");
}

void stile_json_string(stile_json *json, const char *key, const char *value)
{
    begin_value(json, key);
    if (value)
        append_string(json->text, value);
    else
        stile_text_append(json->text, "null");
}

void stile_json_int(stile_json *json, const char *key, int64_t value)
{
    begin_value(json, key);
    stile_text_appendf(json->text, "%" PRId64, value);
}

void stile_json_real(stile_json *json, const char *key, double value)
{
    char number[32];
    stile_format_double(number, value);
    begin_value(json, key);
    stile_text_append(json->text, isfinite(value) ? number : "null");
}

void stile_json_bool(stile_json *json, const char *key, bool value)
{
    begin_value(json, key);
    stile_text_append(json->text, value ? "true" : "false");
}

void stile_json_null(stile_json *json, const char *key)
{
    begin_value(json, key);
    stile_text_append(json->text, "null");
}
