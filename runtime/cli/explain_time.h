/* SPDX-License-Identifier: Apache-2.0 */
/* The part of `stile explain` about time: which schedule, how long, and against what. */
#ifndef STILE_CLI_EXPLAIN_TIME_H
#define STILE_CLI_EXPLAIN_TIME_H

#include "arena.h"
#include "cost_time.h"
#include "json.h"
#include "schedule_choice.h"
#include "table.h"

typedef struct stile_time_report {
    const stile_gpu *gpu;
    bool chosen; /* a schedule; else no plan can be made */
    stile_schedule_choice choice;
    const char *trouble; /* why there is no prediction, in the arena; NULL: what follows is one */
    stile_time time;
    double dense, sparse; /* ms; sparse may be NaN */
} stile_time_report;

/* `winners` may be NULL. Never fails: see `trouble`. */
void stile_time_report_make(stile_time_report *out, stile_arena *arena, const stile_gpu *gpu,
                            stile_winners *winners, const stile_config *config,
                            const stile_shape *shape, const stile_cost *cost);

/* Rows "schedule", "because", "time", "dense" of a table of facts. */
void stile_time_report_rows(stile_table *table, const stile_time_report *report);

/* The members "gpu", "schedule", "time_ms", "dense_ms", "sparse_2_4_ms", or "time_ms": null. */
void stile_time_report_json(stile_json *json, const stile_time_report *report);

#endif
