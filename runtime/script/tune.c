/* SPDX-License-Identifier: Apache-2.0 */
/* Tuning sessions: stile.tune in prelude.lua is made of these. */
#include <math.h>
#include <stdlib.h>

#include "context.h"
#include "fail.h"
#include "objects.h"
#include "schedule_space.h"
#include "tune.h"

typedef struct stile_script_tuning {
    stile_script_context *context; /* NULL: the script's own, which outlives it */
    stile_tuning *tuning;
} stile_script_tuning;

static stile_tuning *tuning_of(const stile_lua_call *call)
{
    return ((const stile_script_tuning *)call->self)->tuning;
}

int stile_script_open_tuning(stile_lua_call *call)
{
    const stile_script_variant *variant = call->self;
    stile_script_shape s = {0};
    void *given = NULL;
    int64_t seed = 1, iterations = 30;
    stile_tune_params params = {.warmup = 0.2};
    const stile_lua_option options[] = {
        STILE_SCRIPT_SHAPE_OPTIONS(s),
        {"context", STILE_LUA_OPTION_OBJECT, &given, 0, 0, &stile_script_context_class},
        {"budget", STILE_LUA_OPTION_NUMBER, &params.budget, 0, 1e6, NULL},
        {"warmup", STILE_LUA_OPTION_NUMBER, &params.warmup, 0, 60, NULL},
        {"iterations", STILE_LUA_OPTION_INTEGER, &iterations, 1, 1000, NULL},
        {"seed", STILE_LUA_OPTION_INTEGER, &seed, 0, 0x1p62, NULL},
        {"restart", STILE_LUA_OPTION_BOOLEAN, &params.restart, 0, 0, NULL},
    };
    stile_context *context;
    int error = stile_lua_take_options(call, 0, options, 10);
    if (!error)
        error = stile_script_check_shape(call, &s);
    if (!error)
        error = stile_script_complete_shape(call, &s, variant->config);
    if (!error)
        error = stile_script_use_context(call, given, &context);
    if (!error && context->device == STILE_DEVICE_CPU)
        error = stile_fail(STILE_ERROR_UNSUPPORTED, "%s: a GPU is needed, this context is the CPU",
                           call->name);
    if (error)
        return error;
    params.shape = s.shape;
    params.rows_per_group = s.rows_per_group;
    params.iterations = (int)iterations;
    params.seed = (uint64_t)seed;
    stile_script_tuning *object = calloc(1, sizeof *object);
    if (!object)
        return stile_fail_memory();
    error = stile_tuning_create(&object->tuning, context, variant->config, &params);
    if (error) {
        free(object);
        return error;
    }
    object->context = given ? stile_script_context_retain(given) : NULL;
    call->result = stile_lua_give(call, &stile_script_tuning_class, object);
    return 0;
}

/* --- what sessions say ----------------------------------------------------------------------- */

static stile_lua_value schedule_text(stile_arena *arena, const stile_schedule *schedule)
{
    stile_text text = {0};
    stile_schedule_print(&text, schedule);
    const char *copy = stile_arena_strdup(arena, text.data ? text.data : "");
    stile_text_free(&text);
    return stile_lua_string(copy);
}

static stile_lua_value describe(stile_arena *arena, const stile_tuning *tuning, int index)
{
    static const char *const states[] = {"open", "timed", "refused"};
    const stile_tune_candidate *c = stile_tuning_candidate(tuning, index);
    const stile_schedule *s = &c->schedule;
    stile_lua_value table = stile_lua_table_create(arena);
    stile_lua_value block = stile_lua_table_create(arena);
    stile_lua_add(&block, stile_lua_integer(s->block_m));
    stile_lua_add(&block, stile_lua_integer(s->block_n));
    stile_lua_add(&block, stile_lua_integer(s->block_k));
    stile_lua_set(&table, "index", stile_lua_integer(index + 1));
    stile_lua_set(&table, "schedule", schedule_text(arena, s));
    stile_lua_set(&table, "family", stile_lua_string(stile_kernel_family_name(s->family)));
    stile_lua_set(&table, "block", block);
    stile_lua_set(&table, "stages", stile_lua_integer(s->stages));
    stile_lua_set(&table, "band", stile_lua_integer(s->band));
    stile_lua_set(&table, "encode", stile_lua_string(stile_method_name(s->encode)));
    stile_lua_set(&table, "decode", stile_lua_string(stile_method_name(s->decode)));
    if (!isnan(c->predicted))
        stile_lua_set(&table, "predicted_ms", stile_lua_number(c->predicted));
    stile_lua_set(&table, "status", stile_lua_string(states[c->status]));
    if (c->status == STILE_TUNE_TIMED) {
        stile_lua_set(&table, "ms", stile_lua_number(c->time));
        stile_lua_set(&table, "ratio", stile_lua_number(c->ratio));
    }
    if (c->status == STILE_TUNE_REFUSED)
        stile_lua_set(&table, "reason", stile_lua_string(stile_arena_strdup(arena, c->reason)));
    return table;
}

static int candidates(stile_lua_call *call)
{
    const stile_tuning *tuning = tuning_of(call);
    call->result = stile_lua_table_create(call->arena);
    for (int i = 0; i < stile_tuning_count(tuning); i++)
        stile_lua_add(&call->result, describe(call->arena, tuning, i));
    return 0;
}

/* --- what they do ---------------------------------------------------------------------------- */

static int time_candidates(stile_lua_call *call)
{
    stile_tuning *tuning = tuning_of(call);
    const stile_lua_value *list;
    int error = stile_lua_take_table(call, 0, "candidates", &list);
    if (error)
        return error;
    size_t count = list->table ? list->table->item_count : 0;
    int *indices = stile_arena_array(call->arena, count + 1, sizeof *indices);
    if (!indices)
        return stile_fail_memory();
    for (size_t i = 0; i < count; i++) {
        const stile_lua_value *item = &list->table->items[i];
        if (item->kind != STILE_LUA_INTEGER || item->integer < 1 ||
            item->integer > stile_tuning_count(tuning))
            return stile_lua_refuse(call, "candidates are given by their index, from 1 to %d",
                                    stile_tuning_count(tuning));
        indices[i] = (int)item->integer - 1;
    }
    error = stile_tuning_time(tuning, indices, (int)count);
    call->result = stile_lua_table_create(call->arena);
    for (size_t i = 0; i < count && !error; i++)
        stile_lua_add(&call->result, describe(call->arena, tuning, indices[i]));
    return error;
}

static int search(stile_lua_call *call)
{
    return stile_tuning_search(tuning_of(call));
}

static int finish(stile_lua_call *call)
{
    stile_tune_result result;
    int error = stile_tuning_finish(tuning_of(call), &result);
    if (error)
        return error;
    stile_lua_value table = describe(call->arena, tuning_of(call), result.chosen);
    stile_lua_set(&table, "ms", stile_lua_number(result.winner.time));
    stile_lua_set(&table, "rule_ms", stile_lua_number(result.winner.rule_time));
    stile_lua_set(&table, "timed", stile_lua_integer(result.timed));
    stile_lua_set(&table, "refused", stile_lua_integer(result.refused));
    stile_lua_set(&table, "complete", stile_lua_boolean(result.in_budget));
    call->result = table;
    return 0;
}

static int get_spent(stile_lua_call *call)
{
    call->result = stile_lua_boolean(stile_tuning_spent(tuning_of(call)));
    return 0;
}

static int get_count(stile_lua_call *call)
{
    call->result = stile_lua_integer(stile_tuning_count(tuning_of(call)));
    return 0;
}

static int get_resumed(stile_lua_call *call)
{
    call->result = stile_lua_integer(stile_tuning_resumed(tuning_of(call)));
    return 0;
}

static const char *text_of(stile_arena *arena, const void *object)
{
    const stile_script_tuning *tuning = object;
    return stile_arena_printf(arena, "tuning of %d schedules", stile_tuning_count(tuning->tuning));
}

static void release(void *object)
{
    stile_script_tuning *tuning = object;
    stile_tuning_destroy(&tuning->tuning);
    stile_script_context_release(tuning->context);
    free(tuning);
}

static const stile_lua_entry tuning_methods[] = {{"candidates", candidates},
                                                 {"time", time_candidates},
                                                 {"search", search},
                                                 {"finish", finish},
                                                 {NULL, NULL}};
static const stile_lua_entry tuning_fields[] = {
    {"count", get_count}, {"resumed", get_resumed}, {"spent", get_spent}, {NULL, NULL}};

const stile_lua_class stile_script_tuning_class = {"tuning", release, tuning_methods, tuning_fields,
                                                   text_of};
