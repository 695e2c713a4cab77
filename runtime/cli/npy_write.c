/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "npy_header.h"

static bool write_all(int fd, const void *data, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        data = (const char *)data + written;
        size -= (size_t)written;
    }
    return true;
}

typedef struct content {
    const char *header;
    size_t header_size;
    const void *data;
    size_t data_size;
} content;

/* Writes everything and closes `fd` in any case. */
static bool write_content(int fd, const content *c, bool sync)
{
    bool ok = write_all(fd, c->header, c->header_size) && write_all(fd, c->data, c->data_size) &&
              (!sync || fsync(fd) == 0);
    const int error = errno;
    if (close(fd) != 0 && ok)
        return false;
    errno = error;
    return ok;
}

/* Opens a new file beside `path`, with permissions by the umask; `aside` becomes its name. */
static int open_aside(const char *path, stile_text *aside)
{
    static _Atomic unsigned counter; /* so that two threads do not meet */
    const char *slash = strrchr(path, '/');
    const int folder = slash ? (int)(slash + 1 - path) : 0;
    for (int attempt = 0; attempt < 100; attempt++) {
        stile_text_free(aside);
        stile_text_appendf(aside, "%.*s.stile-%ld-%u.tmp", folder, path, (long)getpid(),
                           atomic_fetch_add(&counter, 1));
        if (aside->failed) {
            errno = ENOMEM;
            return -1;
        }
        const int fd = open(aside->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static bool write_aside(const char *path, const content *c)
{
    stile_text aside = {0};
    const int fd = open_aside(path, &aside);
    bool ok = fd >= 0;
    if (ok) {
        ok = write_content(fd, c, true) && rename(aside.data, path) == 0;
        if (!ok) {
            const int error = errno;
            unlink(aside.data);
            errno = error;
        }
    }
    const int error = errno;
    stile_text_free(&aside);
    errno = error;
    return ok;
}

/* A link is followed, so that the file it names is replaced and not the link. */
static bool write_file(const char *path, const content *c)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return write_aside(path, c);
    if (!S_ISREG(status.st_mode)) {
        const int fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd >= 0 && write_content(fd, c, false);
    }
    char *real = realpath(path, NULL);
    const bool ok = real && write_aside(real, c);
    const int error = errno;
    free(real);
    errno = error;
    return ok;
}

int stile_npy_write(const char *path, stile_npy_dtype dtype, int rank, const int64_t *dims,
                    const void *data)
{
    if (rank < 1 || rank > STILE_NPY_MAX_RANK)
        return stile_fail(STILE_ERROR_ARGUMENT, "%s: %d dimensions cannot be written: 1 to %d can",
                          path, rank, STILE_NPY_MAX_RANK);
    size_t bytes = (size_t)stile_npy_dtype_size(dtype);
    for (int i = 0; i < rank; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(bytes, (size_t)dims[i], &bytes))
            return stile_fail(STILE_ERROR_ARGUMENT, "%s: the shape cannot be that of an array",
                              path);
    stile_text header = {0};
    stile_npy_header_print(&header, dtype, rank, dims);
    const content c = {header.data, header.size, data, bytes};
    int error = 0;
    if (header.failed)
        error = stile_fail_memory();
    else if (!write_file(path, &c))
        error = stile_fail(STILE_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
    stile_text_free(&header);
    return error;
}
