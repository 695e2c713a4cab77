/* SPDX-License-Identifier: Apache-2.0 */
#include "tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stile/version.h>

#include "bench_device.h"
#include "cache_lock.h"
#include "context.h"
#include "cost_time.h"
#include "fail.h"
#include "nvml.h"
#include "nvrtc.h"
#include "schedule_choice.h"
#include "schedule_space.h"
#include "tune_file.h"
#include "tune_state.h"

enum {
    MAX_ITERATIONS = 1000,
    MAX_BATCH = 16,       /* that are compiled at once */
    MAX_BLOCKS = 16,      /* that the search times */
    MAX_FINALISTS = 4,    /* besides the schedule by rule */
    FINAL_ITERATIONS = 4, /* times those of a pair */
};

static const double PRUNE = 1.5;  /* slower than the best prediction: not worth a try */
static const double FINAL = 1.03; /* as near to the best time: timed once more */
static const double EQUAL = 1.01; /* the earlier candidate wins */

struct stile_tuning {
    stile_context *context;
    stile_arena *arena;
    const stile_config *config; /* a copy */
    stile_tune_params params;
    stile_tune_timer timer;
    stile_tune_device *device; /* NULL where the timer is the caller's */
    stile_tune_candidate *candidates;
    int count;
    stile_tune_state state;
    stile_cache_lock lock; /* of the GPU, against other sessions */
    bool locked;
    int resumed;
    bool rule_checked;
    bool stopped, spent;
    double deadline; /* INFINITY: none */
    stile_gpu_state gpu;
};

/* --- opening --------------------------------------------------------------------------------- */

static int make_candidates(stile_tuning *t)
{
    const stile_schedule *schedules;
    stile_gpu gpu;
    stile_cost cost;
    int error = stile_schedule_space(&schedules, &t->count, t->arena, t->config, &t->context->arch);
    if (error)
        return error;
    t->candidates = stile_arena_array(t->arena, (size_t)t->count, sizeof *t->candidates);
    if (!t->candidates)
        return stile_fail_memory();
    stile_gpu_of_context(&gpu, t->context);
    stile_cost_count_sizes(&cost, t->config, &t->params.shape, t->params.rows_per_group);
    for (int i = 0; i < t->count; i++) {
        stile_time time;
        bool known = !stile_time_predict(&time, &gpu, t->config, &schedules[i], &cost);
        t->candidates[i] = (stile_tune_candidate){
            .schedule = schedules[i],
            .predicted = known ? time.total : NAN,
        };
    }
    return STILE_OK;
}

static int open_state(stile_tuning *t)
{
    char environment[256];
    const stile_context *context = t->context;
    stile_gpu_state_read(&t->gpu, context->driver, context->cu_device);
    snprintf(environment, sizeof environment, "%s, %s, driver %s", context->device_name,
             context->arch.name, t->gpu.driver_version);
    int error = stile_tune_state_open(&t->state, stile_cache_place(context->cache)->root, t->config,
                                      &t->params, environment, t->candidates, t->count);
    if (error)
        return error;
    if (t->params.restart)
        stile_tune_state_remove(&t->state);
    t->resumed = stile_tune_state_read(&t->state, t->candidates, t->count);
    return STILE_OK;
}

/* Sessions at the same time would time each other. Where there are no locks, there is no help. */
static int lock_gpu(stile_tuning *t)
{
    char bus[32] = "", key[64];
    const stile_context *context = t->context;
    int root = stile_cache_place(context->cache)->root;
    context->driver->cuDeviceGetPCIBusId(bus, sizeof bus, context->cu_device);
    snprintf(key, sizeof key, STILE_TUNE_STATE "%s", bus);
    stile_cache_lock_result result =
        root < 0 ? STILE_CACHE_LOCK_UNAVAILABLE : stile_cache_lock_acquire(&t->lock, root, key, 0);
    if (result == STILE_CACHE_LOCK_BUSY)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "another session is tuning on GPU %d (%s): their times would disturb "
                          "each other; wait for its end",
                          context->device, bus);
    t->locked = result == STILE_CACHE_LOCKED;
    return STILE_OK;
}

int stile_tuning_create(stile_tuning **out, stile_context *context, const stile_config *config,
                        const stile_tune_params *params)
{
    if (context->device == STILE_DEVICE_CPU)
        return stile_fail(STILE_ERROR_ARGUMENT, "tuning needs a GPU");
    if (params->iterations < 1 || params->iterations > MAX_ITERATIONS)
        return stile_fail(STILE_ERROR_ARGUMENT, "iterations is %d: it must be between 1 and %d",
                          params->iterations, MAX_ITERATIONS);
    const stile_problem problem = {config, params->shape.M, params->shape.K, params->shape.N,
                                   params->rows_per_group};
    int error = stile_problem_check(&problem);
    if (error)
        return error;
    stile_tuning *t = calloc(1, sizeof *t);
    if (!t)
        return stile_fail_memory();
    t->context = context;
    t->params = *params;
    t->deadline = params->budget > 0 ? stile_bench_seconds() + params->budget : INFINITY;
    t->arena = stile_arena_create();
    t->config = t->arena ? stile_config_copy(t->arena, config) : NULL;
    error = t->config ? lock_gpu(t) : stile_fail_memory();
    if (!error)
        error = make_candidates(t);
    if (!error)
        error = open_state(t);
    if (!error && params->timer)
        t->timer = *params->timer;
    if (!error && !params->timer) {
        error = stile_tune_device_create(&t->device, context, t->config, &t->params);
        if (!error)
            t->timer = stile_tune_device_timer(t->device);
    }
    if (error) {
        stile_tuning_destroy(&t);
        return error;
    }
    *out = t;
    return STILE_OK;
}

void stile_tuning_destroy(stile_tuning **tuning)
{
    if (!tuning || !*tuning)
        return;
    stile_tune_device_destroy(&(*tuning)->device);
    if ((*tuning)->locked)
        stile_cache_lock_release(&(*tuning)->lock);
    stile_arena_destroy(&(*tuning)->arena);
    free(*tuning);
    *tuning = NULL;
}

/* --- asking ---------------------------------------------------------------------------------- */

int stile_tuning_count(const stile_tuning *tuning)
{
    return tuning->count;
}

const stile_tune_candidate *stile_tuning_candidate(const stile_tuning *tuning, int index)
{
    return index >= 0 && index < tuning->count ? &tuning->candidates[index] : NULL;
}

int stile_tuning_resumed(const stile_tuning *tuning)
{
    return tuning->resumed;
}

bool stile_tuning_stopped(const stile_tuning *tuning)
{
    return tuning->stopped;
}

bool stile_tuning_spent(const stile_tuning *tuning)
{
    return tuning->spent;
}

/* Whether the next step is to be begun. */
static bool go_on(stile_tuning *t)
{
    if (t->params.stopped && t->params.stopped(t->params.user))
        t->stopped = true;
    if (stile_bench_seconds() >= t->deadline)
        t->spent = true;
    return !t->stopped && !t->spent;
}

/* The candidate with the least ratio, the first of several. */
static int fastest(const stile_tuning *t)
{
    int best = 0;
    for (int i = 1; i < t->count; i++) {
        const stile_tune_candidate *c = &t->candidates[i], *b = &t->candidates[best];
        if (c->status == STILE_TUNE_TIMED && (b->status != STILE_TUNE_TIMED || c->ratio < b->ratio))
            best = i;
    }
    return best;
}

static void report(stile_tuning *t, const char *step, int done, int count)
{
    if (t->params.progress)
        t->params.progress(t->params.user,
                           &(stile_tune_progress){step, done, count, &t->candidates[fastest(t)]});
}

/* --- timing ---------------------------------------------------------------------------------- */

static void keep_state(stile_tuning *t)
{
    int error = stile_tune_state_write(&t->state, t->candidates, t->count);
    if (error)
        stile_context_log(t->context, STILE_LOG_WARNING,
                          "what tuning measured cannot be kept for another session: %s",
                          strerror(error));
    if (error)
        t->state.root = -1; /* said once */
}

static void refuse(stile_tune_candidate *c, const char *reason)
{
    snprintf(c->reason, sizeof c->reason, "%.*s", (int)sizeof c->reason - 1, reason);
    c->status = STILE_TUNE_REFUSED;
}

/* Whether a failure concerns the candidate alone, and not the device or the session. */
static bool is_candidates_own(int error)
{
    return error == STILE_ERROR_ARGUMENT || error == STILE_ERROR_UNSUPPORTED ||
           error == STILE_ERROR_COMPILE || error == STILE_ERROR_MEMORY;
}

/* Compiles candidates, a few at a time so that the session can be stopped; keeps those that do. */
static int compile(stile_tuning *t, int *indices, int *count)
{
    const stile_schedule *schedules[MAX_BATCH];
    char reasons[MAX_BATCH][sizeof t->candidates->reason];
    int errors[MAX_BATCH], kept = 0, error = 0, size;
    for (int first = 0; first < *count && !error && go_on(t); first += size) {
        for (size = 0; size < MAX_BATCH && size < t->context->threads && first + size < *count;
             size++)
            schedules[size] = &t->candidates[indices[first + size]].schedule;
        report(t, "compiling", first, *count);
        error = t->timer.prepare(t->timer.user, schedules, size, errors, reasons);
        for (int i = 0; i < size && !error; i++) {
            if (errors[i])
                refuse(&t->candidates[indices[first + i]], reasons[i]);
            else
                indices[kept++] = indices[first + i];
        }
    }
    *count = kept;
    return error;
}

/* That the schedule by rule computes the operator: everything is compared with it. */
static int check_rule(stile_tuning *t)
{
    stile_tune_candidate *rule = &t->candidates[0];
    const stile_schedule *schedule = &rule->schedule;
    char reasons[1][200] = {""};
    int problem = 0;
    if (t->rule_checked)
        return STILE_OK;
    int error = t->timer.prepare(t->timer.user, &schedule, 1, &problem, reasons);
    if (!error && problem)
        error = stile_fail(problem, "%s: %s", t->config->name, reasons[0]);
    if (!error)
        error = t->timer.check(t->timer.user, schedule, schedule, reasons[0]);
    if (!error && *reasons[0])
        error = stile_fail(STILE_ERROR_INTERNAL, "%s: the schedule by rule is wrong: %s",
                           t->config->name, reasons[0]);
    t->rule_checked = !error;
    return error;
}

/* Checks and times one candidate in pairs with the schedule by rule. */
static int time_candidate(stile_tuning *t, int index)
{
    stile_tune_candidate *rule = &t->candidates[0], *c = &t->candidates[index];
    const stile_schedule *const pair[2] = {&rule->schedule, &c->schedule};
    char reason[200] = "";
    double medians[2];
    int error = t->timer.check(t->timer.user, pair[0], pair[1], reason);
    if (!error && !*reason)
        error = t->timer.time(t->timer.user, pair, 2, t->params.iterations, medians);
    if (is_candidates_own(error))
        refuse(c, stile_last_error());
    else if (error)
        return error;
    else if (*reason)
        refuse(c, reason);
    else if (!(medians[0] > 0 && medians[1] > 0))
        refuse(c, "its time cannot be measured");
    else {
        rule->status = c->status = STILE_TUNE_TIMED;
        rule->time = medians[0];
        rule->ratio = 1;
        c->time = medians[1];
        c->ratio = index == 0 ? 1 : medians[1] / medians[0];
    }
    return STILE_OK;
}

int stile_tuning_time(stile_tuning *t, const int *indices, int count)
{
    int *open = calloc((size_t)(count > 0 ? count : 1), sizeof *open), open_count = 0, error = 0;
    if (!open)
        return stile_fail_memory();
    for (int i = 0; i < count && !error; i++) {
        if (indices[i] < 0 || indices[i] >= t->count) {
            error = stile_fail(STILE_ERROR_ARGUMENT, "there is no candidate %d: they are 0 to %d",
                               indices[i], t->count - 1);
            break;
        }
        bool again = false;
        for (int j = 0; j < open_count; j++)
            again = again || open[j] == indices[i];
        if (!again && t->candidates[indices[i]].status == STILE_TUNE_OPEN)
            open[open_count++] = indices[i];
    }
    if (!error && open_count && go_on(t))
        error = check_rule(t);
    else
        open_count = 0;
    if (!error)
        error = compile(t, open, &open_count);
    for (int i = 0; i < open_count && !error && go_on(t); i++) {
        report(t, "timing", i, open_count);
        error = time_candidate(t, open[i]);
        if (error == STILE_ERROR_DEVICE) /* the next session is to come past it */
            refuse(&t->candidates[open[i]], stile_last_error());
        keep_state(t);
    }
    free(open);
    return error;
}

/* --- the built-in search --------------------------------------------------------------------- */

static bool same_block(const stile_schedule *a, const stile_schedule *b)
{
    return a->family == b->family && a->block_m == b->block_m && a->block_n == b->block_n &&
           a->block_k == b->block_k && a->stages == b->stages;
}

/* Inserts a candidate by its prediction, behind those predicted as fast. Drops the slowest. */
static void insert(const stile_tuning *t, int *list, int *count, int most, int index)
{
    double predicted = t->candidates[index].predicted;
    int place = *count;
    while (place > 0 && t->candidates[list[place - 1]].predicted > predicted)
        place--;
    if (place == most)
        return;
    if (*count < most)
        ++*count;
    memmove(&list[place + 1], &list[place], (size_t)(*count - 1 - place) * sizeof *list);
    list[place] = index;
}

/* The first candidate of each block, those that are predicted to be the fastest. */
static int find_blocks(const stile_tuning *t, int list[static MAX_BLOCKS])
{
    int count = 0, kept = 0;
    for (int i = 0; i < t->count; i++) {
        bool first = true;
        for (int j = 0; j < i && first; j++)
            first = !same_block(&t->candidates[i].schedule, &t->candidates[j].schedule);
        if (first)
            insert(t, list, &count, MAX_BLOCKS, i);
    }
    for (int i = 0; i < count; i++) {
        double best = t->candidates[list[0]].predicted;
        if (!(t->candidates[list[i]].predicted > PRUNE * best))
            list[kept++] = list[i];
    }
    return kept;
}

typedef enum axis { REGION, BAND, ENCODE, DECODE, AXES } axis;

/* Whether two schedules differ in nothing but what lies along `a`. */
static bool differ_along(const stile_schedule *x, const stile_schedule *y, axis a)
{
    stile_schedule z = *y;
    if (a == REGION)
        z.region = x->region;
    else if (a == BAND)
        z.band = x->band;
    else if (a == ENCODE)
        z.encode = x->encode;
    else
        z.decode = x->decode;
    return stile_schedule_equal(x, &z);
}

int stile_tuning_search(stile_tuning *t)
{
    int blocks[MAX_BLOCKS];
    int error = stile_tuning_time(t, blocks, find_blocks(t, blocks));
    int *list = calloc((size_t)t->count, sizeof *list);
    if (!error && !list)
        error = stile_fail_memory();
    for (int a = 0; a < AXES && !error; a++) {
        int best = fastest(t), count = 0;
        for (int i = 0; i < t->count; i++)
            if (differ_along(&t->candidates[best].schedule, &t->candidates[i].schedule, (axis)a))
                list[count++] = i;
        error = stile_tuning_time(t, list, count);
    }
    free(list);
    return error;
}

/* --- the end --------------------------------------------------------------------------------- */

/* The schedule by rule and the fastest others that come close, by their number. */
static int find_finalists(const stile_tuning *t, int list[static MAX_FINALISTS + 1])
{
    int best = fastest(t), count = 1;
    double limit = FINAL * t->candidates[best].ratio;
    list[0] = 0;
    for (int place = 1; place <= MAX_FINALISTS; place++) {
        int next = -1;
        for (int i = 1; i < t->count; i++) {
            const stile_tune_candidate *c = &t->candidates[i];
            bool taken = false;
            for (int j = 1; j < count; j++)
                taken = taken || list[j] == i;
            if (!taken && c->status == STILE_TUNE_TIMED && c->ratio <= limit &&
                (next < 0 || c->ratio < t->candidates[next].ratio))
                next = i;
        }
        if (next < 0)
            break;
        list[count++] = next;
    }
    return count;
}

/* Of those as fast as the fastest, the first candidate. */
static int decide(const int *list, const double *times, int count)
{
    double best = INFINITY;
    int chosen = -1;
    for (int i = 0; i < count; i++)
        best = fmin(best, times[i]);
    for (int i = 0; i < count; i++)
        if (times[i] <= EQUAL * best && (chosen < 0 || list[i] < list[chosen]))
            chosen = i;
    return chosen;
}

/* Times of the finalists, together where there is time for it, else as they were in their pairs. */
static int time_finalists(stile_tuning *t, const int *list, int count, double *times)
{
    const stile_schedule *schedules[MAX_FINALISTS + 1];
    for (int i = 0; i < count; i++) {
        const stile_tune_candidate *c = &t->candidates[list[i]];
        schedules[i] = &c->schedule;
        times[i] = c->ratio * t->candidates[0].time;
    }
    if (count < 2 || !go_on(t))
        return STILE_OK;
    report(t, "finals", 0, count);
    double measured[MAX_FINALISTS + 1];
    int error = t->timer.time(t->timer.user, schedules, count,
                              FINAL_ITERATIONS * t->params.iterations, measured);
    if (error == STILE_ERROR_MEMORY) /* there is room for two, but not for all */
        return STILE_OK;
    for (int i = 0; i < count && !error; i++)
        times[i] = measured[i];
    return error;
}

static void describe(const stile_tuning *t, stile_winner *w)
{
    const stile_context *context = t->context;
    const stile_shape *shape = &t->params.shape;
    stile_gpu_state gpu;
    stile_nvrtc_info nvrtc;
    if (t->device)
        gpu = stile_tune_device_gpu(t->device);
    else
        stile_gpu_state_read(&gpu, context->driver, context->cu_device);
    w->spec = stile_winner_digest(t->config);
    snprintf(w->gpu, sizeof w->gpu, "%s", context->device_name);
    w->M = shape->M;
    w->K = shape->K;
    w->N = shape->N;
    w->rows_per_group = t->params.rows_per_group;
    w->padded_rows = stile_padded_rows(t->config, shape, t->params.rows_per_group);
    w->clock = gpu.sm_clock;
    w->max_clock = gpu.max_sm_clock;
    snprintf(w->driver, sizeof w->driver, "%s", gpu.driver_version);
    if (!stile_nvrtc_describe(&nvrtc))
        snprintf(w->nvrtc, sizeof w->nvrtc, "%d.%d", nvrtc.major, nvrtc.minor);
    snprintf(w->stile, sizeof w->stile, "%s", STILE_VERSION);
    snprintf(w->name, sizeof w->name, "%s", t->config->name);
}

int stile_tuning_finish(stile_tuning *t, stile_tune_result *out)
{
    int list[MAX_FINALISTS + 1], count = 0, error = 0;
    double times[MAX_FINALISTS + 1];
    stile_tune_result result = {.in_budget = true};
    if (!t->stopped && t->candidates[0].status != STILE_TUNE_TIMED) {
        const stile_schedule *rule = &t->candidates[0].schedule;
        error = check_rule(t);
        if (!error)
            error = t->timer.time(t->timer.user, &rule, 1, t->params.iterations, times);
        if (error)
            return error;
        t->candidates[0].status = STILE_TUNE_TIMED;
        t->candidates[0].time = times[0];
        t->candidates[0].ratio = 1;
    }
    if (!t->stopped) {
        count = find_finalists(t, list);
        error = time_finalists(t, list, count, times);
    }
    if (error)
        return error;
    if (t->stopped)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s: tuning was stopped before it had a result; what was measured is "
                          "kept for the next time",
                          t->config->name);

    int place = decide(list, times, count);
    result.chosen = list[place];
    result.in_budget = !t->spent;
    for (int i = 0; i < t->count; i++) {
        result.timed += t->candidates[i].status == STILE_TUNE_TIMED;
        result.refused += t->candidates[i].status == STILE_TUNE_REFUSED;
    }
    describe(t, &result.winner);
    result.winner.schedule = t->candidates[result.chosen].schedule;
    result.winner.time = times[place];
    result.winner.rule_time = times[0];
    result.winner.timed = result.timed;
    error = stile_winners_add(t->context->winners, &result.winner);
    if (error)
        return error;
    if (result.in_budget)
        stile_tune_state_remove(&t->state);
    *out = result;
    return STILE_OK;
}
