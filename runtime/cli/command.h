/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the program, as tables: parsing and help are made from the same rows.
 */
#ifndef STILE_CLI_COMMAND_H
#define STILE_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the program returns; over several specs the worst, which is the largest. */
enum {
    STILE_EXIT_OK = 0,
    STILE_EXIT_CHECK_FAILED = 1,
    STILE_EXIT_USAGE = 2,       /* usage or bad input */
    STILE_EXIT_ENVIRONMENT = 3, /* a driver, GPU, library … is missing */
    STILE_EXIT_FAILURE = 4,     /* internal or device failure, or output that was lost */
};

typedef struct stile_option {
    const char *name;     /* without dashes; NULL ends a table */
    char letter;          /* short form, or 0 */
    const char *argument; /* for help; in brackets where it may be left out; NULL: a flag */
    const char *meaning;  /* lines of help, separated by '\n' */
} stile_option;

typedef struct stile_arguments stile_arguments;

typedef struct stile_command {
    const char *name;                               /* "run", "basis show" */
    const char *synopsis;                           /* what follows the name */
    const char *summary;                            /* one line, for the list of commands */
    const char *text;                               /* paragraphs for --help, or NULL */
    const stile_option *options;                    /* NULL: none */
    const struct stile_command *const *subcommands; /* NULL-terminated; NULL: a command that runs */
    int min_operands, max_operands;                 /* max -1: any number */
    bool operands_end_options; /* what follows the first operand is the operand's own */
    int (*run)(const stile_arguments *arguments);   /* returns an exit code */
} stile_command;

/* The parsed command line of one command. */
struct stile_arguments {
    const stile_command *command;
    const char *const *operands;
    int operand_count;
    const char *const *values; /* by option; NULL: not given, "": given without argument */
};

/* Rows that several commands share. */
#define STILE_OPTION_JSON                                                                          \
    {                                                                                              \
        "json", 0, "[FILE.json]",                                                                  \
            "print JSON instead of tables, to stdout or into a file\n"                             \
            "(--json=FILE takes any name, --json FILE one that ends in .json)"                     \
    }
#define STILE_OPTION_TRAINING                                                                      \
    {                                                                                              \
        "training", 0, NULL, "also the kernels of backward plans, and of forward plans that keep Z" \
    }
#define STILE_OPTION_VARIANT                                                                       \
    {                                                                                              \
        "variant", 0, "NAME", "the variant of the spec to use"                                     \
    }
#define STILE_OPTION_ROWS_PER_GROUP                                                                \
    {                                                                                              \
        "rows-per-group", 0, "R",                                                                  \
            "rows come in groups (sequences, images) of R that tiles never straddle"               \
    }

/* --- commands.c: one command a file, listed there -------------------------------------------- */

/* NULL-terminated, in the order of help. */
extern const stile_command *const stile_commands[];

extern const stile_command stile_command_check, stile_command_explain, stile_command_generate,
    stile_command_build, stile_command_encode, stile_command_run, stile_command_verify,
    stile_command_bench, stile_command_basis, stile_command_cache,
    stile_command_doctor, stile_command_lua, stile_command_tune,
    stile_command_completion, stile_command_man;

/* --- options.c ------------------------------------------------------------------------------- */

/*
 * Parses what follows the command's name and runs it. Options and operands may be mixed; `--` ends
 * the options. Prints what is wrong, or the help that was asked for. Returns an exit code.
 */
int stile_command_main(const stile_command *command, int count, char *const *words);

/* The value of option `name` of the command's table, NULL where it was not given. */
const char *stile_argument(const stile_arguments *arguments, const char *name);

static inline bool stile_flag(const stile_arguments *arguments, const char *name)
{
    return stile_argument(arguments, name) != NULL;
}

/*
 * An integer option within [least, most]; *out is left alone where it was not given. Prints what is
 * wrong and returns false on anything else.
 */
bool stile_argument_int(const stile_arguments *arguments, const char *name, int64_t least,
                        int64_t most, int64_t *out);

/* The same for a real number. */
bool stile_argument_real(const stile_arguments *arguments, const char *name, double least,
                         double most, double *out);

/* True where option `name` was given; else prints that the command needs it. */
bool stile_argument_required(const stile_arguments *arguments, const char *name);

/* --- help.c ---------------------------------------------------------------------------------- */

void stile_help_program(void);
void stile_help_command(const stile_command *command);

/* "stile run SPEC … (see stile run --help)" on stderr, after a usage error. */
void stile_help_hint(const stile_command *command);

/* The command nearest to `word` among the NULL-terminated `commands`, or NULL if none is near. */
const stile_command *stile_nearest_command(const stile_command *const *commands, const char *word);

#endif
