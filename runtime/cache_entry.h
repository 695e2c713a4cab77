/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry of the kernel cache, a folder <arch>/<kernel>-<key> of four files:
 *
 *     kernel.cu     the source
 *     kernel.cubin  what was compiled from it
 *     kernel.log    the compiler's messages
 *     kernel.meta   lines of "name: value": what the entry is of, sizes and SHA-256 of the others,
 *                   versions of NVRTC and stile; last, the SHA-256 of the lines before
 *
 * An entry is either whole or damaged: any byte of the four that is not as it was written shows.
 * When it was used last stands in times of modification: the folder's is a stamp (cache_stats.h),
 * which orders uses; that of kernel.meta is the wall clock's, for people.
 */
#ifndef STILE_RUNTIME_CACHE_ENTRY_H
#define STILE_RUNTIME_CACHE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch.h"
#include "compile.h"
#include "sha256.h"

/* The file of an entry that says what it is of. */
#define STILE_CACHE_META "kernel.meta"

/* What an entry is of. `kernel` and `source` belong to the caller. */
typedef struct stile_cache_entry {
    const char *kernel, *source;
    size_t source_size;
    stile_arch arch;
    char options[256]; /* separated by spaces */
    stile_digest key;  /* of format version, architecture, options and source */
    char folder[192];  /* relative to the root */
} stile_cache_entry;

/* Errors: ARGUMENT (`kernel` is no file name of [A-Za-z0-9_], at most 64 characters). */
int stile_cache_entry_init(stile_cache_entry *out, const char *kernel, const char *source,
                           const stile_arch *arch);

typedef enum stile_cache_read {
    STILE_CACHE_FOUND,
    STILE_CACHE_ABSENT, /* or not readable now: taken out, too many open files, no memory */
    STILE_CACHE_DAMAGED,
} stile_cache_read;

/* Sets *out only where the entry is FOUND and whole. */
stile_cache_read stile_cache_entry_read(stile_cubin *out, int root, const stile_cache_entry *entry);

/*
 * Checks an entry whose source is not known, by its folder relative to `root`. What is not FOUND
 * leaves a reason in *reason, static text.
 */
stile_cache_read stile_cache_entry_check(int root, const char *folder, const char **reason);

/* What the name of an entry says, "<arch>/<kernel>-<key>". */
typedef struct stile_cache_folder {
    char arch[16], kernel[65];
    stile_digest key;
} stile_cache_folder;

/* False, with *out untouched, where this is no name of an entry. */
bool stile_cache_folder_parse(stile_cache_folder *out, const char *folder);

/* Whether a name is that of a folder of entries: "sm_90a". */
bool stile_cache_is_arch(const char *name);

/*
 * Publishes an entry, used at `stamp`: written aside, synced, renamed. 0 also where another process
 * was faster; else an errno value, nothing being left behind. Sets no error of the thread.
 */
int stile_cache_entry_write(int root, const stile_cache_entry *entry, const stile_cubin *cubin,
                            uint64_t stamp);

/* Records a use at `stamp`. A failure does not matter. */
void stile_cache_entry_touch(int root, const char *folder, uint64_t stamp);

/* Takes an entry out: renamed aside, so that no reader sees half of it, then deleted. */
int stile_cache_entry_drop(int root, const char *folder);

#endif
