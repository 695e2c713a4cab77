/* SPDX-License-Identifier: Apache-2.0 */
/* What a search has found so far, in memory and as a checkpoint file. For runtime/search.c. */
#ifndef STILE_RUNTIME_SEARCH_CHECKPOINT_H
#define STILE_RUNTIME_SEARCH_CHECKPOINT_H

#include "basis_search.h"

/* A start as stile_search_save wrote it. */
typedef struct stile_search_result {
    int64_t index; /* −1: none */
    stile_search_quality quality;
    stile_text state;
} stile_search_result;

/* Keeps the start if it is better than what is there; of equals the one of lower index. Errors:
   MEMORY. */
int stile_search_result_offer(stile_search_result *result, int64_t index,
                              const stile_search_start *start, stile_search_quality quality);

typedef struct stile_search_record {
    int64_t starts, finished_count;
    unsigned char *finished; /* by start */
    int64_t first_success;   /* of exact searches; INT64_MAX: none yet */
    stile_search_result best;
    stile_search_result *pending; /* states of starts under way */
    int pending_count, pending_capacity;
} stile_search_record;

/* Errors: MEMORY. */
int stile_search_record_create(stile_search_record *out, int64_t starts);
void stile_search_record_destroy(stile_search_record *record);

/* Keeps the state of a start that is under way. Errors: MEMORY. */
int stile_search_record_save(stile_search_record *record, int64_t index,
                             const stile_search_start *start);

/* *out is the start as it was kept last, NULL if it was not. Errors: SPEC (it is damaged), MEMORY.
 */
int stile_search_record_restore(stile_search_record *record, int64_t index,
                                const stile_search_problem *problem, stile_search_start **out);

/* Takes the result of a start. `first_wins`: a feasible one makes all later starts needless.
   Errors: MEMORY. */
int stile_search_record_finish(stile_search_record *record, int64_t index,
                               const stile_search_start *start, stile_search_quality quality,
                               bool first_wins);

/* Writes the file as a whole, or leaves the old one. Errors: IO, MEMORY. */
int stile_search_record_write(const stile_search_record *record, const char *path,
                              const stile_search_problem *problem);

/*
 * Fills a new record from a file; leaves it empty where there is no file. Errors: IO, SPEC (the
 * file is damaged, or of another problem), MEMORY.
 */
int stile_search_record_read(stile_search_record *record, const char *path,
                             const stile_search_problem *problem);

#endif
