/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened in a cache directory, counted by all its processes in the file `stats`, and the
 * order in which its entries were used.
 *
 * The file has a fixed size and is changed in place, in one write under a lock that the kernel
 * releases when its holder dies: a process killed at any moment leaves the old counts or the new
 * ones. A file that fails its checksum counts as empty.
 *
 * Order of use comes from stamps: nanoseconds of the wall clock, or one more than the last stamp
 * where the clock has not moved on, or was set back. So later uses have larger stamps whatever the
 * clock does.
 */
#ifndef STILE_RUNTIME_CACHE_STATS_H
#define STILE_RUNTIME_CACHE_STATS_H

#include <stdint.h>

#include <stile/stile.h>

/* No stamp is later (2200-01-01): a file that says so was not stamped by us. */
#define STILE_CACHE_LAST_STAMP UINT64_C(7258118400000000000)

typedef struct stile_cache_stats {
    stile_cache_counters counters;
    uint64_t stamp; /* the last one given out */
} stile_cache_stats;

/*
 * Adds `events` to the file below `root`, makes it where it is missing, and sets *stamp to one that
 * is larger than `after` and than all that were given out before. Waits up to `timeout_ms` for
 * other processes. Returns 0 or an errno value (EBUSY: it waited in vain), nothing being counted
 * then; sets no error of the thread.
 */
int stile_cache_stats_add(int root, const stile_cache_counters *events, uint64_t after,
                          int timeout_ms, uint64_t *stamp);

/* The wall clock as a stamp, or one more than the larger of the two where it is not past them. */
uint64_t stile_cache_next_stamp(uint64_t last, uint64_t after);

/*
 * Reads the file; zeros where there is none. Returns 0 or an errno value (EBADMSG: it is damaged).
 */
int stile_cache_stats_read(int root, stile_cache_stats *out);

/* Removes the file. */
void stile_cache_stats_remove(int root);

/* Adds `events` to *counters. */
void stile_cache_counters_add(stile_cache_counters *counters, const stile_cache_counters *events);

#endif
