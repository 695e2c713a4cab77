/* SPDX-License-Identifier: Apache-2.0 */
/* The fp64 matrix product of the CPU reference. */
#ifndef STILE_RUNTIME_MULTIPLY_H
#define STILE_RUNTIME_MULTIPLY_H

#include <stdint.h>

/*
 * C = A·Bᵀ: c[i·ldc + j] = Σ_k a[i·lda + k] · b[j·ldb + k]. Every element is summed in one order,
 * which depends on `inner` alone: the same digits whatever the blocking, the machine and its vector
 * width.
 */
void stile_multiply(int64_t rows, int64_t columns, int64_t inner, const double *a, int64_t lda,
                    const double *b, int64_t ldb, double *c, int64_t ldc);

#endif
