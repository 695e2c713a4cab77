/* SPDX-License-Identifier: Apache-2.0 */
/* One compile per key across processes: a file lock, released by the kernel when its holder dies.
 */
#ifndef STILE_RUNTIME_CACHE_LOCK_H
#define STILE_RUNTIME_CACHE_LOCK_H

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

#endif
