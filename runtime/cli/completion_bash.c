/* SPDX-License-Identifier: Apache-2.0 */
/* Bash: one function that finds the command, then offers its options or the words of one of them.
 */
#include "completion.h"

static const char HEAD[] =
    "# Completion of stile for bash; made by: stile completion bash\n"
    "_stile()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command= options= words= operands= i\n"
    "    COMPREPLY=()\n"
    "    # Bash splits --option=value into three words.\n"
    "    if [ \"$current\" = = ]; then\n"
    "        current=\n"
    "    elif [ \"$previous\" = = ]; then\n"
    "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case \"$command ${COMP_WORDS[i]}\" in\n"
    "        *' -'*) ;;\n";

static const char MIDDLE[] = "        *) break ;;\n"
                             "        esac\n"
                             "    done\n"
                             "    case $command in\n";

static const char TAIL[] = "    esac\n"
                           "    if [ -n \"$words\" ]; then\n"
                           "        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                           "        return\n"
                           "    fi\n"
                           "    case $current in\n"
                           "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
                           "    *)\n"
                           "        if [ -n \"$operands\" ]; then\n"
                           "            compopt -o default\n"
                           "        fi\n"
                           "        ;;\n"
                           "    esac\n"
                           "}\n"
                           "complete -F _stile stile\n";

static void print_command_pattern(stile_text *out, const stile_command *command)
{
    const char *word = stile_completion_word(command);
    int outer = (int)(word - command->name); /* the length of "basis " */
    stile_text_appendf(out, "        '%.*s %s') command='%s' ;;\n", outer ? outer - 1 : 0,
                       command->name, word, command->name);
}

/* What an option's argument may be, where the option is the word before. */
static void print_values(stile_text *out, const stile_option *option)
{
    stile_completion_kind kind = stile_completion_kind_of(option);
    bool optional = option->argument && option->argument[0] == '[';
    if (kind == STILE_COMPLETION_NONE || optional)
        return;
    stile_text_appendf(out, "        --%s%s", option->name, option->letter ? " | " : "");
    if (option->letter)
        stile_text_appendf(out, "-%c", option->letter);
    stile_text_append(out, ") ");
    if (kind == STILE_COMPLETION_CHOICES) {
        stile_text_append(out, "words='");
        stile_completion_choices(out, option->argument);
        stile_text_append(out, "' ;;\n");
    } else if (kind == STILE_COMPLETION_FILE) {
        stile_text_append(out, "compopt -o default && return ;;\n");
    } else if (kind == STILE_COMPLETION_FOLDER) {
        stile_text_append(out, "compopt -o dirnames && return ;;\n");
    } else {
        stile_text_append(out, "return ;;\n");
    }
}

static void print_options(stile_text *out, const stile_command *command)
{
    stile_text_append(out, "        options='");
    for (const stile_option *o = command->options; o && o->name; o++)
        stile_text_appendf(out, "--%s ", o->name);
    stile_text_append(out, "--help'\n");
    if (stile_completion_choices(NULL, command->synopsis)) {
        stile_text_append(out, "        [[ $current = -* ]] || words='");
        stile_completion_choices(out, command->synopsis);
        stile_text_append(out, "'\n");
    } else if (command->max_operands) {
        stile_text_append(out, "        operands=files\n");
    }
    stile_text_append(out, "        case $previous in\n");
    for (const stile_option *o = command->options; o && o->name; o++)
        print_values(out, o);
    stile_text_append(out, "        esac\n");
}

static void print_commands(stile_text *out, const stile_command *const *commands, const char *more)
{
    stile_text_append(out, "        words='");
    for (; *commands; commands++)
        stile_text_appendf(out, "%s ", stile_completion_word(*commands));
    stile_text_appendf(out, "%s'\n", more);
}

static void print_case(stile_text *out, const stile_command *command)
{
    stile_text_appendf(out, "    '%s')\n", command->name);
    if (command->subcommands)
        print_commands(out, command->subcommands, "--help");
    else
        print_options(out, command);
    stile_text_append(out, "        ;;\n");
}

void stile_completion_bash(stile_text *out)
{
    stile_text_append(out, HEAD);
    for (const stile_command *const *c = stile_commands; *c; c++) {
        print_command_pattern(out, *c);
        for (const stile_command *const *s = (*c)->subcommands; s && *s; s++)
            print_command_pattern(out, *s);
    }
    stile_text_append(out, MIDDLE);
    stile_text_append(out, "    '')\n");
    print_commands(out, stile_commands, "--help --version");
    stile_text_append(out, "        ;;\n");
    for (const stile_command *const *c = stile_commands; *c; c++) {
        print_case(out, *c);
        for (const stile_command *const *s = (*c)->subcommands; s && *s; s++)
            print_case(out, *s);
    }
    stile_text_append(out, TAIL);
}
