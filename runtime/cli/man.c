/* SPDX-License-Identifier: Apache-2.0 */
/* stile man: the manual page, from the tables that parsing and --help go by. */
#include <string.h>

#include <stile/version.h>

#include "command.h"
#include "output.h"
#include "text.h"

typedef struct fact {
    const char *name, *meaning;
} fact;

static const fact exit_status[] = {
    {"0", "success"},
    {"1", "a check failed, or a script raised an error"},
    {"2", "wrong usage or bad input"},
    {"3", "the environment lacks something: a GPU, a driver, NVRTC"},
    {"4", "an internal or device failure, or an output that cannot be written"},
};

static const fact environment[] = {
    {"STILE_CACHE_DIR",
     "The kernel cache. Default: $XDG_CACHE_HOME/stile, else $HOME/.cache/stile."},
    {"STILE_CACHE_SIZE", "How large the cache may grow, such as 512M or 2G. Default: 1G."},
    {"STILE_JIT", "on (the default) or off: kernels that are in no cache or bundle are an error."},
    {"STILE_NVRTC", "The NVRTC library to use, or a folder to look for it in."},
    {"STILE_LOG", "error, warning, info or debug: how much is told on stderr. Default: warning."},
    {"STILE_DUMP", "A folder for the source and the compiler's log of every kernel that is used."},
};

/* Appends text; what roff would take for its own is escaped, and no line begins with a request. */
static void print_text(stile_text *out, const char *text)
{
    bool line_start = true;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (line_start && (*c == '.' || *c == '\''))
            stile_text_append(out, "\\&");
        line_start = *c == '\n';
        if (*c == '\\') {
            stile_text_append(out, "\\e");
        } else if (*c == '-') {
            stile_text_append(out, "\\-");
        } else if (*c >= 0xc0) { /* the first byte of a character: its code point */
            int more = *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : 1;
            unsigned point = *c & (0x3fu >> more);
            for (; more && (c[1] & 0xc0) == 0x80; more--)
                point = point << 6 | (*++c & 0x3f);
            stile_text_appendf(out, "\\[u%04X]", point);
        } else {
            stile_text_append_bytes(out, (const char *)c, 1);
        }
    }
}

/* Appends `text` as one argument of a macro, on the macro's line. */
static void print_argument(stile_text *out, const char *text)
{
    stile_text_append(out, " \"");
    print_text(out, text);
    stile_text_append(out, "\"");
}

static void print_facts(stile_text *out, const char *title, const fact *facts, int count)
{
    stile_text_appendf(out, ".SH \"%s\"\n", title);
    for (int i = 0; i < count; i++) {
        stile_text_append(out, ".TP\n.B");
        print_argument(out, facts[i].name);
        stile_text_append(out, "\n");
        print_text(out, facts[i].meaning);
        stile_text_append(out, "\n");
    }
}

static void print_option(stile_text *out, const stile_option *option)
{
    stile_text_append(out, ".TP\n");
    if (option->letter)
        stile_text_appendf(out, "\\fB\\-%c\\fR, ", option->letter);
    stile_text_append(out, "\\fB\\-\\-");
    print_text(out, option->name);
    stile_text_append(out, "\\fR");
    if (option->argument) {
        stile_text_append(out, " \\fI");
        print_text(out, option->argument);
        stile_text_append(out, "\\fR");
    }
    stile_text_append(out, "\n");
    print_text(out, option->meaning);
    stile_text_append(out, "\n");
}

static void print_command(stile_text *out, const stile_command *command)
{
    stile_text_append(out, ".SS");
    stile_text title = {0};
    stile_text_appendf(&title, "stile %s %s", command->name, command->synopsis);
    while (title.size && title.data[title.size - 1] == ' ')
        title.data[--title.size] = '\0';
    print_argument(out, title.data ? title.data : "");
    out->failed |= title.failed;
    stile_text_free(&title);
    stile_text_append(out, "\n");
    print_text(out, command->text ? command->text : command->summary);
    stile_text_append(out, "\n");
    for (const stile_option *o = command->options; o && o->name; o++)
        print_option(out, o);
    for (const stile_command *const *s = command->subcommands; s && *s; s++)
        print_command(out, *s);
}

static int run(const stile_arguments *arguments)
{
    (void)arguments;
    stile_text text = {0}, *out = &text;
    stile_text_append(out, ".\\\" Made by: stile man\n.TH STILE 1 \"\" \"stile ");
    print_text(out, STILE_VERSION);
    stile_text_append(out, "\" \"User Commands\"\n.nh\n.SH NAME\nstile \\- ");
    stile_text_append(out, "generate, compile and run CUDA kernels of Strassen\\-Tile operators\n");
    stile_text_append(out,
                      ".SH SYNOPSIS\n.B stile\n.I COMMAND\n[\\fIOPTION\\fR...]\n"
                      ".br\n.B stile\n\\fICOMMAND\\fR \\-\\-help | \\-\\-help | \\-\\-version\n");
    stile_text_append(
        out, ".SH DESCRIPTION\n"
             "Reads specs in YAML (tile size, basis, number formats), makes CUDA source of\n"
             "them, compiles it with NVRTC at run time and keeps the kernels in a cache.\n"
             "Everything but running kernels works without a GPU. Results go to stdout,\n"
             "messages to stderr. Options may stand anywhere behind the command; after\n"
             "\\-\\- every word is an operand.\n"
             ".SH COMMANDS\n");
    for (const stile_command *const *c = stile_commands; *c; c++)
        print_command(out, *c);
    print_facts(out, "EXIT STATUS", exit_status, sizeof exit_status / sizeof *exit_status);
    stile_text_append(out, "Over several specs it is the worst.\n");
    print_facts(out, "ENVIRONMENT", environment, sizeof environment / sizeof *environment);
    return stile_emit(out);
}

const stile_command stile_command_man = {
    .name = "man",
    .synopsis = "",
    .summary = "print the manual page",
    .text =
        "Prints the manual page as roff. An installed stile has it in place already; elsewhere:\n"
        "stile man | man -l -",
    .run = run,
};
