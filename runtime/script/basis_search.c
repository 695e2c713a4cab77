/* SPDX-License-Identifier: Apache-2.0 */
/* stile.search: bases that are looked for. */
#include <string.h>

#include "fail.h"
#include "objects.h"
#include "search.h"

/* What the options of a call are read into before they are checked. */
typedef struct options {
    int64_t m, k, n, rank, seed, starts, threads;
    double growth, weight, seconds;
    bool exact, random;
    const char *coefficients, *rows;
    void *from, *support;
} options;

static int read_options(stile_lua_call *call, options *out)
{
    const stile_lua_option table[] = {
        {"m", STILE_LUA_OPTION_INTEGER, &out->m, 1, STILE_MAX_TILE, NULL},
        {"k", STILE_LUA_OPTION_INTEGER, &out->k, 1, STILE_MAX_TILE, NULL},
        {"n", STILE_LUA_OPTION_INTEGER, &out->n, 1, STILE_MAX_TILE, NULL},
        {"rank", STILE_LUA_OPTION_INTEGER, &out->rank, 1, STILE_MAX_RANK, NULL},
        {"seed", STILE_LUA_OPTION_INTEGER, &out->seed, 0, 0x1p62, NULL},
        {"starts", STILE_LUA_OPTION_INTEGER, &out->starts, 1, STILE_SEARCH_MAX_STARTS, NULL},
        {"threads", STILE_LUA_OPTION_INTEGER, &out->threads, 1, 1024, NULL},
        {"growth", STILE_LUA_OPTION_NUMBER, &out->growth, 1e-3, 1e12, NULL},
        {"weight", STILE_LUA_OPTION_NUMBER, &out->weight, 1e-12, 1, NULL},
        {"seconds", STILE_LUA_OPTION_NUMBER, &out->seconds, 1e-3, 1e9, NULL},
        {"exact", STILE_LUA_OPTION_BOOLEAN, &out->exact, 0, 0, NULL},
        {"random", STILE_LUA_OPTION_BOOLEAN, &out->random, 0, 0, NULL},
        {"coefficients", STILE_LUA_OPTION_STRING, &out->coefficients, 0, 0, NULL},
        {"rows", STILE_LUA_OPTION_STRING, &out->rows, 0, 0, NULL},
        {"from", STILE_LUA_OPTION_OBJECT, &out->from, 0, 0, &stile_script_basis_class},
        {"support", STILE_LUA_OPTION_OBJECT, &out->support, 0, 0, &stile_script_basis_class},
    };
    const int error = stile_lua_take_options(call, 0, table, (int)(sizeof table / sizeof *table));
    if (error)
        return error;
    if (!out->m || !out->k || !out->n || !out->rank)
        return stile_lua_refuse(call, "m, k, n and rank are needed");
    if (out->growth > 0 && out->weight > 0)
        return stile_lua_refuse(call, "either growth or weight: the bound sets the weight");
    return 0;
}

static int make_problem(stile_lua_call *call, const options *o, stile_search_problem *out)
{
    stile_search_problem problem = {.m = (int)o->m,
                                    .k = (int)o->k,
                                    .n = (int)o->n,
                                    .rank = (int)o->rank,
                                    .seed = (uint64_t)o->seed,
                                    .growth = o->growth,
                                    .weight = o->weight,
                                    .exact = o->exact,
                                    .random = o->random,
                                    .rows = STILE_COUPLING_FULL};
    const char *coefficients = o->coefficients ? o->coefficients : o->exact ? "rational" : "real";
    if (!stile_coefficients_parse(coefficients, &problem.coefficients))
        return stile_lua_refuse(
            call, "coefficients must be \"real\", \"integer\", \"rational\", \"bf16\" or \"e4m3\"");
    if (o->rows && !stile_search_rows_parse(o->rows, &problem.rows))
        return stile_lua_refuse(call, "rows must be \"any\", \"causal\" or \"none\"");
    if (o->from)
        problem.from[problem.from_count++] = ((const stile_script_basis *)o->from)->basis;
    if (o->support)
        problem.support = ((const stile_script_basis *)o->support)->basis;
    *out = problem;
    return 0;
}

/* "stile 0.1.0: stile.search, tile 2,2,2 rank 7 …" */
static const char *source_of(stile_arena *arena, const stile_search_problem *problem)
{
    stile_text text = {0};
    stile_text_append(&text, "stile " STILE_VERSION ": stile.search, ");
    stile_search_print_problem(&text, problem);
    const char *source =
        text.failed ? NULL : stile_arena_strndup(arena, text.data, strcspn(text.data, "\n"));
    stile_text_free(&text);
    return source;
}

int stile_script_search(stile_lua_call *call)
{
    options o = {.seed = 1};
    stile_search_problem problem;
    int error = read_options(call, &o);
    if (!error)
        error = make_problem(call, &o, &problem);
    if (error)
        return error;
    const stile_search_params params = {
        .starts = o.starts ? o.starts : stile_search_default_starts(problem.exact, o.seconds > 0),
        .threads = (int)o.threads,
        .seconds = o.seconds,
    };
    stile_script_basis *handle = stile_script_basis_create();
    if (!handle)
        return stile_fail_memory();
    stile_basis *basis = NULL;
    stile_search_progress progress;
    error = stile_search_run(&basis, handle->arena, &problem, &params, &progress);
    if (!error) {
        basis->source = source_of(handle->arena, &problem);
        error = basis->source ? 0 : stile_fail_memory();
    }
    if (error || !progress.best.feasible) {
        stile_script_basis_class.release(handle);
        return error;
    }
    handle->basis = basis;
    call->result = stile_lua_give(call, &stile_script_basis_class, handle);
    return 0;
}
