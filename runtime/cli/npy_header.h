/* SPDX-License-Identifier: Apache-2.0 */
/* The header of .npy files: a Python dict literal behind a few fixed bytes. */
#ifndef STILE_CLI_NPY_HEADER_H
#define STILE_CLI_NPY_HEADER_H

#include <stdbool.h>

#include "npy.h"
#include "text.h"

/* The longest header read; NumPy itself refuses more than 10,000 characters by default. */
enum { STILE_NPY_MAX_HEADER = 64 * 1024, STILE_NPY_MAX_PREFIX = 12 };

typedef struct stile_npy_header {
    stile_npy_dtype dtype;
    bool fortran_order;
    int rank;
    int64_t dims[STILE_NPY_MAX_RANK];
    int64_t count;
    size_t data_offset; /* where the elements begin */
} stile_npy_header;

/*
 * Parses the header at the start of `size` bytes, which are the whole file or its first
 * STILE_NPY_MAX_PREFIX + STILE_NPY_MAX_HEADER bytes. Errors: IO, UNSUPPORTED.
 */
int stile_npy_header_parse(stile_npy_header *out, const char *name, const unsigned char *bytes,
                           size_t size);

/* Appends a version 1.0 header, padded so that data begins at a multiple of 64 bytes. */
void stile_npy_header_print(stile_text *out, stile_npy_dtype dtype, int rank, const int64_t *dims);

/* Appends "(3, 4)", as Python prints it. */
void stile_npy_shape_print(stile_text *out, int rank, const int64_t *dims);

#endif
