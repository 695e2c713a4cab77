/* SPDX-License-Identifier: Apache-2.0 */
/* Result files: their readers find the old one or the whole new one, never half of it. */
#ifndef STILE_RUNTIME_FILE_WRITE_H
#define STILE_RUNTIME_FILE_WRITE_H

#include <stddef.h>

/* A stretch of a file's bytes. */
typedef struct stile_file_part {
    const void *data;
    size_t size;
} stile_file_part;

/*
 * Writes a file of these parts, one behind the other: aside in the same folder, synced, then
 * renamed over `path`, with permissions by the umask. A link is followed: the file it names is
 * replaced. What is no regular file (a pipe, /dev/stdout) is written directly. Returns 0 or an
 * errno value, nothing being left behind; sets no error of the thread. Thread-safe.
 */
int stile_file_write(const char *path, const stile_file_part *parts, int count);

#endif
