/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <stdlib.h>
#include <string.h>

#include "nearest.h"
#include "number.h"
#include "output.h"

static const stile_option no_options[] = {{NULL}};

static const stile_option *options_of(const stile_command *command)
{
    return command->options ? command->options : no_options;
}

static int count_options(const stile_option *options)
{
    int count = 0;
    while (options[count].name)
        count++;
    return count;
}

/* The option a word such as "--shape=1x2x3" or "-o" means; *value: what stands behind its '='. */
static const stile_option *find_option(const stile_option *options, const char *word,
                                       const char **value)
{
    *value = NULL;
    if (word[1] != '-') {
        for (const stile_option *o = options; o->name; o++) {
            if (o->letter == word[1]) {
                *value = word[2] ? word + 2 : NULL;
                return o;
            }
        }
        return NULL;
    }
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    for (const stile_option *o = options; o->name; o++) {
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0) {
            *value = equals ? equals + 1 : NULL;
            return o;
        }
    }
    return NULL;
}

static void report_unknown_option(const stile_command *command, const char *word)
{
    const stile_option *options = options_of(command);
    const char *names[64] = {NULL};
    int count = 0;
    for (const stile_option *o = options; o->name && count < 63; o++)
        names[count++] = o->name;
    names[count++] = "help";
    size_t length = strcspn(word, "=");
    const char *near = word[1] == '-' ? stile_nearest(names, count, word + 2, length - 2) : NULL;
    if (near)
        stile_print_error("unknown option %.*s: did you mean --%s?", (int)length, word, near);
    else
        stile_print_error("unknown option %.*s", (int)length, word);
}

/* Whether a word may be the argument of an option whose argument is optional. */
static bool is_optional_argument(const char *word)
{
    size_t length = word ? strlen(word) : 0;
    bool json = length > 5 && strcmp(word + length - 5, ".json") == 0;
    return json || (length == 1 && *word == '-');
}

/*
 * Fills `values` and `operands`. Returns false after printing what is wrong; *help is set where
 * --help was found, which ends the parsing.
 */
static bool parse(const stile_command *command, int count, char *const *words, const char **values,
                  const char **operands, int *operand_count, bool *help)
{
    const stile_option *options = options_of(command);
    bool only_operands = false;
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            operands[(*operand_count)++] = word;
            only_operands |= command->operands_end_options;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_operands = true;
            continue;
        }
        const char *value;
        const stile_option *option = find_option(options, word, &value);
        if (!option && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            *help = true;
            return true;
        }
        if (!option) {
            report_unknown_option(command, word);
            return false;
        }
        if (values[option - options]) {
            stile_print_error("--%s is given twice", option->name);
            return false;
        }
        if (!option->argument && value) {
            stile_print_error("--%s takes no argument", option->name);
            return false;
        }
        if (option->argument && !value) {
            bool optional = option->argument[0] == '[';
            const char *next = i + 1 < count ? words[i + 1] : NULL;
            if (optional ? is_optional_argument(next) : next != NULL)
                value = words[++i];
            if (!value && !optional) {
                stile_print_error("--%s needs an argument: --%s %s", option->name, option->name,
                                  option->argument);
                return false;
            }
        }
        if (option->argument && option->argument[0] != '[' && !*value) {
            stile_print_error("--%s needs an argument that is not empty", option->name);
            return false;
        }
        values[option - options] = value ? value : "";
    }
    return true;
}

static bool check_operands(const stile_command *command, const char *const *operands, int count)
{
    if (count < command->min_operands) {
        stile_print_error("stile %s needs %s", command->name, command->synopsis);
        return false;
    }
    if (command->max_operands >= 0 && count > command->max_operands) {
        stile_print_error("stile %s does not know what to do with '%s'", command->name,
                          operands[command->max_operands]);
        return false;
    }
    return true;
}

int stile_command_main(const stile_command *command, int count, char *const *words)
{
    if (command->subcommands) {
        if (count > 0 && (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0)) {
            stile_help_command(command);
            return STILE_EXIT_OK;
        }
        for (const stile_command *const *s = command->subcommands; count > 0 && *s; s++) {
            if (strcmp((*s)->name + strlen(command->name) + 1, words[0]) == 0)
                return stile_command_main(*s, count - 1, words + 1);
        }
        const stile_command *near =
            count > 0 ? stile_nearest_command(command->subcommands, words[0]) : NULL;
        if (near)
            stile_print_error("stile %s knows no '%s': did you mean stile %s?", command->name,
                              words[0], near->name);
        else if (count > 0)
            stile_print_error("stile %s knows no '%s'", command->name, words[0]);
        else
            stile_print_error("stile %s needs %s", command->name, command->synopsis);
        stile_help_hint(command);
        return STILE_EXIT_USAGE;
    }

    int option_count = count_options(options_of(command));
    const char **values = calloc((size_t)option_count + 1, sizeof *values);
    const char **operands = calloc((size_t)count + 1, sizeof *operands);
    int operand_count = 0, result = STILE_EXIT_USAGE;
    bool help = false;
    if (!values || !operands) {
        stile_print_error("out of memory");
        result = STILE_EXIT_FAILURE;
    } else if (!parse(command, count, words, values, operands, &operand_count, &help)) {
        stile_help_hint(command);
    } else if (help) {
        stile_help_command(command);
        result = STILE_EXIT_OK;
    } else if (!check_operands(command, operands, operand_count)) {
        stile_help_hint(command);
    } else {
        stile_arguments arguments = {command, operands, operand_count, values};
        const char *json = stile_argument(&arguments, "json");
        if (!json || !*json || strcmp(json, "-") == 0 || stile_can_create(&arguments, json))
            result = command->run(&arguments);
    }
    free(values);
    free(operands);
    return result;
}

const char *stile_argument(const stile_arguments *arguments, const char *name)
{
    const stile_option *options = options_of(arguments->command);
    for (int i = 0; options[i].name; i++) {
        if (strcmp(options[i].name, name) == 0)
            return arguments->values[i];
    }
    return NULL;
}

bool stile_argument_int(const stile_arguments *arguments, const char *name, int64_t least,
                        int64_t most, int64_t *out)
{
    const char *text = stile_argument(arguments, name);
    if (!text)
        return true;
    int64_t value;
    if (!stile_parse_int64(text, &value) || value < least || value > most) {
        stile_print_error("--%s is '%s', but must be an integer from %lld to %lld", name, text,
                          (long long)least, (long long)most);
        return false;
    }
    *out = value;
    return true;
}

bool stile_argument_real(const stile_arguments *arguments, const char *name, double least,
                         double most, double *out)
{
    const char *text = stile_argument(arguments, name);
    if (!text)
        return true;
    double value;
    if (!stile_parse_double(text, &value) || value < least || value > most) {
        char low[32], high[32];
        stile_format_double(low, least);
        stile_format_double(high, most);
        stile_print_error("--%s is '%s', but must be a number from %s to %s", name, text, low,
                          high);
        return false;
    }
    *out = value;
    return true;
}

bool stile_argument_required(const stile_arguments *arguments, const char *name)
{
    if (stile_argument(arguments, name))
        return true;
    const stile_option *options = options_of(arguments->command);
    const char *what = "";
    for (int i = 0; options[i].name; i++) {
        if (strcmp(options[i].name, name) == 0)
            what = options[i].argument;
    }
    stile_print_error("stile %s needs --%s %s", arguments->command->name, name, what);
    stile_help_hint(arguments->command);
    return false;
}
