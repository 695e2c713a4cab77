/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_file.h"
#include "cache_stats.h"

static uint64_t stamp_of(const struct timespec *time)
{
    if (time->tv_sec < 0 || (uint64_t)time->tv_sec > STILE_CACHE_LAST_STAMP / 1000000000u)
        return 0;
    return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
}

/* Size and times; false where the item is gone. */
static bool measure(stile_cache_item *item, int root)
{
    struct stat status;
    if (fstatat(root, item->folder, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    item->stamp = stamp_of(&status.st_mtim);
    item->used = status.st_mtime;
    if (!S_ISDIR(status.st_mode)) {
        item->bytes = (uint64_t)status.st_size;
        return true;
    }
    DIR *listing = stile_cache_list(root, item->folder);
    if (!listing)
        return errno != ENOENT;
    for (const char *file; (file = stile_cache_list_next(listing));) {
        if (fstatat(dirfd(listing), file, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            S_ISDIR(status.st_mode))
            continue;
        item->bytes += (uint64_t)status.st_size;
        if (strcmp(file, STILE_CACHE_META) == 0)
            item->used = status.st_mtime;
    }
    closedir(listing);
    return true;
}

static int add_item(stile_cache_index *index, const stile_cache_item *item)
{
    if ((index->count & (index->count - 1)) == 0) { /* full: capacities are powers of two */
        size_t capacity = index->count ? 2 * (size_t)index->count : 1;
        stile_cache_item *items = realloc(index->items, capacity * sizeof *items);
        if (!items)
            return ENOMEM;
        index->items = items;
    }
    index->items[index->count++] = *item;
    index->bytes += item->bytes;
    if (item->stamp > index->stamp)
        index->stamp = item->stamp;
    return 0;
}

static int read_arch(stile_cache_index *index, int root, const char *arch)
{
    DIR *listing = stile_cache_list(root, arch);
    if (!listing)
        return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    int error = 0;
    for (const char *name; !error && (name = stile_cache_list_next(listing));) {
        stile_cache_item item = {0};
        int size = snprintf(item.folder, sizeof item.folder, "%s/%s", arch, name);
        if (size < (int)sizeof item.folder && stile_cache_folder_parse(&item.name, item.folder) &&
            measure(&item, root))
            error = add_item(index, &item);
    }
    closedir(listing);
    return error;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const stile_cache_item *)a)->folder, ((const stile_cache_item *)b)->folder);
}

static int by_use(const void *a, const void *b)
{
    const stile_cache_item *x = a, *y = b;
    if (x->stamp != y->stamp)
        return x->stamp < y->stamp ? -1 : 1;
    return by_name(a, b);
}

int stile_cache_index_read(stile_cache_index *out, int root)
{
    DIR *listing = stile_cache_list(root, ".");
    if (!listing)
        return errno;
    stile_cache_index index = {0};
    int error = 0;
    for (const char *name; !error && (name = stile_cache_list_next(listing));) {
        if (stile_cache_is_arch(name))
            error = read_arch(&index, root, name);
    }
    closedir(listing);
    if (error) {
        stile_cache_index_free(&index);
        return error;
    }
    if (index.count)
        qsort(index.items, (size_t)index.count, sizeof *index.items, by_name);
    *out = index;
    return 0;
}

void stile_cache_index_free(stile_cache_index *index)
{
    free(index->items);
    *index = (stile_cache_index){0};
}

void stile_cache_index_sort_by_use(stile_cache_index *index)
{
    if (index->count)
        qsort(index->items, (size_t)index->count, sizeof *index->items, by_use);
}

bool stile_cache_item_nvrtc(int root, const stile_cache_item *item, int *major, int *minor)
{
    enum { META_LIMIT = 64 << 10 };
    int folder = openat(root, item->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        return false;
    char *meta = NULL;
    size_t size;
    bool found = false;
    if (stile_cache_file_read(folder, STILE_CACHE_META, META_LIMIT, &meta, &size) == 0) {
        const char *line = strstr(meta, "\nnvrtc: ");
        int numbers[2];
        found = line && sscanf(line, "\nnvrtc: %4d.%4d\n", &numbers[0], &numbers[1]) == 2;
        if (found) {
            *major = numbers[0];
            *minor = numbers[1];
        }
    }
    free(meta);
    close(folder);
    return found;
}
