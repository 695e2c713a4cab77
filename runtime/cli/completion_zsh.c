/* SPDX-License-Identifier: Apache-2.0 */
/* Zsh: a function for each command, which describes its options to _arguments. */
#include "completion.h"

/* Inside single quotes: a quote would end them, brackets and colons end a description. */
static void describe(stile_text *out, const char *text)
{
    stile_text plain = {0};
    stile_completion_line(&plain, text, "[]:");
    for (const char *c = plain.data ? plain.data : ""; *c; c++)
        stile_text_append_bytes(out, *c == '\'' ? "`" : c, 1);
    out->failed |= plain.failed;
    stile_text_free(&plain);
}

static void print_name(stile_text *out, const stile_command *command)
{
    stile_text_append(out, "_stile_");
    for (const char *c = command->name; *c; c++)
        stile_text_append_bytes(out, *c == ' ' ? "_" : c, 1);
}

static void print_option(stile_text *out, const char *dashes, const char *name,
                         const stile_option *option)
{
    stile_completion_kind kind = stile_completion_kind_of(option);
    bool optional = option->argument && option->argument[0] == '[';
    stile_text_appendf(out, " \\\n    '%s%s%s[", dashes, name,
                       kind == STILE_COMPLETION_NONE ? ""
                       : optional                    ? "="
                       : dashes[1]                   ? "="
                                                     : "+");
    describe(out, option->meaning);
    stile_text_append(out, "]");
    if (kind != STILE_COMPLETION_NONE) {
        stile_text_append(out, optional ? "::" : ":");
        describe(out, option->argument);
        stile_text_append(out, ":");
    }
    if (kind == STILE_COMPLETION_CHOICES) {
        stile_text_append(out, "(");
        stile_completion_choices(out, option->argument);
        stile_text_append(out, ")");
    } else if (kind == STILE_COMPLETION_FILE) {
        stile_text_append(out, "_files");
    } else if (kind == STILE_COMPLETION_FOLDER) {
        stile_text_append(out, "_files -/");
    }
    stile_text_append(out, "'");
}

static void print_leaf(stile_text *out, const stile_command *command)
{
    print_name(out, command);
    stile_text_append(out, "() {\n  _arguments");
    for (const stile_option *o = command->options; o && o->name; o++) {
        const char letter[] = {o->letter, '\0'};
        print_option(out, "--", o->name, o);
        if (o->letter)
            print_option(out, "-", letter, o);
    }
    stile_text_append(out, " \\\n    '(- *)--help[tell more about this command]'");
    if (stile_completion_choices(NULL, command->synopsis)) {
        stile_text_append(out, " \\\n    '1:choice:(");
        stile_completion_choices(out, command->synopsis);
        stile_text_append(out, ")'");
    } else if (command->max_operands) {
        stile_text_append(out, " \\\n    '*:file:_files'");
    }
    stile_text_append(out, "\n}\n\n");
}

/* A function that completes one of the commands, then leaves the rest to that one's. */
static void print_group(stile_text *out, const char *name, const stile_command *const *commands)
{
    stile_text_appendf(out,
                       "%s() {\n"
                       "  local -a commands\n"
                       "  local context state state_descr line\n"
                       "  typeset -A opt_args\n"
                       "  commands=(\n",
                       name);
    for (const stile_command *const *c = commands; *c; c++) {
        stile_text_appendf(out, "    '%s:", stile_completion_word(*c));
        describe(out, (*c)->summary);
        stile_text_append(out, "'\n");
    }
    stile_text_append(out, "  )\n"
                           "  _arguments -C '(- *)--help[tell more]' '1:command:->command' "
                           "'*::argument:->rest'\n"
                           "  case $state in\n"
                           "  command) _describe command commands ;;\n"
                           "  rest)\n"
                           "    case $line[1] in\n");
    for (const stile_command *const *c = commands; *c; c++) {
        stile_text_appendf(out, "    %s) ", stile_completion_word(*c));
        print_name(out, *c);
        stile_text_append(out, " ;;\n");
    }
    stile_text_append(out, "    esac\n    ;;\n  esac\n}\n\n");
}

void stile_completion_zsh(stile_text *out)
{
    stile_text_append(out, "#compdef stile\n"
                           "# Completion of stile for zsh; made by: stile completion zsh\n\n");
    for (const stile_command *const *c = stile_commands; *c; c++) {
        for (const stile_command *const *s = (*c)->subcommands; s && *s; s++)
            print_leaf(out, *s);
        if ((*c)->subcommands) {
            stile_text name = {0};
            print_name(&name, *c);
            print_group(out, name.data ? name.data : "", (*c)->subcommands);
            out->failed |= name.failed;
            stile_text_free(&name);
        } else {
            print_leaf(out, *c);
        }
    }
    print_group(out, "_stile", stile_commands);
    /* Autoloaded, the file is the function's body; sourced, it has to register it. */
    stile_text_append(out, "if [ \"$funcstack[1]\" = _stile ]; then\n"
                           "  _stile \"$@\"\n"
                           "else\n"
                           "  compdef _stile stile\n"
                           "fi\n");
}
