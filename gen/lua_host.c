/* SPDX-License-Identifier: Apache-2.0 */
#include "lua_host.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "lua_state.h"

enum { HOOK_INTERVAL = 10000 }; /* instructions */

/* What a closure calls; a Lua userdata, so Lua frees it. */
typedef struct binding {
    stile_lua *lua;
    stile_lua_function function;
    void *user;
} binding;

/* A request to register, passed into protected code. */
typedef struct registration {
    binding target;
    const char *name;
} registration;

static void *allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    stile_lua *lua = user;
    if (!block)
        old_size = 0; /* Lua passes a type here */
    size_t rest = lua->allocated - old_size;
    if (new_size == 0) {
        free(block);
        lua->allocated = rest;
        return NULL;
    }
    size_t limit = lua->params.memory_limit;
    if (limit && new_size > old_size && (rest > limit || new_size > limit - rest))
        return NULL;
    void *moved = realloc(block, new_size);
    if (moved)
        lua->allocated = rest + new_size;
    return moved;
}

/* The host of a running state. */
static stile_lua *host_of(lua_State *state)
{
    void *user;
    lua_getallocf(state, &user);
    return user;
}

static void count_instructions(lua_State *state, lua_Debug *activation)
{
    (void)activation;
    stile_lua *lua = host_of(state);
    lua->instructions += HOOK_INTERVAL;
    if (lua->instructions <= lua->params.instruction_limit)
        return;
    luaL_where(state, 0); /* a hook is no function of its own */
    lua_pushliteral(state, "this runs too long: it seems to be an endless loop");
    lua_concat(state, 2);
    lua_error(state);
}

static void forget(lua_State *state, const char *library, const char *const *names)
{
    lua_getglobal(state, library);
    for (; *names; names++) {
        lua_pushnil(state);
        lua_setfield(state, -2, *names);
    }
    lua_pop(state, 1);
}

/* Takes away what reads the outside world, loads code, or differs between runs. */
static void open_sandbox(lua_State *state)
{
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},
        {LUA_STRLIBNAME, luaopen_string},
        {LUA_TABLIBNAME, luaopen_table},
        {LUA_MATHLIBNAME, luaopen_math},
    };
    static const char *const base[] = {"collectgarbage", "dofile", "load",  "loadfile",
                                       "next",           "pairs",  "pcall", "print",
                                       "warn",           "xpcall", NULL};
    static const char *const string[] = {"dump", NULL};
    static const char *const math[] = {"random", "randomseed", NULL};

    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        luaL_requiref(state, libraries[i].name, libraries[i].func, 1);
        lua_pop(state, 1);
    }
    forget(state, LUA_GNAME, base);
    forget(state, LUA_STRLIBNAME, string);
    forget(state, LUA_MATHLIBNAME, math);
}

static int open_libraries(lua_State *state)
{
    if (host_of(state)->params.sandboxed)
        open_sandbox(state);
    else
        luaL_openlibs(state);
    return 0;
}

int stile_lua_create(stile_lua **out, const stile_lua_params *params)
{
    stile_lua *lua = calloc(1, sizeof *lua);
    if (!lua)
        return stile_fail_memory();
    lua->params = *params;
    lua->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!lua->locale)
        goto fail;
    lua->state = lua_newstate(allocate, lua);
    if (!lua->state)
        goto fail;
    /* Pushing a C function without upvalues allocates nothing, so nothing here can raise. */
    lua_pushcfunction(lua->state, open_libraries);
    if (lua_pcall(lua->state, 0, 0, 0) != LUA_OK)
        goto fail;
    if (params->instruction_limit)
        lua_sethook(lua->state, count_instructions, LUA_MASKCOUNT, HOOK_INTERVAL);
    *out = lua;
    return 0;

fail:
    stile_lua_destroy(&lua);
    return stile_fail_memory();
}

void stile_lua_destroy(stile_lua **lua)
{
    if (!lua || !*lua)
        return;
    if ((*lua)->state)
        lua_close((*lua)->state);
    if ((*lua)->locale)
        freelocale((*lua)->locale);
    free(*lua);
    *lua = NULL;
}

stile_lua_value stile_lua_read_plain(lua_State *state, int index)
{
    stile_lua_value value = {.kind = STILE_LUA_OTHER};
    switch (lua_type(state, index)) {
    case LUA_TNIL:
        value.kind = STILE_LUA_NIL;
        break;
    case LUA_TBOOLEAN:
        value.kind = STILE_LUA_BOOLEAN;
        value.boolean = lua_toboolean(state, index);
        break;
    case LUA_TNUMBER:
        value.kind = lua_isinteger(state, index) ? STILE_LUA_INTEGER : STILE_LUA_NUMBER;
        value.integer = lua_tointeger(state, index);
        value.number = lua_tonumber(state, index);
        break;
    case LUA_TSTRING:
        value.kind = STILE_LUA_STRING;
        value.string = lua_tolstring(state, index, &value.size);
        break;
    default:
        break;
    }
    return value;
}

void stile_lua_push_plain(lua_State *state, const stile_lua_value *value)
{
    switch (value->kind) {
    case STILE_LUA_BOOLEAN:
        lua_pushboolean(state, value->boolean);
        break;
    case STILE_LUA_INTEGER:
        lua_pushinteger(state, value->integer);
        break;
    case STILE_LUA_NUMBER:
        lua_pushnumber(state, value->number);
        break;
    case STILE_LUA_STRING:
        lua_pushlstring(state, value->string, value->size);
        break;
    default:
        lua_pushnil(state);
    }
}

/* Lua's side of every registered function. No C object with a cleanup lives across an error here.
 */
static int call_binding(lua_State *state)
{
    const binding *target = lua_touserdata(state, lua_upvalueindex(1));
    stile_lua *lua = target->lua;
    stile_lua_value arguments[STILE_LUA_MAX_ARGUMENTS] = {0};
    stile_lua_value result = {.kind = STILE_LUA_NIL};
    int count = lua_gettop(state);
    if (count > STILE_LUA_MAX_ARGUMENTS)
        return luaL_error(state, "too many arguments");
    for (int i = 0; i < count; i++)
        arguments[i] = stile_lua_read_plain(state, i + 1);

    lua_State *caller = lua->state;
    lua->state = state;
    lua->located = false;
    int error = target->function(target->user, arguments, count, &result);
    lua->state = caller;
    if (!error) {
        stile_lua_push_plain(state, &result);
        return 1;
    }
    if (lua->located)
        lua_pushliteral(state, "");
    else
        luaL_where(state, 1);
    lua_pushstring(state, stile_last_error());
    lua_concat(state, 2);
    lua->error = error;
    strncpy(lua->text, lua_tostring(state, -1), sizeof lua->text - 1);
    return lua_error(state);
}

static int make_binding(lua_State *state)
{
    const registration *request = lua_touserdata(state, 1);
    binding *target = lua_newuserdatauv(state, sizeof *target, 0);
    *target = request->target;
    lua_pushcclosure(state, call_binding, 1);
    lua_setglobal(state, request->name);
    return 0;
}

int stile_lua_register(stile_lua *lua, const char *name, stile_lua_function function, void *user)
{
    registration request = {{lua, function, user}, name};
    if (!lua_checkstack(lua->state, 2))
        return stile_fail_memory();
    lua_pushcfunction(lua->state, make_binding);
    lua_pushlightuserdata(lua->state, &request);
    if (lua_pcall(lua->state, 1, 0, 0) == LUA_OK)
        return 0;
    lua_pop(lua->state, 1);
    return stile_fail_memory();
}

typedef struct chunk {
    const char *name, *text;
    size_t size;
} chunk;

/* Protected: loading and the chunk's name allocate. */
static int run_chunk(lua_State *state)
{
    const chunk *request = lua_touserdata(state, 1);
    const char *name = lua_pushfstring(state, "@%s", request->name);
    if (luaL_loadbufferx(state, request->text, request->size, name, "t") != LUA_OK)
        return lua_error(state);
    lua_call(state, 0, 0);
    return 0;
}

/* Pops the error value and makes it the thread's error. */
static int take_error(stile_lua *lua, int status)
{
    const char *text =
        lua_type(lua->state, -1) == LUA_TSTRING ? lua_tostring(lua->state, -1) : NULL;
    int error = lua->params.script_error;
    /* Lua's string buffers report exhausted memory as an ordinary error of that text. */
    if (status == LUA_ERRMEM || (text && strcmp(text, "not enough memory") == 0))
        error = stile_fail(STILE_ERROR_MEMORY, "a Lua script needs more memory than it may have");
    else if (!text)
        stile_fail(error, "a Lua script raised an error that is no text");
    else if (lua->error && strncmp(text, lua->text, sizeof lua->text - 1) == 0)
        error = stile_fail(lua->error, "%s", text);
    else
        stile_fail(error, "%s", text);
    lua_pop(lua->state, 1);
    lua->located = true;
    return error;
}

int stile_lua_run(stile_lua *lua, const char *name, const char *text, size_t size)
{
    chunk request = {name, text, size};
    if (!lua_checkstack(lua->state, 2))
        return stile_fail_memory();
    locale_t caller = uselocale(lua->locale);
    lua_pushcfunction(lua->state, run_chunk);
    lua_pushlightuserdata(lua->state, &request);
    int status = lua_pcall(lua->state, 1, 0, 0);
    int error = status == LUA_OK ? 0 : take_error(lua, status);
    uselocale(caller);
    return error;
}
