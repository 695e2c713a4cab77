/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the kernel cache that processes share: a directory, and the compiler for what is not
 * in it. Threads share kernels one level above, in cache.c, which asks for a key from one thread at
 * a time.
 */
#ifndef STILE_RUNTIME_CACHE_DISK_H
#define STILE_RUNTIME_CACHE_DISK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <stile/stile.h>

#include "cache_entry.h"
#include "cache_location.h"

typedef struct stile_cache_disk {
    stile_cache_location location;
    int dump; /* $STILE_DUMP, open, or -1 */
    bool jit;
    uint64_t size_limit;
    int lock_timeout_ms;
    stile_log_callback log;
    void *log_user;
    atomic_bool warned_of_writing, warned_of_dumping;

    pthread_mutex_t count_mutex;     /* of what follows */
    stile_cache_counters counters;   /* of this process */
    stile_cache_counters unrecorded; /* those of them that the directory does not know of yet */
    bool stats_busy;                 /* another process did not let go of the file of counters */
    uint64_t last_stamp;
} stile_cache_disk;

/* Opens what stile_cache_open says; *disk begins as zeros. */
int stile_cache_disk_open(stile_cache_disk *disk, const char *directory, stile_log_callback log,
                          void *log_user);
void stile_cache_disk_close(stile_cache_disk *disk);

/*
 * Counts events, here and in the directory. Where that cannot be done now, it is made up for by the
 * next call. Returns a stamp (cache_stats.h) later than all before it and than `after`.
 */
uint64_t stile_cache_disk_count(stile_cache_disk *disk, const stile_cache_counters *events,
                                uint64_t after);

/*
 * Finds a kernel or compiles it, and counts what it did; *keep becomes true where the directory has
 * not got it in the end. Errors: those of stile_cache_get.
 */
int stile_cache_disk_get(stile_cache_disk *disk, const stile_cache_entry *entry, stile_cubin *out,
                         bool *keep);

#endif
