/* SPDX-License-Identifier: Apache-2.0 */
/* stile cache winners: the schedules that tuning found. */
#include "cache_command.h"

#include "fail.h"
#include "inputs.h"
#include "output.h"
#include "schedule_space.h"
#include "table.h"
#include "winners.h"

static const char *schedule_text(stile_arena *arena, const stile_schedule *schedule)
{
    stile_text text = {0};
    stile_schedule_print(&text, schedule);
    const char *copy = stile_arena_strdup(arena, text.data ? text.data : "");
    stile_text_free(&text);
    return copy ? copy : "";
}

static void winner_json(stile_json *json, stile_arena *arena, const stile_winner *w)
{
    stile_json_begin_object(json, NULL);
    stile_json_string(json, "name", w->name);
    stile_json_string(json, "spec", w->spec.hex);
    stile_json_string(json, "gpu", w->gpu);
    stile_json_int(json, "M", w->M);
    stile_json_int(json, "K", w->K);
    stile_json_int(json, "N", w->N);
    stile_json_int(json, "rows_per_group", w->rows_per_group);
    stile_json_string(json, "schedule", schedule_text(arena, &w->schedule));
    stile_json_real(json, "ms", w->time);
    stile_json_real(json, "rule_ms", w->rule_time);
    stile_json_int(json, "timed", w->timed);
    stile_json_int(json, "sm_clock_mhz", w->clock);
    stile_json_int(json, "max_sm_clock_mhz", w->max_clock);
    stile_json_string(json, "driver", w->driver);
    stile_json_string(json, "nvrtc", w->nvrtc);
    stile_json_string(json, "stile", w->stile);
    stile_json_end_object(json);
}

static void winner_row(stile_table *table, const stile_winner *w)
{
    const stile_shape shape = {w->M, w->K, w->N};
    stile_arena *arena = table->arena;
    stile_table_row(table);
    stile_table_cell(table, w->name);
    stile_table_cell(table, w->gpu);
    stile_table_cell(table, stile_shape_text(arena, &shape));
    stile_table_cell(table, stile_human_time(arena, w->time));
    stile_table_cell(table, stile_human_time(arena, w->rule_time));
    stile_table_cell(table, schedule_text(arena, &w->schedule));
}

static void list(stile_text *text, stile_arena *arena, stile_winners *winners, bool as_json)
{
    static const char *const header[] = {"spec", "GPU", "M×K×N", "time", "by rule", "schedule"};
    stile_table table = {.arena = arena, .alignment = "lllrrl"};
    stile_json json = {.text = text};
    stile_winner w;
    if (as_json)
        stile_json_begin_array(&json, NULL);
    stile_table_row(&table);
    for (int i = 0; i < 6; i++)
        stile_table_cell(&table, header[i]);
    for (int i = 0; stile_winners_get(winners, i, &w); i++) {
        if (as_json)
            winner_json(&json, arena, &w);
        else
            winner_row(&table, &w);
    }
    if (as_json)
        stile_json_end_array(&json);
    else if (stile_winners_count(winners))
        stile_table_print(text, &table);
    else
        stile_text_append(text, "no schedules have been tuned\n");
    if (table.failed)
        text->failed = true;
}

static int run(const stile_arguments *arguments)
{
    stile_cache_in_use in_use;
    stile_winners *winners = NULL;
    stile_text text = {0};
    int result = stile_cache_use(&in_use, false);
    if (result)
        return result;
    stile_arena *arena = stile_arena_create();
    int error =
        arena ? stile_winners_create(&winners, &in_use.location, stile_print_log, stile_log_user())
              : stile_fail_memory();
    if (error) {
        result = stile_report_failure(error, NULL);
    } else {
        bool as_json = stile_flag(arguments, "json");
        list(&text, arena, winners, as_json);
        result = as_json ? stile_emit_json(arguments, &text) : stile_emit(&text);
    }
    stile_winners_destroy(&winners);
    stile_arena_destroy(&arena);
    stile_cache_location_close(&in_use.location);
    return result;
}

static const stile_option options[] = {STILE_OPTION_JSON, {NULL}};

const stile_command stile_command_cache_winners = {
    .name = "cache winners",
    .synopsis = "",
    .summary = "the schedules that stile tune found",
    .options = options,
    .run = run,
};
