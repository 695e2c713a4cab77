/* SPDX-License-Identifier: Apache-2.0 */
#include "file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

enum { ATTEMPTS = 100 }; /* names left behind by killed processes, at the most */

static int write_all(int file, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(file, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

/* Writes everything and closes `file` in any case. */
static int fill(int file, const stile_file_part *parts, int count, bool sync)
{
    int error = 0;
    for (int i = 0; i < count && !error; i++)
        error = write_all(file, parts[i].data, parts[i].size);
    if (!error && sync && fsync(file) != 0 && errno != EINVAL) /* EINVAL: the disk has none */
        error = errno;
    if (close(file) != 0 && !error)
        error = errno;
    return error;
}

/* Opens a new file beside `path`; `aside` becomes its name. */
static int open_aside(const char *path, stile_text *aside, int *out)
{
    static _Atomic unsigned counter; /* so that two threads do not meet */
    const char *slash = strrchr(path, '/');
    const size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        stile_text_free(aside);
        stile_text_append_bytes(aside, path, folder);
        stile_text_appendf(aside, ".stile-%ld-%u.tmp", (long)getpid(),
                           atomic_fetch_add(&counter, 1));
        if (aside->failed)
            return ENOMEM;
        *out = open(aside->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*out >= 0)
            return 0;
        if (errno != EEXIST)
            return errno;
    }
    return EEXIST;
}

static int write_aside(const char *path, const stile_file_part *parts, int count)
{
    stile_text aside = {0};
    int file;
    int error = open_aside(path, &aside, &file);
    if (!error) {
        error = fill(file, parts, count, true);
        if (!error && rename(aside.data, path) != 0)
            error = errno;
        if (error)
            unlink(aside.data);
    }
    stile_text_free(&aside);
    return error;
}

int stile_file_write(const char *path, const stile_file_part *parts, int count)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return write_aside(path, parts, count);
    if (!S_ISREG(status.st_mode)) {
        const int file = open(path, O_WRONLY | O_CLOEXEC);
        return file < 0 ? errno : fill(file, parts, count, false);
    }
    char *real = realpath(path, NULL);
    const int error = real ? write_aside(real, parts, count) : errno;
    free(real);
    return error;
}
