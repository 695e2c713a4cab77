/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include "fail.h"
#include "objects.h"
#include "prelude.h"

static int get_version(stile_lua_call *call)
{
    call->result = stile_lua_string(stile_version());
    return 0;
}

static const stile_lua_entry functions[] = {
    {"load", stile_script_load},
    {"parse", stile_script_parse},
    {"spec", stile_script_make_spec},
    {"diagnose", stile_script_diagnose},
    {"basis", stile_script_make_basis},
    {"kron", stile_script_kron},
    {"basis_names", stile_script_basis_names},
    {"search", stile_script_search},
    {"group_basis", stile_script_group_basis},
    {"context", stile_script_open_context},
    {"version", get_version},
    {NULL, NULL},
};

static const stile_lua_class *const classes[] = {
    &stile_script_spec_class,
    &stile_script_variant_class,
    &stile_script_basis_class,
    &stile_script_context_class,
    &stile_script_plan_class,
    &stile_script_tuning_class,
    NULL,
};

int stile_script_run(const char *const *words, int count, int script, stile_text *report)
{
    stile_script shared = {NULL};
    stile_lua *lua = NULL;
    const stile_lua_params params = {.script_error = STILE_ERROR_ARGUMENT};
    const stile_lua_module module = {
        .name = "stile",
        .functions = functions,
        .classes = classes,
        .user = &shared,
        .prelude = stile_script_prelude,
        .prelude_size = stile_script_prelude_size,
    };
    int error = stile_lua_create(&lua, &params);
    if (!error)
        error = stile_lua_open_module(lua, &module);
    if (!error)
        error = stile_lua_run_script(lua, words, count, script, report);
    stile_lua_destroy(&lua);
    stile_script_context_release(shared.context);
    stile_cache_close(&shared.cache);
    return error;
}
