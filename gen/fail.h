/* SPDX-License-Identifier: Apache-2.0 */
/* How a failing function leaves its reason behind: `return stile_fail(STILE_ERROR_IO, "...");` */
#ifndef STILE_GEN_FAIL_H
#define STILE_GEN_FAIL_H

#include <stile/error.h>

/* Sets this thread's stile_last_error() text and returns `error`. */
__attribute__((format(printf, 2, 3))) int stile_fail(int error, const char *format, ...);

/* The same for exhausted host memory. */
int stile_fail_memory(void);

#endif
