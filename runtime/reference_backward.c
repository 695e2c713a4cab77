/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two passes, neither of which needs all of X̂, Ŷ or dX̂ at once. By rows of tiles: dX, dU, dD,
 * each block of rows a task with partial sums of its own. By channels: dŴ, then dW and dV from it.
 */
#include "reference_backward.h"

#include <stdlib.h>
#include <string.h>

#include "epilogue.h"
#include "fail.h"
#include "formats.h"
#include "multiply.h"
#include "parallel.h"
#include "planes.h"

enum { BLOCK_ROWS = 32, BLOCK_COLUMNS = 32 }; /* fixed: nothing depends on the number of threads */

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* --- what both ways share -------------------------------------------------------------------- */

int stile_backward_check(const stile_problem *problem, const stile_backward_inputs *inputs,
                         const stile_gradients *out)
{
    int error = stile_problem_check(problem);
    if (error)
        return error;
    const bool active = problem->config->epilogue.activation != STILE_ACTIVATION_NONE;
    if (active != (inputs->z != NULL))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          active ? "the spec has an activation, but z, what it was applied to, is "
                                   "not given"
                                 : "z is given, but the spec has no activation");
    if (problem->config->encode == STILE_ENCODE_TRAINED && out->dv)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the spec has trained weights: there is no V to have a gradient");
    return 0;
}

double stile_backward_dz(const stile_problem *problem, const stile_backward_inputs *inputs,
                         int64_t row, int64_t column)
{
    const stile_type type = problem->config->precision.output;
    const int64_t ldy = problem->ldy ? problem->ldy : problem->N;
    const int64_t ldz = problem->ldz ? problem->ldz : problem->N;
    const double dy = stile_load_element(type, inputs->dy, row * ldy + column);
    if (!inputs->z)
        return dy;
    return stile_activate_backward(problem->config->epilogue.activation,
                                   stile_load_element(type, inputs->z, row * ldz + column), dy);
}

size_t stile_weight_gradient_size(const stile_problem *problem)
{
    if (problem->config->encode == STILE_ENCODE_TRAINED)
        return stile_reference_weight_size(problem);
    return (size_t)problem->K * (size_t)problem->N;
}

static void mask(double *gradient, stile_basis_matrix matrix)
{
    for (int i = 0; gradient && i < matrix.rows * matrix.columns; i++)
        if (matrix.entries[i] == 0)
            gradient[i] = 0;
}

void stile_mask_basis_gradients(const stile_config *config, double *du, double *dd)
{
    if (config->rows == STILE_ROWS_ANY)
        return;
    mask(du, stile_basis_u(config->basis));
    mask(dd, stile_basis_d(config->basis));
}

/* --- state ----------------------------------------------------------------------------------- */

typedef struct backward {
    const stile_problem *problem;
    const stile_backward_inputs *inputs;
    const stile_gradients *out;
    stile_tiling tiling;
    const double *u, *v, *d;
    /* by rows of tiles */
    double *w_hat_t;               /* [rank][tile_inner][tile_columns] */
    double *partial_u, *partial_d; /* [row block], as U and D */
    _Atomic bool out_of_memory;
    /* by channels; the inner dimension is tile_rows */
    double *x_planes, *x_hat;   /* [mk][tile_inner][tile_rows], [tile_inner][tile_rows] */
    double *dz_planes, *dy_hat; /* [mn][tile_columns][tile_rows], [tile_columns][tile_rows] */
    double *dw_hat;             /* [rank][tile_columns][tile_inner] */
    int64_t channel;
} backward;

/* An array of a × b × c doubles; NULL where there is no memory for it. */
static double *doubles(int64_t a, int64_t b, int64_t c)
{
    size_t count, bytes;
    if (__builtin_mul_overflow(a, b, &count) || __builtin_mul_overflow(count, c, &count) ||
        __builtin_mul_overflow(count, sizeof(double), &bytes) || bytes > PTRDIFF_MAX)
        return NULL;
    return malloc(bytes ? bytes : 1);
}

/* Row of X and Y that tile row `t` has as its row `a`; -1 where that is padding. */
static int64_t matrix_row(const backward *b, int64_t t, int a)
{
    const int64_t group = t / b->tiling.tile_rows_per_group;
    const int64_t row = t % b->tiling.tile_rows_per_group * b->problem->config->basis->m + a;
    return row < b->tiling.rows_per_group ? group * b->tiling.rows_per_group + row : -1;
}

static double load_x(const backward *b, int64_t row, int64_t column)
{
    const stile_problem *p = b->problem;
    if (row < 0 || column >= p->K)
        return 0;
    return stile_load_element(p->config->precision.input, b->inputs->x,
                              row * (p->ldx ? p->ldx : p->K) + column);
}

static double load_dz(const backward *b, int64_t row, int64_t column)
{
    return row < 0 || column >= b->problem->N
               ? 0
               : stile_backward_dz(b->problem, b->inputs, row, column);
}

static double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Column `j` of a matrix with `rows` rows. */
static void take_column(double *out, const double *matrix, int rows, int columns, int j)
{
    for (int i = 0; i < rows; i++)
        out[i] = matrix[i * columns + j];
}

/* --- dX, dU, dD: by rows of tiles ------------------------------------------------------------- */

typedef double element_loader(const backward *b, int64_t row, int64_t column);

/* Entry (a, e) of each tile of tile rows [first, first + rows): planes [m·side][rows][tiles]. */
static void load_planes(const backward *b, element_loader *load, int side, int64_t tiles,
                        int64_t first, int64_t rows, double *planes)
{
    for (int a = 0; a < b->problem->config->basis->m; a++)
        for (int64_t t = 0; t < rows; t++) {
            const int64_t row = matrix_row(b, first + t, a);
            for (int e = 0; e < side; e++)
                for (int64_t i = 0; i < tiles; i++)
                    planes[((a * side + e) * rows + t) * tiles + i] = load(b, row, i * side + e);
        }
}

static void store_dx(const backward *b, int64_t first, int64_t rows, const double *planes)
{
    const stile_basis *basis = b->problem->config->basis;
    const int64_t K = b->problem->K, inner = b->tiling.tile_inner;
    for (int64_t t = 0; t < rows; t++)
        for (int a = 0; a < basis->m; a++) {
            const int64_t row = matrix_row(b, first + t, a);
            if (row < 0)
                break;
            for (int64_t column = 0; column < K; column++) {
                const int64_t plane = a * basis->k + column % basis->k;
                b->out->dx[row * K + column] =
                    planes[(plane * rows + t) * inner + column / basis->k];
            }
        }
}

static void run_rows(void *user, int64_t block)
{
    backward *b = user;
    const stile_basis *basis = b->problem->config->basis;
    const int mk = basis->m * basis->k, mn = basis->m * basis->n, rank = basis->rank;
    const int64_t inner = b->tiling.tile_inner, columns = b->tiling.tile_columns;
    const int64_t first = block * BLOCK_ROWS, rows = min64(BLOCK_ROWS, b->tiling.tile_rows - first);
    const int64_t x_size = rows * inner, y_size = rows * columns;
    const bool wants_x = b->out->du || b->out->dd;

    double *dz_planes = doubles(mn + 2, rows, columns),
           *x_planes = doubles(2 * mk + 2, rows, inner);
    if (!dz_planes || !x_planes) {
        b->out_of_memory = true;
        goto done;
    }
    double *dy_hat = dz_planes + mn * y_size, *y_hat = dy_hat + y_size;
    double *dx_planes = x_planes + mk * x_size, *x_hat = dx_planes + mk * x_size;
    double *dx_hat = x_hat + x_size;

    load_planes(b, load_dz, basis->n, columns, first, rows, dz_planes);
    if (wants_x)
        load_planes(b, load_x, basis->k, inner, first, rows, x_planes);
    memset(dx_planes, 0, (size_t)(mk * x_size) * sizeof *dx_planes);
    for (int c = 0; c < rank; c++) {
        double d[STILE_MAX_TILE * STILE_MAX_TILE];
        take_column(d, b->d, mn, rank, c);
        stile_planes_combine(dy_hat, y_size, d, mn, dz_planes);
        stile_multiply(rows, inner, columns, dy_hat, columns, b->w_hat_t + c * inner * columns,
                       columns, dx_hat, inner);
        stile_planes_spread(dx_hat, x_size, b->u + c * mk, 1, mk, dx_planes);
        for (int e = 0; b->out->du && e < mk; e++)
            b->partial_u[(block * rank + c) * mk + e] = dot(x_planes + e * x_size, dx_hat, x_size);
        if (!b->out->dd)
            continue;
        stile_planes_combine(x_hat, x_size, b->u + c * mk, mk, x_planes);
        stile_multiply(rows, columns, inner, x_hat, inner, b->inputs->w_hat + c * columns * inner,
                       inner, y_hat, columns);
        for (int o = 0; o < mn; o++)
            b->partial_d[(block * mn + o) * rank + c] = dot(dz_planes + o * y_size, y_hat, y_size);
    }
    if (b->out->dx)
        store_dx(b, first, rows, dx_planes);
done:
    free(dz_planes);
    free(x_planes);
}

/* Sums [blocks][count] over the blocks, in order. */
static void sum_partials(double *out, const double *partials, int64_t blocks, int64_t count)
{
    memset(out, 0, (size_t)count * sizeof *out);
    for (int64_t block = 0; block < blocks; block++)
        for (int64_t i = 0; i < count; i++)
            out[i] += partials[block * count + i];
}

static int run_all_rows(backward *b, int threads)
{
    const stile_basis *basis = b->problem->config->basis;
    const int64_t mk = basis->m * basis->k, mn = basis->m * basis->n, rank = basis->rank;
    const int64_t inner = b->tiling.tile_inner, columns = b->tiling.tile_columns;
    const int64_t blocks = ceil_div(b->tiling.tile_rows, BLOCK_ROWS);
    int error = 0;

    b->w_hat_t = doubles(rank, inner, columns);
    b->partial_u = doubles(blocks, rank, mk);
    b->partial_d = doubles(blocks, rank, mn);
    if (!b->w_hat_t || !b->partial_u || !b->partial_d) {
        error = stile_fail_memory();
        goto done;
    }
    for (int64_t c = 0; c < rank; c++)
        for (int64_t j = 0; j < columns; j++)
            for (int64_t i = 0; i < inner; i++)
                b->w_hat_t[(c * inner + i) * columns + j] =
                    b->inputs->w_hat[(c * columns + j) * inner + i];
    stile_parallel_for(threads, blocks, run_rows, b);
    if (b->out_of_memory)
        error = stile_fail_memory();
    if (!error && b->out->du)
        sum_partials(b->out->du, b->partial_u, blocks, rank * mk);
    if (!error && b->out->dd)
        sum_partials(b->out->dd, b->partial_d, blocks, rank * mn);
done:
    free(b->w_hat_t);
    free(b->partial_u);
    free(b->partial_d);
    return error;
}

/* --- dW, dV: by channels ---------------------------------------------------------------------- */

/* Planes [m·side][tiles][tile_rows]: contraction runs along the rows. */
static void load_transposed(const backward *b, element_loader *load, int side, int64_t tiles,
                            double *planes)
{
    const int64_t rows = b->tiling.tile_rows;
    for (int a = 0; a < b->problem->config->basis->m; a++)
        for (int64_t t = 0; t < rows; t++) {
            const int64_t row = matrix_row(b, t, a);
            for (int64_t i = 0; i < tiles * side; i++)
                planes[((a * side + i % side) * tiles + i / side) * rows + t] = load(b, row, i);
        }
}

/* dŴ_c = dŶ_cᵀ X̂_c for a block of tile columns. */
static void multiply_columns(void *user, int64_t block)
{
    backward *b = user;
    const int64_t rows = b->tiling.tile_rows, inner = b->tiling.tile_inner;
    const int64_t first = block * BLOCK_COLUMNS;
    const int64_t count = min64(BLOCK_COLUMNS, b->tiling.tile_columns - first);
    stile_multiply(count, inner, rows, b->dy_hat + first * rows, rows, b->x_hat, rows,
                   b->dw_hat + (b->channel * b->tiling.tile_columns + first) * inner, inner);
}

/* Index in dense W of element (row, column) of W[K,N]; -1 in the padding. */
static int64_t dense_index(const stile_problem *p, int64_t row, int64_t column, bool padded)
{
    const bool nk = p->config->layout == STILE_WEIGHT_NK;
    const int64_t ld = padded && p->ldw ? p->ldw : nk ? p->K : p->N;
    if (row >= p->K || column >= p->N)
        return -1;
    return nk ? column * ld + row : row * ld + column;
}

/* Plane (b, d) of dW and the row of dV that belongs to it. */
static void finish_weight_entry(const backward *b, int entry, double *plane)
{
    const stile_problem *p = b->problem;
    const stile_basis *basis = p->config->basis;
    const int kn = basis->k * basis->n, row = entry / basis->n, column = entry % basis->n;
    const int64_t inner = b->tiling.tile_inner, size = b->tiling.tile_columns * inner;
    double v[STILE_MAX_RANK];
    if (b->out->dw) {
        take_column(v, b->v, basis->rank, kn, entry);
        stile_planes_combine(plane, size, v, basis->rank, b->dw_hat);
        for (int64_t t = 0; t < size; t++) {
            const int64_t index =
                dense_index(p, t % inner * basis->k + row, t / inner * basis->n + column, false);
            if (index >= 0)
                b->out->dw[index] = plane[t];
        }
    }
    if (!b->out->dv)
        return;
    for (int64_t t = 0; t < size; t++) {
        const int64_t index =
            dense_index(p, t % inner * basis->k + row, t / inner * basis->n + column, true);
        plane[t] =
            index < 0 ? 0 : stile_load_element(p->config->precision.input, b->inputs->w, index);
    }
    for (int c = 0; c < basis->rank; c++)
        b->out->dv[c * kn + entry] = dot(plane, b->dw_hat + c * size, size);
}

static int run_weights(backward *b, int threads)
{
    const stile_basis *basis = b->problem->config->basis;
    const bool trained = b->problem->config->encode == STILE_ENCODE_TRAINED;
    const int64_t mk = basis->m * basis->k, mn = basis->m * basis->n;
    const int64_t rows = b->tiling.tile_rows, inner = b->tiling.tile_inner;
    const int64_t columns = b->tiling.tile_columns;
    int error = 0;

    double *dw_hat = trained ? NULL : doubles(basis->rank, columns, inner);
    double *plane = trained ? NULL : doubles(1, columns, inner);
    b->dw_hat = trained ? b->out->dw : dw_hat;
    b->x_planes = doubles(mk + 1, inner, rows);
    b->dz_planes = doubles(mn + 1, columns, rows);
    if ((!trained && (!dw_hat || !plane)) || !b->x_planes || !b->dz_planes) {
        error = stile_fail_memory();
        goto done;
    }
    b->x_hat = b->x_planes + mk * inner * rows;
    b->dy_hat = b->dz_planes + mn * columns * rows;
    load_transposed(b, load_x, basis->k, inner, b->x_planes);
    load_transposed(b, load_dz, basis->n, columns, b->dz_planes);
    for (int c = 0; c < basis->rank; c++) {
        double d[STILE_MAX_TILE * STILE_MAX_TILE];
        take_column(d, b->d, (int)mn, basis->rank, c);
        stile_planes_combine(b->x_hat, inner * rows, b->u + c * mk, (int)mk, b->x_planes);
        stile_planes_combine(b->dy_hat, columns * rows, d, (int)mn, b->dz_planes);
        b->channel = c;
        stile_parallel_for(threads, ceil_div(columns, BLOCK_COLUMNS), multiply_columns, b);
    }
    for (int entry = 0; !trained && entry < basis->k * basis->n; entry++)
        finish_weight_entry(b, entry, plane);
done:
    free(dw_hat);
    free(plane);
    free(b->x_planes);
    free(b->dz_planes);
    return error;
}

static void sum_columns(const backward *b)
{
    for (int64_t column = 0; column < b->problem->N; column++) {
        double sum = 0;
        for (int64_t row = 0; row < b->problem->M; row++)
            sum += load_dz(b, row, column);
        b->out->dbias[column] = sum;
    }
}

int stile_reference_backward(const stile_problem *problem, const stile_backward_inputs *inputs,
                             const stile_gradients *out, int threads)
{
    int error = stile_backward_check(problem, inputs, out);
    if (error)
        return error;
    const stile_basis *basis = problem->config->basis;
    backward b = {
        .problem = problem,
        .inputs = inputs,
        .out = out,
        .tiling = stile_problem_tiling(problem),
        .u = problem->u ? problem->u : basis->u,
        .v = problem->v ? problem->v : basis->v,
        .d = problem->d ? problem->d : basis->d,
    };
    if (out->dbias)
        sum_columns(&b);
    if (out->dx || out->du || out->dd)
        error = run_all_rows(&b, threads);
    if (!error && (out->dw || out->dv))
        error = run_weights(&b, threads);
    if (!error)
        stile_mask_basis_gradients(problem->config, out->du, out->dd);
    return error;
}
