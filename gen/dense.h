/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dense linear algebra in doubles: products, and Cholesky's factorization with its solves.
 *
 * Matrices are row-major with a leading dimension. Vector instructions are used where the processor
 * has them, but every sum is taken in the same order and no multiply-add is fused, so that results
 * are the same to the bit on every machine. (A build with -Dlapack=enabled leaves large
 * factorizations to LAPACK, and this promise.)
 */
#ifndef STILE_GEN_DENSE_H
#define STILE_GEN_DENSE_H

#include <stdbool.h>

/* Leading dimensions that suit the kernels are multiples of this. */
enum { STILE_DENSE_LANES = 8 };

static inline int stile_dense_stride(int columns)
{
    return (columns + STILE_DENSE_LANES - 1) / STILE_DENSE_LANES * STILE_DENSE_LANES;
}

/* An operand that is read entry by entry, so that it may be a transpose: (i, j) is at
   entries[i·row_step + j·column_step]. */
typedef struct stile_dense_view {
    const double *entries;
    int row_step, column_step;
} stile_dense_view;

/* c += sign · a·b, where a is rows × depth, b depth × columns. */
void stile_dense_multiply(int rows, int columns, int depth, double sign, stile_dense_view a,
                          const double *b, int ldb, double *c, int ldc);

/* y += factor · x */
void stile_dense_add(int count, double factor, const double *x, double *y);

/* z += x·y, entry by entry. */
void stile_dense_add_products(int count, const double *x, const double *y, double *z);

/* Σ x·y, in eight partial sums whatever the processor. */
double stile_dense_dot(int count, const double *x, const double *y);

/*
 * The upper triangle of the symmetric matrix `a`, all that is read of it, becomes R with
 * RᵀR = a. False where that is not positive definite: `a` is half done then.
 */
bool stile_dense_cholesky(int n, double *a, int lda);

/* x ← a⁻¹·x by the R of stile_dense_cholesky. */
void stile_dense_solve(int n, const double *r, int ldr, double *x);

#endif
