/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text as an immutable tree with marks.
 *
 * A strict subset: one document of maps, lists and scalars. Anchors, aliases, tags, merge keys,
 * duplicate keys and keys that are not scalars are errors, as are nesting past
 * STILE_YAML_MAX_DEPTH, texts past STILE_YAML_MAX_BYTES and trees past STILE_YAML_MAX_NODES: the
 * tree of a hostile text stays small. What a scalar means (number, name, …) is decided by its
 * reader.
 */
#ifndef STILE_GEN_YAML_TREE_H
#define STILE_GEN_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "diagnostics.h"
#include "text.h"

enum {
    STILE_YAML_MAX_DEPTH = 32,
    STILE_YAML_MAX_BYTES = 4 << 20,
    STILE_YAML_MAX_NODES = 1 << 18, /* the largest basis has 3·64·512 = 98304 entries */
    STILE_YAML_MAX_KEYS = 256,      /* of one map */
};

typedef enum stile_node_kind {
    STILE_NODE_SCALAR,
    STILE_NODE_LIST,
    STILE_NODE_MAP,
    STILE_NODE_BROKEN, /* stands for an alias; its error is reported already, so readers pass over
                          it */
} stile_node_kind;

typedef struct stile_node stile_node;

typedef struct stile_node_entry {
    const stile_node *key; /* a scalar */
    const stile_node *value;
} stile_node_entry;

struct stile_node {
    stile_node_kind kind;
    stile_mark mark; /* of its first character */
    size_t count;    /* items of a list, entries of a map */
    union {
        struct {
            const char
                *text;   /* scalar: without quotes, NUL-terminated UTF-8 without a NUL inside */
            bool quoted; /* or a block scalar: text even where it looks like a number */
        };
        const stile_node *const *items;  /* list */
        const stile_node_entry *entries; /* map, in the order of the text */
    };
};

/*
 * Parses `size` bytes; `file` names them in marks and must live as long as the tree.
 *
 * Returns 0 where there is a tree, even an imperfect one: duplicate and merge keys are left out,
 * anchors and tags ignored, all of them diagnosed, so that the caller can go on and find more
 * errors. Whether the text was sound is for stile_diagnostics_count to say. Errors: SPEC (no tree),
 * MEMORY.
 */
int stile_yaml_parse(const stile_node **out, stile_arena *arena, const char *file, const char *text,
                     size_t size, stile_diagnostics *diagnostics);

/*
 * Reads a file into the arena. `mark` is where a file that cannot be read is diagnosed: in the file
 * that names it, or line 0 of the file itself. Errors: SPEC (too large), IO, MEMORY.
 */
int stile_yaml_read_file(const char **out, size_t *size, stile_arena *arena, const char *path,
                         stile_mark mark, stile_diagnostics *diagnostics);

/* The value of a key, or NULL where the map lacks it. */
const stile_node *stile_node_get(const stile_node *map, const char *key);

/* "a map", "a list", "a single value": for messages. */
const char *stile_node_kind_name(stile_node_kind kind);

/* Appends a string as a YAML scalar that reads back as the same string, in flow context too. */
void stile_yaml_print_string(stile_text *out, const char *string);

#endif
