/* SPDX-License-Identifier: Apache-2.0 */
/* Where the kernel cache lives: the first directory of a chain that is safe and writable. */
#ifndef STILE_RUNTIME_CACHE_LOCATION_H
#define STILE_RUNTIME_CACHE_LOCATION_H

#include "text.h"

/* Directories are absolute paths, roots their folders v1, open; NULL and -1 where there is none. */
typedef struct stile_cache_location {
    char *path; /* kernels are read and written here; NULL: new ones stay in memory */
    int root;
    char *read_only_path; /* the first directory ahead of `path` that can only be read */
    int read_only_root;
} stile_cache_location;

/*
 * Tries `configured` (where not NULL), $STILE_CACHE_DIR, $XDG_CACHE_HOME/stile, $HOME/.cache/stile
 * and stile-<user id> in $TMPDIR or /tmp; creates with mode 0700 what is missing. A directory is
 * refused unless it belongs to this user or to root and only its owner may write to it, for a
 * kernel from it will run; the temporary one must be this user's and closed to all others. Where a
 * directory had to be passed over or can only be read, `warning` says which and why. Errors:
 * MEMORY; no usable directory is none.
 */
int stile_cache_location_open(stile_cache_location *out, const char *configured,
                              stile_text *warning);

/* The directory that kernels come from, or NULL: they are in memory only. */
const char *stile_cache_location_path(const stile_cache_location *location);

void stile_cache_location_close(stile_cache_location *location);

#endif
