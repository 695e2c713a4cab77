/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel cache: compiled kernels by the hash of what they were compiled from.
 *
 *     <directory>/v1/<arch>/<kernel>-<hash>/kernel.{cu,cubin,log,meta}     (cache_entry.h)
 *
 * The key hashes source, options, architecture and format version. Entries are written aside,
 * synced and renamed into place; every read checks size and checksum and drops what does not match.
 * The least recently used are taken out where all together exceed $STILE_CACHE_SIZE (1 GiB) or the
 * disk is full. A fault of the cache is logged once and never fails a compile that could succeed.
 *
 * One process at a time compiles a key: it holds a lock of that name (cache_lock.h), others wait
 * and then read what it published. What happens is counted in the process and in the directory
 * (cache_stats.h).
 */
#ifndef STILE_RUNTIME_CACHE_H
#define STILE_RUNTIME_CACHE_H

#include <stile/stile.h>

#include "cache_location.h"
#include "compile.h"

typedef struct stile_cache stile_cache;

/*
 * Opens the cache in `directory`; where that is NULL or cannot be used, in the first usable one of
 * the default chain of stile_context_params.cache_dir; else in memory. `log` hears once of what had
 * to be passed over. Reads $STILE_JIT, $STILE_DUMP and $STILE_CACHE_SIZE. Errors: MEMORY.
 */
int stile_cache_open(stile_cache **out, const char *directory, stile_log_callback log,
                     void *log_user);
void stile_cache_close(stile_cache **cache);

/* The directory in use, or NULL: kernels are in memory only. New ones are where it is read-only. */
const char *stile_cache_directory(const stile_cache *cache);

/* Where it is; lives as long as the cache. */
const stile_cache_location *stile_cache_place(const stile_cache *cache);

/*
 * The cubin of `source` for `arch`: from the cache, else compiled and published. `name` is the
 * kernel's role name. Thread-safe. Errors: those of stile_compile; UNSUPPORTED where it would have
 * to compile and $STILE_JIT is "off".
 */
int stile_cache_get(stile_cache *cache, stile_cubin *out, const char *name, const char *source,
                    const stile_arch *arch);

/* How long to wait for another process that compiles a kernel, before compiling it here as well. */
void stile_cache_set_timeout(stile_cache *cache, int milliseconds);

stile_cache_counters stile_cache_count(const stile_cache *cache);

#endif
