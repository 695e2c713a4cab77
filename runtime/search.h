/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the starts of a search (gen/basis_search.h): in threads, for a time, with checkpoints.
 */
#ifndef STILE_RUNTIME_SEARCH_H
#define STILE_RUNTIME_SEARCH_H

#include "basis_search.h"

/* How far a search is. */
typedef struct stile_search_progress {
    int64_t starts, finished;
    double seconds; /* of this run */
    bool found;     /* whether any start has finished */
    stile_search_quality best;
} stile_search_progress;

typedef struct stile_search_params {
    int64_t starts;         /* 1 … STILE_SEARCH_MAX_STARTS */
    int threads;            /* 0: one per core */
    double seconds;         /* no start is gone on with after so long; 0: no limit */
    const char *checkpoint; /* a file to write states of the search to; NULL: none */
    double interval;        /* seconds between two checkpoints, at least 0 */
    bool resume;            /* begin at what the checkpoint file holds, where there is one */
    /* Called now and then, by one thread at a time, and at the end; NULL: not called. */
    void (*report)(void *user, const stile_search_progress *progress);
    void *user;
} stile_search_params;

/* How many starts to make where nothing else was asked for: as many as there is time, 32, or where
   the first success ends the search 1000. */
int64_t stile_search_default_starts(bool exact, bool timed);

/*
 * Runs the starts of a problem and makes the best result in `arena`; *progress (may be NULL) says
 * how good it is. Where exact bases are wanted the search ends with the first start that finds one,
 * in the order of starts. Without a limit of time the result depends on the problem and the number
 * of starts alone, whatever the threads, and however often the search was broken off and resumed.
 *
 * Errors: ARGUMENT (the problem), IO (the checkpoint cannot be read or written), SPEC (it is
 * damaged, or of another problem), MEMORY.
 */
int stile_search_run(stile_basis **out, stile_arena *arena, const stile_search_problem *problem,
                     const stile_search_params *params, stile_search_progress *progress);

#endif
