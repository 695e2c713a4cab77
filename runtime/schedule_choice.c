/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule_choice.h"

#include <math.h>

#include "cost_time.h"
#include "fail.h"
#include "schedule_space.h"

/* The model is off by up to 8 % (docs/tuning.md): it must promise more to outdo the rule. */
static const double CLEARLY_FASTER = 0.9;

const char *stile_schedule_origin_name(stile_schedule_origin origin)
{
    static const char *const names[] = {"rule", "pinned", "tuned", "model"};
    return names[origin];
}

int64_t stile_padded_rows(const stile_config *config, const stile_shape *shape,
                          int64_t rows_per_group)
{
    stile_problem problem = {config, shape->M, shape->K, shape->N, rows_per_group};
    return stile_problem_tiling(&problem).tile_rows * config->basis->m;
}

int stile_schedule_choose_rule(stile_schedule_choice *out, const stile_config *config,
                               const stile_arch *arch)
{
    const stile_schedule *s = &config->schedule;
    stile_schedule_choice choice = {
        .origin = s->block_m || s->stages || s->family || s->region ? STILE_SCHEDULE_PINNED
                                                                    : STILE_SCHEDULE_BY_RULE,
        .predicted = NAN,
        .rule_predicted = NAN,
    };
    int error = stile_schedule_by_rule(&choice.schedule, config, arch);
    if (!error)
        *out = choice;
    return error;
}

/* Whether the nearest winner can be used; completes the choice if so. */
static bool take_winner(stile_schedule_choice *choice, stile_winners *winners, const stile_gpu *gpu,
                        const stile_config *config, const stile_shape *shape,
                        int64_t rows_per_group)
{
    stile_digest spec = stile_winner_digest(config);
    stile_schedule complete;
    if (!stile_winners_find(winners, &spec, gpu->name, shape,
                            stile_padded_rows(config, shape, rows_per_group), &choice->winner,
                            &choice->distance) ||
        stile_schedule_complete(&complete, config, &gpu->arch, &choice->winner.schedule))
        return false;
    choice->schedule = complete;
    choice->origin = STILE_SCHEDULE_TUNED;
    return true;
}

static double predict(const stile_gpu *gpu, const stile_config *config,
                      const stile_schedule *schedule, const stile_cost *cost, bool *measured)
{
    stile_time time;
    if (stile_time_predict(&time, gpu, config, schedule, cost))
        return NAN;
    *measured = time.block_measured;
    return time.total;
}

/* Looks for something clearly faster than the rule. Errors: MEMORY. */
static int ask_model(stile_schedule_choice *choice, const stile_gpu *gpu,
                     const stile_config *config, const stile_cost *cost)
{
    const stile_schedule rule = choice->schedule;
    const stile_schedule *list = NULL;
    int count = 0;
    stile_arena *arena = stile_arena_create();
    int error = arena ? stile_schedule_space(&list, &count, arena, config, &gpu->arch)
                      : stile_fail_memory();
    double best = CLEARLY_FASTER * choice->rule_predicted;
    for (int i = 0; i < count && !error; i++) {
        const stile_schedule *s = &list[i];
        bool measured = false;
        if (s->band != rule.band || s->encode != rule.encode)
            continue;
        double time = predict(gpu, config, s, cost, &measured);
        if (measured && time < best) {
            best = choice->predicted = time;
            choice->schedule = *s;
            choice->origin = STILE_SCHEDULE_MODELLED;
        }
    }
    stile_arena_destroy(&arena);
    return error;
}

int stile_schedule_choose(stile_schedule_choice *out, stile_winners *winners, const stile_gpu *gpu,
                          const stile_config *config, const stile_shape *shape,
                          int64_t rows_per_group)
{
    stile_schedule_choice choice;
    bool measured = false;
    int error = stile_schedule_choose_rule(&choice, config, &gpu->arch);
    if (error)
        return error;
    stile_cost cost;
    stile_cost_count_sizes(&cost, config, shape, rows_per_group);
    choice.predicted = choice.rule_predicted =
        predict(gpu, config, &choice.schedule, &cost, &measured);
    /* A winner of a spec that pins a part agrees with it. Nothing is open where a family is set. */
    if (winners && !config->schedule.family &&
        take_winner(&choice, winners, gpu, config, shape, rows_per_group))
        choice.predicted = predict(gpu, config, &choice.schedule, &cost, &measured);
    else if (choice.origin == STILE_SCHEDULE_BY_RULE && gpu->calibrated)
        error = ask_model(&choice, gpu, config, &cost);
    if (!error)
        *out = choice;
    return error;
}
