/* SPDX-License-Identifier: Apache-2.0 */
/* One variant of a spec: its fields, and its canonical spec as text, table and file. */
#include <stdlib.h>

#include "diagnostics.h"
#include "fail.h"
#include "objects.h"

stile_lua_value stile_script_give_variant(stile_lua_call *call, stile_script_spec *spec,
                                          const stile_config *config)
{
    stile_script_variant *variant = malloc(sizeof *variant);
    if (!variant) /* an object that nobody owns: an error once it is handed over */
        return (stile_lua_value){.kind = STILE_LUA_OBJECT, .class = &stile_script_variant_class};
    *variant = (stile_script_variant){stile_script_spec_retain(spec), config};
    return stile_lua_give(call, &stile_script_variant_class, variant);
}

static void release(void *object)
{
    stile_script_variant *variant = object;
    stile_script_spec_release(variant->spec);
    free(variant);
}

static const stile_config *config_of(const stile_lua_call *call)
{
    return ((const stile_script_variant *)call->self)->config;
}

/* --- Fields --- */

static int get_name(stile_lua_call *call)
{
    call->result = stile_lua_string(config_of(call)->name);
    return 0;
}

static int get_directory(stile_lua_call *call)
{
    call->result = stile_lua_string(((const stile_script_variant *)call->self)->spec->directory);
    return 0;
}

static int get_basis(stile_lua_call *call)
{
    const stile_script_variant *variant = call->self;
    call->result = stile_script_give_basis_of(call, variant->spec, variant->config->basis);
    return 0;
}

static int get_rows(stile_lua_call *call)
{
    call->result = stile_lua_string(stile_rows_name(config_of(call)->rows));
    return 0;
}

static int get_precision(stile_lua_call *call)
{
    const stile_precision *p = &config_of(call)->precision;
    stile_lua_value table = stile_lua_table_create(call->arena);
    stile_lua_set(&table, "input", stile_lua_string(stile_type_name(p->input)));
    stile_lua_set(&table, "encoded", stile_lua_string(stile_type_name(p->encoded)));
    stile_lua_set(&table, "product", stile_lua_string(stile_type_name(p->product)));
    stile_lua_set(&table, "accumulate", stile_lua_string("f32"));
    stile_lua_set(&table, "output", stile_lua_string(stile_type_name(p->output)));
    call->result = table;
    return 0;
}

static int get_weight(stile_lua_call *call)
{
    const stile_config *config = config_of(call);
    stile_lua_value table = stile_lua_table_create(call->arena);
    stile_lua_set(&table, "layout", stile_lua_string(stile_weight_layout_name(config->layout)));
    stile_lua_set(&table, "encode", stile_lua_string(stile_weight_encode_name(config->encode)));
    call->result = table;
    return 0;
}

static int get_epilogue(stile_lua_call *call)
{
    const stile_epilogue *e = &config_of(call)->epilogue;
    stile_lua_value table = stile_lua_table_create(call->arena);
    stile_lua_set(&table, "bias", stile_lua_boolean(e->bias));
    stile_lua_set(&table, "activation", stile_lua_string(stile_activation_name(e->activation)));
    stile_lua_set(&table, "residual", stile_lua_boolean(e->residual));
    call->result = table;
    return 0;
}

static int get_schedule(stile_lua_call *call)
{
    const stile_schedule *s = &config_of(call)->schedule;
    stile_lua_value table = stile_lua_table_create(call->arena);
    if (s->block_m) {
        stile_lua_value block = stile_lua_table_create(call->arena);
        stile_lua_add(&block, stile_lua_integer(s->block_m));
        stile_lua_add(&block, stile_lua_integer(s->block_n));
        stile_lua_add(&block, stile_lua_integer(s->block_k));
        stile_lua_set(&table, "block", block);
    }
    if (s->region)
        stile_lua_set(&table, "region", stile_lua_integer(s->region));
    if (s->stages)
        stile_lua_set(&table, "stages", stile_lua_integer(s->stages));
    call->result = table;
    return 0;
}

static int get_shapes(stile_lua_call *call)
{
    const stile_config *config = config_of(call);
    call->result = stile_lua_table_create(call->arena);
    for (size_t i = 0; i < config->shape_count; i++) {
        stile_lua_value shape = stile_lua_table_create(call->arena);
        stile_lua_set(&shape, "M", stile_lua_integer(config->shapes[i].M));
        stile_lua_set(&shape, "K", stile_lua_integer(config->shapes[i].K));
        stile_lua_set(&shape, "N", stile_lua_integer(config->shapes[i].N));
        stile_lua_add(&call->result, shape);
    }
    return 0;
}

/* --- The canonical spec --- */

/* Prints it into the call's arena. */
static int print(stile_lua_call *call, const char **out, size_t *size)
{
    stile_text text = {0};
    stile_config_print(&text, config_of(call));
    const char *copy = text.failed ? NULL : stile_arena_strndup(call->arena, text.data, text.size);
    if (copy) {
        *out = copy;
        *size = text.size;
    }
    stile_text_free(&text);
    return copy ? 0 : stile_fail_memory();
}

static int get_yaml(stile_lua_call *call)
{
    const char *text = NULL;
    size_t size = 0;
    int error = print(call, &text, &size);
    if (!error)
        call->result = stile_lua_string(text);
    return error;
}

static int get_table(stile_lua_call *call)
{
    const char *text = NULL;
    size_t size = 0;
    const stile_node *root;
    stile_diagnostics *diagnostics;
    int error = print(call, &text, &size);
    if (!error)
        error = stile_diagnostics_create(&diagnostics);
    if (error)
        return error;
    error = stile_yaml_parse(&root, call->arena, "<text>", text, size, diagnostics);
    if (!error)
        call->result = stile_lua_from_yaml(call->arena, root);
    stile_diagnostics_destroy(&diagnostics);
    return error;
}

static int write_file(stile_lua_call *call)
{
    const stile_script_variant *variant = call->self;
    const char *path;
    stile_text text = {0};
    int error = stile_lua_take_string(call, 0, "path", &path);
    if (!error)
        error = stile_script_print_moved(&text, call->arena, variant->config,
                                         variant->spec->directory, path);
    if (!error)
        error = stile_script_write(path, text.data, text.size);
    stile_text_free(&text);
    return error;
}

static const char *text_of(stile_arena *arena, const void *object)
{
    return stile_arena_printf(arena, "variant %s",
                              ((const stile_script_variant *)object)->config->name);
}

static const stile_lua_entry methods[] = {
    {"table", get_table},
    {"yaml", get_yaml},
    {"write", write_file},
    {"explain", stile_script_explain},
    {"refusal", stile_script_refusal},
    {"generate", stile_script_generate},
    {"compile", stile_script_compile},
    {"verify", stile_script_verify},
    {"bench", stile_script_bench},
    {"tuning", stile_script_open_tuning},
    {NULL, NULL},
};

static const stile_lua_entry fields[] = {
    {"name", get_name},           {"directory", get_directory},
    {"basis", get_basis},         {"rows", get_rows},
    {"precision", get_precision}, {"weight", get_weight},
    {"epilogue", get_epilogue},   {"schedule", get_schedule},
    {"shapes", get_shapes},       {NULL, NULL},
};

const stile_lua_class stile_script_variant_class = {"variant", release, methods, fields, text_of};
