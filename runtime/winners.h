/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Winners: the fastest schedule of a spec, a shape and a GPU, as tuning found it, kept in the file
 * `winners` beside the kernels of the cache.
 *
 * A plan takes the winner nearest to its shape. The distance of two shapes is
 * |log2 M/M'| + |log2 K/K'| + |log2 N/N'|, M being that of whole tiles in all groups; a winner
 * farther than STILE_WINNER_REACH is none. Of several as near, the one with the smallest M, then K,
 * then N, then rows per group.
 */
#ifndef STILE_RUNTIME_WINNERS_H
#define STILE_RUNTIME_WINNERS_H

#include <stdbool.h>
#include <stdint.h>

#include <stile/stile.h>

#include "cache_location.h"
#include "config.h"
#include "sha256.h"

#define STILE_WINNER_REACH 2.0

/* Texts are cut where they are longer; tabs and line ends in them become blanks. */
typedef struct stile_winner {
    stile_digest spec; /* stile_winner_digest */
    char gpu[128];     /* as the driver names it */
    int64_t M, K, N, rows_per_group;
    int64_t padded_rows; /* M of whole tiles */
    stile_schedule schedule;
    double time, rule_time; /* ms: its own, and that of the schedule by rule in the same run */
    int timed;              /* schedules that were timed */
    /* What it was measured with: */
    int clock, max_clock; /* MHz; 0 unknown */
    char driver[64], nvrtc[32], stile[32];
    char name[192]; /* of the variant, for people */
} stile_winner;

/*
 * What winners are found by: everything of a variant that its kernels are made from. The
 * coefficients of a dense basis are data and do not count.
 */
stile_digest stile_winner_digest(const stile_config *config);

/* All winners of a directory: shared by the threads of a context, read once. */
typedef struct stile_winners stile_winners;

/*
 * `location` (NULL: memory only) must outlive it. Nothing is read yet. `log` hears once of a file
 * that is damaged, which is dropped, or that cannot be written. Errors: MEMORY.
 */
int stile_winners_create(stile_winners **out, const stile_cache_location *location,
                         stile_log_callback log, void *log_user);
void stile_winners_destroy(stile_winners **winners);

/*
 * The winner for a shape, with its distance; false where there is none in reach. `padded_rows` as
 * above. Thread-safe.
 */
bool stile_winners_find(stile_winners *winners, const stile_digest *spec, const char *gpu,
                        const stile_shape *shape, int64_t padded_rows, stile_winner *out,
                        double *distance);

/*
 * Adds a winner, in place of one for the same spec, GPU and shape, here and in the file, to which
 * other processes may have added. Where the file cannot be written it stays in memory, with a
 * warning. Thread-safe. Errors: MEMORY.
 */
int stile_winners_add(stile_winners *winners, const stile_winner *winner);

/* How many there are, and a copy of winner `index`, in the order of the file. */
int stile_winners_count(stile_winners *winners);
bool stile_winners_get(stile_winners *winners, int index, stile_winner *out);

#endif
