/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C objects in scripts: modules of functions on values, tables and objects, without knowing Lua.
 *
 * A script holds objects as userdata; Lua's garbage collector releases them, in any order, so what
 * an object needs it must keep alive itself. Wrong arguments are errors of the script, never
 * crashes.
 */
#ifndef STILE_GEN_LUA_OBJECT_H
#define STILE_GEN_LUA_OBJECT_H

#include "lua_value.h"

/* One call of a C function. */
typedef struct stile_lua_call {
    const char *name;                 /* "stile.load", "variant:verify": for messages */
    void *user;                       /* the module's */
    void *self;                       /* the object of a method or field; else NULL */
    stile_arena *arena;               /* lives until the result is handed over */
    const stile_lua_value *arguments; /* at least STILE_LUA_MAX_ARGUMENTS, nil past those given */
    int count;                        /* of arguments given, without the object */
    stile_lua_value result;           /* nil on entry */
    struct stile_lua_given *given;    /* private: objects on their way to the script */
} stile_lua_call;

/* A failure (with its text set by stile_fail) becomes an error at the line of the script. */
typedef int (*stile_lua_method)(stile_lua_call *call);

typedef struct stile_lua_entry {
    const char *name; /* NULL ends a list */
    stile_lua_method function;
} stile_lua_entry;

/* A kind of object. Compared by address. */
typedef struct stile_lua_class {
    const char *name; /* "variant" */
    void (*release)(void *object);
    const stile_lua_entry *methods; /* object:name(…) */
    const stile_lua_entry *fields;  /* object.name, computed when read */
    const char *(*text)(stile_arena *arena,
                        const void *object); /* tostring; NULL: the name alone */
} stile_lua_class;

typedef struct stile_lua_module {
    const char *name; /* a global, and what require() finds */
    const stile_lua_entry *functions;
    const stile_lua_class *const *classes; /* NULL-terminated */
    void *user;
    /* Lua that adds to the module: a chunk which is called with the module and a table of the
       methods of each class. Errors in it are marked with the line of the script that called it. */
    const char *prelude;
    size_t prelude_size;
} stile_lua_module;

/* Makes the module. What `module` points to must outlive the state. Errors: MEMORY, INTERNAL (the
   prelude fails). */
int stile_lua_open_module(stile_lua *lua, const stile_lua_module *module);

/*
 * Hands an object over to the script, in a result: the call owns it at once, and releases it if it
 * never arrives.
 */
stile_lua_value stile_lua_give(stile_lua_call *call, const stile_lua_class *class, void *object);

/* --- Arguments; each fails with ARGUMENT and a text such as "load: path must be a string" --- */

/* Argument `index` (from 0), called `what` in messages. */
int stile_lua_take_string(stile_lua_call *call, int index, const char *what, const char **out);

/* The object, of `class`; with `optional` nil gives NULL. */
int stile_lua_take_object(stile_lua_call *call, int index, const char *what,
                          const stile_lua_class *class, bool optional, void **out);

int stile_lua_take_table(stile_lua_call *call, int index, const char *what,
                         const stile_lua_value **out);

/* What an option of a table means. */
typedef enum stile_lua_option_kind {
    STILE_LUA_OPTION_STRING,  /* const char * */
    STILE_LUA_OPTION_BOOLEAN, /* bool */
    STILE_LUA_OPTION_INTEGER, /* int64_t from `least` to `most` */
    STILE_LUA_OPTION_NUMBER,  /* double, likewise */
    STILE_LUA_OPTION_OBJECT,  /* void *, of `class` */
} stile_lua_option_kind;

typedef struct stile_lua_option {
    const char *name;
    stile_lua_option_kind kind;
    void *out; /* left alone where the option is not given */
    double least, most;
    const stile_lua_class *class;
} stile_lua_option;

/*
 * Argument `index`, nil or a table of named options; an unknown name is an error that says the
 * nearest known one.
 */
int stile_lua_take_options(stile_lua_call *call, int index, const stile_lua_option *options,
                           int count);

/* A failure that names the call: "variant:bench: …". */
__attribute__((format(printf, 2, 3))) int stile_lua_refuse(stile_lua_call *call, const char *format,
                                                           ...);

#endif
