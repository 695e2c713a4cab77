/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing JSON: values in order, indentation and commas made here. Numbers are exact and free of
 * the locale; NaN and infinities, which JSON lacks, become null.
 */
#ifndef STILE_RUNTIME_JSON_H
#define STILE_RUNTIME_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

/* Start with `stile_json json = {.text = &text};`. */
typedef struct stile_json {
    stile_text *text;
    int depth;
    bool filled; /* the innermost object or array has an element */
} stile_json;

/* Elements of objects take a key, those of arrays (and the outermost value) NULL. */
void stile_json_begin_object(stile_json *json, const char *key);
void stile_json_end_object(stile_json *json);
void stile_json_begin_array(stile_json *json, const char *key);
void stile_json_end_array(stile_json *json);

/* A NULL string becomes null. Bytes that are no UTF-8 become U+FFFD. */
void stile_json_string(stile_json *json, const char *key, const char *value);
void stile_json_int(stile_json *json, const char *key, int64_t value);
void stile_json_real(stile_json *json, const char *key, double value);
void stile_json_bool(stile_json *json, const char *key, bool value);
void stile_json_null(stile_json *json, const char *key);

#endif
