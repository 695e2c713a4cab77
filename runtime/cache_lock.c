/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cache_file.h"

#define LOCK_SUFFIX ".lock"

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One attempt, without waiting. */
static stile_cache_lock_result try_lock(int folder, const char *name, int *out)
{
    int file = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return STILE_CACHE_LOCK_UNAVAILABLE;
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        bool busy = errno == EWOULDBLOCK || errno == EINTR;
        close(file);
        return busy ? STILE_CACHE_LOCK_BUSY : STILE_CACHE_LOCK_UNAVAILABLE;
    }
    /* A holder removes the name before it lets go. */
    if (!stile_cache_file_is_current(folder, name, file)) {
        close(file);
        return STILE_CACHE_LOCK_BUSY;
    }
    *out = file;
    return STILE_CACHE_LOCKED;
}

stile_cache_lock_result stile_cache_lock_acquire(stile_cache_lock *out, int root, const char *key,
                                                 int timeout_ms)
{
    stile_cache_lock lock = {.folder = -1, .file = -1};
    snprintf(lock.name, sizeof lock.name, "%.64s" LOCK_SUFFIX, key);
    if (stile_cache_folder_open(root, STILE_CACHE_LOCKS, &lock.folder))
        return STILE_CACHE_LOCK_UNAVAILABLE;

    /* Polled, since a blocking flock knows no timeout but a signal. */
    const int64_t deadline = now_ms() + timeout_ms;
    stile_cache_lock_result result;
    for (int wait_ms = 1;; wait_ms = wait_ms < 32 ? wait_ms * 2 : wait_ms) {
        result = try_lock(lock.folder, lock.name, &lock.file);
        if (result != STILE_CACHE_LOCK_BUSY || now_ms() >= deadline)
            break;
        nanosleep(&(struct timespec){.tv_nsec = wait_ms * 1000000L}, NULL);
    }
    if (result == STILE_CACHE_LOCKED)
        *out = lock;
    else
        close(lock.folder);
    return result;
}

void stile_cache_lock_release(stile_cache_lock *lock)
{
    unlinkat(lock->folder, lock->name, 0);
    close(lock->file);
    close(lock->folder);
}

void stile_cache_lock_clean(int root, int age)
{
    DIR *listing = stile_cache_list(root, STILE_CACHE_LOCKS);
    if (!listing)
        return;
    const int folder = dirfd(listing);
    for (const char *name; (name = stile_cache_list_next(listing));) {
        const char *suffix = strrchr(name, '.');
        int file;
        if (suffix && strcmp(suffix, LOCK_SUFFIX) == 0 &&
            stile_cache_is_older(folder, name, age) &&
            try_lock(folder, name, &file) == STILE_CACHE_LOCKED) {
            unlinkat(folder, name, 0);
            close(file);
        }
    }
    closedir(listing);
}
