/* SPDX-License-Identifier: Apache-2.0 */
/* stile.group_basis: bases from groups. */
#include "group_basis.h"

#include "fail.h"
#include "objects.h"

int stile_script_group_basis(stile_lua_call *call)
{
    stile_group_request request = {0};
    int64_t m = 0, k = 0, n = 0, rank = 0, moves = 0, seed = 1;
    const stile_lua_option options[] = {
        {"group", STILE_LUA_OPTION_STRING, &request.group, 0, 0, NULL},
        {"m", STILE_LUA_OPTION_INTEGER, &m, 1, STILE_MAX_TILE, NULL},
        {"k", STILE_LUA_OPTION_INTEGER, &k, 1, STILE_MAX_TILE, NULL},
        {"n", STILE_LUA_OPTION_INTEGER, &n, 1, STILE_MAX_TILE, NULL},
        {"rank", STILE_LUA_OPTION_INTEGER, &rank, 1, STILE_MAX_RANK, NULL},
        {"relaxed", STILE_LUA_OPTION_BOOLEAN, &request.relaxed, 0, 0, NULL},
        {"truncate", STILE_LUA_OPTION_BOOLEAN, &request.truncate, 0, 0, NULL},
        {"moves", STILE_LUA_OPTION_INTEGER, &moves, 0, 1e9, NULL},
        {"seed", STILE_LUA_OPTION_INTEGER, &seed, 0, 0x1p62, NULL},
    };
    int error = stile_lua_take_options(call, 0, options, 9);
    if (!error && (!request.group || !m || !k || !n))
        error = stile_lua_refuse(call, "group, m, k and n must be given");
    if (error)
        return error;
    request.m = (int)m;
    request.k = (int)k;
    request.n = (int)n;
    request.rank = (int)rank;
    request.moves = (int)moves;
    request.seed = (uint64_t)seed;

    stile_script_basis *handle = stile_script_basis_create();
    stile_basis *basis = NULL;
    if (!handle)
        return stile_fail_memory();
    error = stile_group_basis_make(&basis, handle->arena, &request);
    if (error) {
        stile_script_basis_class.release(handle);
        return error;
    }
    handle->basis = basis;
    call->result = stile_lua_give(call, &stile_script_basis_class, handle);
    return 0;
}
