/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stile/error.h>

static void print_message(const char *prefix, const char *format, va_list arguments)
{
    stile_print_progress("%s", "");
    fflush(stdout); /* keeps the order of results and messages on a terminal */
    fputs(prefix, stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void stile_print_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message("stile: error: ", format, arguments);
    va_end(arguments);
}

void stile_print_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message("stile: ", format, arguments);
    va_end(arguments);
}

int stile_exit_of(int error)
{
    switch (error) {
    case STILE_OK:
        return STILE_EXIT_OK;
    case STILE_ERROR_ARGUMENT:
    case STILE_ERROR_SPEC:
    case STILE_ERROR_IO: /* of an input: outputs are written by the functions below */
        return STILE_EXIT_USAGE;
    case STILE_ERROR_UNSUPPORTED:
        return STILE_EXIT_ENVIRONMENT;
    default:
        return STILE_EXIT_FAILURE;
    }
}

int stile_report_failure(int error, const char *prefix)
{
    const char *text = stile_last_error();
    if (!*text)
        text = stile_error_string(error);
    if (prefix)
        stile_print_error("%s: %s", prefix, text);
    else
        stile_print_error("%s", text);
    return stile_exit_of(error);
}

int stile_emit(stile_text *text)
{
    bool failed = text->failed;
    if (failed)
        stile_print_error("out of memory");
    else if (text->data)
        fwrite(text->data, 1, text->size, stdout);
    stile_text_free(text);
    return failed ? STILE_EXIT_FAILURE : STILE_EXIT_OK;
}

bool stile_can_create(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        if (S_ISDIR(status.st_mode))
            stile_print_error("%s: is a directory, but must be a file to write", path);
        return !S_ISDIR(status.st_mode);
    }
    char *copy = strdup(path);
    if (!copy) {
        stile_print_error("out of memory");
        return false;
    }
    bool ok = access(dirname(copy), W_OK | X_OK) == 0;
    if (!ok)
        stile_print_error("%s: cannot be written: %s", path, strerror(errno));
    free(copy);
    return ok;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

/* Into a device or pipe, which cannot be replaced. */
static bool write_in_place(const char *path, const char *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write_all(fd, data, size);
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    return ok;
}

static bool write_aside(const char *path, const char *data, size_t size)
{
    stile_text aside = {0};
    stile_text_appendf(&aside, "%s.XXXXXX", path);
    if (aside.failed) {
        errno = ENOMEM;
        return false;
    }
    int fd = mkostemp(aside.data, O_CLOEXEC), error = errno;
    bool ok = fd >= 0;
    if (ok) {
        mode_t mask = umask(0); /* mkostemp makes private files; results are ordinary ones */
        umask(mask);
        ok = write_all(fd, data, size) && fchmod(fd, 0666 & ~mask) == 0;
        ok = close(fd) == 0 && ok;
        ok = ok && rename(aside.data, path) == 0;
        error = errno;
        if (!ok)
            unlink(aside.data);
    }
    stile_text_free(&aside);
    errno = error;
    return ok;
}

int stile_write_file(const char *path, const char *data, size_t size)
{
    struct stat status;
    bool special = stat(path, &status) == 0 && !S_ISREG(status.st_mode);
    if (special ? write_in_place(path, data, size) : write_aside(path, data, size))
        return STILE_EXIT_OK;
    stile_print_error("%s: cannot be written: %s", path, strerror(errno));
    return STILE_EXIT_FAILURE;
}

int stile_emit_json(const stile_arguments *arguments, stile_text *text)
{
    const char *path = stile_argument(arguments, "json");
    if (!path || !*path || strcmp(path, "-") == 0 || text->failed)
        return stile_emit(text);
    int result = stile_write_file(path, text->data, text->size);
    stile_text_free(text);
    return result;
}

int stile_finish_output(void)
{
    stile_print_progress("%s", "");
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return STILE_EXIT_OK;
    stile_print_error("stdout cannot be written: %s", errno ? strerror(errno) : "output was lost");
    return STILE_EXIT_FAILURE;
}
