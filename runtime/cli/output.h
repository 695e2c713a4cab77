/* SPDX-License-Identifier: Apache-2.0 */
/* What the program prints: results on stdout, messages on stderr, files never half-written. */
#ifndef STILE_CLI_OUTPUT_H
#define STILE_CLI_OUTPUT_H

#include <stdbool.h>

#include "command.h"
#include "json.h"
#include "progress.h"
#include "text.h"

/* "stile: error: …" and "stile: …" on stderr, with a newline added. */
__attribute__((format(printf, 1, 2))) void stile_print_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void stile_print_note(const char *format, ...);

/* The exit code of a failed library call. */
int stile_exit_of(int error);

/* Prints stile_last_error() after `prefix` (NULL: none) and returns stile_exit_of(error). */
int stile_report_failure(int error, const char *prefix);

/* Writes the text to stdout and frees it. Returns an exit code. */
int stile_emit(stile_text *text);

/*
 * Whether a file could be created at `path`, one of the arguments, without harm to a file that
 * another argument names; else prints why not. Call it before long work.
 */
bool stile_can_create(const stile_arguments *arguments, const char *path);

/* Writes a whole file (file_write.h). Prints what went wrong. Returns an exit code. */
int stile_write_file(const char *path, const char *data, size_t size);

/* Flushes stdout. Prints and returns STILE_EXIT_FAILURE if anything written to it was lost. */
int stile_finish_output(void);

/* --- output_json.c --------------------------------------------------------------------------- */

/*
 * Puts finished JSON where --json asks: a file, or stdout. Frees the text. Returns an exit code.
 */
int stile_emit_json(const stile_arguments *arguments, stile_text *text);

#endif
