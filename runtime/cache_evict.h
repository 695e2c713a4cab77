/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking entries out of a cache directory: the least recently used where it is too large or its
 * disk is full, or one.
 */
#ifndef STILE_RUNTIME_CACHE_EVICT_H
#define STILE_RUNTIME_CACHE_EVICT_H

#include <stdbool.h>
#include <stdint.h>

/* The size of a cache directory where $STILE_CACHE_SIZE does not say another: 1 GiB. */
#define STILE_CACHE_DEFAULT_SIZE (UINT64_C(1) << 30)

/*
 * Parses a size: decimal digits and one of K, M, G, T (powers of 1024, in either case), which "B"
 * or "iB" may follow. False on anything else or overflow.
 */
bool stile_cache_parse_size(const char *text, uint64_t *out);

/* $STILE_CACHE_SIZE or the default; false where the variable is set and says no size. */
bool stile_cache_size_limit(uint64_t *out);

/*
 * Takes out one entry, folder "<arch>/<kernel>-<key>", unless a process works on its key. Safe
 * beside readers: they have all of it open, or miss it and compile. Returns 0, EBUSY or another
 * errno value.
 */
int stile_cache_evict_one(int root, const char *folder);

/* The same only where the entry is damaged; ECANCELED where it is whole, or became so. */
int stile_cache_evict_damaged(int root, const char *folder);

typedef struct stile_cache_eviction {
    uint64_t evicted; /* entries */
    uint64_t stamp;   /* the largest that was met; 0: none */
} stile_cache_eviction;

/*
 * Takes out entries, the least recently used first, until all together have at most `limit` bytes;
 * never `keep` (NULL: none), and one that a process works on only where the others do not suffice:
 * so after the last publication the limit holds. Processes do so in turn; this one waits for
 * another a second at most, then goes on beside it. Returns 0 or an errno value.
 */
int stile_cache_evict(int root, uint64_t limit, const char *keep, stile_cache_eviction *out);

/*
 * The same on a full disk, until `bytes` bytes are gone, or all entries. The files of an entry take
 * at least as much of the disk as they have bytes.
 */
int stile_cache_make_room(int root, uint64_t bytes, stile_cache_eviction *out);

/*
 * Removes all that the cache made below `root`: entries, counters, locks that nobody holds, what
 * killed processes left; nothing else. *evicted counts the entries, *bytes their size. Returns 0 or
 * the first errno value met, having gone on.
 */
int stile_cache_clear(int root, uint64_t *evicted, uint64_t *bytes);

#endif
