/* SPDX-License-Identifier: Apache-2.0 */
/* Fish: a line for each command and option, with the condition under which it is offered. */
#include "completion.h"

static const char HEAD[] = "# Completion of stile for fish; made by: stile completion fish\n"
                           "\n"
                           "# Whether the words so far, options left out, begin with $argv.\n"
                           "function __stile_command\n"
                           "    set -l words (commandline -opc | string match -v -- '-*')\n"
                           "    set -e words[1]\n"
                           "    set -l length (count $argv)\n"
                           "    test (count $words) -ge $length\n"
                           "    and test \"$words[1..$length]\" = \"$argv\"\n"
                           "end\n"
                           "\n"
                           "# Whether they are just $argv, so that the next word is a command.\n"
                           "function __stile_expects\n"
                           "    set -l words (commandline -opc | string match -v -- '-*')\n"
                           "    set -e words[1]\n"
                           "    test \"$words\" = \"$argv\"\n"
                           "end\n"
                           "\n";

static void print_quoted(stile_text *out, const char *text)
{
    stile_text_append(out, "'");
    stile_completion_line(out, text, "'\\");
    stile_text_append(out, "'");
}

/* `group` names the command that these belong to, "" for the program. */
static void print_commands(stile_text *out, const char *group, const stile_command *const *commands)
{
    for (; *commands; commands++) {
        stile_text_appendf(out, "complete -c stile -f -n '__stile_expects %s' -a %s -d ", group,
                           stile_completion_word(*commands));
        print_quoted(out, (*commands)->summary);
        stile_text_append(out, "\n");
    }
}

static void print_leaf(stile_text *out, const stile_command *command)
{
    bool choices = stile_completion_choices(NULL, command->synopsis);
    if (choices || !command->max_operands) {
        stile_text_appendf(out, "complete -c stile -f -n '__stile_command %s' -a '", command->name);
        if (choices)
            stile_completion_choices(out, command->synopsis);
        stile_text_append(out, "'\n");
    }
    for (const stile_option *o = command->options; o && o->name; o++) {
        stile_completion_kind kind = stile_completion_kind_of(o);
        stile_text_appendf(out, "complete -c stile -n '__stile_command %s' -l %s", command->name,
                           o->name);
        if (o->letter)
            stile_text_appendf(out, " -s %c", o->letter);
        if (kind == STILE_COMPLETION_CHOICES) {
            stile_text_append(out, " -x -a '");
            stile_completion_choices(out, o->argument);
            stile_text_append(out, "'");
        } else if (kind == STILE_COMPLETION_FOLDER) {
            stile_text_append(out, " -x -a '(__fish_complete_directories)'");
        } else if (kind == STILE_COMPLETION_FILE) {
            stile_text_append(out, o->argument[0] == '[' ? "" : " -r -F");
        } else if (kind == STILE_COMPLETION_OTHER) {
            stile_text_append(out, o->argument[0] == '[' ? "" : " -x");
        }
        stile_text_append(out, " -d ");
        print_quoted(out, o->meaning);
        stile_text_append(out, "\n");
    }
}

void stile_completion_fish(stile_text *out)
{
    stile_text_append(out, HEAD);
    stile_text_append(out, "complete -c stile -l help -s h -d 'tell more'\n");
    stile_text_append(out, "complete -c stile -f -n '__stile_expects' -l version -d "
                           "'the version of the program'\n");
    print_commands(out, "", stile_commands);
    for (const stile_command *const *c = stile_commands; *c; c++) {
        if (!(*c)->subcommands) {
            print_leaf(out, *c);
            continue;
        }
        print_commands(out, (*c)->name, (*c)->subcommands);
        for (const stile_command *const *s = (*c)->subcommands; *s; s++)
            print_leaf(out, *s);
    }
}
