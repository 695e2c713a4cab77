/* SPDX-License-Identifier: Apache-2.0 */
#include "dense.h"

#include <math.h>
#include <string.h>

enum {
    LANES = STILE_DENSE_LANES,
    TILE_ROWS = 4, /* of a product that are made at once: their sums stay in registers */
    TILE_COLUMNS = 2 * LANES,
    LAPACK_LEAST = 256, /* unknowns of systems that are LAPACK's, where it is there */
    BLOCK = 32, /* columns that Cholesky's factorization finishes before it updates the rest */
};

/* The compiler makes of it what the target has: one register, two, or four. */
typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* --- Kernels, compiled once for each kind of processor ---------------------------------------- */

/* Four rows of c, two lanes wide. Unrolled by hand: the sums must stay in registers. */
ALWAYS_INLINE void wide_tile(int depth, double sign, const double *a, long row_step,
                             long column_step, const double *b, long ldb, double *c, long ldc)
{
    lanes s00 = {0}, s01 = {0}, s10 = {0}, s11 = {0}, s20 = {0}, s21 = {0}, s30 = {0}, s31 = {0};
    for (int l = 0; l < depth; l++, a += column_step, b += ldb) {
        const lanes left = *(const lanes *)b, right = *(const lanes *)(b + LANES);
        s00 += a[0] * left;
        s01 += a[0] * right;
        s10 += a[row_step] * left;
        s11 += a[row_step] * right;
        s20 += a[2 * row_step] * left;
        s21 += a[2 * row_step] * right;
        s30 += a[3 * row_step] * left;
        s31 += a[3 * row_step] * right;
    }
    *(lanes *)c += sign * s00;
    *(lanes *)(c + LANES) += sign * s01;
    *(lanes *)(c + ldc) += sign * s10;
    *(lanes *)(c + ldc + LANES) += sign * s11;
    *(lanes *)(c + 2 * ldc) += sign * s20;
    *(lanes *)(c + 2 * ldc + LANES) += sign * s21;
    *(lanes *)(c + 3 * ldc) += sign * s30;
    *(lanes *)(c + 3 * ldc + LANES) += sign * s31;
}

/* One row of c, one lane wide. */
ALWAYS_INLINE void narrow_tile(int depth, double sign, const double *a, long column_step,
                               const double *b, long ldb, double *c)
{
    lanes sum = {0};
    for (int l = 0; l < depth; l++, a += column_step, b += ldb)
        sum += *a * *(const lanes *)b;
    *(lanes *)c += sign * sum;
}

ALWAYS_INLINE void multiply_body(int rows, int columns, int depth, double sign, const double *a,
                                 long row_step, long column_step, const double *b, long ldb,
                                 double *c, long ldc)
{
    const int tiled = rows / TILE_ROWS * TILE_ROWS;
    int j = 0;
    for (; j + TILE_COLUMNS <= columns; j += TILE_COLUMNS)
        for (int i = 0; i < tiled; i += TILE_ROWS)
            wide_tile(depth, sign, a + i * row_step, row_step, column_step, b + j, ldb,
                      c + i * ldc + j, ldc);
    for (; j + LANES <= columns; j += LANES)
        for (int i = 0; i < tiled; i++)
            narrow_tile(depth, sign, a + i * row_step, column_step, b + j, ldb, c + i * ldc + j);
    for (int i = tiled; i < rows; i++)
        for (int l = 0; l < j; l += LANES)
            narrow_tile(depth, sign, a + i * row_step, column_step, b + l, ldb, c + i * ldc + l);
    for (int i = 0; i < rows; i++) {
        for (int last = j; last < columns; last++) {
            double sum = 0;
            for (int l = 0; l < depth; l++)
                sum += a[i * row_step + l * column_step] * b[l * ldb + last];
            c[i * ldc + last] += sign * sum;
        }
    }
}

ALWAYS_INLINE void add_body(int count, double factor, const double *x, double *y)
{
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        *(lanes *)(y + i) += factor * *(const lanes *)(x + i);
    for (; i < count; i++)
        y[i] += factor * x[i];
}

ALWAYS_INLINE void add_products_body(int count, const double *x, const double *y, double *z)
{
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        *(lanes *)(z + i) += *(const lanes *)(x + i) * *(const lanes *)(y + i);
    for (; i < count; i++)
        z[i] += x[i] * y[i];
}

ALWAYS_INLINE double dot_body(int count, const double *x, const double *y)
{
    lanes sum = {0};
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        sum += *(const lanes *)(x + i) * *(const lanes *)(y + i);
    double rest = 0;
    for (; i < count; i++)
        rest += x[i] * y[i];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7])) + rest;
}

typedef struct kernels {
    void (*multiply)(int, int, int, double, const double *, int, int, const double *, int, double *,
                     int);
    void (*add)(int, double, const double *, double *);
    void (*add_products)(int, const double *, const double *, double *);
    double (*dot)(int, const double *, const double *);
} kernels;

#define INSTANTIATE(name, attribute)                                                               \
    attribute static void multiply_##name(int rows, int columns, int depth, double sign,           \
                                          const double *a, int row_step, int column_step,          \
                                          const double *b, int ldb, double *c, int ldc)            \
    {                                                                                              \
        multiply_body(rows, columns, depth, sign, a, row_step, column_step, b, ldb, c, ldc);       \
    }                                                                                              \
    attribute static void add_##name(int count, double factor, const double *x, double *y)         \
    {                                                                                              \
        add_body(count, factor, x, y);                                                             \
    }                                                                                              \
    attribute static void add_products_##name(int count, const double *x, const double *y,         \
                                              double *z)                                           \
    {                                                                                              \
        add_products_body(count, x, y, z);                                                         \
    }                                                                                              \
    attribute static double dot_##name(int count, const double *x, const double *y)                \
    {                                                                                              \
        return dot_body(count, x, y);                                                              \
    }                                                                                              \
    static const kernels kernels_##name = {multiply_##name, add_##name, add_products_##name,       \
                                           dot_##name};

INSTANTIATE(plain, )
#ifdef __x86_64__
INSTANTIATE(avx2, __attribute__((target("avx2"))))
INSTANTIATE(avx512, __attribute__((target("avx512f"))))
#endif

static const kernels *best_kernels(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return &kernels_avx512;
    if (__builtin_cpu_supports("avx2"))
        return &kernels_avx2;
#endif
    return &kernels_plain;
}

/* --- What is made of them --------------------------------------------------------------------- */

void stile_dense_multiply(int rows, int columns, int depth, double sign, stile_dense_view a,
                          const double *b, int ldb, double *c, int ldc)
{
    best_kernels()->multiply(rows, columns, depth, sign, a.entries, a.row_step, a.column_step, b,
                             ldb, c, ldc);
}

void stile_dense_add(int count, double factor, const double *x, double *y)
{
    best_kernels()->add(count, factor, x, y);
}

void stile_dense_add_products(int count, const double *x, const double *y, double *z)
{
    best_kernels()->add_products(count, x, y, z);
}

double stile_dense_dot(int count, const double *x, const double *y)
{
    return best_kernels()->dot(count, x, y);
}

/*
 * Takes the finished rows of R out of the rest: a[i][j] −= Σ R[l][i]·R[l][j], for j from the block
 * of i on. The rows are copied into strips of a few columns, which the caches hold.
 */
static void update(const kernels *k, int n, int first, int end, double *a, int lda)
{
    enum { STRIP = 4 * TILE_COLUMNS };
    double left[BLOCK * STRIP], right[BLOCK * STRIP];
    for (int j = end; j < n; j += STRIP) {
        const int columns = j + STRIP < n ? STRIP : n - j;
        for (int l = first; l < end; l++)
            memcpy(right + (l - first) * STRIP, a + (long)l * lda + j,
                   (size_t)columns * sizeof *right);
        for (int i = end; i <= j; i += STRIP) {
            const int rows = i + STRIP < n ? STRIP : n - i;
            for (int l = first; l < end; l++)
                memcpy(left + (l - first) * STRIP, a + (long)l * lda + i,
                       (size_t)rows * sizeof *left);
            k->multiply(rows, columns, end - first, -1, left, 1, STRIP, right, STRIP,
                        a + (long)i * lda + j, lda);
        }
    }
}

#ifdef STILE_HAVE_LAPACK
/* By columns, as Fortran sees it, the upper triangle is the lower one. */
extern void dpotrf_(const char *triangle, const int *n, double *a, const int *lda, int *info);

static bool factorize_by_lapack(int n, double *a, int lda)
{
    int info = 0;
    for (int i = 0; i < n; i++)
        if (!isfinite(a[(long)i * (lda + 1)]))
            return false;
    dpotrf_("L", &n, a, &lda, &info);
    return info == 0;
}
#endif

bool stile_dense_cholesky(int n, double *a, int lda)
{
#ifdef STILE_HAVE_LAPACK
    if (n >= LAPACK_LEAST)
        return factorize_by_lapack(n, a, lda);
#endif
    const kernels *k = best_kernels();
    for (int first = 0; first < n; first += BLOCK) {
        const int end = first + BLOCK < n ? first + BLOCK : n;
        for (int row = first; row < end; row++) {
            double *pivot_row = a + (long)row * lda;
            if (!(pivot_row[row] > 0) || !isfinite(pivot_row[row]))
                return false;
            pivot_row[row] = sqrt(pivot_row[row]);
            for (int j = row + 1; j < n; j++)
                pivot_row[j] /= pivot_row[row];
            for (int i = row + 1; i < end; i++)
                k->add(n - i, -pivot_row[i], pivot_row + i, a + (long)i * lda + i);
        }
        update(k, n, first, end, a, lda);
    }
    return true;
}

void stile_dense_solve(int n, const double *r, int ldr, double *x)
{
    const kernels *k = best_kernels();
    for (int i = 0; i < n; i++) {
        x[i] /= r[(long)i * ldr + i];
        k->add(n - i - 1, -x[i], r + (long)i * ldr + i + 1, x + i + 1);
    }
    for (int i = n - 1; i >= 0; i--)
        x[i] =
            (x[i] - k->dot(n - i - 1, r + (long)i * ldr + i + 1, x + i + 1)) / r[(long)i * ldr + i];
}
