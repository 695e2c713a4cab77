/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What long work is doing: one line on stderr that replaces the last, on a terminal only, nothing
 * into a pipe or file. Messages, results and the end of the program clear it first, so that it
 * never stays.
 */
#ifndef STILE_CLI_PROGRESS_H
#define STILE_CLI_PROGRESS_H

/*
 * Shows a line, shortened to the width of the terminal; "" clears it. Redrawn at most some ten
 * times a second, so it may be called for every step. Thread-safe.
 */
__attribute__((format(printf, 1, 2))) void stile_print_progress(const char *format, ...);

#endif
