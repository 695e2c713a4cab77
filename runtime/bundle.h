/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles: compiled kernels of chosen specs and architectures in one file, for processes that must
 * not or cannot compile. bundle_format.h describes the file; bundle_write.c writes it.
 *
 * A bundle is not trusted further than the kernel cache: opening it checks the size of the file,
 * the checksum of the index and every field in it, and each kernel is checked against its checksum
 * whenever it is read.
 */
#ifndef STILE_RUNTIME_BUNDLE_H
#define STILE_RUNTIME_BUNDLE_H

#include "arch.h"
#include "compile.h"
#include "sha256.h"
#include "text.h"

typedef struct stile_bundle stile_bundle;

/* Opens a file, which stays open. Errors: IO (also for what is wrong inside it), UNSUPPORTED
   (another version of the format), MEMORY. */
int stile_bundle_open(stile_bundle **out, const char *path);
void stile_bundle_close(stile_bundle **bundle);

const char *stile_bundle_path(const stile_bundle *bundle);

/* What wrote it: "stile 0.1.0". */
const char *stile_bundle_producer(const stile_bundle *bundle);

size_t stile_bundle_count(const stile_bundle *bundle);

typedef enum stile_bundle_read {
    STILE_BUNDLE_FOUND,
    STILE_BUNDLE_ABSENT, /* or no memory for it */
    STILE_BUNDLE_DAMAGED,
} stile_bundle_read;

/* Reads the kernel with this key (cache_entry.h) and checks it; sets *out only where it is FOUND.
   Thread-safe. */
stile_bundle_read stile_bundle_get(const stile_bundle *bundle, stile_cubin *out,
                                   const stile_digest *key);

/* A kernel to write. */
typedef struct stile_bundle_item {
    stile_digest key;
    stile_arch arch;
    const char *kernel; /* role name */
    const void *data;   /* the cubin */
    size_t size;
} stile_bundle_item;

/*
 * Appends the bytes of a bundle. Sorts `items`; of several with one key one stays, and *count says
 * how many there are then. The bytes depend on keys, cubins and the version of stile, not on the
 * order given. Errors: ARGUMENT (a name or number of kernels that a bundle cannot hold), MEMORY.
 */
int stile_bundle_pack(stile_text *out, stile_bundle_item *items, size_t *count);

#endif
