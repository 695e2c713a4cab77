/* SPDX-License-Identifier: Apache-2.0 */
/* stile check: is a spec right, and what does it say? */
#include "command.h"
#include "describe.h"
#include "inputs.h"
#include "output.h"

typedef struct report {
    bool canonical, json_wanted;
    stile_text text;
    stile_json json;
    stile_table *table;
} report;

static int visit(void *user, const stile_config *config)
{
    report *r = user;
    if (r->json_wanted) {
        stile_describe_config_json(&r->json, NULL, config);
    } else if (r->canonical) {
        if (r->text.size)
            stile_text_append(&r->text, "---\n");
        stile_config_print(&r->text, config);
    } else {
        stile_describe_config_row(r->table, config);
    }
    return STILE_EXIT_OK;
}

/* Checks one spec and appends its report. */
static int check(const stile_arguments *arguments, const char *path, report *r)
{
    stile_spec *spec = NULL;
    stile_arena *arena = stile_arena_create();
    if (!arena) {
        stile_print_error("out of memory");
        return STILE_EXIT_FAILURE;
    }
    if (r->json_wanted) {
        stile_json_begin_object(&r->json, NULL);
        stile_json_string(&r->json, "file", path);
    }
    int result = stile_input_spec(&spec, path, r->json_wanted ? &r->json : NULL);
    if (!result && stile_flag(arguments, "variant") && !stile_input_variant(arguments, path, spec))
        result = STILE_EXIT_USAGE;
    stile_table table = {.arena = arena, .alignment = "l", .indent = "  "};
    r->table = &table;
    if (r->json_wanted)
        stile_json_begin_array(&r->json, "variants");
    else if (!result && !r->canonical)
        stile_text_appendf(&r->text, "%s: ok\n", path);
    if (!result)
        result = stile_each_variant(arguments, path, spec, visit, r);
    stile_table_print(&r->text, &table);
    if (r->json_wanted) {
        stile_json_end_array(&r->json);
        stile_json_end_object(&r->json);
    }
    stile_spec_destroy(&spec);
    stile_arena_destroy(&arena);
    return result;
}

static int run(const stile_arguments *arguments)
{
    report r = {
        .canonical = stile_flag(arguments, "canonical"),
        .json_wanted = stile_flag(arguments, "json"),
    };
    r.json.text = &r.text;
    if (r.canonical && r.json_wanted) {
        stile_print_error("--canonical prints YAML: leave out --json");
        return STILE_EXIT_USAGE;
    }
    int worst = STILE_EXIT_OK;
    if (r.json_wanted)
        stile_json_begin_array(&r.json, NULL);
    for (int i = 0; i < arguments->operand_count; i++) {
        int result = check(arguments, arguments->operands[i], &r);
        worst = result > worst ? result : worst;
    }
    if (r.json_wanted)
        stile_json_end_array(&r.json);
    int result = r.json_wanted ? stile_emit_json(arguments, &r.text) : stile_emit(&r.text);
    return result > worst ? result : worst;
}

static const stile_option options[] = {
    {"canonical", 0, NULL, "print the full spec: every default filled in, keys sorted"},
    STILE_OPTION_VARIANT,
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_check = {
    .name = "check",
    .synopsis = "SPEC... [--canonical]",
    .summary = "validate specs and say what they compute",
    .text = "Validates specs and the basis files they name. Prints a line for each variant of a\n"
            "good spec, and every error of a bad one (file, line, column, code) on stderr. A bad\n"
            "spec is bad input: exit status 2, here as in every command.",
    .options = options,
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
