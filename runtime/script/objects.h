/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of a script. They count references among themselves, so that Lua may release them in
 * any order. A script is one thread: the counts are plain.
 */
#ifndef STILE_RUNTIME_SCRIPT_OBJECTS_H
#define STILE_RUNTIME_SCRIPT_OBJECTS_H

#include <stile/stile.h>

#include "cache.h"
#include "config.h"
#include "lua_object.h"

typedef struct stile_script_spec {
    int references;
    stile_spec *spec;
    stile_arena *arena;    /* what follows, and this */
    const char *directory; /* where relative paths start: "" or ending in '/' */
    const char *text;      /* the source */
    size_t size;
} stile_script_spec;

typedef struct stile_script_variant {
    stile_script_spec *spec;
    const stile_config *config; /* of the spec */
} stile_script_variant;

typedef struct stile_script_basis {
    stile_arena *arena;      /* owns the basis, and this */
    stile_script_spec *spec; /* or this does; else NULL */
    const stile_basis *basis;
} stile_script_basis;

typedef struct stile_script_context {
    int references;
    stile_context *context;
} stile_script_context;

typedef struct stile_script_plan {
    stile_script_context *context;
    stile_plan *plan;
} stile_script_plan;

extern const stile_lua_class stile_script_spec_class, stile_script_variant_class,
    stile_script_basis_class, stile_script_context_class, stile_script_plan_class,
    stile_script_tuning_class;

/* What the functions of a script share; the user of its calls. */
typedef struct stile_script {
    stile_script_context *context; /* the default device, once something needed it */
    stile_cache *cache;            /* for compiling without a device, likewise */
} stile_script;

/* --- objects.c: references; releasing the last one frees the object, NULL is allowed --- */

stile_script_spec *stile_script_spec_retain(stile_script_spec *spec);
void stile_script_spec_release(stile_script_spec *spec);
stile_script_context *stile_script_context_retain(stile_script_context *context);
void stile_script_context_release(stile_script_context *context);

/* --- specs.c --- */

int stile_script_load(stile_lua_call *call);
int stile_script_parse(stile_lua_call *call);
int stile_script_make_spec(stile_lua_call *call);

/* --- variants.c --- */

/* A variant as an object in a result. */
stile_lua_value stile_script_give_variant(stile_lua_call *call, stile_script_spec *spec,
                                          const stile_config *config);

/* --- diagnostics.c --- */

int stile_script_diagnose(stile_lua_call *call);

/*
 * The failure `error` of loading, whose text are all diagnostics, a line each. `what` (may be NULL)
 * stands for the position in a text that the user has not written.
 */
int stile_script_fail(stile_arena *arena, int error, const stile_diagnostics *diagnostics,
                      const char *what);

/* --- write.c --- */

/* Writes a whole file (file_write.h). Errors: IO. */
int stile_script_write(const char *path, const char *data, size_t size);

/*
 * Appends the canonical spec of a variant for a file at `path`: basis files named relative to
 * `directory` are named relative to the file's folder. Errors: IO (a folder or basis file is gone),
 * MEMORY.
 */
int stile_script_print_moved(stile_text *out, stile_arena *arena, const stile_config *config,
                             const char *directory, const char *path);

/* --- kernels.c, measure.c: methods of variants --- */

int stile_script_refusal(stile_lua_call *call);
int stile_script_generate(stile_lua_call *call);
int stile_script_compile(stile_lua_call *call);
int stile_script_explain(stile_lua_call *call);
int stile_script_verify(stile_lua_call *call);
int stile_script_bench(stile_lua_call *call);

/* --- tune.c --- */

int stile_script_open_tuning(stile_lua_call *call);

/* --- shape.c --- */

/* The shape of a call's options, or else the variant's first; `given` where M, K and N are. */
typedef struct stile_script_shape {
    stile_shape shape;
    int64_t rows_per_group;
    bool given;
} stile_script_shape;

/* The rows of an option table that read into `s`. */
#define STILE_SCRIPT_SHAPE_OPTIONS(s)                                                              \
    {"M", STILE_LUA_OPTION_INTEGER, &(s).shape.M, 1, INT32_MAX, NULL},                             \
        {"K", STILE_LUA_OPTION_INTEGER, &(s).shape.K, 1, INT32_MAX, NULL},                         \
        {"N", STILE_LUA_OPTION_INTEGER, &(s).shape.N, 1, INT32_MAX, NULL},                         \
    {                                                                                              \
        "rows_per_group", STILE_LUA_OPTION_INTEGER, &(s).rows_per_group, 1, INT32_MAX, NULL        \
    }

/* Checks what was read: all of M, K and N or none of them. */
int stile_script_check_shape(stile_lua_call *call, stile_script_shape *shape);

/* With none given, takes the variant's first; `config` has none: an error. */
int stile_script_complete_shape(stile_lua_call *call, stile_script_shape *shape,
                                const stile_config *config);

/* --- contexts.c --- */

int stile_script_open_context(stile_lua_call *call);

/* `given`, or where that is NULL the default device of the script. */
int stile_script_use_context(stile_lua_call *call, stile_script_context *given,
                             stile_context **out);

/* --- bases.c --- */

/* A handle without a basis yet, to give with stile_script_basis_class; NULL: memory. */
stile_script_basis *stile_script_basis_create(void);

int stile_script_make_basis(stile_lua_call *call);
int stile_script_kron(stile_lua_call *call);
int stile_script_search(stile_lua_call *call);
int stile_script_basis_names(stile_lua_call *call);

/* The basis of a variant as an object in a result. */
stile_lua_value stile_script_give_basis_of(stile_lua_call *call, stile_script_spec *spec,
                                           const stile_basis *basis);

/* {exact = …, error = …, …}: into `table`. */
void stile_script_set_metrics(const stile_lua_value *table, stile_arena *arena,
                              const stile_basis_metrics *metrics);

/* --- basis_group.c --- */

int stile_script_group_basis(stile_lua_call *call);

/* --- basis_algebra.c: methods of bases --- */

int stile_script_basis_sum(stile_lua_call *call);
int stile_script_basis_rotate(stile_lua_call *call);
int stile_script_basis_transpose(stile_lua_call *call);
int stile_script_basis_cycle(stile_lua_call *call);
int stile_script_basis_drop(stile_lua_call *call);
int stile_script_basis_merge(stile_lua_call *call);
int stile_script_basis_balance(stile_lua_call *call);
int stile_script_basis_polish(stile_lua_call *call);

#endif
