/* SPDX-License-Identifier: Apache-2.0 */
/* Where the kernel cache lives: the first directory of a chain that is safe and writable. */
#ifndef STILE_RUNTIME_CACHE_LOCATION_H
#define STILE_RUNTIME_CACHE_LOCATION_H

#include "text.h"

typedef struct stile_cache_location {
    char *path; /* absolute; NULL: no directory, kernels stay in memory */
    int root;   /* its folder v1, open; -1 without a directory */
} stile_cache_location;

/*
 * Tries `configured` (where not NULL), $STILE_CACHE_DIR, $XDG_CACHE_HOME/stile and
 * $HOME/.cache/stile; creates with mode 0700 what is missing. A directory is refused unless it
 * belongs to this user or to root and only its owner may write to it: a kernel from it will run.
 * Where a directory had to be passed over, `warning` says which and why. Errors: MEMORY; no usable
 * directory is none.
 */
int stile_cache_location_open(stile_cache_location *out, const char *configured,
                              stile_text *warning);
void stile_cache_location_close(stile_cache_location *location);

#endif
