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

/* Whether two paths are one regular file, or would be. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    if (stat(a, &x) != 0 || stat(b, &y) != 0)
        return strcmp(a, b) == 0;
    return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What else the command line names `path` as: an option, an operand (""), or nothing (NULL). */
static const char *other_use(const stile_arguments *arguments, const char *path)
{
    for (int i = 0; i < arguments->operand_count; i++) {
        if (is_same_file(arguments->operands[i], path))
            return "";
    }
    const stile_option *options = arguments->command->options;
    for (int i = 0; options && options[i].name; i++) {
        const char *value = arguments->values[i];
        if (value && value != path && *value && is_same_file(value, path))
            return options[i].name;
    }
    return NULL;
}

/* Whether files can be made in the folder of `path`. */
static bool is_folder_writable(const char *path)
{
    char *copy = strdup(path);
    if (!copy) {
        stile_print_error("out of memory");
        return false;
    }
    const char *folder = dirname(copy);
    struct stat status;
    bool ok = false;
    const int error = stat(folder, &status) == 0 ? 0 : errno;
    if (error == ENOENT)
        stile_print_error("%s: cannot be written: there is no folder %s", path, folder);
    else if (error)
        stile_print_error("%s: cannot be written: the folder %s: %s", path, folder,
                          strerror(error));
    else if (!S_ISDIR(status.st_mode))
        stile_print_error("%s: cannot be written: %s is not a folder", path, folder);
    else if (access(folder, W_OK | X_OK) != 0)
        stile_print_error("%s: cannot be written: nothing can be written into the folder %s: %s",
                          path, folder, strerror(errno));
    else
        ok = true;
    free(copy);
    return ok;
}

bool stile_can_create(const stile_arguments *arguments, const char *path)
{
    struct stat status;
    const char *other = other_use(arguments, path);
    if (other) {
        stile_print_error(
            "%s: would be overwritten, but is also %s%s: choose another file to write", path,
            *other ? "--" : "the input", other);
        return false;
    }
    if (stat(path, &status) != 0 || S_ISREG(status.st_mode))
        return is_folder_writable(path);
    if (S_ISDIR(status.st_mode))
        stile_print_error("%s: is a directory, but must be a file to write", path);
    return !S_ISDIR(status.st_mode);
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
