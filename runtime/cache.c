/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cache_disk.h"
#include "fail.h"

enum { MEMORY_LIMIT = 64 << 20 };

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
    stile_cache_disk disk;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t slot_done;
    slot *slots;        /* the newest first */
    size_t memory_used; /* by slots that are kept */
};

int stile_cache_open(stile_cache **out, const char *directory, stile_log_callback log,
                     void *log_user)
{
    stile_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return stile_fail_memory();
    int error = stile_cache_disk_open(&cache->disk, directory, log, log_user);
    if (error) {
        free(cache);
        return error;
    }
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
    for (slot *next, *s = (*cache)->slots; s; s = next) {
        next = s->next;
        free_slot(s);
    }
    stile_cache_disk_close(&(*cache)->disk);
    pthread_cond_destroy(&(*cache)->slot_done);
    pthread_mutex_destroy(&(*cache)->mutex);
    free(*cache);
    *cache = NULL;
}

const char *stile_cache_directory(const stile_cache *cache)
{
    return stile_cache_location_path(&cache->disk.location);
}

const stile_cache_location *stile_cache_place(const stile_cache *cache)
{
    return &cache->disk.location;
}

void stile_cache_set_timeout(stile_cache *cache, int milliseconds)
{
    cache->disk.lock_timeout_ms = milliseconds;
}

stile_cache_counters stile_cache_count(const stile_cache *cache)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)&cache->disk.count_mutex;
    pthread_mutex_lock(mutex);
    stile_cache_counters result = cache->disk.counters;
    pthread_mutex_unlock(mutex);
    return result;
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
    s->error = stile_cache_disk_get(&cache->disk, entry, &s->cubin, &s->keep);
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
        stile_cache_disk_count(
            &cache->disk,
            &(stile_cache_counters){.hits = !s->error, .misses = s->error != 0, .waits = waits}, 0);
    error = copy_slot(out, s);

    pthread_mutex_lock(&cache->mutex);
    release_slot(s);
    pthread_mutex_unlock(&cache->mutex);
    return error;
}
