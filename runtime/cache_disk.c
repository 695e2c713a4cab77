/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache_evict.h"
#include "cache_file.h"
#include "cache_lock.h"
#include "cache_stats.h"
#include "fail.h"
#include "text.h"

enum {
    LOCK_TIMEOUT_MS = 60 * 1000,
    LOCK_SLICE_MS = 20,
    STATS_TIMEOUT_MS = 500,
    ROOM_BYTES = 64 << 10, /* for kernel.meta, and what files take of a disk beyond their bytes */
};

static const stile_cache_counters nothing = {0};

__attribute__((format(printf, 3, 4))) static void
say(const stile_cache_disk *disk, stile_log_level level, const char *format, ...)
{
    if (!disk->log)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    disk->log(disk->log_user, level, text);
}

/* --- counting --- */

uint64_t stile_cache_disk_count(stile_cache_disk *disk, const stile_cache_counters *events,
                                uint64_t after)
{
    pthread_mutex_lock(&disk->count_mutex);
    stile_cache_counters_add(&disk->counters, events);
    stile_cache_counters_add(&disk->unrecorded, events);
    stile_cache_counters mine = disk->unrecorded;
    disk->unrecorded = nothing;
    /* A process that was stopped while it held the file delays this one once, not with every
     * kernel. */
    const int timeout_ms = disk->stats_busy ? 0 : STATS_TIMEOUT_MS;
    pthread_mutex_unlock(&disk->count_mutex);

    uint64_t stamp = 0;
    const int root = disk->location.root;
    int error = root < 0 ? ENOENT : stile_cache_stats_add(root, &mine, after, timeout_ms, &stamp);

    pthread_mutex_lock(&disk->count_mutex);
    disk->stats_busy = error == EBUSY;
    if (error) {
        stile_cache_counters_add(&disk->unrecorded, &mine);
        stamp = stile_cache_next_stamp(disk->last_stamp, after);
    }
    if (stamp > disk->last_stamp)
        disk->last_stamp = stamp;
    pthread_mutex_unlock(&disk->count_mutex);
    return stamp;
}

/* --- open and close --- */

static void open_dump(stile_cache_disk *disk)
{
    const char *name = getenv("STILE_DUMP");
    disk->dump = -1;
    if (!name || !*name)
        return;
    int error = stile_cache_folder_open(AT_FDCWD, name, &disk->dump);
    if (error)
        say(disk, STILE_LOG_WARNING, "STILE_DUMP: cannot write to %s: %s", name, strerror(error));
}

static void read_jit(stile_cache_disk *disk)
{
    const char *value = getenv("STILE_JIT");
    disk->jit = !value || strcmp(value, "off") != 0;
    if (value && *value && disk->jit && strcmp(value, "on") != 0)
        say(disk, STILE_LOG_WARNING, "STILE_JIT is \"%s\", not \"on\" or \"off\"; taken as on",
            value);
}

static void read_size_limit(stile_cache_disk *disk)
{
    const char *value = getenv("STILE_CACHE_SIZE");
    if (!stile_cache_size_limit(&disk->size_limit))
        say(disk, STILE_LOG_WARNING,
            "STILE_CACHE_SIZE is \"%s\", not a number of bytes or a size such as 512M; taken as 1G",
            value);
}

int stile_cache_disk_open(stile_cache_disk *disk, const char *directory, stile_log_callback log,
                          void *log_user)
{
    stile_text warning = {0};
    int error = stile_cache_location_open(&disk->location, directory, &warning);
    if (error) {
        stile_text_free(&warning);
        return error;
    }
    disk->log = log;
    disk->log_user = log_user;
    if (warning.data)
        say(disk, STILE_LOG_WARNING, "%s", warning.data);
    stile_text_free(&warning);
    read_jit(disk);
    read_size_limit(disk);
    open_dump(disk);
    disk->lock_timeout_ms = LOCK_TIMEOUT_MS;
    pthread_mutex_init(&disk->count_mutex, NULL);
    return STILE_OK;
}

void stile_cache_disk_close(stile_cache_disk *disk)
{
    if (memcmp(&disk->unrecorded, &nothing, sizeof nothing) != 0)
        stile_cache_disk_count(disk, &nothing, 0);
    if (disk->dump >= 0)
        close(disk->dump);
    stile_cache_location_close(&disk->location);
    pthread_mutex_destroy(&disk->count_mutex);
}

/* --- reading, compiling, publishing --- */

/* Copies `text` to <dump>/<kernel>-<arch>-<first digits of the key><suffix>. */
static void dump(stile_cache_disk *disk, const stile_cache_entry *entry, const char *suffix,
                 const char *text)
{
    if (disk->dump < 0 || !text)
        return;
    char name[128];
    snprintf(name, sizeof name, "%s-%s-%.16s%s", entry->kernel, entry->arch.name, entry->key.hex,
             suffix);
    int error = stile_cache_file_write(disk->dump, name, text, strlen(text));
    if (error && !atomic_exchange(&disk->warned_of_dumping, true))
        say(disk, STILE_LOG_WARNING, "STILE_DUMP: cannot write %s: %s", name, strerror(error));
}

static void report_damage(stile_cache_disk *disk, const char *directory,
                          const stile_cache_entry *entry, int error)
{
    stile_cache_disk_count(disk, &(stile_cache_counters){.damaged = 1}, 0);
    say(disk, STILE_LOG_WARNING, "kernel cache: %s/v1/%s is damaged and was %s%s", directory,
        entry->folder, error ? "not removed: " : "removed", error ? strerror(error) : "");
}

/* Looks in the directory that can be written. */
static stile_cache_read look_up(const stile_cache_disk *disk, const stile_cache_entry *entry,
                                stile_cubin *out)
{
    const int root = disk->location.root;
    return root < 0 ? STILE_CACHE_ABSENT : stile_cache_entry_read(out, root, entry);
}

/* Looks in the directory that can only be read. */
static bool look_up_read_only(stile_cache_disk *disk, const stile_cache_entry *entry,
                              stile_cubin *out)
{
    const stile_cache_location *location = &disk->location;
    if (location->read_only_root < 0)
        return false;
    stile_cache_read result = stile_cache_entry_read(out, location->read_only_root, entry);
    if (result == STILE_CACHE_DAMAGED)
        report_damage(disk, location->read_only_path, entry, EROFS);
    return result == STILE_CACHE_FOUND;
}

/* The same by the only process that works on this key, which alone may drop what is damaged. */
static bool look_up_locked(stile_cache_disk *disk, const stile_cache_entry *entry, stile_cubin *out)
{
    stile_cache_read result = look_up(disk, entry, out);
    if (result == STILE_CACHE_DAMAGED)
        report_damage(disk, disk->location.path, entry,
                      stile_cache_entry_drop(disk->location.root, entry->folder));
    return result == STILE_CACHE_FOUND;
}

static int compile(stile_cache_disk *disk, const stile_cache_entry *entry, stile_cubin *out)
{
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    stile_cubin cubin = {0};
    int error = stile_compile(&cubin, entry->kernel, entry->source, &entry->arch);
    dump(disk, entry, ".log", cubin.log);
    if (error) {
        stile_cubin_free(&cubin);
        return error;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    long ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    say(disk, STILE_LOG_INFO, "compiled %s for %s in %ld ms (%zu bytes)", entry->kernel,
        entry->arch.name, ms, cubin.size);
    *out = cubin;
    return STILE_OK;
}

static void count_evictions(stile_cache_disk *disk, const stile_cache_eviction *eviction)
{
    if (eviction->evicted)
        stile_cache_disk_count(disk, &(stile_cache_counters){.evictions = eviction->evicted},
                               eviction->stamp);
}

/* Writes an entry; on a full disk once more, in the place of others. */
static int write_entry(stile_cache_disk *disk, const stile_cache_entry *entry,
                       const stile_cubin *cubin)
{
    const int root = disk->location.root;
    const uint64_t bytes = entry->source_size + cubin->size + strlen(cubin->log) + ROOM_BYTES;
    int error =
        stile_cache_entry_write(root, entry, cubin, stile_cache_disk_count(disk, &nothing, 0));
    stile_cache_eviction eviction;
    if ((error != ENOSPC && error != EDQUOT) ||
        stile_cache_make_room(root, bytes, &eviction) != 0 || !eviction.evicted)
        return error;
    count_evictions(disk, &eviction);
    return stile_cache_entry_write(root, entry, cubin, stile_cache_disk_count(disk, &nothing, 0));
}

/* Whether the disk has the entry now. Makes room for it at the cost of others. */
static bool publish(stile_cache_disk *disk, const stile_cache_entry *entry,
                    const stile_cubin *cubin)
{
    int error = write_entry(disk, entry, cubin);
    if (error && !atomic_exchange(&disk->warned_of_writing, true))
        say(disk, STILE_LOG_WARNING,
            "kernel cache: cannot write to %s: %s; compiled kernels stay in memory",
            disk->location.path, strerror(error));
    if (error)
        return false;
    stile_cache_eviction eviction;
    if (stile_cache_evict(disk->location.root, disk->size_limit, entry->folder, &eviction) == 0)
        count_evictions(disk, &eviction);
    return true;
}

/*
 * Waits for the lock of a key while another process compiles it; *found where that process has
 * published it, or another holds it by then.
 */
static stile_cache_lock_result wait_for_lock(stile_cache_disk *disk, const stile_cache_entry *entry,
                                             stile_cache_lock *lock, stile_cubin *out, bool *waited,
                                             bool *found)
{
    const int root = disk->location.root;
    stile_cache_lock_result result = stile_cache_lock_acquire(lock, root, entry->key.hex, 0);
    for (int ms = 0; result == STILE_CACHE_LOCK_BUSY && ms < disk->lock_timeout_ms;
         ms += LOCK_SLICE_MS) {
        *waited = true;
        result = stile_cache_lock_acquire(lock, root, entry->key.hex, LOCK_SLICE_MS);
        if (result == STILE_CACHE_LOCK_BUSY && look_up(disk, entry, out) == STILE_CACHE_FOUND) {
            *found = true;
            break;
        }
    }
    return result;
}

static int fail_not_compiled(const stile_cache_disk *disk, const stile_cache_entry *entry)
{
    const char *directory = stile_cache_location_path(&disk->location);
    return stile_fail(STILE_ERROR_UNSUPPORTED,
                      "kernel %s for %s is not in the cache (%s) and STILE_JIT=off forbids "
                      "compiling it; unset STILE_JIT",
                      entry->kernel, entry->arch.name, directory ? directory : "in memory");
}

/*
 * Gets a kernel that is not there for the reader, or damaged: from the process that is compiling
 * it, or compiled here. *keep where the disk has not got it in the end.
 */
static int produce(stile_cache_disk *disk, const stile_cache_entry *entry, stile_cubin *out,
                   bool *keep, stile_cache_counters *events)
{
    stile_cache_lock lock;
    stile_cache_lock_result locked = STILE_CACHE_LOCK_UNAVAILABLE;
    bool waited = false, hit = false;
    if (disk->location.root >= 0)
        locked = wait_for_lock(disk, entry, &lock, out, &waited, &hit);
    const bool busy = locked == STILE_CACHE_LOCK_BUSY;
    events->waits = waited;
    if (!hit && !busy)
        hit = look_up_locked(disk, entry, out);
    events->hits = hit;
    if (hit) {
        if (locked == STILE_CACHE_LOCKED)
            stile_cache_lock_release(&lock);
        return STILE_OK;
    }
    if (busy)
        say(disk, STILE_LOG_WARNING,
            "kernel cache: another process has been compiling %s for %d s; compiling it here too",
            entry->kernel, disk->lock_timeout_ms / 1000);

    int error;
    events->misses = 1;
    if (disk->jit) {
        events->compiles = 1;
        stile_cache_disk_count(disk, events, 0); /* now: this process may be killed meanwhile */
        *events = (stile_cache_counters){0};
        error = compile(disk, entry, out);
    } else {
        error = fail_not_compiled(disk, entry);
    }
    if (!error)
        *keep = busy || disk->location.root < 0 || !publish(disk, entry, out);
    if (locked == STILE_CACHE_LOCKED)
        stile_cache_lock_release(&lock);
    return error;
}

int stile_cache_disk_get(stile_cache_disk *disk, const stile_cache_entry *entry, stile_cubin *out,
                         bool *keep)
{
    stile_cache_counters events = {0};
    int error = STILE_OK;
    dump(disk, entry, ".cu", entry->source);
    stile_cache_read result = look_up(disk, entry, out);
    if (result == STILE_CACHE_FOUND) {
        events.hits = 1;
    } else if (look_up_read_only(disk, entry, out)) {
        stile_cache_disk_count(disk, &(stile_cache_counters){.hits = 1}, 0);
        dump(disk, entry, ".log", out->log);
        return STILE_OK;
    } else if (result == STILE_CACHE_ABSENT && !disk->jit) {
        events.misses = 1;
        error = fail_not_compiled(disk, entry);
    } else {
        error = produce(disk, entry, out, keep, &events);
    }
    const bool hit = events.hits > 0;
    uint64_t stamp = 0;
    if (memcmp(&events, &nothing, sizeof nothing) != 0)
        stamp = stile_cache_disk_count(disk, &events, 0);
    if (hit) {
        stile_cache_entry_touch(disk->location.root, entry->folder, stamp);
        dump(disk, entry, ".log", out->log);
    }
    return error;
}
