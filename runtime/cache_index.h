/* SPDX-License-Identifier: Apache-2.0 */
/* All entries of a cache directory: what they are of, how large, and when each was used last. */
#ifndef STILE_RUNTIME_CACHE_INDEX_H
#define STILE_RUNTIME_CACHE_INDEX_H

#include <stdint.h>

#include "cache_entry.h"

typedef struct stile_cache_item {
    stile_cache_folder name;
    char folder[192]; /* relative to the root */
    uint64_t bytes;   /* of its files */
    uint64_t stamp;   /* orders uses (cache_stats.h); 0 where it is not to be believed */
    int64_t used;     /* seconds since 1970, by the clock of the process that used it */
} stile_cache_item;

typedef struct stile_cache_index {
    stile_cache_item *items;
    int count;
    uint64_t bytes; /* of all items */
    uint64_t stamp; /* the largest */
} stile_cache_index;

/*
 * Lists what is below `root`, by architecture, kernel and key. Entries that come or go meanwhile
 * may be in it or not; names that are not ours are passed over. Returns 0 or an errno value. Free
 * it.
 */
int stile_cache_index_read(stile_cache_index *out, int root);
void stile_cache_index_free(stile_cache_index *index);

/* Orders the items by use, the least recent first. */
void stile_cache_index_sort_by_use(stile_cache_index *index);

/* The version of the NVRTC that compiled an item; false where it does not say. */
bool stile_cache_item_nvrtc(int root, const stile_cache_item *item, int *major, int *minor);

#endif
