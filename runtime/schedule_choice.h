/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which schedule a plan takes. What the spec pins stands; the rest is that of the nearest winner of
 * tuning; else, where nothing is pinned, what the time model expects to be faster than the rule by
 * more than it may be wrong; else the rule.
 */
#ifndef STILE_RUNTIME_SCHEDULE_CHOICE_H
#define STILE_RUNTIME_SCHEDULE_CHOICE_H

#include "cost_calibration.h"
#include "schedule.h"
#include "winners.h"

typedef enum stile_schedule_origin {
    STILE_SCHEDULE_BY_RULE,
    STILE_SCHEDULE_PINNED,
    STILE_SCHEDULE_TUNED,
    STILE_SCHEDULE_MODELLED,
} stile_schedule_origin;

/* "rule", "pinned", "tuned", "model". */
const char *stile_schedule_origin_name(stile_schedule_origin origin);

typedef struct stile_schedule_choice {
    stile_schedule schedule; /* complete */
    stile_schedule_origin origin;
    stile_winner winner;              /* TUNED */
    double distance;                  /* TUNED: of the winner's shape */
    double predicted, rule_predicted; /* ms; NaN where there is no prediction */
} stile_schedule_choice;

/*
 * `winners` may be NULL. The model has a say only on the GPU it was calibrated on, and only among
 * the blocks that were measured there. Takes about a millisecond. Errors: those of
 * stile_schedule_by_rule.
 */
int stile_schedule_choose(stile_schedule_choice *out, stile_winners *winners, const stile_gpu *gpu,
                          const stile_config *config, const stile_shape *shape,
                          int64_t rows_per_group);

/* The choice by rule alone. Errors: as above. */
int stile_schedule_choose_rule(stile_schedule_choice *out, const stile_config *config,
                               const stile_arch *arch);

/* M of whole tiles in all groups: what winners of a shape are found by. */
int64_t stile_padded_rows(const stile_config *config, const stile_shape *shape,
                          int64_t rows_per_group);

#endif
