/* SPDX-License-Identifier: Apache-2.0 */
/* The host side of a verification case: operands, and what the operator makes of them in fp64. */
#ifndef STILE_RUNTIME_VERIFY_DATA_H
#define STILE_RUNTIME_VERIFY_DATA_H

#include "verify.h"

/* An array with `offset` elements before it; padding between rows holds NaN. */
typedef struct stile_host_matrix {
    stile_type type;
    int64_t rows, columns, ld;
    int64_t offset; /* elements of `bytes` before the first */
    size_t size;    /* bytes in all, offset included; 0: the case has no such operand */
    unsigned char *bytes;
} stile_host_matrix;

typedef struct stile_verify_data {
    const stile_config *config;
    stile_problem problem;
    stile_host_matrix x, w, bias, residual; /* w: logical Ŵ where weights are trained */
    stile_host_matrix y;                    /* all NaN */
    stile_host_matrix z;                    /* the same, where Z is kept */
    double *reference; /* [M,N]: the operator, by encoding, multiplying and decoding */
    double *truth;     /* [M,N]: true matrix multiplication, or NULL */
    double *reference_z; /* [M,N]: what the activation is applied to, where Z is kept */
} stile_verify_data;

static inline void *stile_host_data(const stile_host_matrix *matrix)
{
    return matrix->size ? matrix->bytes + matrix->offset * stile_type_size(matrix->type) : NULL;
}

/* All poison. Errors: MEMORY. */
int stile_host_matrix_create(stile_host_matrix *out, stile_type type, int64_t rows, int64_t columns,
                             int pad, int offset);

/* N(0,1), or integers −1, 0, 1. */
void stile_host_matrix_fill(stile_host_matrix *m, bool integers, uint64_t seed, int threads);

/* Whether nothing was written between the rows of a matrix, or before them. */
bool stile_host_padding_is_poison(const stile_host_matrix *m);

/* Memory for the CPU device: aligned and poisoned; freed by the caller. NULL: memory. */
void *stile_host_buffer(size_t size);

/*
 * Makes everything; *applies becomes false, and nothing is made, where the case wants integers and
 * the spec has no exact ones. Errors: ARGUMENT, MEMORY.
 */
int stile_verify_data_create(stile_verify_data *out, const stile_config *config,
                             const stile_verify_case *c, int threads, bool *applies);
void stile_verify_data_destroy(stile_verify_data *data);

#endif
