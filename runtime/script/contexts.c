/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, and plans on them. */
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "fail.h"
#include "number.h"
#include "objects.h"
#include "plan.h"

/* "auto", "cuda", "cuda:1", "cpu". */
static int parse_device(stile_lua_call *call, const char *text, int *device, bool *automatic)
{
    int64_t ordinal = 0;
    *automatic = strcmp(text, "auto") == 0;
    *device = strcmp(text, "cpu") == 0 ? STILE_DEVICE_CPU : 0;
    if (*automatic || *device == STILE_DEVICE_CPU || strcmp(text, "cuda") == 0)
        return 0;
    if (strncmp(text, "cuda:", 5) != 0 || !stile_parse_int64(text + 5, &ordinal) || ordinal < 0 ||
        ordinal > 1023)
        return stile_lua_refuse(call,
                                "device is '%.40s', but must be auto, cuda, cuda:0, cuda:1 … "
                                "or cpu",
                                text);
    *device = (int)ordinal;
    return 0;
}

/* With `automatic`, the CPU where no GPU can be used. */
static int open_context(stile_script_context **out, const stile_context_params *wanted,
                        bool automatic)
{
    stile_context_params params = *wanted;
    stile_script_context *handle = calloc(1, sizeof *handle);
    if (!handle)
        return stile_fail_memory();
    handle->references = 1;
    int error = stile_context_create(&handle->context, &params);
    if (error == STILE_ERROR_UNSUPPORTED && automatic) {
        params.device = STILE_DEVICE_CPU;
        error = stile_context_create(&handle->context, &params);
    }
    if (error)
        free(handle);
    else
        *out = handle;
    return error;
}

int stile_script_open_context(stile_lua_call *call)
{
    const char *device = "auto";
    int64_t threads = 0;
    stile_context_params params = {0};
    const stile_lua_option options[] = {
        {"device", STILE_LUA_OPTION_STRING, &device, 0, 0, NULL},
        {"cache_dir", STILE_LUA_OPTION_STRING, &params.cache_dir, 0, 0, NULL},
        {"threads", STILE_LUA_OPTION_INTEGER, &threads, 1, 1024, NULL},
    };
    bool automatic = false;
    stile_script_context *context = NULL;
    int error = stile_lua_take_options(call, 0, options, 3);
    if (!error)
        error = parse_device(call, device, &params.device, &automatic);
    params.threads = (int)threads;
    if (!error)
        error = open_context(&context, &params, automatic);
    if (!error)
        call->result = stile_lua_give(call, &stile_script_context_class, context);
    return error;
}

int stile_script_use_context(stile_lua_call *call, stile_script_context *given, stile_context **out)
{
    stile_script *script = call->user;
    const stile_context_params params = {0};
    int error = given || script->context ? 0 : open_context(&script->context, &params, true);
    if (!error)
        *out = given ? given->context : script->context->context;
    return error;
}

/* --- The class context --- */

static const stile_context *context_of(const stile_lua_call *call)
{
    return ((const stile_script_context *)call->self)->context;
}

static const char *device_text(stile_arena *arena, const stile_context *context)
{
    return context->device == STILE_DEVICE_CPU
               ? "cpu"
               : stile_arena_printf(arena, "cuda:%d", context->device);
}

static int get_device(stile_lua_call *call)
{
    call->result = stile_lua_string(device_text(call->arena, context_of(call)));
    return 0;
}

static int get_name(stile_lua_call *call)
{
    const stile_context *context = context_of(call);
    bool cpu = context->device == STILE_DEVICE_CPU;
    call->result = stile_lua_string(cpu ? "CPU" : context->device_name);
    return 0;
}

static int get_arch(stile_lua_call *call)
{
    const stile_context *context = context_of(call);
    if (context->device != STILE_DEVICE_CPU)
        call->result = stile_lua_string(context->arch.name);
    return 0;
}

static int get_threads(stile_lua_call *call)
{
    call->result = stile_lua_integer(context_of(call)->threads);
    return 0;
}

static int make_plan(stile_lua_call *call)
{
    stile_script_context *context = call->self;
    stile_script_shape shape = {0};
    int64_t alignment = 0;
    const stile_lua_option options[] = {
        STILE_SCRIPT_SHAPE_OPTIONS(shape),
        {"alignment", STILE_LUA_OPTION_INTEGER, &alignment, 0, 1 << 20, NULL}};
    void *object;
    int error =
        stile_lua_take_object(call, 0, "variant", &stile_script_variant_class, false, &object);
    if (!error)
        error = stile_lua_take_options(call, 1, options, 5);
    const stile_script_variant *variant = error ? NULL : object;
    if (!error)
        error = stile_script_check_shape(call, &shape);
    if (!error)
        error = stile_script_complete_shape(call, &shape, variant->config);
    if (error)
        return error;
    const stile_plan_params params = {
        .M = shape.shape.M,
        .K = shape.shape.K,
        .N = shape.shape.N,
        .rows_per_group = shape.rows_per_group,
        .alignment = (int)alignment,
        .variant = variant->config->name,
    };
    stile_script_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return stile_fail_memory();
    error = stile_plan_create(&plan->plan, context->context, variant->spec->spec, &params);
    if (error) {
        free(plan);
        return error;
    }
    plan->context = stile_script_context_retain(context);
    call->result = stile_lua_give(call, &stile_script_plan_class, plan);
    return 0;
}

static const char *context_text(stile_arena *arena, const void *object)
{
    return stile_arena_printf(arena, "context %s",
                              device_text(arena, ((const stile_script_context *)object)->context));
}

static void release_context(void *object)
{
    stile_script_context_release(object);
}

static const stile_lua_entry context_methods[] = {{"plan", make_plan}, {NULL, NULL}};
static const stile_lua_entry context_fields[] = {{"device", get_device},
                                                 {"name", get_name},
                                                 {"arch", get_arch},
                                                 {"threads", get_threads},
                                                 {NULL, NULL}};

const stile_lua_class stile_script_context_class = {"context", release_context, context_methods,
                                                    context_fields, context_text};

/* --- The class plan --- */

static const stile_plan *plan_of(const stile_lua_call *call)
{
    return ((const stile_script_plan *)call->self)->plan;
}

static int get_workspace_size(stile_lua_call *call)
{
    call->result = stile_lua_integer((int64_t)stile_plan_workspace_size(plan_of(call)));
    return 0;
}

static int get_weight_size(stile_lua_call *call)
{
    call->result = stile_lua_integer((int64_t)stile_plan_weight_size(plan_of(call)));
    return 0;
}

static int get_kernels(stile_lua_call *call)
{
    const stile_plan *plan = plan_of(call);
    call->result = stile_lua_table_create(call->arena);
    for (int i = 0; i < stile_plan_kernel_count(plan); i++)
        stile_lua_add(&call->result, stile_lua_string(stile_plan_kernel_name(plan, i)));
    return 0;
}

static void release_plan(void *object)
{
    stile_script_plan *plan = object;
    stile_plan_destroy(&plan->plan);
    stile_script_context_release(plan->context);
    free(plan);
}

static const stile_lua_entry plan_methods[] = {{NULL, NULL}};
static const stile_lua_entry plan_fields[] = {{"workspace_size", get_workspace_size},
                                              {"weight_size", get_weight_size},
                                              {"kernels", get_kernels},
                                              {NULL, NULL}};

const stile_lua_class stile_script_plan_class = {"plan", release_plan, plan_methods, plan_fields,
                                                 NULL};
