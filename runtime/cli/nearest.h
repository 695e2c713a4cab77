/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing what a mistyped word was meant to be. */
#ifndef STILE_CLI_NEAREST_H
#define STILE_CLI_NEAREST_H

#include <stddef.h>

/*
 * The candidate with the least edit distance (insert, delete, replace, swap neighbours) to the
 * first `length` bytes of `word`, the first of several; NULL where none is near enough to be meant.
 */
const char *stile_nearest(const char *const *candidates, int count, const char *word,
                          size_t length);

#endif
