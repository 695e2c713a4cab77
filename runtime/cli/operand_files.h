/* SPDX-License-Identifier: Apache-2.0 */
/* Operands from .npy files: read, checked against the spec, converted to its types. */
#ifndef STILE_CLI_OPERAND_FILES_H
#define STILE_CLI_OPERAND_FILES_H

#include "command.h"
#include "config.h"
#include "npy.h"

/* Host arrays, dense and in the types of the spec; NULL where the spec has no such operand. */
typedef struct stile_operand_files {
    int64_t M, K, N;
    void *x, *w, *bias, *residual;
} stile_operand_files;

/*
 * Reads --x, --w, --bias, --residual and --n as `config` demands. Prints what is wrong; returns an
 * exit code.
 */
int stile_operand_files_read(stile_operand_files *out, const stile_arguments *arguments,
                             const stile_config *config);

void stile_operand_files_free(stile_operand_files *operands);

/*
 * Reads a dense W of the spec's layout; *K is what the rows of X say, or 0 to take it from the
 * file.
 */
int stile_operand_weight_read(void **out, const char *path, const stile_config *config, int64_t *K,
                              int64_t *N);

#endif
