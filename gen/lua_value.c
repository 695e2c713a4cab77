/* SPDX-License-Identifier: Apache-2.0 */
#include "lua_value.h"

#include <string.h>

#include "fail.h"
#include "lua_object.h"
#include "number.h"

stile_lua_value stile_lua_table_create(stile_arena *arena)
{
    stile_lua_table *table = stile_arena_alloc(arena, sizeof *table);
    if (table)
        table->arena = arena;
    return (stile_lua_value){.kind = STILE_LUA_TABLE, .table = table};
}

/* Room for one more of `count` elements; the old ones move. */
static void *grow(stile_lua_table *table, void *elements, size_t count, size_t *capacity,
                  size_t size)
{
    if (count < *capacity)
        return elements;
    size_t wanted = *capacity ? 2 * *capacity : 8;
    void *moved = stile_arena_array(table->arena, wanted, size);
    if (!moved) {
        table->failed = true;
        return NULL;
    }
    if (count)
        memcpy(moved, elements, count * size);
    *capacity = wanted;
    return moved;
}

void stile_lua_add(const stile_lua_value *value, stile_lua_value item)
{
    stile_lua_table *table = value->table;
    stile_lua_value *items =
        table ? grow(table, table->items, table->item_count, &table->item_capacity, sizeof *items)
              : NULL;
    if (!items)
        return;
    table->items = items;
    items[table->item_count++] = item;
}

void stile_lua_set(const stile_lua_value *value, const char *key, stile_lua_value field)
{
    stile_lua_table *table = value->table;
    stile_lua_field *fields = table ? grow(table, table->fields, table->field_count,
                                           &table->field_capacity, sizeof *fields)
                                    : NULL;
    if (!fields)
        return;
    table->fields = fields;
    fields[table->field_count++] = (stile_lua_field){key, field};
}

const stile_lua_value *stile_lua_find(const stile_lua_value *value, const char *key)
{
    const stile_lua_table *table = value->kind == STILE_LUA_TABLE ? value->table : NULL;
    for (size_t i = 0; table && i < table->field_count; i++) {
        if (!strcmp(table->fields[i].key, key))
            return &table->fields[i].value;
    }
    return NULL;
}

stile_lua_value stile_lua_nil(void)
{
    return (stile_lua_value){.kind = STILE_LUA_NIL};
}

stile_lua_value stile_lua_boolean(bool value)
{
    return (stile_lua_value){.kind = STILE_LUA_BOOLEAN, .boolean = value};
}

stile_lua_value stile_lua_integer(int64_t value)
{
    return (stile_lua_value){.kind = STILE_LUA_INTEGER, .integer = value, .number = (double)value};
}

stile_lua_value stile_lua_number(double value)
{
    return (stile_lua_value){.kind = STILE_LUA_NUMBER, .number = value};
}

stile_lua_value stile_lua_string(const char *value)
{
    if (!value)
        return stile_lua_nil();
    return (stile_lua_value){.kind = STILE_LUA_STRING, .string = value, .size = strlen(value)};
}

const char *stile_lua_kind_text(stile_arena *arena, const stile_lua_value *value)
{
    static const char *const names[] = {
        [STILE_LUA_NIL] = "nil",
        [STILE_LUA_BOOLEAN] = "a boolean",
        [STILE_LUA_INTEGER] = "an integer",
        [STILE_LUA_NUMBER] = "a number",
        [STILE_LUA_STRING] = "a string",
        [STILE_LUA_TABLE] = "a table",
        [STILE_LUA_OBJECT] = "an object",
        [STILE_LUA_OTHER] = "a function, thread or foreign object",
    };
    const char *text = NULL;
    if (value->kind == STILE_LUA_OBJECT)
        text = stile_arena_printf(arena, "a %s", value->class->name);
    return text ? text : names[value->kind];
}

/* --- YAML --- */

typedef struct writer {
    stile_text *out;
    stile_arena *arena;
} writer;

/* `place` names the value in messages, "" for the outermost. */
static int write_value(const writer *w, const char *place, const stile_lua_value *value);

static int write_list(const writer *w, const char *place, const stile_lua_table *table)
{
    stile_text_append(w->out, "[");
    for (size_t i = 0; i < table->item_count; i++) {
        const char *item = stile_arena_printf(w->arena, "%s[%zu]", place, i + 1);
        if (i)
            stile_text_append(w->out, ", ");
        int error = item ? write_value(w, item, &table->items[i]) : stile_fail_memory();
        if (error)
            return error;
    }
    stile_text_append(w->out, "]");
    return 0;
}

static int write_map(const writer *w, const char *place, const stile_lua_table *table)
{
    stile_text_append(w->out, "{");
    for (size_t i = 0; i < table->field_count; i++) {
        const char *key = table->fields[i].key;
        const char *field = stile_arena_printf(w->arena, "%s%s%s", place, *place ? "." : "", key);
        if (i)
            stile_text_append(w->out, ", ");
        stile_yaml_print_string(w->out, key);
        stile_text_append(w->out, ": ");
        int error = field ? write_value(w, field, &table->fields[i].value) : stile_fail_memory();
        if (error)
            return error;
    }
    stile_text_append(w->out, "}");
    return 0;
}

static int write_value(const writer *w, const char *place, const stile_lua_value *value)
{
    char number[32];
    if (!*place && value->kind != STILE_LUA_TABLE)
        place = "the value";
    switch (value->kind) {
    case STILE_LUA_BOOLEAN:
        stile_text_append(w->out, value->boolean ? "true" : "false");
        return 0;
    case STILE_LUA_INTEGER:
        stile_text_appendf(w->out, "%lld", (long long)value->integer);
        return 0;
    case STILE_LUA_NUMBER:
        stile_format_double(number, value->number);
        stile_text_append(w->out, number);
        return 0;
    case STILE_LUA_STRING:
        if (strlen(value->string) != value->size)
            return stile_fail(STILE_ERROR_ARGUMENT, "%s has a NUL character in it", place);
        stile_yaml_print_string(w->out, value->string);
        return 0;
    case STILE_LUA_TABLE:
        if (!value->table)
            return stile_fail_memory();
        if (value->table->item_count && value->table->field_count)
            return stile_fail(STILE_ERROR_ARGUMENT,
                              "%s mixes items and fields: give either a list or a map",
                              *place ? place : "the table");
        return value->table->field_count ? write_map(w, place, value->table)
                                         : write_list(w, place, value->table);
    default:
        return stile_fail(STILE_ERROR_ARGUMENT, "%s is %s, which no YAML can hold", place,
                          stile_lua_kind_text(w->arena, value));
    }
}

int stile_lua_to_yaml(stile_text *out, stile_arena *arena, const stile_lua_value *value)
{
    writer w = {out, arena};
    int error = write_value(&w, "", value);
    if (!error && out->failed)
        error = stile_fail_memory();
    return error;
}

static stile_lua_value read_scalar(const stile_node *node)
{
    int64_t integer;
    if (!node->quoted && stile_parse_int64(node->text, &integer))
        return stile_lua_integer(integer);
    if (!node->quoted && (!strcmp(node->text, "true") || !strcmp(node->text, "false")))
        return stile_lua_boolean(node->text[0] == 't');
    return stile_lua_string(node->text);
}

stile_lua_value stile_lua_from_yaml(stile_arena *arena, const stile_node *node)
{
    stile_lua_value table;
    switch (node->kind) {
    case STILE_NODE_SCALAR:
        return read_scalar(node);
    case STILE_NODE_LIST:
        table = stile_lua_table_create(arena);
        for (size_t i = 0; i < node->count; i++)
            stile_lua_add(&table, stile_lua_from_yaml(arena, node->items[i]));
        return table;
    case STILE_NODE_MAP:
        table = stile_lua_table_create(arena);
        for (size_t i = 0; i < node->count; i++)
            stile_lua_set(&table, node->entries[i].key->text,
                          stile_lua_from_yaml(arena, node->entries[i].value));
        return table;
    default:
        return stile_lua_nil();
    }
}
