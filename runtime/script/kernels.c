/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of a variant: whether they fit, their source, their cubins. */
#include "fail.h"
#include "kernel.h"
#include "objects.h"

static const char DEFAULT_ARCH[] = "sm_90a";

static const stile_config *config_of(const stile_lua_call *call)
{
    return ((const stile_script_variant *)call->self)->config;
}

/* The option `arch` of the calls below, their only one. */
static int take_arch(stile_lua_call *call, stile_arch *out)
{
    const char *name = DEFAULT_ARCH;
    const stile_lua_option options[] = {{"arch", STILE_LUA_OPTION_STRING, &name, 0, 0, NULL}};
    int error = stile_lua_take_options(call, 0, options, 1);
    return error ? error : stile_arch_parse(out, name);
}

int stile_script_refusal(stile_lua_call *call)
{
    stile_arch arch;
    int error = take_arch(call, &arch);
    if (error)
        return error;
    stile_kernel_role roles[STILE_KERNEL_ROLE_COUNT];
    int role_count = stile_forward_roles(roles, &config_of(call)->schedule);
    for (int i = 0; i < role_count; i++) {
        stile_kernel kernel;
        error = stile_kernel_render(&kernel, call->arena, config_of(call), &arch, roles[i]);
        if (!error)
            continue;
        if (error != STILE_ERROR_ARGUMENT && error != STILE_ERROR_UNSUPPORTED)
            return error;
        const char *reason = stile_arena_strdup(call->arena, stile_last_error());
        call->result = stile_lua_string(reason);
        return reason ? 0 : stile_fail_memory();
    }
    return 0;
}

static void describe_kernel(const stile_lua_value *table, const stile_kernel *kernel,
                            const stile_arch *arch, stile_arena *arena)
{
    stile_lua_set(table, "name", stile_lua_string(kernel->name));
    stile_lua_set(table, "entry", stile_lua_string(kernel->entry));
    stile_lua_set(table, "arch", stile_lua_string(stile_arena_strdup(arena, arch->name)));
    stile_lua_set(table, "source", stile_lua_string(kernel->source));
    stile_lua_set(table, "threads", stile_lua_integer(kernel->threads_x * kernel->threads_y));
    stile_lua_set(table, "shared_bytes", stile_lua_integer(kernel->shared_bytes));
}

/* Opens the script's own cache once. */
static int use_cache(stile_lua_call *call, stile_cache **out)
{
    stile_script *script = call->user;
    int error = script->cache ? 0 : stile_cache_open(&script->cache, NULL, NULL, NULL);
    if (!error)
        *out = script->cache;
    return error;
}

/* Compiles `kernel` and adds what came of it to `table`. */
static int compile(stile_lua_call *call, const stile_kernel *kernel, const stile_arch *arch,
                   const stile_lua_value *table)
{
    stile_cache *cache;
    stile_cubin cubin = {0};
    int error = use_cache(call, &cache);
    if (!error)
        error = stile_cache_get(cache, &cubin, kernel->name, kernel->source, arch);
    if (!error) {
        const char *bytes = stile_arena_strndup(call->arena, cubin.data, cubin.size);
        const char *log = stile_arena_strdup(call->arena, cubin.log ? cubin.log : "");
        stile_lua_set(
            table, "cubin",
            (stile_lua_value){.kind = STILE_LUA_STRING, .string = bytes, .size = cubin.size});
        stile_lua_set(table, "log", stile_lua_string(log));
        if (!bytes || !log)
            error = stile_fail_memory();
    }
    stile_cubin_free(&cubin);
    return error;
}

static int list_kernels(stile_lua_call *call, bool compiled)
{
    stile_arch arch;
    int error = take_arch(call, &arch);
    call->result = stile_lua_table_create(call->arena);
    stile_kernel_role roles[STILE_KERNEL_ROLE_COUNT];
    int role_count = stile_forward_roles(roles, &config_of(call)->schedule);
    for (int i = 0; i < role_count && !error; i++) {
        stile_kernel kernel;
        stile_lua_value table = stile_lua_table_create(call->arena);
        error = stile_kernel_render(&kernel, call->arena, config_of(call), &arch, roles[i]);
        if (!error)
            describe_kernel(&table, &kernel, &arch, call->arena);
        if (!error && compiled)
            error = compile(call, &kernel, &arch, &table);
        stile_lua_add(&call->result, table);
    }
    return error;
}

int stile_script_generate(stile_lua_call *call)
{
    return list_kernels(call, false);
}

int stile_script_compile(stile_lua_call *call)
{
    return list_kernels(call, true);
}
