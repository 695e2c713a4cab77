/* SPDX-License-Identifier: Apache-2.0 */
/* The shape that a call works on: its options, or else the variant's first. */
#include "objects.h"

int stile_script_check_shape(stile_lua_call *call, stile_script_shape *s)
{
    int count = (s->shape.M > 0) + (s->shape.K > 0) + (s->shape.N > 0);
    if (count != 0 && count != 3)
        return stile_lua_refuse(call, "a shape needs all of M, K and N");
    s->given = count == 3;
    return 0;
}

int stile_script_complete_shape(stile_lua_call *call, stile_script_shape *s,
                                const stile_config *config)
{
    if (!s->given && config->shape_count == 0)
        return stile_lua_refuse(call, "%s names no shapes: give {M = …, K = …, N = …}",
                                config->name);
    if (!s->given)
        s->shape = config->shapes[0];
    if (s->rows_per_group && s->shape.M % s->rows_per_group)
        return stile_lua_refuse(call, "M = %lld is no multiple of rows_per_group = %lld",
                                (long long)s->shape.M, (long long)s->rows_per_group);
    return 0;
}
