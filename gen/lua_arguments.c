/* SPDX-License-Identifier: Apache-2.0 */
/* Checking what a script passes to a C function. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "fail.h"
#include "lua_object.h"
#include "number.h"
#include "reader.h"

int stile_lua_refuse(stile_lua_call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = stile_arena_vprintf(call->arena, format, arguments);
    va_end(arguments);
    return stile_fail(STILE_ERROR_ARGUMENT, "%s: %s", call->name, text ? text : "bad argument");
}

static int wrong_kind(stile_lua_call *call, const char *what, const char *wanted,
                      const stile_lua_value *value)
{
    return stile_lua_refuse(call, "%s must be %s, not %s", what, wanted,
                            stile_lua_kind_text(call->arena, value));
}

static int read_string(stile_lua_call *call, const char *what, const stile_lua_value *value,
                       const char **out)
{
    if (value->kind != STILE_LUA_STRING)
        return wrong_kind(call, what, "a string", value);
    if (strlen(value->string) != value->size)
        return stile_lua_refuse(call, "%s has a NUL character in it", what);
    *out = value->string;
    return 0;
}

static int read_object(stile_lua_call *call, const char *what, const stile_lua_class *class,
                       const stile_lua_value *value, void **out)
{
    if (value->kind != STILE_LUA_OBJECT || value->class != class) {
        const char *wanted = stile_arena_printf(call->arena, "a %s", class->name);
        return wrong_kind(call, what, wanted ? wanted : class->name, value);
    }
    if (!value->object)
        return stile_lua_refuse(call, "%s is a %s that is closed", what, class->name);
    *out = value->object;
    return 0;
}

int stile_lua_take_string(stile_lua_call *call, int index, const char *what, const char **out)
{
    return read_string(call, what, &call->arguments[index], out);
}

int stile_lua_take_object(stile_lua_call *call, int index, const char *what,
                          const stile_lua_class *class, bool optional, void **out)
{
    const stile_lua_value *value = &call->arguments[index];
    if (optional && value->kind == STILE_LUA_NIL) {
        *out = NULL;
        return 0;
    }
    return read_object(call, what, class, value, out);
}

int stile_lua_take_table(stile_lua_call *call, int index, const char *what,
                         const stile_lua_value **out)
{
    const stile_lua_value *value = &call->arguments[index];
    if (value->kind != STILE_LUA_TABLE)
        return wrong_kind(call, what, "a table", value);
    *out = value;
    return 0;
}

static bool within(const stile_lua_option *option, double value)
{
    return value >= option->least && value <= option->most; /* false for NaN */
}

static int refuse_range(stile_lua_call *call, const stile_lua_option *option, const char *kind)
{
    char least[32], most[32];
    stile_format_double(least, option->least);
    stile_format_double(most, option->most);
    return stile_lua_refuse(call, "%s must be %s from %s to %s", option->name, kind, least, most);
}

static int read_integer(stile_lua_call *call, const stile_lua_option *option,
                        const stile_lua_value *value)
{
    int64_t integer = value->integer;
    if (value->kind == STILE_LUA_NUMBER && value->number == floor(value->number) &&
        fabs(value->number) < 0x1p62)
        integer = (int64_t)value->number;
    else if (value->kind != STILE_LUA_INTEGER)
        return wrong_kind(call, option->name, "an integer", value);
    if (!within(option, (double)integer))
        return refuse_range(call, option, "an integer");
    *(int64_t *)option->out = integer;
    return 0;
}

static int read_number(stile_lua_call *call, const stile_lua_option *option,
                       const stile_lua_value *value)
{
    if (value->kind != STILE_LUA_NUMBER && value->kind != STILE_LUA_INTEGER)
        return wrong_kind(call, option->name, "a number", value);
    if (!within(option, value->number))
        return refuse_range(call, option, "a number");
    *(double *)option->out = value->number;
    return 0;
}

static int read_option(stile_lua_call *call, const stile_lua_option *option,
                       const stile_lua_value *value)
{
    switch (option->kind) {
    case STILE_LUA_OPTION_STRING:
        return read_string(call, option->name, value, option->out);
    case STILE_LUA_OPTION_BOOLEAN:
        if (value->kind != STILE_LUA_BOOLEAN)
            return wrong_kind(call, option->name, "true or false", value);
        *(bool *)option->out = value->boolean;
        return 0;
    case STILE_LUA_OPTION_INTEGER:
        return read_integer(call, option, value);
    case STILE_LUA_OPTION_NUMBER:
        return read_number(call, option, value);
    case STILE_LUA_OPTION_OBJECT:
        return read_object(call, option->name, option->class, value, option->out);
    }
    return stile_fail(STILE_ERROR_INTERNAL, "%s: option %s has no kind", call->name, option->name);
}

static const stile_lua_option *find_option(const stile_lua_option *options, int count,
                                           const char *name)
{
    for (int i = 0; i < count; i++) {
        if (!strcmp(options[i].name, name))
            return &options[i];
    }
    return NULL;
}

static int refuse_unknown(stile_lua_call *call, const stile_lua_option *options, int count,
                          const char *name)
{
    const char **names = stile_arena_array(call->arena, (size_t)count + 1, sizeof *names);
    for (int i = 0; names && i < count; i++)
        names[i] = options[i].name;
    const char *near = names ? stile_nearest_name(name, names) : NULL;
    return near ? stile_lua_refuse(call, "there is no option '%.40s'; the nearest is '%s'", name,
                                   near)
                : stile_lua_refuse(call, "there is no option '%.40s'", name);
}

int stile_lua_take_options(stile_lua_call *call, int index, const stile_lua_option *options,
                           int count)
{
    const stile_lua_value *table = &call->arguments[index];
    if (table->kind == STILE_LUA_NIL)
        return 0;
    if (table->kind != STILE_LUA_TABLE)
        return wrong_kind(call, "options", "a table", table);
    if (!table->table)
        return stile_fail_memory();
    if (table->table->item_count)
        return stile_lua_refuse(call, "options are given by name: {%s = …}, not as a list",
                                count ? options[0].name : "name");
    for (size_t i = 0; i < table->table->field_count; i++) {
        const stile_lua_field *field = &table->table->fields[i];
        const stile_lua_option *option = find_option(options, count, field->key);
        int error = option ? read_option(call, option, &field->value)
                           : refuse_unknown(call, options, count, field->key);
        if (error)
            return error;
    }
    return 0;
}
