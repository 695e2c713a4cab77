/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <stdio.h>
#include <string.h>

#include <stile/version.h>

#include "nearest.h"
#include "text.h"
#include "output.h"

enum { OPTION_COLUMN = 26, COMMAND_COLUMN = 14 };

/* Writes `meaning` from column `column` on, each of its lines. */
static void print_meaning(const char *meaning, int used, int column)
{
    if (used + 2 > column) {
        putchar('\n');
        used = 0;
    }
    while (meaning) {
        const char *end = strchr(meaning, '\n');
        int length = end ? (int)(end - meaning) : (int)strlen(meaning);
        printf("%*s%.*s\n", column - used, "", length, meaning);
        used = 0;
        meaning = end ? end + 1 : NULL;
    }
}

static void print_option(const stile_option *option)
{
    int used = option->letter ? printf("  -%c, --%s", option->letter, option->name)
                              : printf("  --%s", option->name);
    if (option->argument)
        used += printf(" %s", option->argument);
    print_meaning(option->meaning, used, OPTION_COLUMN);
}

static void print_commands(const stile_command *const *commands)
{
    int column = COMMAND_COLUMN;
    for (const stile_command *const *c = commands; *c; c++) {
        int used = printf("  %s", (*c)->name);
        print_meaning((*c)->summary, used, column);
    }
}

void stile_help_program(void)
{
    printf(
        "usage: stile COMMAND [options]\n\n"
        "Generates, compiles and runs CUDA kernels for Strassen-Tile operators from YAML specs.\n\n"
        "Commands:\n");
    print_commands(stile_commands);
    printf("\nOptions:\n"
           "  --help      this text; stile COMMAND --help tells more about a command\n"
           "  --version   the version of the program\n\n"
           "Results go to stdout, messages to stderr. Exit status: 0 success, 1 a check failed,\n"
           "2 wrong usage or bad input, 3 the environment lacks something, 4 internal or device\n"
           "failure; over several specs the worst.\n");
}

void stile_help_command(const stile_command *command)
{
    printf("usage: stile %s%s%s\n\n%s\n", command->name, *command->synopsis ? " " : "",
           command->synopsis, command->text ? command->text : command->summary);
    if (command->subcommands) {
        printf("\nCommands:\n");
        print_commands(command->subcommands);
    }
    printf("\nOptions:\n");
    for (const stile_option *o = command->options; o && o->name; o++)
        print_option(o);
    print_option(&(stile_option){"help", 'h', NULL, "this text"});
}

void stile_help_hint(const stile_command *command)
{
    fprintf(stderr, "usage: stile %s%s%s\nstile %s --help tells more.\n", command->name,
            *command->synopsis ? " " : "", command->synopsis, command->name);
}

const stile_command *stile_nearest_command(const stile_command *const *commands, const char *word)
{
    const char *names[32] = {NULL};
    int count = 0;
    for (; commands[count] && count < 32; count++) {
        const char *space = strrchr(commands[count]->name, ' ');
        names[count] = space ? space + 1 : commands[count]->name;
    }
    const char *near = stile_nearest(names, count, word, strlen(word));
    for (int i = 0; near && i < count; i++) {
        if (names[i] == near)
            return commands[i];
    }
    return NULL;
}
