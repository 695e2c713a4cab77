/* SPDX-License-Identifier: Apache-2.0 */
#include "search.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "search_checkpoint.h"
#include "fail.h"
#include "parallel.h"

static const double REPORT_INTERVAL = 0.1; /* seconds */

/* What the threads of a search share, under its lock. */
typedef struct search {
    const stile_search_problem *problem;
    const stile_search_params *params;
    pthread_mutex_t lock;
    double began, reported, written; /* seconds */
    stile_search_record record;      /* what goes into a checkpoint */
    stile_search_result partial;     /* the best of the starts that the limit of time cut short */
    int error;
    char message[512]; /* of the thread that failed */
} search;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The first failure ends the search. */
static void fail(search *s, int error)
{
    if (s->error)
        return;
    s->error = error;
    strncpy(s->message, stile_last_error(), sizeof s->message - 1);
}

static void report(search *s, double time)
{
    if (!s->params->report)
        return;
    const stile_search_progress progress = {
        .starts = s->params->starts,
        .finished = s->record.finished_count,
        .seconds = time - s->began,
        .found = s->record.best.index >= 0,
        .best = s->record.best.quality,
    };
    s->params->report(s->params->user, &progress);
    s->reported = time;
}

static bool is_late(const search *s, double time)
{
    return s->params->seconds > 0 && time - s->began >= s->params->seconds;
}

/* Whether start `index` need not go on; the lock is held. */
static bool is_over(const search *s, int64_t index)
{
    return s->error || index > s->record.first_success;
}

/* Writes the checkpoint if it is time; the lock is held. */
static void write_checkpoint(search *s, double time, bool last)
{
    if (!s->params->checkpoint || s->error || (!last && time - s->written < s->params->interval))
        return;
    const int error = stile_search_record_write(&s->record, s->params->checkpoint, s->problem);
    if (error)
        fail(s, error);
    s->written = now();
}

/* The quality of what a start has found; proves exactness where that is asked for. */
static int judge(const search *s, const stile_search_start *start, stile_search_quality *out)
{
    stile_search_quality quality = stile_search_assess(start);
    if (s->problem->exact && quality.feasible) {
        stile_arena *arena = stile_arena_create();
        stile_basis *basis;
        stile_basis_metrics metrics;
        int error = arena ? stile_search_basis(&basis, arena, start) : stile_fail_memory();
        if (!error)
            error = stile_basis_measure(basis, &metrics);
        if (!error)
            quality.feasible = metrics.exact && stile_basis_is_rational(basis);
        stile_arena_destroy(&arena);
        if (error)
            return error;
    }
    *out = quality;
    return STILE_OK;
}

/* Runs one start until it is done, not needed, or late. */
static int go_on(search *s, stile_search_start *start, int64_t index, bool *done, bool *over)
{
    double saved = now();
    int error = STILE_OK;
    *done = *over = false;
    while (!*done && !*over && !error) {
        error = stile_search_advance(start, done);
        const double time = now();
        const bool save = s->params->checkpoint && time - saved >= s->params->interval;
        pthread_mutex_lock(&s->lock);
        if (!error && save && !*done) {
            error = stile_search_record_save(&s->record, index, start);
            saved = time;
            write_checkpoint(s, time, false);
        }
        if (time - s->reported >= REPORT_INTERVAL)
            report(s, time);
        *over = is_over(s, index) || is_late(s, time);
        pthread_mutex_unlock(&s->lock);
    }
    return error;
}

/* A start that is done. */
static int keep_result(search *s, const stile_search_start *start, int64_t index)
{
    stile_search_quality quality;
    int error = judge(s, start, &quality);
    if (error)
        return error;
    pthread_mutex_lock(&s->lock);
    error = stile_search_record_finish(&s->record, index, start, quality, s->problem->exact);
    write_checkpoint(s, now(), false);
    pthread_mutex_unlock(&s->lock);
    return error;
}

/* A start that was cut short, unless it is not needed any more. */
static int keep_state(search *s, stile_search_start *start, int64_t index)
{
    pthread_mutex_lock(&s->lock);
    const bool over = is_over(s, index);
    int error = over ? STILE_OK : stile_search_record_save(&s->record, index, start);
    pthread_mutex_unlock(&s->lock);
    if (over || error)
        return error;
    stile_search_quality quality;
    stile_search_cut(start);
    error = judge(s, start, &quality);
    if (error)
        return error;
    pthread_mutex_lock(&s->lock);
    error = stile_search_result_offer(&s->partial, index, start, quality);
    pthread_mutex_unlock(&s->lock);
    return error;
}

static int run_start(search *s, int64_t index)
{
    pthread_mutex_lock(&s->lock);
    stile_search_start *start = NULL;
    const bool skip = is_over(s, index) || s->record.finished[index] || is_late(s, now());
    int error =
        skip ? STILE_OK : stile_search_record_restore(&s->record, index, s->problem, &start);
    pthread_mutex_unlock(&s->lock);
    if (skip || error)
        return error;
    if (!start)
        error = stile_search_begin(&start, s->problem, index);
    bool done = false, over = false;
    if (!error)
        error = go_on(s, start, index, &done, &over);
    if (!error)
        error = done ? keep_result(s, start, index) : keep_state(s, start, index);
    stile_search_end(&start);
    return error;
}

static void run_body(void *user, int64_t index)
{
    search *s = user;
    const int error = run_start(s, index);
    if (!error)
        return;
    pthread_mutex_lock(&s->lock);
    fail(s, error);
    pthread_mutex_unlock(&s->lock);
}

/* The best of all as a basis. */
static int deliver(const search *s, stile_basis **out, stile_arena *arena,
                   stile_search_progress *progress)
{
    const stile_search_result *best = &s->record.best;
    if (best->index < 0 ||
        (s->partial.index >= 0 && stile_search_is_better(&s->partial.quality, &best->quality)))
        best = &s->partial;
    if (best->index < 0)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the time was over before any start began: allow more");
    const char *text = best->state.data;
    stile_search_start *start;
    int error = stile_search_restore(&start, s->problem, &text);
    if (error)
        return error;
    error = stile_search_basis(out, arena, start);
    stile_search_end(&start);
    if (!error && progress)
        *progress = (stile_search_progress){.starts = s->params->starts,
                                            .finished = s->record.finished_count,
                                            .seconds = now() - s->began,
                                            .found = true,
                                            .best = best->quality};
    return error;
}

int64_t stile_search_default_starts(bool exact, bool timed)
{
    return timed ? STILE_SEARCH_MAX_STARTS : exact ? 1000 : 32;
}

int stile_search_run(stile_basis **out, stile_arena *arena, const stile_search_problem *problem,
                     const stile_search_params *params, stile_search_progress *progress)
{
    int error = stile_search_check(problem);
    if (error)
        return error;
    if (params->starts < 1 || params->starts > STILE_SEARCH_MAX_STARTS)
        return stile_fail(STILE_ERROR_ARGUMENT, "the number of starts must be from 1 to %d",
                          STILE_SEARCH_MAX_STARTS);
    search s = {.problem = problem, .params = params, .partial = {.index = -1}};
    pthread_mutex_init(&s.lock, NULL);
    s.began = s.reported = s.written = now();
    error = stile_search_record_create(&s.record, params->starts);
    if (!error && params->checkpoint && params->resume)
        error = stile_search_record_read(&s.record, params->checkpoint, problem);
    if (!error) {
        stile_parallel_for(params->threads, params->starts, run_body, &s);
        write_checkpoint(&s, now(), true);
        report(&s, now());
        error = s.error ? stile_fail(s.error, "%s", s.message) : STILE_OK;
    }
    if (!error)
        error = deliver(&s, out, arena, progress);
    stile_search_record_destroy(&s.record);
    stile_text_free(&s.partial.state);
    pthread_mutex_destroy(&s.lock);
    return error;
}
