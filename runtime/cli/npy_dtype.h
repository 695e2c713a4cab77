/* SPDX-License-Identifier: Apache-2.0 */
/* The element types of .npy files. */
#ifndef STILE_CLI_NPY_DTYPE_H
#define STILE_CLI_NPY_DTYPE_H

#include <stdbool.h>

#include "config.h"

typedef enum stile_npy_dtype {
    STILE_NPY_F4,
    STILE_NPY_F8,
    STILE_NPY_F2,
    STILE_NPY_BF16,
} stile_npy_dtype;

/* "<f4", …, "|V2": as written to files. */
const char *stile_npy_dtype_name(stile_npy_dtype dtype);

/* Bytes per element. */
int stile_npy_dtype_size(stile_npy_dtype dtype);

/* The type of the same bits into *out; false, with *out untouched, for '<f8', which has none. */
bool stile_npy_dtype_type(stile_type *out, stile_npy_dtype dtype);

/* The dtype that elements of `type` are written as: '<f2', '|V2', or '<f4' for all others. */
stile_npy_dtype stile_npy_dtype_of(stile_type type);

#endif
