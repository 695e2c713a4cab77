/* SPDX-License-Identifier: Apache-2.0 */
/* stile completion: scripts that teach shells its commands and options. */
#include "completion.h"

#include <string.h>

#include "output.h"

bool stile_completion_choices(stile_text *out, const char *argument)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_|";
    int depth = 0;
    for (const char *c = argument; *c; c++) {
        depth += *c == '['; /* "cuda[:i]" allows "cuda" */
        if (!depth && !strchr(allowed, *c))
            return false;
        if (!depth && out)
            stile_text_append_bytes(out, *c == '|' ? " " : c, 1);
        depth -= *c == ']';
    }
    return *argument && *argument != '[';
}

stile_completion_kind stile_completion_kind_of(const stile_option *option)
{
    const char *argument = option->argument;
    if (!argument)
        return STILE_COMPLETION_NONE;
    if (stile_completion_choices(NULL, argument))
        return STILE_COMPLETION_CHOICES;
    if (strcmp(argument, "DIR") == 0)
        return STILE_COMPLETION_FOLDER;
    return strstr(argument, "FILE") || strstr(argument, ".npy") ? STILE_COMPLETION_FILE
                                                                : STILE_COMPLETION_OTHER;
}

const char *stile_completion_word(const stile_command *command)
{
    const char *space = strrchr(command->name, ' ');
    return space ? space + 1 : command->name;
}

void stile_completion_line(stile_text *out, const char *text, const char *escaped)
{
    for (; *text && *text != '\n'; text++) {
        if (strchr(escaped, *text))
            stile_text_append(out, "\\");
        stile_text_append_bytes(out, text, 1);
    }
}

static const struct {
    const char *name;
    void (*print)(stile_text *out);
} shells[] = {
    {"bash", stile_completion_bash},
    {"zsh", stile_completion_zsh},
    {"fish", stile_completion_fish},
};

static int run(const stile_arguments *arguments)
{
    const char *wanted = arguments->operands[0];
    stile_text text = {0};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].name, wanted) != 0)
            continue;
        shells[i].print(&text);
        return stile_emit(&text);
    }
    stile_print_error("there are completions for bash, zsh and fish, not for '%s'", wanted);
    return STILE_EXIT_USAGE;
}

const stile_command stile_command_completion = {
    .name = "completion",
    .synopsis = "bash|zsh|fish",
    .summary = "print a script that completes commands and options",
    .text = "Prints a completion script for a shell. An installed stile has it in place already;\n"
            "elsewhere: source <(stile completion bash), or stile completion fish | source.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
