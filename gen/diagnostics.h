/* SPDX-License-Identifier: Apache-2.0 */
/* Adding to a list of diagnostics. Codes are registered, once and for good, in diagnostic_codes.def. */
#ifndef STILE_GEN_DIAGNOSTICS_H
#define STILE_GEN_DIAGNOSTICS_H

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

/*
 * Appends an error; the message is a sentence that says what is wrong and how to mend it. Also makes
 * it this thread's stile_last_error() if the list was empty. Returns STILE_ERROR_SPEC (or MEMORY).
 */
__attribute__((format(printf, 4, 5))) int stile_diagnose(stile_diagnostics *diagnostics,
                                                         stile_mark mark, stile_code code,
                                                         const char *format, ...);

#endif
