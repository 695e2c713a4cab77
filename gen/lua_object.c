/* SPDX-License-Identifier: Apache-2.0 */
#include "lua_object.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "lua_state.h"
#include "reader.h"

enum {
    MAX_DEPTH = 32,
    MAX_VALUES = 1 << 20, /* of one argument: the largest basis has 98304 entries */
};

static const char PRELUDE_NAME[] = "=stile";
static const char box_mark, frame_metatable; /* their addresses are keys */

/* The userdata of an object. Known by size and mark: a script can forge a metatable, not these. */
typedef struct box {
    const void *mark;
    const stile_lua_class *class;
    void *object; /* NULL: closed */
} box;

/* An object on its way to the script. */
typedef struct stile_lua_given {
    struct stile_lua_given *next;
    const stile_lua_class *class;
    void *object; /* NULL: it arrived */
} stile_lua_given;

/* --- Calls: a frame is a userdata, so that an error anywhere frees what a call holds --- */

typedef struct frame {
    stile_lua_call call;
} frame;

static void close_frame(frame *f)
{
    for (stile_lua_given *g = f->call.given; g; g = g->next) {
        if (g->object)
            g->class->release(g->object);
    }
    f->call.given = NULL;
    stile_arena_destroy(&f->call.arena);
}

static int collect_frame(lua_State *state)
{
    close_frame(lua_touserdata(state, 1));
    return 0;
}

static frame *push_frame(lua_State *state)
{
    frame *f = lua_newuserdatauv(state, sizeof *f, 0);
    *f = (frame){{0}};
    if (lua_rawgetp(state, LUA_REGISTRYINDEX, &frame_metatable) == LUA_TNIL) {
        lua_pop(state, 1);
        lua_createtable(state, 0, 1);
        lua_pushcfunction(state, collect_frame);
        lua_setfield(state, -2, "__gc");
        lua_pushvalue(state, -1);
        lua_rawsetp(state, LUA_REGISTRYINDEX, &frame_metatable);
    }
    lua_setmetatable(state, -2);
    f->call.arena = stile_arena_create();
    return f;
}

stile_lua_value stile_lua_give(stile_lua_call *call, const stile_lua_class *class, void *object)
{
    stile_lua_value value = {.kind = STILE_LUA_OBJECT, .class = class};
    stile_lua_given *given = stile_arena_alloc(call->arena, sizeof *given);
    if (!given) {
        class->release(object);
        return value; /* seen when it is pushed */
    }
    *given = (stile_lua_given){call->given, class, object};
    call->given = given;
    value.object = object;
    value.owned = &given->object;
    return value;
}

/* Pushes "script.lua:17: ", the innermost line that is the script's own and not of a prelude. */
static void push_where(lua_State *state)
{
    lua_Debug activation;
    for (int level = 1; lua_getstack(state, level, &activation); level++) {
        lua_getinfo(state, "Sl", &activation);
        if (activation.currentline > 0 && strcmp(activation.source, PRELUDE_NAME) != 0) {
            lua_pushfstring(state, "%s:%d: ", activation.short_src, activation.currentline);
            return;
        }
    }
    lua_pushliteral(state, "");
}

static int raise(lua_State *state, const char *text)
{
    push_where(state);
    lua_pushstring(state, text);
    lua_concat(state, 2);
    return lua_error(state);
}

/* --- Values from the script --- */

typedef struct value_reader {
    lua_State *state;
    stile_arena *arena;
    int values;
} value_reader;

static stile_lua_value read_value(value_reader *r, int index, int depth);

static int compare_fields(const void *a, const void *b)
{
    return strcmp(((const stile_lua_field *)a)->key, ((const stile_lua_field *)b)->key);
}

static void read_fields(value_reader *r, stile_lua_value *out, int index, size_t items, int depth)
{
    lua_State *state = r->state;
    lua_pushnil(state);
    while (lua_next(state, index)) {
        int key = lua_absindex(state, -2);
        bool item = lua_isinteger(state, key) && lua_tointeger(state, key) >= 1 &&
                    (lua_Unsigned)lua_tointeger(state, key) <= items;
        if (!item && lua_type(state, key) != LUA_TSTRING)
            raise(state, "a table has keys that are neither 1, 2, … nor strings");
        if (!item) {
            size_t size;
            const char *name = lua_tolstring(state, key, &size);
            if (strlen(name) != size)
                raise(state, "a key of a table has a NUL character in it");
            /* A copy: the script may drop its table while another thread of it holds the call. */
            stile_lua_set(out, stile_arena_strdup(r->arena, name),
                          read_value(r, lua_gettop(state), depth + 1));
        }
        lua_pop(state, 1);
    }
}

static stile_lua_value read_table(value_reader *r, int index, int depth)
{
    lua_State *state = r->state;
    if (depth >= MAX_DEPTH)
        raise(state, "a table is nested too deep; does it contain itself?");
    luaL_checkstack(state, 8, "a table is nested too deep");
    stile_lua_value table = stile_lua_table_create(r->arena);
    size_t items = lua_rawlen(state, index);
    for (size_t i = 1; i <= items; i++) {
        lua_rawgeti(state, index, (lua_Integer)i);
        stile_lua_add(&table, read_value(r, lua_gettop(state), depth + 1));
        lua_pop(state, 1);
    }
    read_fields(r, &table, index, items, depth);
    if (!table.table || table.table->failed)
        raise(state, "out of memory");
    for (size_t i = 0; i < table.table->field_count; i++) {
        if (!table.table->fields[i].key)
            raise(state, "out of memory");
    }
    if (table.table->field_count)
        qsort(table.table->fields, table.table->field_count, sizeof(stile_lua_field),
              compare_fields);
    return table;
}

static box *box_at(lua_State *state, int index)
{
    box *b = lua_type(state, index) == LUA_TUSERDATA ? lua_touserdata(state, index) : NULL;
    return b && lua_rawlen(state, index) == sizeof *b && b->mark == &box_mark ? b : NULL;
}

static stile_lua_value read_value(value_reader *r, int index, int depth)
{
    if (++r->values > MAX_VALUES)
        raise(r->state, "a table is too large");
    if (lua_type(r->state, index) == LUA_TTABLE)
        return read_table(r, index, depth);
    const box *b = box_at(r->state, index);
    if (b)
        return (stile_lua_value){.kind = STILE_LUA_OBJECT, .class = b->class, .object = b->object};
    return stile_lua_read_plain(r->state, index);
}

/* --- Values to the script --- */

static int collect_box(lua_State *state)
{
    box *b = box_at(state, 1);
    void *object = b ? b->object : NULL;
    if (object) {
        b->object = NULL;
        b->class->release(object);
    }
    return 0;
}

static void push_object(lua_State *state, const stile_lua_value *value)
{
    if (!value->owned) {
        raise(state, "out of memory");
        return;
    }
    box *b = lua_newuserdatauv(state, sizeof *b, 0);
    *b = (box){&box_mark, value->class, NULL};
    lua_rawgetp(state, LUA_REGISTRYINDEX, value->class);
    lua_setmetatable(state, -2);
    b->object = *value->owned;
    *value->owned = NULL;
}

static void push_value(lua_State *state, const stile_lua_value *value)
{
    if (value->kind == STILE_LUA_OBJECT) {
        push_object(state, value);
        return;
    }
    if (value->kind != STILE_LUA_TABLE) {
        stile_lua_push_plain(state, value);
        return;
    }
    const stile_lua_table *table = value->table;
    if (!table || table->failed)
        raise(state, "out of memory");
    luaL_checkstack(state, 8, "a result is nested too deep");
    lua_createtable(state, (int)table->item_count, (int)table->field_count);
    for (size_t i = 0; i < table->item_count; i++) {
        push_value(state, &table->items[i]);
        lua_rawseti(state, -2, (lua_Integer)i + 1);
    }
    for (size_t i = 0; i < table->field_count; i++) {
        push_value(state, &table->fields[i].value);
        lua_setfield(state, -2, table->fields[i].key);
    }
}

/* --- Functions, methods and fields --- */

/* What a closure calls; it lives in an upvalue. */
typedef struct binding {
    const stile_lua_entry *entry;
    const stile_lua_class *class; /* methods and fields; else NULL */
    const stile_lua_module *module;
} binding;

/* Calls the entry with the `count` arguments from index `first` on; leaves the result on the stack.
 */
static int invoke(lua_State *state, const binding *target, void *self, int first, int count)
{
    luaL_checkstack(state, 16, "too many calls");
    frame *f = push_frame(state);
    stile_lua_call *call = &f->call;
    const char *owner = target->class ? target->class->name : target->module->name;
    int slots = count > STILE_LUA_MAX_ARGUMENTS ? count : STILE_LUA_MAX_ARGUMENTS;
    stile_lua_value *arguments = NULL;
    if (call->arena) {
        arguments = stile_arena_array(call->arena, (size_t)slots, sizeof *arguments);
        call->name = stile_arena_printf(call->arena, "%s%c%s", owner, target->class ? ':' : '.',
                                        target->entry->name);
    }
    if (!arguments || !call->name)
        return raise(state, "out of memory");
    value_reader reader = {state, call->arena, 0};
    for (int i = 0; i < count; i++)
        arguments[i] = read_value(&reader, first + i, 0);
    call->user = target->module->user;
    call->self = self;
    call->arguments = arguments;
    call->count = count;
    if (target->entry->function(call) == 0) {
        push_value(state, &call->result);
        close_frame(f);
        return 1;
    }
    close_frame(f);
    return raise(state, stile_last_error());
}

static int call_function(lua_State *state)
{
    const binding *target = lua_touserdata(state, lua_upvalueindex(1));
    return invoke(state, target, NULL, 1, lua_gettop(state));
}

/* The object a method is called on. */
static void *check_self(lua_State *state, const stile_lua_class *class, const char *name)
{
    const box *b = box_at(state, 1);
    if (!b || b->class != class) {
        raise(state, lua_pushfstring(state, "%s must be called as object:%s(…) on a %s", name, name,
                                     class->name));
        return NULL;
    }
    if (!b->object)
        raise(state, lua_pushfstring(state, "this %s is closed", class->name));
    return b->object;
}

static int call_method(lua_State *state)
{
    const binding *target = lua_touserdata(state, lua_upvalueindex(1));
    void *self = check_self(state, target->class, target->entry->name);
    return invoke(state, target, self, 2, lua_gettop(state) - 1);
}

static int fail_unknown(lua_State *state, const stile_lua_class *class)
{
    if (lua_type(state, 2) != LUA_TSTRING)
        return raise(state, lua_pushfstring(state, "a %s has no items", class->name));
    const char *names[64] = {NULL};
    int count = 0;
    for (const stile_lua_entry *e = class->methods; e->name && count < 63; e++)
        names[count++] = e->name;
    for (const stile_lua_entry *e = class->fields; e->name && count < 63; e++)
        names[count++] = e->name;
    return raise(state, lua_pushfstring(state, "a %s has no '%s'; the nearest is '%s'", class->name,
                                        lua_tostring(state, 2),
                                        stile_nearest_name(lua_tostring(state, 2), names)));
}

/* object.name: upvalue 1 is the table of methods, 2 the binding of the class. */
static int index_object(lua_State *state)
{
    const binding *target = lua_touserdata(state, lua_upvalueindex(2));
    lua_settop(state, 2);
    lua_pushvalue(state, 2);
    if (lua_rawget(state, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    const char *key = lua_type(state, 2) == LUA_TSTRING ? lua_tostring(state, 2) : NULL;
    for (const stile_lua_entry *field = target->class->fields; key && field->name; field++) {
        if (strcmp(field->name, key) != 0)
            continue;
        binding getter = {field, target->class, target->module};
        return invoke(state, &getter, check_self(state, target->class, key), 3, 0);
    }
    return fail_unknown(state, target->class);
}

static int print_object(lua_State *state)
{
    const binding *target = lua_touserdata(state, lua_upvalueindex(1));
    const stile_lua_class *class = target->class;
    const box *b = box_at(state, 1);
    if (!b || b->class != class)
        return raise(state, "tostring of a foreign object");
    if (!b->object || !class->text) {
        lua_pushfstring(state, "%s%s: %p", class->name, b->object ? "" : " (closed)",
                        lua_topointer(state, 1));
        return 1;
    }
    frame *f = push_frame(state);
    const char *text = f->call.arena ? class->text(f->call.arena, b->object) : NULL;
    if (!text)
        return raise(state, "out of memory");
    lua_pushstring(state, text);
    close_frame(f);
    return 1;
}

/* --- Modules --- */

static void push_binding(lua_State *state, const stile_lua_module *module,
                         const stile_lua_class *class, const stile_lua_entry *entry)
{
    binding *target = lua_newuserdatauv(state, sizeof *target, 0);
    *target = (binding){entry, class, module};
}

/* Pushes a table of the entries. */
static void push_entries(lua_State *state, const stile_lua_module *module,
                         const stile_lua_class *class, const stile_lua_entry *entries)
{
    lua_newtable(state);
    for (; entries->name; entries++) {
        push_binding(state, module, class, entries);
        lua_pushcclosure(state, class ? call_method : call_function, 1);
        lua_setfield(state, -2, entries->name);
    }
}

/* Makes the metatable of a class; leaves its table of methods on the stack. */
static void open_class(lua_State *state, const stile_lua_module *module,
                       const stile_lua_class *class)
{
    push_entries(state, module, class, class->methods);
    lua_pushcfunction(state, collect_box);
    lua_setfield(state, -2, "close");

    lua_newtable(state);
    lua_pushvalue(state, -2);
    push_binding(state, module, class, NULL);
    lua_pushcclosure(state, index_object, 2);
    lua_setfield(state, -2, "__index");
    push_binding(state, module, class, NULL);
    lua_pushcclosure(state, print_object, 1);
    lua_setfield(state, -2, "__tostring");
    lua_pushcfunction(state, collect_box);
    lua_setfield(state, -2, "__gc");
    lua_pushcfunction(state, collect_box);
    lua_setfield(state, -2, "__close");
    lua_pushstring(state, class->name);
    lua_setfield(state, -2, "__name");
    lua_pushstring(state, class->name);
    lua_setfield(state, -2, "__metatable"); /* what getmetatable gives */
    lua_rawsetp(state, LUA_REGISTRYINDEX, class);
}

static int open_module(lua_State *state)
{
    const stile_lua_module *module = lua_touserdata(state, 1);
    push_entries(state, module, NULL, module->functions);
    lua_pushvalue(state, -1);
    lua_setglobal(state, module->name);
    if (lua_getfield(state, LUA_REGISTRYINDEX, LUA_LOADED_TABLE) == LUA_TTABLE) {
        lua_pushvalue(state, -2);
        lua_setfield(state, -2, module->name);
    }
    lua_pop(state, 1);

    lua_newtable(state);
    for (const stile_lua_class *const *class = module->classes; *class; class ++) {
        open_class(state, module, *class);
        lua_setfield(state, -2, (*class)->name);
    }
    if (!module->prelude)
        return 0;
    if (luaL_loadbufferx(state, module->prelude, module->prelude_size, PRELUDE_NAME, "t"))
        return lua_error(state);
    lua_insert(state, -3);
    lua_call(state, 2, 0);
    return 0;
}

int stile_lua_open_module(stile_lua *lua, const stile_lua_module *module)
{
    lua_State *state = lua->state;
    if (!lua_checkstack(state, 2))
        return stile_fail_memory();
    lua_pushcfunction(state, open_module);
    lua_pushlightuserdata(state, (void *)module);
    int status = lua_pcall(state, 1, 0, 0);
    if (status == LUA_OK)
        return 0;
    int error = status == LUA_ERRMEM
                    ? stile_fail_memory()
                    : stile_fail(STILE_ERROR_INTERNAL, "the Lua module %s does not load: %s",
                                 module->name, luaL_tolstring(state, -1, NULL));
    lua_settop(state, 0);
    return error;
}
