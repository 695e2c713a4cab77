/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the kernel cache. Names are relative to an open directory, so that nothing moves under
 * the feet of a check. Results are 0 or an errno value; no function sets the thread's error.
 */
#ifndef STILE_RUNTIME_CACHE_FILE_H
#define STILE_RUNTIME_CACHE_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins the name of everything that is being written or about to be deleted. */
#define STILE_CACHE_TEMPORARY ".tmp-"

/* A name for such a thing: unique among processes, machines that share the directory included. */
void stile_cache_temporary_name(char out[static 64]);

/* A regular file of at most `limit` bytes (EFBIG past that), with a NUL added; free *data. */
int stile_cache_file_read(int directory, const char *name, size_t limit, char **data, size_t *size);

/* Creates or overwrites a file and waits until it is on disk. */
int stile_cache_file_write(int directory, const char *name, const void *data, size_t size);

/* Opens a directory in `directory`, made with mode 0700 where it is missing; close *out. */
int stile_cache_folder_open(int directory, const char *name, int *out);

/* Whether the open `file` still is the one called `name`, a folder just as well. */
bool stile_cache_file_is_current(int directory, const char *name, int file);

/* Opens a folder (no link to one) for reading its names; closedir it. NULL with errno. */
DIR *stile_cache_list(int directory, const char *name);

/* The next name, in no order, but for "." and ".."; NULL behind the last. */
const char *stile_cache_list_next(DIR *listing);

/* Removes a file, or a folder and what is in it. ENOENT where there is none. */
int stile_cache_remove(int directory, const char *name);

/*
 * Whether the last change of `name` is more than `age` seconds away from now: also in the future,
 * since a clock may have been set back since.
 */
bool stile_cache_is_older(int directory, const char *name, int64_t age);

/*
 * Removes the temporary folders in folder `name` whose writers are gone: those that nobody holds a
 * flock on and that are older than `age` seconds, or than a day where there are no locks.
 */
void stile_cache_remove_abandoned(int directory, const char *name, int64_t age);

#endif
