/* SPDX-License-Identifier: Apache-2.0 */
#include "npy_dtype.h"

static const struct {
    const char *name;
    int size;
    stile_type type; /* of the same bits; '<f8' has none */
} dtypes[] = {
    [STILE_NPY_F4] = {"<f4", 4, STILE_TYPE_F32},
    [STILE_NPY_F8] = {"<f8", 8, STILE_TYPE_F32},
    [STILE_NPY_F2] = {"<f2", 2, STILE_TYPE_F16},
    [STILE_NPY_BF16] = {"|V2", 2, STILE_TYPE_BF16},
};

const char *stile_npy_dtype_name(stile_npy_dtype dtype)
{
    return dtypes[dtype].name;
}

int stile_npy_dtype_size(stile_npy_dtype dtype)
{
    return dtypes[dtype].size;
}

bool stile_npy_dtype_type(stile_type *out, stile_npy_dtype dtype)
{
    if (dtype == STILE_NPY_F8)
        return false;
    *out = dtypes[dtype].type;
    return true;
}

stile_npy_dtype stile_npy_dtype_of(stile_type type)
{
    return type == STILE_TYPE_F16    ? STILE_NPY_F2
           : type == STILE_TYPE_BF16 ? STILE_NPY_BF16
                                     : STILE_NPY_F4;
}
