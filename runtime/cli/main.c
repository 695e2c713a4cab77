/* SPDX-License-Identifier: Apache-2.0 */
/* The program `stile`: finds the command, and never calls lost output success. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <stile/version.h>

#include "command.h"
#include "output.h"

/*
 * A closed stdin, stdout or stderr would let the next file opened take its number, and results end
 * up in it. The stand-in is opened the wrong way round, so that using it still is an error.
 */
static void occupy_standard_streams(void)
{
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return;
    }
}

static int run_command(int count, char *const *words)
{
    const char *word = words[0];
    if (strcmp(word, "--version") == 0) {
        printf("stile %s\n", stile_version());
        return STILE_EXIT_OK;
    }
    bool help = strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
    if (help || (strcmp(word, "help") == 0 && count == 1)) {
        stile_help_program();
        return STILE_EXIT_OK;
    }
    for (const stile_command *const *command = stile_commands; *command; command++) {
        if (strcmp((*command)->name, word) == 0)
            return stile_command_main(*command, count - 1, words + 1);
        if (strcmp(word, "help") == 0 && strcmp((*command)->name, words[1]) == 0) {
            stile_help_command(*command);
            return STILE_EXIT_OK;
        }
    }
    if (word[0] == '-') {
        stile_print_error("unknown option %s before the command", word);
    } else {
        if (strcmp(word, "help") == 0)
            word = words[1];
        const stile_command *near = stile_nearest_command(stile_commands, word);
        if (near)
            stile_print_error("unknown command '%s': did you mean %s?", word, near->name);
        else
            stile_print_error("unknown command '%s'", word);
    }
    fputs("stile --help lists the commands.\n", stderr);
    return STILE_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, not a death */
    if (argc < 2) {
        fputs("usage: stile COMMAND [options]\nstile --help lists the commands.\n", stderr);
        return STILE_EXIT_USAGE;
    }
    int result = run_command(argc - 1, argv + 1);
    int finished = stile_finish_output();
    return finished > result ? finished : result;
}
