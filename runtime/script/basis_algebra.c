/* SPDX-License-Identifier: Apache-2.0 */
/* The algebra of bases: methods that make bases of bases. */
#include <string.h>

#include "basis_polish.h"
#include "diagnostics.h"
#include "fail.h"
#include "objects.h"

static const stile_basis *self_of(const stile_lua_call *call)
{
    return ((const stile_script_basis *)call->self)->basis;
}

/* A new handle to fill, or an error. */
static int begin(stile_script_basis **out)
{
    *out = stile_script_basis_create();
    return *out ? 0 : stile_fail_memory();
}

/* Hands the filled handle over, or releases it where `error` is set. */
static int end(stile_lua_call *call, stile_script_basis *handle, const stile_basis *basis,
               int error)
{
    if (error) {
        if (handle)
            stile_script_basis_class.release(handle);
        return error;
    }
    handle->basis = basis;
    call->result = stile_lua_give(call, &stile_script_basis_class, handle);
    return 0;
}

static int apply(stile_lua_call *call,
                 int (*function)(stile_basis **, stile_arena *, const stile_basis *))
{
    stile_script_basis *handle;
    stile_basis *basis = NULL;
    int error = begin(&handle);
    if (!error)
        error = function(&basis, handle->arena, self_of(call));
    return end(call, handle, basis, error);
}

int stile_script_basis_transpose(stile_lua_call *call)
{
    return apply(call, stile_basis_transpose);
}

int stile_script_basis_cycle(stile_lua_call *call)
{
    return apply(call, stile_basis_cycle);
}

int stile_script_basis_merge(stile_lua_call *call)
{
    return apply(call, stile_basis_merge);
}

int stile_script_basis_balance(stile_lua_call *call)
{
    return apply(call, stile_basis_balance);
}

/* {A = …, B = …, C = …}: as the text of a file of matrices, which has all the checks. */
static int read_rotation(stile_lua_call *call, stile_rotation *out)
{
    const stile_lua_value *table;
    const stile_node *root;
    stile_diagnostics *diagnostics = NULL;
    stile_text text = {0};
    int error = stile_lua_take_table(call, 0, "the matrices", &table);
    if (!error)
        error = stile_lua_to_yaml(&text, call->arena, table);
    if (!error)
        error = stile_diagnostics_create(&diagnostics);
    if (!error) {
        error = stile_yaml_parse(&root, call->arena, "<text>", text.data, text.size, diagnostics);
        if (!error && !stile_rotation_read(out, self_of(call), root, diagnostics))
            error = STILE_ERROR_SPEC;
        if (error)
            error = stile_script_fail(call->arena, error, diagnostics, call->name);
    }
    stile_diagnostics_destroy(&diagnostics);
    stile_text_free(&text);
    return error;
}

int stile_script_basis_rotate(stile_lua_call *call)
{
    stile_script_basis *handle = NULL;
    stile_basis *basis = NULL;
    stile_rotation rotation;
    int error = read_rotation(call, &rotation);
    if (!error)
        error = begin(&handle);
    if (!error)
        error = stile_basis_rotate(&basis, handle->arena, self_of(call), &rotation);
    return end(call, handle, basis, error);
}

int stile_script_basis_sum(stile_lua_call *call)
{
    static const char axes[] = "mkn";
    void *other = NULL;
    const char *axis = NULL;
    stile_script_basis *handle = NULL;
    stile_basis *basis = NULL;
    int error =
        stile_lua_take_object(call, 0, "the other basis", &stile_script_basis_class, false, &other);
    if (!error)
        error = stile_lua_take_string(call, 1, "axis", &axis);
    if (!error && (strlen(axis) != 1 || !strchr(axes, *axis)))
        error = stile_lua_refuse(call, "axis must be \"m\", \"k\" or \"n\"");
    if (!error)
        error = begin(&handle);
    if (!error)
        error = stile_basis_sum(&basis, handle->arena, (stile_axis)(strchr(axes, *axis) - axes),
                                self_of(call), ((const stile_script_basis *)other)->basis);
    return end(call, handle, basis, error);
}

/* A list of channels, or how many to choose. */
static int read_channels(stile_lua_call *call, int *channels, int *count)
{
    const stile_lua_value *value = &call->arguments[0];
    if (value->kind == STILE_LUA_INTEGER) {
        if (value->integer < 1 || value->integer >= self_of(call)->rank)
            return stile_lua_refuse(call, "the count must be from 1 to %d",
                                    self_of(call)->rank - 1);
        *count = (int)value->integer;
        return stile_basis_least_channels(self_of(call), *count, channels);
    }
    if (value->kind != STILE_LUA_TABLE || value->table->field_count ||
        value->table->item_count > STILE_MAX_RANK)
        return stile_lua_refuse(call, "what to drop must be a list of channels or a count");
    for (size_t i = 0; i < value->table->item_count; i++) {
        const stile_lua_value *item = &value->table->items[i];
        if (item->kind != STILE_LUA_INTEGER || item->integer < 0 || item->integer >= STILE_MAX_RANK)
            return stile_lua_refuse(call, "a channel must be an integer from 0 to %d",
                                    self_of(call)->rank - 1);
        channels[i] = (int)item->integer;
    }
    *count = (int)value->table->item_count;
    return 0;
}

int stile_script_basis_drop(stile_lua_call *call)
{
    int channels[STILE_MAX_RANK], count = 0;
    stile_script_basis *handle = NULL;
    stile_basis *basis = NULL;
    int error = read_channels(call, channels, &count);
    if (!error)
        error = begin(&handle);
    if (!error)
        error = stile_basis_drop(&basis, handle->arena, self_of(call), channels, count);
    return end(call, handle, basis, error);
}

int stile_script_basis_polish(stile_lua_call *call)
{
    const char *goal = NULL;
    stile_script_basis *handle = NULL;
    stile_basis *basis = NULL;
    int error = stile_lua_take_string(call, 0, "goal", &goal);
    if (!error)
        error = begin(&handle);
    if (error)
        return error;
    if (!strcmp(goal, "growth"))
        error = stile_basis_polish_growth(&basis, handle->arena, self_of(call));
    else if (!strcmp(goal, "additions"))
        error = stile_basis_polish_sparsity(&basis, handle->arena, self_of(call),
                                            STILE_POLISH_ADDITIONS);
    else if (!strcmp(goal, "nonzeros"))
        error = stile_basis_polish_sparsity(&basis, handle->arena, self_of(call),
                                            STILE_POLISH_NONZEROS);
    else
        error = stile_lua_refuse(call, "goal must be \"growth\", \"additions\" or \"nonzeros\"");
    return end(call, handle, basis, error);
}
