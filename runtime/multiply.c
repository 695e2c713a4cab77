/* SPDX-License-Identifier: Apache-2.0 */
#include "multiply.h"

enum {
    LANES = 4,
    BLOCK_INNER = 512,  /* 4 rows of A fill 16 KB of L1 */
    BLOCK_COLUMNS = 64, /* as many rows of B 256 KB of L2 */
    REGISTER_ROWS = 4,
    REGISTER_COLUMNS = 2,
};

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef double lanes_in_memory
    __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double)), may_alias));

/*
 * c[i][j] += Σ_k a[i][k]·b[j][k] for i < rows, j < columns. Lane l sums the k ≡ l mod 4 of the
 * block, so the order of additions is the same for every shape of register block. Inlined with
 * constant `rows` and `columns`, all sums live in registers.
 */
static inline __attribute__((always_inline)) void
multiply_registers(int rows, int columns, int64_t inner, const double *a, int64_t lda,
                   const double *b, int64_t ldb, double *c, int64_t ldc)
{
    lanes sum[REGISTER_ROWS][REGISTER_COLUMNS] = {0};
    const int64_t whole = inner - inner % LANES;
    for (int64_t k = 0; k < whole; k += LANES) {
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) {
            const lanes x = *(const lanes_in_memory *)(a + i * lda + k);
#pragma GCC unroll 2
            for (int j = 0; j < columns; j++)
                sum[i][j] += x * *(const lanes_in_memory *)(b + j * ldb + k);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
        for (int j = 0; j < columns; j++) {
            double rest = 0;
            for (int64_t k = whole; k < inner; k++)
                rest += a[i * lda + k] * b[j * ldb + k];
            const lanes s = sum[i][j];
            c[i * ldc + j] += ((s[0] + s[1]) + (s[2] + s[3])) + rest;
        }
    }
}

static inline __attribute__((always_inline)) void multiply_body(int64_t rows, int64_t columns,
                                                                int64_t inner, const double *a,
                                                                int64_t lda, const double *b,
                                                                int64_t ldb, double *c, int64_t ldc)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            c[i * ldc + j] = 0;
    for (int64_t k = 0; k < inner; k += BLOCK_INNER) {
        const int64_t block_inner = inner - k < BLOCK_INNER ? inner - k : BLOCK_INNER;
        for (int64_t j0 = 0; j0 < columns; j0 += BLOCK_COLUMNS) {
            const int64_t j1 = columns - j0 < BLOCK_COLUMNS ? columns : j0 + BLOCK_COLUMNS;
            int64_t i = 0;
            for (; i + REGISTER_ROWS <= rows; i += REGISTER_ROWS) {
                int64_t j = j0;
                for (; j + REGISTER_COLUMNS <= j1; j += REGISTER_COLUMNS)
                    multiply_registers(REGISTER_ROWS, REGISTER_COLUMNS, block_inner,
                                       a + i * lda + k, lda, b + j * ldb + k, ldb, c + i * ldc + j,
                                       ldc);
                if (j < j1)
                    multiply_registers(REGISTER_ROWS, 1, block_inner, a + i * lda + k, lda,
                                       b + j * ldb + k, ldb, c + i * ldc + j, ldc);
            }
            for (; i < rows; i++)
                for (int64_t j = j0; j < j1; j++)
                    multiply_registers(1, 1, block_inner, a + i * lda + k, lda, b + j * ldb + k,
                                       ldb, c + i * ldc + j, ldc);
        }
    }
}

static void multiply_portable(int64_t rows, int64_t columns, int64_t inner, const double *a,
                              int64_t lda, const double *b, int64_t ldb, double *c, int64_t ldc)
{
    multiply_body(rows, columns, inner, a, lda, b, ldb, c, ldc);
}

#ifdef __x86_64__
/* Without fused multiply-add, so that the digits are those of the portable code. */
__attribute__((target("avx2"))) static void multiply_avx2(int64_t rows, int64_t columns,
                                                          int64_t inner, const double *a,
                                                          int64_t lda, const double *b, int64_t ldb,
                                                          double *c, int64_t ldc)
{
    multiply_body(rows, columns, inner, a, lda, b, ldb, c, ldc);
}
#endif

void stile_multiply(int64_t rows, int64_t columns, int64_t inner, const double *a, int64_t lda,
                    const double *b, int64_t ldb, double *c, int64_t ldc)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        multiply_avx2(rows, columns, inner, a, lda, b, ldb, c, ldc);
        return;
    }
#endif
    multiply_portable(rows, columns, inner, a, lda, b, ldb, c, ldc);
}
