/* SPDX-License-Identifier: Apache-2.0 */
/* A growing string. A failed append is remembered, so only the end needs a check. */
#ifndef STILE_GEN_TEXT_H
#define STILE_GEN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Start with `stile_text text = {0};`, end with stile_text_free. */
typedef struct stile_text {
    char *data; /* NUL-terminated; NULL while empty */
    size_t size, capacity;
    bool failed; /* memory ran out; the content is incomplete */
} stile_text;

void stile_text_append(stile_text *text, const char *string);
void stile_text_append_bytes(stile_text *text, const char *bytes, size_t size);

/* Do not format floating-point numbers with it: see number.h. */
__attribute__((format(printf, 2, 3))) void stile_text_appendf(stile_text *text, const char *format,
                                                              ...);
void stile_text_free(stile_text *text);

#endif
