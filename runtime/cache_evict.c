/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_evict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_entry.h"
#include "cache_file.h"
#include "cache_index.h"
#include "cache_lock.h"
#include "cache_stats.h"
#include "tune_file.h"

enum { LOCK_TIMEOUT_MS = 1000, ANY_AGE = -1 };

bool stile_cache_parse_size(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    uint64_t value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9'; c++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
            return false;
    }
    if (c == text)
        return false;
    const char *unit = strchr(units, *c & ~0x20); /* the letter in upper case */
    if (unit && *unit) {
        if (__builtin_mul_overflow(value, UINT64_C(1) << (10 * (unit - units + 1)), &value))
            return false;
        c++;
        if (strcmp(c, "iB") == 0)
            c++;
    }
    if (*c && strcmp(c, "B") != 0)
        return false;
    *out = value;
    return true;
}

bool stile_cache_size_limit(uint64_t *out)
{
    const char *value = getenv("STILE_CACHE_SIZE");
    *out = STILE_CACHE_DEFAULT_SIZE;
    return !value || !*value || stile_cache_parse_size(value, out);
}

static int take_out(int root, const char *folder, bool only_damaged)
{
    stile_cache_folder name;
    const char *reason;
    if (!stile_cache_folder_parse(&name, folder))
        return EINVAL;
    stile_cache_lock lock;
    stile_cache_lock_result locked = stile_cache_lock_acquire(&lock, root, name.key.hex, 0);
    if (locked == STILE_CACHE_LOCK_BUSY)
        return EBUSY;
    int error = ECANCELED;
    if (!only_damaged || stile_cache_entry_check(root, folder, &reason) == STILE_CACHE_DAMAGED)
        error = stile_cache_entry_drop(root, folder);
    if (locked == STILE_CACHE_LOCKED)
        stile_cache_lock_release(&lock);
    return error;
}

int stile_cache_evict_one(int root, const char *folder)
{
    return take_out(root, folder, false);
}

int stile_cache_evict_damaged(int root, const char *folder)
{
    return take_out(root, folder, true);
}

/*
 * Takes items out of `root` and of *index, which is sorted by use, until the rest has at most
 * `limit` bytes. Without `by_force`, entries whose key a process holds are left.
 */
static uint64_t evict_items(int root, stile_cache_index *index, uint64_t limit, const char *keep,
                            bool by_force)
{
    uint64_t evicted = 0;
    int left = 0;
    for (int i = 0; i < index->count; i++) {
        const stile_cache_item *item = &index->items[i];
        int failure = EBUSY;
        if (index->bytes > limit && !(keep && strcmp(item->folder, keep) == 0))
            failure = by_force ? stile_cache_entry_drop(root, item->folder)
                               : stile_cache_evict_one(root, item->folder);
        if (failure && failure != ENOENT) {
            index->items[left++] = *item;
            continue;
        }
        evicted += !failure;
        index->bytes -= item->bytes;
    }
    index->count = left;
    return evicted;
}

/* Until all entries together have at most `limit` bytes, and `room` bytes less than now. */
static int evict_until(int root, uint64_t limit, uint64_t room, const char *keep,
                       stile_cache_eviction *out)
{
    stile_cache_index index;
    int error = stile_cache_index_read(&index, root);
    if (error)
        return error;
    stile_cache_eviction result = {.stamp = index.stamp};
    if (limit > index.bytes)
        limit = index.bytes;
    limit -= room < limit ? room : limit;
    if (index.bytes > limit)
        stile_cache_index_sort_by_use(&index);
    for (int by_force = 0; by_force <= 1 && index.bytes > limit; by_force++)
        result.evicted += evict_items(root, &index, limit, keep, by_force);
    stile_cache_index_free(&index);
    *out = result;
    return 0;
}

/* After another evictor, or beside one that takes long: both go by the same order. */
static int evict_in_turn(int root, uint64_t limit, uint64_t room, const char *keep,
                         stile_cache_eviction *out)
{
    stile_cache_lock lock;
    stile_cache_lock_result locked =
        stile_cache_lock_acquire(&lock, root, "evict", LOCK_TIMEOUT_MS);
    int error = evict_until(root, limit, room, keep, out);
    if (locked == STILE_CACHE_LOCKED)
        stile_cache_lock_release(&lock);
    return error;
}

int stile_cache_evict(int root, uint64_t limit, const char *keep, stile_cache_eviction *out)
{
    return evict_in_turn(root, limit, 0, keep, out);
}

int stile_cache_make_room(int root, uint64_t bytes, stile_cache_eviction *out)
{
    return evict_in_turn(root, UINT64_MAX, bytes, NULL, out);
}

/*
 * Removes abandoned temporaries and tuning sessions, then the folders of architectures where
 * nothing is left in them. Winners of tuning stay: they were measured, and are no copies of
 * anything.
 */
static void remove_leavings(int root)
{
    DIR *listing = stile_cache_list(root, ".");
    if (!listing)
        return;
    for (const char *name; (name = stile_cache_list_next(listing));) {
        if (strncmp(name, STILE_TUNE_STATE, strlen(STILE_TUNE_STATE)) == 0)
            unlinkat(root, name, 0);
        if (!stile_cache_is_arch(name))
            continue;
        stile_cache_remove_abandoned(root, name, ANY_AGE);
        unlinkat(root, name, AT_REMOVEDIR);
    }
    closedir(listing);
}

int stile_cache_clear(int root, uint64_t *evicted, uint64_t *bytes)
{
    stile_cache_index index;
    int error = stile_cache_index_read(&index, root);
    if (error)
        return error;
    *evicted = *bytes = 0;
    for (int i = 0; i < index.count; i++) {
        /* Without its lock: who compiles it just now publishes it anew. */
        int failure = stile_cache_entry_drop(root, index.items[i].folder);
        if (!failure) {
            ++*evicted;
            *bytes += index.items[i].bytes;
        } else if (failure != ENOENT && !error) {
            error = failure;
        }
    }
    stile_cache_index_free(&index);
    remove_leavings(root);
    stile_cache_lock_clean(root, ANY_AGE);
    unlinkat(root, STILE_CACHE_LOCKS, AT_REMOVEDIR);
    stile_cache_stats_remove(root);
    return error;
}
