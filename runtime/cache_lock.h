/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One compile per key across processes: file locks, released by the kernel when their holder dies.
 */
#ifndef STILE_RUNTIME_CACHE_LOCK_H
#define STILE_RUNTIME_CACHE_LOCK_H

/* The folder of locks, relative to the root. */
#define STILE_CACHE_LOCKS "locks"

typedef enum stile_cache_lock_result {
    STILE_CACHE_LOCKED,
    STILE_CACHE_LOCK_BUSY,        /* another process held it until the timeout */
    STILE_CACHE_LOCK_UNAVAILABLE, /* no such locks here; go on without */
} stile_cache_lock_result;

/* A held lock. */
typedef struct stile_cache_lock {
    int folder, file;
    char name[80];
} stile_cache_lock;

/* Waits up to `timeout_ms` for the lock of `key` below `root`. Release only what is LOCKED. */
stile_cache_lock_result stile_cache_lock_acquire(stile_cache_lock *out, int root, const char *key,
                                                 int timeout_ms);
void stile_cache_lock_release(stile_cache_lock *lock);

/*
 * Removes lock files that nobody holds and that are older than `age` seconds: of killed processes.
 */
void stile_cache_lock_clean(int root, int age);

#endif
