/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_evict.h"

#include <errno.h>
#include <string.h>

#include "cache_entry.h"
#include "cache_index.h"
#include "cache_lock.h"

enum { LOCK_TIMEOUT_MS = 1000 };

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

int stile_cache_evict_one(int root, const char *folder)
{
    stile_cache_folder name;
    if (!stile_cache_folder_parse(&name, folder))
        return EINVAL;
    stile_cache_lock lock;
    stile_cache_lock_result locked = stile_cache_lock_acquire(&lock, root, name.key.hex, 0);
    if (locked == STILE_CACHE_LOCK_BUSY)
        return EBUSY;
    int error = stile_cache_entry_drop(root, folder);
    if (locked == STILE_CACHE_LOCKED)
        stile_cache_lock_release(&lock);
    return error;
}

static int evict_until(int root, uint64_t limit, const char *keep, stile_cache_eviction *out)
{
    stile_cache_index index;
    int error = stile_cache_index_read(&index, root);
    if (error)
        return error;
    stile_cache_eviction result = {.stamp = index.stamp};
    if (index.bytes > limit)
        stile_cache_index_sort_by_use(&index);
    for (int i = 0; i < index.count && index.bytes > limit; i++) {
        const stile_cache_item *item = &index.items[i];
        if (keep && strcmp(item->folder, keep) == 0)
            continue;
        int failure = stile_cache_evict_one(root, item->folder);
        if (!failure)
            result.evicted++;
        if (!failure || failure == ENOENT)
            index.bytes -= item->bytes;
    }
    stile_cache_index_free(&index);
    *out = result;
    return 0;
}

int stile_cache_evict(int root, uint64_t limit, const char *keep, stile_cache_eviction *out)
{
    stile_cache_lock lock;
    stile_cache_lock_result locked = stile_cache_lock_acquire(&lock, root, "evict", LOCK_TIMEOUT_MS);
    if (locked == STILE_CACHE_LOCK_BUSY)
        return EBUSY;
    int error = evict_until(root, limit, keep, out);
    if (locked == STILE_CACHE_LOCKED)
        stile_cache_lock_release(&lock);
    return error;
}
