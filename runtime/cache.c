/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache_entry.h"
#include "cache_evict.h"
#include "cache_file.h"
#include "cache_location.h"
#include "cache_lock.h"
#include "cache_stats.h"
#include "fail.h"
#include "text.h"

enum { LOCK_TIMEOUT_MS = 60 * 1000, LOCK_SLICE_MS = 20, MEMORY_LIMIT = 64 << 20 };

/*
 * A key that some thread works on, or a kernel held in memory because no directory holds it. The
 * first thread that asks for a key makes its slot and the kernel; others wait for `done`.
 */
typedef struct slot {
    struct slot *next;
    stile_digest key;
    int users;     /* threads that look at it */
    bool attached; /* in the list */
    bool done;
    bool keep; /* the disk does not have it */
    /* Once done, unchanging: */
    int error;
    char *error_text;
    stile_cubin cubin;
} slot;

struct stile_cache {
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

    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t slot_done;
    slot *slots;        /* the newest first */
    size_t memory_used; /* by slots that are kept */
};

__attribute__((format(printf, 3, 4))) static void
say(const stile_cache *cache, stile_log_level level, const char *format, ...)
{
    if (!cache->log)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cache->log(cache->log_user, level, text);
}

/* --- counting --- */

/*
 * Counts events, here and in the directory. Where that cannot be done now, it is made up for by the
 * next call. Returns a stamp later than all before it and than `after`.
 */
static uint64_t count(stile_cache *cache, const stile_cache_counters *events, uint64_t after)
{
    pthread_mutex_lock(&cache->count_mutex);
    stile_cache_counters_add(&cache->counters, events);
    stile_cache_counters_add(&cache->unrecorded, events);
    stile_cache_counters mine = cache->unrecorded;
    cache->unrecorded = (stile_cache_counters){0};
    pthread_mutex_unlock(&cache->count_mutex);

    uint64_t stamp;
    const int root = cache->location.root;
    if (root >= 0 && stile_cache_stats_add(root, &mine, after, &stamp) == 0)
        return stamp;
    pthread_mutex_lock(&cache->count_mutex);
    stile_cache_counters_add(&cache->unrecorded, &mine);
    pthread_mutex_unlock(&cache->count_mutex);
    return (uint64_t)time(NULL) * 1000000000u;
}

/* --- open and close --- */

static void open_dump(stile_cache *cache)
{
    const char *name = getenv("STILE_DUMP");
    cache->dump = -1;
    if (!name || !*name)
        return;
    int error = stile_cache_folder_open(AT_FDCWD, name, &cache->dump);
    if (error)
        say(cache, STILE_LOG_WARNING, "STILE_DUMP: cannot write to %s: %s", name, strerror(error));
}

static void read_jit(stile_cache *cache)
{
    const char *value = getenv("STILE_JIT");
    cache->jit = !value || strcmp(value, "off") != 0;
    if (value && *value && cache->jit && strcmp(value, "on") != 0)
        say(cache, STILE_LOG_WARNING, "STILE_JIT is \"%s\", not \"on\" or \"off\"; taken as on",
            value);
}

static void read_size_limit(stile_cache *cache)
{
    const char *value = getenv("STILE_CACHE_SIZE");
    if (!stile_cache_size_limit(&cache->size_limit))
        say(cache, STILE_LOG_WARNING,
            "STILE_CACHE_SIZE is \"%s\", not a size such as 512M, 2G or a number of bytes; taken as "
            "1G",
            value);
}

int stile_cache_open(stile_cache **out, const char *directory, stile_log_callback log,
                     void *log_user)
{
    stile_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return stile_fail_memory();
    cache->log = log;
    cache->log_user = log_user;

    stile_text warning = {0};
    int error = stile_cache_location_open(&cache->location, directory, &warning);
    if (error) {
        free(cache);
        stile_text_free(&warning);
        return error;
    }
    if (warning.data)
        say(cache, STILE_LOG_WARNING, "%s", warning.data);
    stile_text_free(&warning);
    read_jit(cache);
    read_size_limit(cache);
    open_dump(cache);
    cache->lock_timeout_ms = LOCK_TIMEOUT_MS;
    pthread_mutex_init(&cache->count_mutex, NULL);
    pthread_mutex_init(&cache->mutex, NULL);
    pthread_cond_init(&cache->slot_done, NULL);
    *out = cache;
    return STILE_OK;
}

static void free_slot(slot *s)
{
    stile_cubin_free(&s->cubin);
    free(s->error_text);
    free(s);
}

void stile_cache_close(stile_cache **cache)
{
    if (!cache || !*cache)
        return;
    static const stile_cache_counters nothing = {0};
    if (memcmp(&(*cache)->unrecorded, &nothing, sizeof nothing) != 0)
        count(*cache, &nothing, 0);
    for (slot *next, *s = (*cache)->slots; s; s = next) {
        next = s->next;
        free_slot(s);
    }
    if ((*cache)->dump >= 0)
        close((*cache)->dump);
    stile_cache_location_close(&(*cache)->location);
    pthread_cond_destroy(&(*cache)->slot_done);
    pthread_mutex_destroy(&(*cache)->mutex);
    pthread_mutex_destroy(&(*cache)->count_mutex);
    free(*cache);
    *cache = NULL;
}

const char *stile_cache_directory(const stile_cache *cache)
{
    return cache->location.path ? cache->location.path : cache->location.read_only_path;
}

void stile_cache_set_timeout(stile_cache *cache, int milliseconds)
{
    cache->lock_timeout_ms = milliseconds;
}

stile_cache_counters stile_cache_count(const stile_cache *cache)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)&cache->count_mutex;
    pthread_mutex_lock(mutex);
    stile_cache_counters result = cache->counters;
    pthread_mutex_unlock(mutex);
    return result;
}

/* --- disk and compiler --- */

/* Copies `text` to <dump>/<kernel>-<arch>-<first digits of the key><suffix>. */
static void dump(stile_cache *cache, const stile_cache_entry *entry, const char *suffix,
                 const char *text)
{
    if (cache->dump < 0 || !text)
        return;
    char name[128];
    snprintf(name, sizeof name, "%s-%s-%.16s%s", entry->kernel, entry->arch.name, entry->key.hex,
             suffix);
    int error = stile_cache_file_write(cache->dump, name, text, strlen(text));
    if (error && !atomic_exchange(&cache->warned_of_dumping, true))
        say(cache, STILE_LOG_WARNING, "STILE_DUMP: cannot write %s: %s", name, strerror(error));
}

static void report_damage(stile_cache *cache, const char *directory,
                          const stile_cache_entry *entry, int error)
{
    count(cache, &(stile_cache_counters){.damaged = 1}, 0);
    say(cache, STILE_LOG_WARNING, "kernel cache: %s/v1/%s is damaged and was %s%s", directory,
        entry->folder, error ? "not removed: " : "removed", error ? strerror(error) : "");
}

/* Looks in the directory that can be written. */
static stile_cache_read look_up(const stile_cache *cache, const stile_cache_entry *entry,
                                stile_cubin *out)
{
    const int root = cache->location.root;
    return root < 0 ? STILE_CACHE_ABSENT : stile_cache_entry_read(out, root, entry);
}

/* Looks in the directory that can only be read. */
static bool look_up_read_only(stile_cache *cache, const stile_cache_entry *entry, stile_cubin *out)
{
    const stile_cache_location *location = &cache->location;
    if (location->read_only_root < 0)
        return false;
    stile_cache_read result = stile_cache_entry_read(out, location->read_only_root, entry);
    if (result == STILE_CACHE_DAMAGED)
        report_damage(cache, location->read_only_path, entry, EROFS);
    return result == STILE_CACHE_FOUND;
}

/* The same by the only process that works on this key, which alone may drop what is damaged. */
static bool look_up_locked(stile_cache *cache, const stile_cache_entry *entry, stile_cubin *out)
{
    stile_cache_read result = look_up(cache, entry, out);
    if (result == STILE_CACHE_DAMAGED)
        report_damage(cache, cache->location.path, entry,
                      stile_cache_entry_drop(cache->location.root, entry->folder));
    return result == STILE_CACHE_FOUND;
}

static int compile(stile_cache *cache, const stile_cache_entry *entry, stile_cubin *out)
{
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    stile_cubin cubin = {0};
    int error = stile_compile(&cubin, entry->kernel, entry->source, &entry->arch);
    dump(cache, entry, ".log", cubin.log);
    if (error) {
        stile_cubin_free(&cubin);
        return error;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    long ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    say(cache, STILE_LOG_INFO, "compiled %s for %s in %ld ms (%zu bytes)", entry->kernel,
        entry->arch.name, ms, cubin.size);
    *out = cubin;
    return STILE_OK;
}

/* Whether the disk has the entry now. Makes room for it at the cost of others. */
static bool publish(stile_cache *cache, const stile_cache_entry *entry, const stile_cubin *cubin)
{
    static const stile_cache_counters nothing = {0};
    const int root = cache->location.root;
    int error = stile_cache_entry_write(root, entry, cubin, count(cache, &nothing, 0));
    if (error && !atomic_exchange(&cache->warned_of_writing, true))
        say(cache, STILE_LOG_WARNING,
            "kernel cache: cannot write to %s: %s; compiled kernels stay in memory",
            cache->location.path, strerror(error));
    if (error)
        return false;
    stile_cache_eviction eviction;
    if (stile_cache_evict(root, cache->size_limit, entry->folder, &eviction) == 0 &&
        eviction.evicted)
        count(cache, &(stile_cache_counters){.evictions = eviction.evicted}, eviction.stamp);
    return true;
}

/*
 * Waits for the lock of a key while another process compiles it; *found where that process has
 * published it, or another holds it by then.
 */
static stile_cache_lock_result wait_for_lock(stile_cache *cache, const stile_cache_entry *entry,
                                             stile_cache_lock *lock, stile_cubin *out, bool *waited,
                                             bool *found)
{
    const int root = cache->location.root;
    stile_cache_lock_result result = stile_cache_lock_acquire(lock, root, entry->key.hex, 0);
    for (int ms = 0; result == STILE_CACHE_LOCK_BUSY && ms < cache->lock_timeout_ms;
         ms += LOCK_SLICE_MS) {
        *waited = true;
        result = stile_cache_lock_acquire(lock, root, entry->key.hex, LOCK_SLICE_MS);
        if (result == STILE_CACHE_LOCK_BUSY && look_up(cache, entry, out) == STILE_CACHE_FOUND) {
            *found = true;
            break;
        }
    }
    return result;
}

static int fail_not_compiled(const stile_cache *cache, const stile_cache_entry *entry)
{
    const char *directory = stile_cache_directory(cache);
    return stile_fail(STILE_ERROR_UNSUPPORTED,
                      "kernel %s for %s is not in the cache (%s) and STILE_JIT=off forbids "
                      "compiling it; unset STILE_JIT",
                      entry->kernel, entry->arch.name, directory ? directory : "in memory");
}

/*
 * Gets a kernel that is not there for the reader, or damaged: from the process that is compiling it,
 * or compiled here. *keep where the disk has not got it in the end.
 */
static int produce(stile_cache *cache, const stile_cache_entry *entry, stile_cubin *out, bool *keep,
                   stile_cache_counters *events)
{
    stile_cache_lock lock;
    stile_cache_lock_result locked = STILE_CACHE_LOCK_UNAVAILABLE;
    bool waited = false, hit = false;
    if (cache->location.root >= 0)
        locked = wait_for_lock(cache, entry, &lock, out, &waited, &hit);
    const bool busy = locked == STILE_CACHE_LOCK_BUSY;
    events->waits = waited;
    if (!hit && !busy)
        hit = look_up_locked(cache, entry, out);
    events->hits = hit;
    if (hit) {
        if (locked == STILE_CACHE_LOCKED)
            stile_cache_lock_release(&lock);
        return STILE_OK;
    }
    if (busy)
        say(cache, STILE_LOG_WARNING,
            "kernel cache: another process has been compiling %s for %d s; compiling it here too",
            entry->kernel, cache->lock_timeout_ms / 1000);

    int error;
    events->misses = 1;
    if (cache->jit) {
        events->compiles = 1;
        count(cache, events, 0); /* before it begins, so that one that is killed is counted */
        *events = (stile_cache_counters){0};
        error = compile(cache, entry, out);
    } else {
        error = fail_not_compiled(cache, entry);
    }
    if (!error)
        *keep = busy || cache->location.root < 0 || !publish(cache, entry, out);
    if (locked == STILE_CACHE_LOCKED)
        stile_cache_lock_release(&lock);
    return error;
}

/* Finds a kernel or compiles it; *keep where the disk has not got it in the end. */
static int get(stile_cache *cache, const stile_cache_entry *entry, stile_cubin *out, bool *keep)
{
    static const stile_cache_counters nothing = {0};
    stile_cache_counters events = {0};
    int error = STILE_OK;
    dump(cache, entry, ".cu", entry->source);
    stile_cache_read result = look_up(cache, entry, out);
    if (result == STILE_CACHE_FOUND) {
        events.hits = 1;
    } else if (look_up_read_only(cache, entry, out)) {
        count(cache, &(stile_cache_counters){.hits = 1}, 0);
        dump(cache, entry, ".log", out->log);
        return STILE_OK;
    } else if (result == STILE_CACHE_ABSENT && !cache->jit) {
        events.misses = 1;
        error = fail_not_compiled(cache, entry);
    } else {
        error = produce(cache, entry, out, keep, &events);
    }
    const bool hit = events.hits > 0;
    uint64_t stamp = 0;
    if (memcmp(&events, &nothing, sizeof nothing) != 0)
        stamp = count(cache, &events, 0);
    if (hit) {
        stile_cache_entry_touch(cache->location.root, entry->folder, stamp);
        dump(cache, entry, ".log", out->log);
    }
    return error;
}

/* --- slots; all but fill_slot and copy_slot need the mutex --- */

static slot *find_slot(const stile_cache *cache, const stile_digest *key)
{
    for (slot *s = cache->slots; s; s = s->next) {
        if (strcmp(s->key.hex, key->hex) == 0)
            return s;
    }
    return NULL;
}

static slot *add_slot(stile_cache *cache, const stile_digest *key)
{
    slot *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->key = *key;
    s->attached = true;
    s->next = cache->slots;
    cache->slots = s;
    return s;
}

static void detach_slot(stile_cache *cache, slot *s)
{
    slot **link = &cache->slots;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    s->attached = false;
    if (s->keep)
        cache->memory_used -= s->cubin.size;
}

static void release_slot(slot *s)
{
    if (--s->users == 0 && !s->attached)
        free_slot(s);
}

/* Lets go of the oldest kernels in memory until the rest fits. */
static void trim_memory(stile_cache *cache)
{
    while (cache->memory_used > MEMORY_LIMIT) {
        slot *oldest = NULL;
        for (slot *s = cache->slots; s; s = s->next) {
            if (s->done && s->keep)
                oldest = s;
        }
        oldest->users++;
        detach_slot(cache, oldest);
        release_slot(oldest);
    }
}

/* Does the work of a slot, outside the mutex, and tells the threads that wait for it. */
static void fill_slot(stile_cache *cache, slot *s, const stile_cache_entry *entry)
{
    s->error = get(cache, entry, &s->cubin, &s->keep);
    if (s->error)
        s->error_text = strdup(stile_last_error());

    pthread_mutex_lock(&cache->mutex);
    s->done = true;
    if (s->error)
        s->keep = false;
    if (s->keep)
        cache->memory_used += s->cubin.size;
    else
        detach_slot(cache, s);
    trim_memory(cache);
    pthread_cond_broadcast(&cache->slot_done);
    pthread_mutex_unlock(&cache->mutex);
}

static int copy_slot(stile_cubin *out, const slot *s)
{
    if (s->error)
        return stile_fail(s->error, "%s", s->error_text ? s->error_text : "out of memory");
    stile_cubin copy = {
        .data = malloc(s->cubin.size),
        .size = s->cubin.size,
        .log = strdup(s->cubin.log),
    };
    if (!copy.data || !copy.log) {
        stile_cubin_free(&copy);
        return stile_fail_memory();
    }
    memcpy(copy.data, s->cubin.data, copy.size);
    *out = copy;
    return STILE_OK;
}

int stile_cache_get(stile_cache *cache, stile_cubin *out, const char *name, const char *source,
                    const stile_arch *arch)
{
    stile_cache_entry entry;
    int error = stile_cache_entry_init(&entry, name, source, arch);
    if (error)
        return error;

    pthread_mutex_lock(&cache->mutex);
    slot *s = find_slot(cache, &entry.key);
    bool first = !s;
    if (first)
        s = add_slot(cache, &entry.key);
    if (s)
        s->users++;
    const bool waits = s && !s->done && !first;
    while (waits && !s->done)
        pthread_cond_wait(&cache->slot_done, &cache->mutex);
    pthread_mutex_unlock(&cache->mutex);
    if (!s)
        return stile_fail_memory();

    if (first)
        fill_slot(cache, s, &entry);
    else
        count(cache,
              &(stile_cache_counters){.hits = !s->error, .misses = s->error != 0, .waits = waits}, 0);
    error = copy_slot(out, s);

    pthread_mutex_lock(&cache->mutex);
    release_slot(s);
    pthread_mutex_unlock(&cache->mutex);
    return error;
}
