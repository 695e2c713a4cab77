/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy's .npy files, versions 1 to 3: arrays of one to three dimensions of floating-point numbers.
 *
 * Read are '<f4', '<f8', '<f2', and bfloat16 as the 16-bit patterns '|V2', '<V2' (what NumPy with
 * ml_dtypes writes) or '<u2'. Arrays in Fortran order are transposed. Everything else is refused
 * with a message that begins with the file's name. The files are untrusted: sizes are checked
 * against the file before memory is allocated.
 */
#ifndef STILE_CLI_NPY_H
#define STILE_CLI_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "npy_dtype.h"

enum { STILE_NPY_MAX_RANK = 3 };

/* An array in C order; freed with stile_npy_free. */
typedef struct stile_npy {
    stile_npy_dtype dtype;
    int rank;                         /* 1 to 3 */
    int64_t dims[STILE_NPY_MAX_RANK]; /* 1 from `rank` on */
    int64_t count;                    /* of elements: the product of dims */
    void *data;
    size_t size; /* bytes of data */
} stile_npy;

/* Reads a file. Errors: IO (also for what is wrong inside it), UNSUPPORTED (valid, but of a kind
   that is not read), MEMORY. */
int stile_npy_read(stile_npy *out, const char *path);

/* The same from `size` bytes in memory; `name` stands for the file in messages. */
int stile_npy_parse(stile_npy *out, const char *name, const void *bytes, size_t size);

/* Frees the data and zeroes *npy; NULL and zeroed ones are allowed. */
void stile_npy_free(stile_npy *npy);

/* Element `index` in C order. */
double stile_npy_element(const stile_npy *npy, int64_t index);

/*
 * The elements as a new array of `type`, rounded once from the file's precision; the caller frees
 * it. Errors: MEMORY.
 */
int stile_npy_convert(void **out, const stile_npy *npy, stile_type type);

/*
 * Writes `data` of `rank` dimensions in C order as version 1.0; bfloat16 as '|V2', which NumPy
 * reads without ml_dtypes (view it as uint16, or as ml_dtypes.bfloat16 with it). `path` holds the
 * old file or the whole new one (file_write.h). Errors: ARGUMENT (rank), IO, MEMORY.
 */
int stile_npy_write(const char *path, stile_npy_dtype dtype, int rank, const int64_t *dims,
                    const void *data);

#endif
