/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuning: finding the fastest schedule of a spec for a shape on a GPU, by measurement.
 *
 * A session has candidates: all schedules of schedule_space.h with what the time model predicts for
 * them; candidate 0 is the schedule by rule. Whoever drives the session says which to time: the
 * built-in search below, or a script. Those are compiled in parallel through the cache, compared
 * with the result of the schedule by rule, and timed in pairs with it, so that clocks and heat
 * cancel. What was measured is kept on disk after every candidate, so a session that was killed
 * goes on where it was. At the end the fastest few are timed once more together, and the winner
 * goes to the winners of the context (winners.h).
 *
 * One session, one thread.
 */
#ifndef STILE_RUNTIME_TUNE_H
#define STILE_RUNTIME_TUNE_H

#include <stdbool.h>
#include <stdint.h>

#include <stile/stile.h>

#include "config.h"
#include "nvml.h"
#include "schedule.h"
#include "winners.h"

typedef enum stile_tune_status {
    STILE_TUNE_OPEN,    /* not tried */
    STILE_TUNE_TIMED,   /* right, and timed */
    STILE_TUNE_REFUSED, /* does not compile, does not fit, or computes something else */
} stile_tune_status;

typedef struct stile_tune_candidate {
    stile_schedule schedule; /* complete */
    double predicted;        /* ms; NaN: no prediction */
    stile_tune_status status;
    double time;      /* TIMED: median in ms */
    double ratio;     /* TIMED: that over the median of the schedule by rule in the same pairs */
    char reason[200]; /* REFUSED */
} stile_tune_candidate;

/* What a session is doing. */
typedef struct stile_tune_progress {
    const char *step; /* "compiling", "timing", "finals" */
    int done, count;  /* of this step */
    const stile_tune_candidate *best;
} stile_tune_progress;

/* How schedules are measured: on the device, or in tests otherwise. */
typedef struct stile_tune_timer {
    void *user;
    /* Compiles schedules; errors[i] is 0 or why schedule i is to be refused, with its reason. */
    int (*prepare)(void *user, const stile_schedule *const *schedules, int count, int *errors,
                   char (*reasons)[200]);
    /* Compares a schedule's result with that of the schedule by rule (the same schedule: with the
       operator in fp64); a reason that is not empty refuses it. */
    int (*check)(void *user, const stile_schedule *rule, const stile_schedule *schedule,
                 char reason[static 200]);
    /* Medians in ms of schedules that take turns. */
    int (*time)(void *user, const stile_schedule *const *schedules, int count, int iterations,
                double *medians);
} stile_tune_timer;

typedef struct stile_tune_params {
    stile_shape shape;
    int64_t rows_per_group; /* 0: one group */
    double budget;          /* seconds after which nothing more is begun; 0: none */
    double warmup;          /* seconds of turns before those that are timed */
    int iterations;         /* timed pairs of each candidate, 1 … 1000 */
    uint64_t seed;          /* of the data */
    bool restart;           /* forget what an earlier session measured */
    /* Both may be NULL. Asked before each step: true ends the session, to be resumed. */
    bool (*stopped)(void *user);
    void (*progress)(void *user, const stile_tune_progress *progress);
    void *user;
    const stile_tune_timer *timer; /* NULL: the device */
} stile_tune_params;

typedef struct stile_tune_result {
    stile_winner winner;
    int chosen; /* its candidate */
    int timed;  /* candidates that were timed, now or before, and those that were refused */
    int refused;
    bool in_budget; /* false: the budget ended the search early; a later session goes on */
} stile_tune_result;

typedef struct stile_tuning stile_tuning;

/*
 * Opens a session; `context` and what `params` points to must outlive it, `config` not. Reads what
 * an earlier session with the same parameters left.
 * Errors: ARGUMENT (also for the CPU device), UNSUPPORTED (another session, here or in another
 * process, is tuning on the GPU), those of stile_schedule_space, MEMORY.
 */
int stile_tuning_create(stile_tuning **out, stile_context *context, const stile_config *config,
                        const stile_tune_params *params);
void stile_tuning_destroy(stile_tuning **tuning);

int stile_tuning_count(const stile_tuning *tuning);
const stile_tune_candidate *stile_tuning_candidate(const stile_tuning *tuning, int index);

/* How many candidates an earlier session had tried. */
int stile_tuning_resumed(const stile_tuning *tuning);

/* Whether `stopped` said so, or the budget is spent: nothing more is timed. */
bool stile_tuning_stopped(const stile_tuning *tuning);
bool stile_tuning_spent(const stile_tuning *tuning);

/*
 * Times those candidates that are still open. Ends early, without an error, where the session is
 * stopped or its budget spent. Errors: ARGUMENT (an index), DEVICE, MEMORY, and where the schedule
 * by rule itself fails.
 */
int stile_tuning_time(stile_tuning *tuning, const int *indices, int count);

/*
 * The built-in search: blocks that the model does not rule out, then regions and bands of the best,
 * then how it encodes, then how it decodes. Errors: as above.
 */
int stile_tuning_search(stile_tuning *tuning);

/*
 * Times the fastest together, chooses, and keeps the winner. Times within a hundredth are equal:
 * the earlier candidate wins. A session that was stopped has no result: ARGUMENT. Other errors: as
 * above.
 */
int stile_tuning_finish(stile_tuning *tuning, stile_tune_result *out);

/* --- tune_device.c: the timer of a GPU -------------------------------------------------------- */

typedef struct stile_tune_device stile_tune_device;

/* `config` and `params` must outlive it. Errors: MEMORY. */
int stile_tune_device_create(stile_tune_device **out, stile_context *context,
                             const stile_config *config, const stile_tune_params *params);
void stile_tune_device_destroy(stile_tune_device **device);
stile_tune_timer stile_tune_device_timer(stile_tune_device *device);

/* Clocks and the like while schedules were timed last. */
stile_gpu_state stile_tune_device_gpu(const stile_tune_device *device);

#endif
