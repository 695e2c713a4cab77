/* SPDX-License-Identifier: Apache-2.0 */
/* Adding to a list of diagnostics. Codes are registered, once and for good, in
 * diagnostic_codes.def. */
#ifndef STILE_GEN_DIAGNOSTICS_H
#define STILE_GEN_DIAGNOSTICS_H

#include <stdbool.h>

#include <stile/diagnostics.h>

/* Where in a source text; line 0 means the file as a whole. */
typedef struct stile_mark {
    const char *file;
    int line, column;
} stile_mark;

/* Each line of the registry reads STILE_CODE(number, NAME, "what the code stands for"). */
typedef enum stile_code {
#define STILE_CODE(number, name, meaning) STILE_CODE_##name = number,
#include "diagnostic_codes.def"
#undef STILE_CODE
} stile_code;

/* What a code stands for, or NULL for an unknown one. Static storage. */
const char *stile_code_meaning(int code);

/*
 * Appends an error; the message is a sentence that says what is wrong and how to mend it. Also
 * makes it this thread's stile_last_error() if the list was empty. Returns STILE_ERROR_SPEC (or
 * MEMORY).
 *
 * An error that the list holds already is not repeated (variants share values), and past
 * STILE_MAX_DIAGNOSTICS only one more is added, which says so. Loaders therefore fill a list of
 * their own and append it to the caller's when they are done.
 */
__attribute__((format(printf, 4, 5))) int stile_diagnose(stile_diagnostics *diagnostics,
                                                         stile_mark mark, stile_code code,
                                                         const char *format, ...);

enum { STILE_MAX_DIAGNOSTICS = 256 };

/*
 * Ends a load that reported into a list of its own: sorts it by place (files as they came up, in
 * each the lines in order), makes its first error the thread's where `result` is SPEC or IO,
 * appends all to `diagnostics`, which may be NULL, and destroys it. Returns `result`, or MEMORY.
 */
int stile_diagnostics_finish(stile_diagnostics *own, int result, stile_diagnostics *diagnostics);

/* How many errors were reported to the list, those it left out included: grows with every one. */
size_t stile_diagnostics_reported(const stile_diagnostics *diagnostics);

/* Whether an error was lost because memory ran out. */
bool stile_diagnostics_failed(const stile_diagnostics *diagnostics);

/* Text of a file for use in a message: short, in quotes, control characters escaped. */
typedef struct stile_quoted {
    char text[96];
} stile_quoted;

stile_quoted stile_quote(const char *text);

#endif
