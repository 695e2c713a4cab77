/* SPDX-License-Identifier: Apache-2.0 */
/* stile basis export: bases as files of other programs. */
#include "basis_export.h"

#include <string.h>

#include "basis_file.h"
#include "basis_input.h"
#include "inputs.h"
#include "output.h"

enum { YAML, SMS, JSON, FORMATS };

static const char *const format_names[] = {"yaml", "sms", "json"};

/* The format by --format or the ending of `path` (may be NULL); -1 after printing what is wrong. */
static int find_format(const stile_arguments *arguments, const char *path)
{
    const char *word = stile_argument(arguments, "format");
    const char *dot = path ? strrchr(path, '.') : NULL;
    const char *name = word ? word : dot ? dot + 1 : "";
    if (!word && strcmp(name, "yml") == 0)
        return YAML;
    for (int i = 0; i < FORMATS; i++) {
        if (strcmp(name, format_names[i]) == 0)
            return i;
    }
    if (word)
        stile_print_error("--format must be yaml, sms or json, not '%s'", word);
    else
        stile_print_error("say what to write with --format yaml, sms or json, or by the ending of "
                          "--output");
    return -1;
}

static int write_text(stile_text *text, const char *path)
{
    if (text->failed) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    return path ? stile_write_file(path, text->data, text->size) : stile_emit(text);
}

/* NAME.sms is written as NAME_L.sms, NAME_R.sms and NAME_P.sms. */
static int write_triple(const stile_arguments *arguments, stile_arena *arena,
                        const stile_basis *basis, const char *path)
{
    const char *paths[3];
    const size_t size = path ? strlen(path) : 0;
    const bool ending = size >= 4 && strcmp(path + size - 4, ".sms") == 0;
    if (!path) {
        stile_print_error("a basis is three .sms files: name them with --output NAME.sms");
        return STILE_EXIT_USAGE;
    }
    for (int i = 0; i < 3; i++) {
        paths[i] = stile_arena_printf(arena, "%.*s_%c.sms", (int)(ending ? size - 4 : size), path,
                                      "LRP"[i]);
        if (!paths[i]) {
            stile_print_error("out of memory");
            return STILE_EXIT_FAILURE;
        }
        if (!stile_can_create(arguments, paths[i]))
            return STILE_EXIT_USAGE;
    }
    int result = STILE_EXIT_OK;
    for (int i = 0; i < 3 && !result; i++) {
        stile_text text = {0};
        stile_basis_export_sms(&text, basis, i);
        result = write_text(&text, paths[i]);
        stile_text_free(&text);
    }
    return result;
}

static int run(const stile_arguments *arguments)
{
    const char *path = stile_argument(arguments, "output");
    const int format = find_format(arguments, path);
    if (format < 0 || (path && format != SMS && !stile_can_create(arguments, path)))
        return STILE_EXIT_USAGE;
    stile_arena *arena = stile_arena_create();
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    stile_spec *spec = NULL;
    const stile_basis *basis = NULL;
    stile_text text = {0};
    int result = stile_input_basis(arguments, arguments->operands[0], arena, &basis, &spec);
    if (!result && format == SMS) {
        result = write_triple(arguments, arena, basis, path);
    } else if (!result) {
        if (format == JSON)
            stile_basis_export_json(&text, basis);
        else
            stile_basis_file_print(&text, basis);
        result = write_text(&text, path);
    }
    stile_text_free(&text);
    stile_spec_destroy(&spec);
    stile_arena_destroy(&arena);
    return result;
}

static const stile_option options[] = {
    {"output", 'o', "FILE",
     "the file to write, NAME.sms for NAME_L, NAME_R and NAME_P; default: stdout"},
    {"format", 0, "FORMAT", "yaml, sms or json; default: by the ending of --output"},
    STILE_OPTION_VARIANT,
    {NULL},
};

const stile_command stile_command_basis_export = {
    .name = "basis export",
    .synopsis = "BASIS [-o FILE]",
    .summary = "a basis as a file of another program",
    .text =
        "Writes a basis file (yaml), plinopt's three sparse matrices (sms, X,W,Y) or JSON with\n"
        "n, m, u, v and w (X,W,Yt). All of them read back as the same basis.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
