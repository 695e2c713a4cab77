/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading values out of a YAML tree: each function checks one node, and either gives its value or
 * reports what is wrong with it and returns false. A broken node was reported by the parser:
 * readers return false on it in silence.
 *
 * `what` names the value in messages: "rank", "precision.input".
 */
#ifndef STILE_GEN_READER_H
#define STILE_GEN_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "diagnostics.h"
#include "yaml_tree.h"

/* Whether the node is a map, a list or a scalar, as wanted. */
bool stile_read_kind(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                     stile_node_kind wanted);

/* Whether `map` has only keys of `known` (NULL-terminated); each other one is reported. */
bool stile_read_keys(stile_diagnostics *diagnostics, const stile_node *map,
                     const char *const *known);

/* The value of a key that must be there, else NULL. */
const stile_node *stile_read_required(stile_diagnostics *diagnostics, const stile_node *map,
                                      const char *key);

/* A decimal integer from `min` to `max`. */
bool stile_read_integer(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                        int64_t min, int64_t max, int64_t *out);

/* A list of exactly `count` such integers; `form` shows how to write it ("[m, k, n]"). */
bool stile_read_integers(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                         const char *form, int64_t min, int64_t max, size_t count, int64_t *out);

/*
 * The key `key` with the schema version, which must be 1. False only where it is another one: then
 * the rest of the file may mean something else.
 */
bool stile_read_version(stile_diagnostics *diagnostics, const stile_node *map, const char *key);

/* true or false. */
bool stile_read_boolean(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                        bool *out);

/* One of `names` (NULL-terminated); its index. */
bool stile_read_choice(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                       const char *const *names, int *out);

/* Text of 1 to `longest` bytes without control characters. */
bool stile_read_text(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                     size_t longest, const char **out);

/* Reports a scalar that is not the number it should be: `what` "must be a …" `expected`. */
void stile_report_number(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                         const char *expected);

/* The name most like `text`, by edit distance; NULL only where there are no names. */
const char *stile_nearest_name(const char *text, const char *const *names);

#endif
