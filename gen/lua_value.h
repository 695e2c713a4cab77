/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of a script as C sees them: copies in an arena. Items 1 … n and named fields; a script's
 * own tables arrive with their fields sorted by name, so that nothing depends on the order of Lua's
 * hashes.
 */
#ifndef STILE_GEN_LUA_VALUE_H
#define STILE_GEN_LUA_VALUE_H

#include "arena.h"
#include "lua_host.h"
#include "yaml_tree.h"

typedef struct stile_lua_field {
    const char *key;
    stile_lua_value value;
} stile_lua_field;

typedef struct stile_lua_table {
    stile_arena *arena;
    stile_lua_value *items;
    size_t item_count, item_capacity;
    stile_lua_field *fields;
    size_t field_count, field_capacity;
    bool failed; /* memory ran out */
} stile_lua_table;

/* An empty table. Never fails here: one that memory ran out for is seen when it reaches the script.
 */
stile_lua_value stile_lua_table_create(stile_arena *arena);

/* Appends an item, and a field (whose key must outlive the table). */
void stile_lua_add(const stile_lua_value *table, stile_lua_value item);
void stile_lua_set(const stile_lua_value *table, const char *key, stile_lua_value value);

/* The value of a field; NULL where the table lacks it or `table` is none. */
const stile_lua_value *stile_lua_find(const stile_lua_value *table, const char *key);

/* Values; strings are not copied. A NULL string is nil. */
stile_lua_value stile_lua_nil(void);
stile_lua_value stile_lua_boolean(bool value);
stile_lua_value stile_lua_integer(int64_t value);
stile_lua_value stile_lua_number(double value);
stile_lua_value stile_lua_string(const char *value);

/* "a string", "a table", "a spec", …: for messages. */
const char *stile_lua_kind_text(stile_arena *arena, const stile_lua_value *value);

/*
 * Appends a value as YAML in flow style that reads back as the same value. Errors: ARGUMENT (the
 * text names the place: "basis.kron[2] is a function …").
 */
int stile_lua_to_yaml(stile_text *out, stile_arena *arena, const stile_lua_value *value);

/* A YAML tree as a value: maps and lists as tables, plain integers, true and false as such, all
   other scalars as strings. */
stile_lua_value stile_lua_from_yaml(stile_arena *arena, const stile_node *node);

#endif
