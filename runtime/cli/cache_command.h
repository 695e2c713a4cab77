/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about the kernel cache share. */
#ifndef STILE_CLI_CACHE_COMMAND_H
#define STILE_CLI_CACHE_COMMAND_H

#include "cache_entry.h"
#include "cache_index.h"
#include "cache_location.h"
#include "command.h"
#include "json.h"

extern const stile_command stile_command_cache_list, stile_command_cache_stats,
    stile_command_cache_verify, stile_command_cache_prune, stile_command_cache_clear,
    stile_command_cache_winners;

/* The directory that a program started now would use. */
typedef struct stile_cache_in_use {
    stile_cache_location location;
    const char *path;
    int root;
    bool writable;
} stile_cache_in_use;

/*
 * Finds it; where `write` is set, one that can be written. Prints warnings, and what is wrong where
 * there is none. Returns an exit code; close it where that is 0.
 */
int stile_cache_use(stile_cache_in_use *out, bool write);

/* The same with the list of its entries; free both where the exit code is 0. */
int stile_cache_use_index(stile_cache_in_use *out, stile_cache_index *index, bool write);

/* Prints that a cache operation failed with an errno value. Returns an exit code. */
int stile_cache_report(const stile_cache_in_use *in_use, int error);

/* "2031-01-30 17:05 UTC"; with `iso` "2031-01-30T17:05:09Z". */
void stile_cache_time_text(char out[static 40], int64_t time, bool iso);

/* Records evictions that the user asked for in the counters of the directory. */
void stile_cache_count_removed(const stile_cache_in_use *in_use, uint64_t evicted,
                               uint64_t damaged);

#endif
