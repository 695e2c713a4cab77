/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics: everything that is wrong in a spec or basis file, as data.
 *
 * A list is filled by stile_spec_load and stile_spec_parse, which report all errors of a file at
 * once. A list may be reused; each call appends. Not thread-safe: one list, one thread at a time.
 */
#ifndef STILE_DIAGNOSTICS_H
#define STILE_DIAGNOSTICS_H

#include <stddef.h>

#include <stile/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stile_diagnostics stile_diagnostics;

/* One error. The strings belong to the list and live as long as it does. */
typedef struct stile_diagnostic {
    const char *file; /* as the caller or the including file named it; "<text>" for parsed text */
    int line;         /* from 1; 0 when the error concerns the file as a whole */
    int column;       /* from 1, in characters; 0 with line 0 */
    int code;         /* stable: 14 is printed as STILE-014 */
    const char *message; /* without position and code */
    const char *text; /* "file:line:column: error: [STILE-014] message", as the program prints it */
} stile_diagnostic;

/* Creates an empty list; the caller destroys it. Errors: MEMORY. */
STILE_API int stile_diagnostics_create(stile_diagnostics **out);

/* Destroys *diagnostics and sets it to NULL. NULL or a pointer to NULL is allowed. */
STILE_API void stile_diagnostics_destroy(stile_diagnostics **diagnostics);

/* How many errors the list holds; 0 of NULL. */
STILE_API size_t stile_diagnostics_count(const stile_diagnostics *diagnostics);

/* Error `index`, or NULL past the end. Each load adds its errors in the order of their lines. */
STILE_API const stile_diagnostic *stile_diagnostics_get(const stile_diagnostics *diagnostics,
                                                        size_t index);

#ifdef __cplusplus
}
#endif
#endif
