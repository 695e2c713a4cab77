/* SPDX-License-Identifier: Apache-2.0 */
/* Running a script file as the program lua does. */
#include <string.h>

#include "fail.h"
#include "lua_state.h"

/* A request to run, passed into protected code. */
typedef struct script {
    const char *const *words;
    int count, script;
} script;

/* Turns any error value into a text with a traceback. */
static int explain_error(lua_State *state)
{
    const char *text = luaL_tolstring(state, 1, NULL);
    luaL_traceback(state, state, text, 1);
    return 1;
}

static int run_script(lua_State *state)
{
    const script *request = lua_touserdata(state, 1);
    const char *path = request->words[request->script];
    int arguments = request->count - request->script - 1;
    lua_createtable(state, arguments, request->script + 1);
    for (int i = 0; i < request->count; i++) {
        lua_pushstring(state, request->words[i]);
        lua_rawseti(state, -2, i - request->script);
    }
    lua_setglobal(state, "arg");
    if (luaL_loadfilex(state, strcmp(path, "-") == 0 ? NULL : path, "t") != LUA_OK)
        return lua_error(state);
    luaL_checkstack(state, arguments + 1, "too many arguments");
    for (int i = 0; i < arguments; i++)
        lua_pushstring(state, request->words[request->script + 1 + i]);
    lua_call(state, arguments, 0);
    return 0;
}

int stile_lua_run_script(stile_lua *lua, const char *const *words, int count, int which,
                         stile_text *report)
{
    script request = {words, count, which};
    lua_State *state = lua->state;
    if (!lua_checkstack(state, 3))
        return stile_fail_memory();
    locale_t caller = uselocale(lua->locale);
    int top = lua_gettop(state), error = 0;
    lua_pushcfunction(state, explain_error);
    lua_pushcfunction(state, run_script);
    lua_pushlightuserdata(state, &request);
    int status = lua_pcall(state, 1, 0, top + 1);
    if (status != LUA_OK) {
        const char *text =
            lua_type(state, -1) == LUA_TSTRING ? lua_tostring(state, -1) : "the script failed";
        stile_text_append(report, text);
        error = status == LUA_ERRMEM ? stile_fail_memory()
                                     : stile_fail(lua->params.script_error, "%s", text);
    }
    lua_settop(state, top);
    uselocale(caller);
    return error;
}
