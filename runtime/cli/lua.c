/* SPDX-License-Identifier: Apache-2.0 */
/* stile lua: scripts with the operations of stile (docs/lua.md). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "output.h"
#include "script/script.h"

/* A script that is not there is wrong usage, not an error that the script raised. */
static bool is_readable(const char *path)
{
    if (strcmp(path, "-") == 0)
        return true;
    struct stat status;
    const int error = stat(path, &status) != 0  ? errno
                      : S_ISDIR(status.st_mode) ? EISDIR
                      : access(path, R_OK) != 0 ? errno
                                                : 0;
    if (error)
        stile_print_error("%s: the script cannot be read: %s", path, strerror(error));
    return !error;
}

static int run(const stile_arguments *arguments)
{
    enum { BEFORE = 2 };
    if (!is_readable(arguments->operands[0]))
        return STILE_EXIT_USAGE;
    int count = arguments->operand_count + BEFORE;
    const char **words = calloc((size_t)count, sizeof *words);
    if (!words) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    words[0] = "stile";
    words[1] = "lua";
    for (int i = BEFORE; i < count; i++)
        words[i] = arguments->operands[i - BEFORE];
    stile_text report = {0};
    int error = stile_script_run(words, count, BEFORE, &report);
    int result = STILE_EXIT_OK;
    if (error && report.data && !report.failed) {
        stile_print_error("%s", report.data);
        result = STILE_EXIT_CHECK_FAILED;
    } else if (error) {
        result = stile_report_failure(error, NULL);
    }
    stile_text_free(&report);
    free(words);
    return result;
}

const stile_command stile_command_lua = {
    .name = "lua",
    .synopsis = "SCRIPT [ARGUMENT...]",
    .summary = "run a Lua script with the operations of stile",
    .text =
        "Runs a Lua 5.4 script, which finds the operations of stile in the global table stile and\n"
        "its arguments in arg, as with the program lua. A script is a program of its user's: it\n"
        "has the whole standard library. SCRIPT - reads the script from stdin. Exit status 1\n"
        "where the script raises an error, else its own.",
    .operands_end_options = true,
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
