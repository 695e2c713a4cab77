/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing what a mistyped word was meant to be. */
#ifndef STILE_CLI_NEAREST_H
#define STILE_CLI_NEAREST_H

#include <stddef.h>

/*
 * What the first `length` bytes of `word` were meant to be: the only candidate that begins with
 * them, where they are two or more; else the one with the least edit distance (insert, delete,
 * replace, swap neighbours), the first of several; NULL where none is near enough.
 */
const char *stile_nearest(const char *const *candidates, int count, const char *word,
                          size_t length);

#endif
