/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Lua state that C can use without knowing Lua: bounded in memory, never unwinding past its
 * caller.
 *
 * Scripts call C through registered functions, which take and return plain values (lua_object.h
 * adds functions on tables and objects); everything else that a script should see is handed over as
 * Lua text. While a script runs, the calling thread (and no other) is in the "C" locale, so that
 * numbers have points and not commas.
 */
#ifndef STILE_GEN_LUA_HOST_H
#define STILE_GEN_LUA_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

typedef struct stile_lua stile_lua;

typedef struct stile_lua_params {
    size_t memory_limit;       /* bytes; 0: none */
    int64_t instruction_limit; /* roughly, over the life of the state; 0: none */
    bool sandboxed; /* only the pure part of the library, less what differs between runs: no files,
                       clock, random numbers, loading of code, pcall, nor the order of pairs */
    int script_error; /* the code for "the script is wrong", STILE_ERROR_INTERNAL for our own */
} stile_lua_params;

typedef enum stile_lua_kind {
    STILE_LUA_NIL,
    STILE_LUA_BOOLEAN,
    STILE_LUA_INTEGER,
    STILE_LUA_NUMBER,
    STILE_LUA_STRING,
    STILE_LUA_TABLE,  /* see lua_value.h; plain functions get and give none */
    STILE_LUA_OBJECT, /* see lua_object.h; likewise */
    STILE_LUA_OTHER,  /* a function, a thread …: only as an argument */
} stile_lua_kind;

struct stile_lua_table;
struct stile_lua_class;

typedef struct stile_lua_value {
    stile_lua_kind kind;
    bool boolean;
    int64_t integer;
    double number;
    const char
        *string; /* NUL-terminated, of `size` bytes; an argument's lives as long as the call */
    size_t size;
    struct stile_lua_table *table;
    const struct stile_lua_class *class;
    void *object;
    void **owned; /* where an object on its way to the script is kept until the script has it */
} stile_lua_value;

/*
 * A C function for scripts. Missing arguments are nil. `result` is nil on entry; its string must
 * outlive the call. A failure (with its text set by stile_fail) becomes an error of the script at
 * the line of the call.
 */
typedef int (*stile_lua_function)(void *user, const stile_lua_value *arguments, int count,
                                  stile_lua_value *result);

enum { STILE_LUA_MAX_ARGUMENTS = 8 };

/* Errors: MEMORY. */
int stile_lua_create(stile_lua **out, const stile_lua_params *params);

/* Destroys *lua and sets it to NULL; NULL is allowed. Not from within a script. */
void stile_lua_destroy(stile_lua **lua);

/* Makes `function` the global `name`. Errors: MEMORY. */
int stile_lua_register(stile_lua *lua, const char *name, stile_lua_function function, void *user);

/*
 * Runs Lua text (never bytecode), which messages call `name`: "name:17: what is wrong". May be
 * called by a registered function. Errors: the registered function's own; the script_error of the
 * state; MEMORY.
 */
int stile_lua_run(stile_lua *lua, const char *name, const char *text, size_t size);

/*
 * Runs a script file ("-": stdin) as the program lua does: words[script] names it, the words behind
 * it are its arguments, the global `arg` holds all of them with the script at index 0. Where the
 * script raises, `report` gets the message and a traceback. Errors: the script_error of the state;
 * MEMORY.
 */
int stile_lua_run_script(stile_lua *lua, const char *const *words, int count, int script,
                         stile_text *report);

#endif
