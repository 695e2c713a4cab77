/* SPDX-License-Identifier: Apache-2.0 */
#include "explain_time.h"

#include <math.h>

#include <stile/error.h>

#include "inputs.h"
#include "schedule_space.h"

/* The model's error (docs/tuning.md): what is nearer than that counts as equal. */
static const double DOUBT = 0.08;

void stile_time_report_make(stile_time_report *out, stile_arena *arena, const stile_gpu *gpu,
                            stile_winners *winners, const stile_config *config,
                            const stile_shape *shape, const stile_cost *cost)
{
    const stile_tiling *t = &cost->tiling;
    *out = (stile_time_report){.gpu = gpu};
    int error = stile_schedule_choose(&out->choice, winners, gpu, config, shape,
                                      t->groups > 1 ? t->rows_per_group : 0);
    out->chosen = !error;
    if (!error)
        error = stile_time_predict(&out->time, gpu, config, &out->choice.schedule, cost);
    if (error) {
        const char *reason = stile_arena_strdup(arena, stile_last_error());
        out->trouble = reason ? reason : "out of memory";
        return;
    }
    out->dense = stile_time_predict_dense(gpu, config, shape);
    out->sparse = stile_time_predict_sparse(gpu, config, shape);
}

static void fact(stile_table *table, const char *name, const char *value)
{
    stile_table_row(table);
    stile_table_cell(table, name);
    stile_table_cell(table, value);
}

static const char *schedule_text(stile_arena *arena, const stile_schedule *schedule)
{
    stile_text text = {0};
    stile_schedule_print(&text, schedule);
    const char *copy = stile_arena_strdup(arena, text.data ? text.data : "");
    stile_text_free(&text);
    return copy;
}

static const char *reason_text(stile_arena *arena, const stile_schedule_choice *c)
{
    const stile_shape shape = {c->winner.M, c->winner.K, c->winner.N};
    switch (c->origin) {
    case STILE_SCHEDULE_PINNED:
        return "the spec pins it";
    case STILE_SCHEDULE_TUNED:
        return stile_arena_printf(
            arena, "the winner of tuning for %s%s: %s there, by rule %s",
            stile_shape_text(arena, &shape), c->distance > 0 ? ", the nearest shape" : "",
            stile_human_time(arena, c->winner.time), stile_human_time(arena, c->winner.rule_time));
    case STILE_SCHEDULE_MODELLED:
        return stile_arena_printf(arena, "the model: by rule it would take %s",
                                  stile_human_time(arena, c->rule_predicted));
    default:
        return "by rule: nothing was tuned near this shape, and the model knows nothing clearly "
               "faster";
    }
}

/* How much faster or slower this is than something else. */
static const char *verdict(stile_arena *arena, double time, double other)
{
    if (other < time * (1 - DOUBT))
        return stile_arena_printf(arena, "faster: %s of this time",
                                  stile_human_number(arena, other / time, 2));
    if (other < time * (1 + DOUBT))
        return "about as fast";
    return stile_arena_printf(arena, "%s × this time", stile_human_number(arena, other / time, 3));
}

void stile_time_report_rows(stile_table *table, const stile_time_report *r)
{
    stile_arena *arena = table->arena;
    if (r->chosen) {
        fact(table, "schedule", schedule_text(arena, &r->choice.schedule));
        fact(table, "because", reason_text(arena, &r->choice));
    }
    if (r->trouble) {
        fact(table, "time", stile_arena_printf(arena, "no prediction: %s", r->trouble));
        return;
    }
    const char *doubt = r->gpu->calibrated ? r->time.block_measured ? "" : ", its block a guess"
                                           : ", scaled from an H200, not calibrated";
    fact(table, "time",
         stile_arena_printf(arena, "%s predicted on %s%s", stile_human_time(arena, r->time.total),
                            r->gpu->name, doubt));
    fact(table, "dense",
         stile_arena_printf(arena, "%s predicted of cuBLAS, %s", stile_human_time(arena, r->dense),
                            verdict(arena, r->time.total, r->dense)));
    if (!isnan(r->sparse))
        fact(table, "2:4",
             stile_arena_printf(arena, "%s predicted of cuSPARSELt on pruned weights, %s",
                                stile_human_time(arena, r->sparse),
                                verdict(arena, r->time.total, r->sparse)));
}

static void choice_json(stile_json *json, const stile_schedule_choice *choice)
{
    stile_text text = {0};
    stile_schedule_print(&text, &choice->schedule);
    stile_json_begin_object(json, "schedule");
    stile_json_string(json, "text", text.data);
    stile_json_string(json, "origin", stile_schedule_origin_name(choice->origin));
    if (choice->origin == STILE_SCHEDULE_TUNED) {
        const stile_winner *w = &choice->winner;
        stile_json_begin_object(json, "winner");
        stile_json_int(json, "M", w->M);
        stile_json_int(json, "K", w->K);
        stile_json_int(json, "N", w->N);
        stile_json_real(json, "distance", choice->distance);
        stile_json_real(json, "time_ms", w->time);
        stile_json_real(json, "rule_time_ms", w->rule_time);
        stile_json_end_object(json);
    }
    stile_json_end_object(json);
    stile_text_free(&text);
}

void stile_time_report_json(stile_json *json, const stile_time_report *r)
{
    stile_json_begin_object(json, "gpu");
    stile_json_string(json, "name", r->gpu->name);
    stile_json_bool(json, "calibrated", r->gpu->calibrated);
    stile_json_end_object(json);
    if (r->chosen)
        choice_json(json, &r->choice);
    if (r->trouble) {
        stile_json_null(json, "time_ms");
        stile_json_string(json, "no_prediction", r->trouble);
        return;
    }
    stile_json_real(json, "time_ms", r->time.total);
    stile_json_bool(json, "block_measured", r->time.block_measured);
    stile_json_real(json, "dense_ms", r->dense);
    stile_json_real(json, "sparse_2_4_ms", r->sparse);
}
