/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_stats.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cache_file.h"
#include "sha256.h"

#define STATS_FILE "stats"

/* Seven lines "name number", padded to one width, and the SHA-256 of what is before it. */
enum {
    LINE_BYTES = 32,
    FIELD_COUNT = 7,
    CHECK_AT = LINE_BYTES * FIELD_COUNT,
    STATS_BYTES = CHECK_AT + 11 + 64 + 1,
    READ_TIMEOUT_MS = 1000,
};

static const struct {
    const char *name;
    size_t offset;
} fields[FIELD_COUNT] = {
    {"hits", offsetof(stile_cache_stats, counters.hits)},
    {"misses", offsetof(stile_cache_stats, counters.misses)},
    {"compiles", offsetof(stile_cache_stats, counters.compiles)},
    {"waits", offsetof(stile_cache_stats, counters.waits)},
    {"evictions", offsetof(stile_cache_stats, counters.evictions)},
    {"damaged", offsetof(stile_cache_stats, counters.damaged)},
    {"stamp", offsetof(stile_cache_stats, stamp)},
};

static void format_stats(char out[static STATS_BYTES + 1], const stile_cache_stats *stats)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        uint64_t value;
        memcpy(&value, (const char *)stats + fields[i].offset, sizeof value);
        snprintf(out + i * LINE_BYTES, LINE_BYTES + 1, "%-10s %020" PRIu64 "\n", fields[i].name,
                 value);
    }
    snprintf(out + CHECK_AT, STATS_BYTES - CHECK_AT + 1, "%-10s %s\n", "check",
             stile_sha256_of(out, CHECK_AT).hex);
}

static bool parse_stats(stile_cache_stats *out, const char text[static STATS_BYTES + 1])
{
    stile_cache_stats stats = {0};
    for (int i = 0; i < FIELD_COUNT; i++) {
        uint64_t value = strtoull(text + i * LINE_BYTES + 11, NULL, 10);
        memcpy((char *)&stats + fields[i].offset, &value, sizeof value);
    }
    /* What we would write is all that we accept. */
    char again[STATS_BYTES + 1];
    format_stats(again, &stats);
    if (memcmp(text, again, STATS_BYTES) != 0)
        return false;
    *out = stats;
    return true;
}

/* EBADMSG where the file is not as we write it; an empty one reads as zeros. */
static int read_stats(int file, stile_cache_stats *out)
{
    char text[STATS_BYTES + 2];
    ssize_t size = pread(file, text, STATS_BYTES + 1, 0);
    if (size < 0)
        return errno;
    text[size] = '\0';
    if (size == 0)
        *out = (stile_cache_stats){0};
    else if (size != STATS_BYTES || !parse_stats(out, text))
        return EBADMSG;
    return 0;
}

/* Opens and locks the file that has the name at the end of the wait; close *out to unlock. */
static int open_locked(int root, int flags, int operation, int timeout_ms, int *out)
{
    int waited_us = 0;
    for (int wait_us = 50;; wait_us = wait_us < 2000 ? wait_us * 2 : wait_us) {
        int file = openat(root, STATS_FILE, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
        if (file < 0)
            return errno;
        int error = flock(file, operation | LOCK_NB) == 0 ? 0 : errno;
        if (!error && stile_cache_file_is_current(root, STATS_FILE, file)) {
            *out = file;
            return 0;
        }
        close(file);
        if (error && error != EWOULDBLOCK && error != EINTR)
            return error;
        if (waited_us >= timeout_ms * 1000)
            return EBUSY;
        nanosleep(&(struct timespec){.tv_nsec = wait_us * 1000L}, NULL);
        waited_us += wait_us;
    }
}

uint64_t stile_cache_next_stamp(uint64_t last, uint64_t after)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t stamp =
        now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    if (stamp <= last)
        stamp = last + 1;
    return stamp <= after ? after + 1 : stamp;
}

void stile_cache_counters_add(stile_cache_counters *counters, const stile_cache_counters *events)
{
    counters->hits += events->hits;
    counters->misses += events->misses;
    counters->compiles += events->compiles;
    counters->waits += events->waits;
    counters->evictions += events->evictions;
    counters->damaged += events->damaged;
}

int stile_cache_stats_add(int root, const stile_cache_counters *events, uint64_t after,
                          int timeout_ms, uint64_t *stamp)
{
    int file;
    int error = open_locked(root, O_RDWR | O_CREAT, LOCK_EX, timeout_ms, &file);
    if (error)
        return error;
    stile_cache_stats stats = {0};
    error = read_stats(file, &stats);
    if (error == EBADMSG)
        error = ftruncate(file, 0) == 0 ? 0 : errno; /* it may have been longer */
    if (!error) {
        char text[STATS_BYTES + 1];
        stile_cache_counters_add(&stats.counters, events);
        stats.stamp = stile_cache_next_stamp(stats.stamp, after);
        format_stats(text, &stats);
        ssize_t written = pwrite(file, text, STATS_BYTES, 0);
        if (written != STATS_BYTES) {
            error = written < 0 ? errno : ENOSPC;
            if (written > 0 && ftruncate(file, 0) != 0)
                error = errno;
        }
    }
    close(file);
    if (!error)
        *stamp = stats.stamp;
    return error;
}

int stile_cache_stats_read(int root, stile_cache_stats *out)
{
    int file;
    int error = open_locked(root, O_RDONLY, LOCK_SH, READ_TIMEOUT_MS, &file);
    if (error == ENOENT) {
        *out = (stile_cache_stats){0};
        return 0;
    }
    if (error)
        return error;
    error = read_stats(file, out);
    close(file);
    return error;
}

void stile_cache_stats_remove(int root)
{
    unlinkat(root, STATS_FILE, 0);
}
