/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that touch the Lua stack (lua_host.c, lua_script.c, lua_object.c) share; nobody
 * else. */
#ifndef STILE_GEN_LUA_STATE_H
#define STILE_GEN_LUA_STATE_H

#include <lauxlib.h>
#include <locale.h>
#include <lua.h>

#include "arena.h"
#include "lua_host.h"

struct stile_lua {
    lua_State *state; /* the coroutine that runs, or the main one */
    stile_lua_params params;
    size_t allocated;
    int64_t instructions;
    locale_t locale;
    /* The last failure of a registered function: its code holds as long as Lua passes on its text.
     */
    int error;
    bool located; /* the text already says file and line */
    char text[1024];
};

/* The argument at `index`, a table or an object as STILE_LUA_OTHER. Raises nothing. */
stile_lua_value stile_lua_read_plain(lua_State *state, int index);

/* Pushes nil, a boolean, a number or a string; nil for anything else. May raise. */
void stile_lua_push_plain(lua_State *state, const stile_lua_value *value);

#endif
