/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stile/error.h>

#include "file_write.h"

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

int stile_write_file(const char *path, const char *data, size_t size)
{
    const int problem = stile_file_write(path, &(stile_file_part){data, size}, 1);
    if (!problem)
        return STILE_EXIT_OK;
    stile_print_error("%s: cannot be written: %s", path, strerror(problem));
    return STILE_EXIT_FAILURE;
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
