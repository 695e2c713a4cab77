/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What the cache writes is one folder deep; a little more is removed if it is found. */
enum { REMOVE_DEPTH = 4, DAY_SECONDS = 24 * 60 * 60 };

void stile_cache_temporary_name(char out[static 64])
{
    uint64_t random;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        struct timespec now; /* early boot: the place of `now` differs between threads */
        clock_gettime(CLOCK_REALTIME, &now);
        random = (uint64_t)now.tv_nsec * 2654435761u ^ (uint64_t)(uintptr_t)&now;
    }
    snprintf(out, 64, STILE_CACHE_TEMPORARY "%ld-%016" PRIx64, (long)getpid(), random);
}

static int read_all(int file, char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t part = read(file, data + done, size - done);
        if (part == 0)
            return EIO; /* shorter than it was a moment ago */
        if (part > 0)
            done += (size_t)part;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

int stile_cache_file_read(int directory, const char *name, size_t limit, char **data, size_t *size)
{
    /* Non-blocking: a FIFO in a file's place must not hang us. */
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return errno;
    int error = 0;
    char *bytes = NULL;
    struct stat status;
    if (fstat(file, &status) != 0)
        error = errno;
    else if (!S_ISREG(status.st_mode))
        error = EISDIR;
    else if ((uintmax_t)status.st_size > limit)
        error = EFBIG;
    if (error)
        goto done;

    bytes = malloc((size_t)status.st_size + 1);
    error = bytes ? read_all(file, bytes, (size_t)status.st_size) : ENOMEM;
    if (error)
        goto done;
    bytes[status.st_size] = '\0';
    *data = bytes;
    *size = (size_t)status.st_size;
    bytes = NULL;
done:
    free(bytes);
    close(file);
    return error;
}

int stile_cache_file_write(int directory, const char *name, const void *data, size_t size)
{
    int file = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return errno;
    int error = 0;
    for (size_t done = 0; done < size && !error;) {
        ssize_t part = write(file, (const char *)data + done, size - done);
        if (part >= 0)
            done += (size_t)part;
        else if (errno != EINTR)
            error = errno;
    }
    if (!error && fsync(file) != 0 && errno != EINVAL) /* EINVAL: a file system without it */
        error = errno;
    if (close(file) != 0 && !error)
        error = errno;
    return error;
}

int stile_cache_folder_open(int directory, const char *name, int *out)
{
    if (mkdirat(directory, name, 0700) != 0 && errno != EEXIST)
        return errno;
    int folder = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return errno;
    *out = folder;
    return 0;
}

bool stile_cache_file_is_current(int directory, const char *name, int file)
{
    struct stat ours, named;
    return fstat(file, &ours) == 0 && fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

DIR *stile_cache_list(int directory, const char *name)
{
    int folder = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *listing = folder < 0 ? NULL : fdopendir(folder);
    if (!listing && folder >= 0) {
        int error = errno;
        close(folder);
        errno = error;
    }
    return listing;
}

const char *stile_cache_list_next(DIR *listing)
{
    for (struct dirent *item; (item = readdir(listing));) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
            return item->d_name;
    }
    return NULL;
}

static int remove_tree(int directory, const char *name, int depth)
{
    if (unlinkat(directory, name, 0) == 0)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return errno;
    DIR *listing = stile_cache_list(directory, name);
    if (!listing)
        return errno;
    if (depth > 0) {
        for (const char *child; (child = stile_cache_list_next(listing));)
            remove_tree(dirfd(listing), child, depth - 1);
    }
    closedir(listing);
    return unlinkat(directory, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

int stile_cache_remove(int directory, const char *name)
{
    return remove_tree(directory, name, REMOVE_DEPTH);
}

bool stile_cache_is_older(int directory, const char *name, int64_t age)
{
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    int64_t away = (int64_t)time(NULL) - (int64_t)status.st_mtime;
    return away > age || away < -age;
}

/* Whether the process that made a temporary is gone, as far as its lock tells. */
static bool is_abandoned(int directory, const char *name, int64_t age)
{
    if (!stile_cache_is_older(directory, name, age))
        return false;
    int folder = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool locked = folder >= 0 && flock(folder, LOCK_EX | LOCK_NB) == 0;
    bool alive = folder >= 0 && !locked && errno == EWOULDBLOCK;
    if (folder >= 0)
        close(folder);
    return locked || (!alive && stile_cache_is_older(directory, name, DAY_SECONDS));
}

void stile_cache_remove_abandoned(int directory, const char *name, int64_t age)
{
    DIR *listing = stile_cache_list(directory, name);
    if (!listing)
        return;
    const int folder = dirfd(listing);
    for (const char *item; (item = stile_cache_list_next(listing));) {
        if (strncmp(item, STILE_CACHE_TEMPORARY, strlen(STILE_CACHE_TEMPORARY)) == 0 &&
            is_abandoned(folder, item, age))
            stile_cache_remove(folder, item);
    }
    closedir(listing);
}
