/* SPDX-License-Identifier: Apache-2.0 */
/* Completions for three shells, made from the tables of commands and options. */
#ifndef STILE_CLI_COMPLETION_H
#define STILE_CLI_COMPLETION_H

#include <stdbool.h>

#include "command.h"
#include "text.h"

/* What may stand where an option takes an argument, as far as its table row tells. */
typedef enum stile_completion_kind {
    STILE_COMPLETION_NONE,    /* no argument */
    STILE_COMPLETION_CHOICES, /* one of the words of stile_completion_choices */
    STILE_COMPLETION_FILE,
    STILE_COMPLETION_FOLDER,
    STILE_COMPLETION_OTHER, /* a number, a name … */
} stile_completion_kind;

stile_completion_kind stile_completion_kind_of(const stile_option *option);

/*
 * Whether what an argument or a synopsis says is a choice of words, as in "auto|cuda[:i]|cpu";
 * appends them to `out` (may be NULL) with blanks between them.
 */
bool stile_completion_choices(stile_text *out, const char *argument);

/* The last word of a command's name: "show" of "basis show". */
const char *stile_completion_word(const stile_command *command);

/* Appends the first line of a text, with a backslash before each character of `escaped`. */
void stile_completion_line(stile_text *out, const char *text, const char *escaped);

void stile_completion_bash(stile_text *out);
void stile_completion_zsh(stile_text *out);
void stile_completion_fish(stile_text *out);

#endif
