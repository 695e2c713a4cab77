/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "epilogue.h"
#include "fail.h"
#include "formats.h"
#include "multiply.h"
#include "parallel.h"
#include "planes.h"

/*
 * A task is a block of Y. Larger blocks encode X less often, smaller ones keep more threads busy
 * and need less scratch. Fixed, so that nothing depends on the number of threads.
 */
enum { BLOCK_ROWS = 32, BLOCK_COLUMNS = 256 };

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A matrix of rows × columns with `ld` elements from row to row (0: dense). */
static int check_matrix(const char *name, int64_t rows, int64_t columns, int64_t ld)
{
    int64_t elements, bytes;
    if (ld != 0 && ld < columns)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "leading dimension ld%s = %lld is less than the %lld elements of a row",
                          name, (long long)ld, (long long)columns);
    if (__builtin_mul_overflow(rows, ld ? ld : columns, &elements) ||
        __builtin_mul_overflow(elements, (int64_t)sizeof(double), &bytes))
        return stile_fail(STILE_ERROR_ARGUMENT, "%lld × %lld elements are more than memory holds",
                          (long long)rows, (long long)(ld ? ld : columns));
    return 0;
}

int stile_problem_check(const stile_problem *problem)
{
    const int64_t M = problem->M, K = problem->K, N = problem->N, R = problem->rows_per_group;
    if (M < 0 || K < 1 || N < 1)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "M = %lld, K = %lld, N = %lld: K and N must be positive, M not negative",
                          (long long)M, (long long)K, (long long)N);
    if (R < 0 || (R > 0 && M % R != 0))
        return stile_fail(STILE_ERROR_ARGUMENT, "M = %lld is not a multiple of %lld rows per group",
                          (long long)M, (long long)R);
    const bool nk = problem->config->layout == STILE_WEIGHT_NK;
    int error = check_matrix("x", M, K, problem->ldx);
    if (!error && problem->config->encode != STILE_ENCODE_TRAINED)
        error = check_matrix("w", nk ? N : K, nk ? K : N, problem->ldw);
    if (!error)
        error = check_matrix("y", M, N, problem->ldy);
    if (!error)
        error = check_matrix("r", M, N, problem->ldr);
    if (!error)
        error = check_matrix("z", M, N, problem->ldz);
    return error;
}

stile_tiling stile_problem_tiling(const stile_problem *problem)
{
    const stile_basis *basis = problem->config->basis;
    stile_tiling tiling = {
        .rows_per_group = problem->rows_per_group ? problem->rows_per_group : problem->M,
        .tile_inner = ceil_div(problem->K, basis->k),
        .tile_columns = ceil_div(problem->N, basis->n),
    };
    if (problem->M > 0) {
        tiling.groups = problem->M / tiling.rows_per_group;
        tiling.tile_rows_per_group = ceil_div(tiling.rows_per_group, basis->m);
        tiling.tile_rows = tiling.groups * tiling.tile_rows_per_group;
    }
    return tiling;
}

/* What a task needs at a time, in doubles; each part is an array of its own in this order. */
typedef struct scratch_parts {
    size_t x_planes, x_hat, y_hat, y_planes, total;
} scratch_parts;

/* False where the parts, `slots` times, cannot be addressed. */
static bool scratch_layout(scratch_parts *out, const stile_problem *problem, int64_t slots)
{
    const stile_basis *basis = problem->config->basis;
    const stile_tiling tiling = stile_problem_tiling(problem);
    const int64_t rows = min64(tiling.tile_rows, BLOCK_ROWS);
    const int64_t columns = min64(tiling.tile_columns, BLOCK_COLUMNS);
    scratch_parts parts;
    size_t bytes;
    if (__builtin_mul_overflow(rows, tiling.tile_inner, &parts.x_hat) ||
        __builtin_mul_overflow(parts.x_hat, basis->m * basis->k, &parts.x_planes))
        return false;
    parts.y_hat = (size_t)(rows * columns);
    parts.y_planes = parts.y_hat * (size_t)(basis->m * basis->n);
    if (__builtin_add_overflow(parts.x_planes, parts.x_hat, &parts.total) ||
        __builtin_add_overflow(parts.total, parts.y_hat + parts.y_planes, &parts.total) ||
        __builtin_mul_overflow(parts.total, (size_t)slots * sizeof(double), &bytes) ||
        bytes > PTRDIFF_MAX)
        return false;
    *out = parts;
    return true;
}

static int64_t task_count(const stile_problem *problem)
{
    const stile_tiling tiling = stile_problem_tiling(problem);
    return ceil_div(tiling.tile_rows, BLOCK_ROWS) * ceil_div(tiling.tile_columns, BLOCK_COLUMNS);
}

/* Threads that have something to do. */
static int64_t slot_count(const stile_problem *problem, int threads)
{
    return min64(threads > 0 ? threads : stile_core_count(), task_count(problem));
}

size_t stile_reference_scratch_size(const stile_problem *problem, int threads)
{
    const int64_t slots = slot_count(problem, threads);
    scratch_parts parts;
    return scratch_layout(&parts, problem, slots) ? parts.total * (size_t)slots : SIZE_MAX;
}

typedef struct run {
    const stile_problem *problem;
    stile_tiling tiling;
    scratch_parts parts;
    const void *x, *bias, *residual;
    const double *w_hat;
    void *y;
    bool y_doubles;
    double *scratch;
    int64_t row_blocks, tasks;
    _Atomic int64_t next_task;
} run;

/* Row of X and Y that tile row `t` has as its row `a`; -1 where that is padding. */
static int64_t matrix_row(const run *r, int64_t t, int a)
{
    const int64_t group = t / r->tiling.tile_rows_per_group;
    const int64_t row = t % r->tiling.tile_rows_per_group * r->problem->config->basis->m + a;
    return row < r->tiling.rows_per_group ? group * r->tiling.rows_per_group + row : -1;
}

static void load_x(const run *r, int64_t first, int64_t rows, double *planes)
{
    const stile_problem *p = r->problem;
    const stile_basis *basis = p->config->basis;
    const int64_t inner = r->tiling.tile_inner, ldx = p->ldx ? p->ldx : p->K;
    for (int a = 0; a < basis->m; a++) {
        for (int64_t t = 0; t < rows; t++) {
            double *out = planes + (a * basis->k * rows + t) * inner;
            const int64_t row = matrix_row(r, first + t, a);
            stile_planes_deal_row(p->config->precision.input, r->x, row * ldx, row < 0 ? 0 : p->K,
                                  basis->k, inner, out, rows * inner);
        }
    }
}

static void store_y(const run *r, int64_t first_row, int64_t rows, int64_t first_column,
                    int64_t columns, const double *planes)
{
    const stile_problem *p = r->problem;
    const stile_basis *basis = p->config->basis;
    const int64_t ldy = p->ldy ? p->ldy : p->N;
    const int64_t end = min64(p->N, (first_column + columns) * basis->n);
    for (int64_t t = 0; t < rows; t++) {
        for (int a = 0; a < basis->m; a++) {
            const int64_t row = matrix_row(r, first_row + t, a);
            if (row < 0)
                break;
            for (int64_t column = first_column * basis->n; column < end; column++) {
                const int64_t tile = column / basis->n - first_column, d = column % basis->n;
                const double stl = planes[((a * basis->n + d) * rows + t) * columns + tile];
                const double y = stile_epilogue_apply(p, stl, row, column, r->bias, r->residual);
                if (r->y_doubles)
                    ((double *)r->y)[row * ldy + column] = y;
                else
                    stile_store_element(p->config->precision.output, r->y, row * ldy + column, y);
            }
        }
    }
}

static void run_task(const run *r, int64_t task, double *scratch)
{
    const stile_problem *p = r->problem;
    const stile_basis *basis = p->config->basis;
    const double *u = p->u ? p->u : basis->u, *d = p->d ? p->d : basis->d;
    const int entries = basis->m * basis->k;
    const int64_t inner = r->tiling.tile_inner;
    const int64_t row = task % r->row_blocks * BLOCK_ROWS;
    const int64_t column = task / r->row_blocks * BLOCK_COLUMNS;
    const int64_t rows = min64(BLOCK_ROWS, r->tiling.tile_rows - row);
    const int64_t columns = min64(BLOCK_COLUMNS, r->tiling.tile_columns - column);

    double *x_planes = scratch;
    double *x_hat = x_planes + r->parts.x_planes;
    double *y_hat = x_hat + r->parts.x_hat;
    double *y_planes = y_hat + r->parts.y_hat;

    load_x(r, row, rows, x_planes);
    memset(y_planes, 0, r->parts.y_planes * sizeof *y_planes);
    for (int64_t c = 0; c < basis->rank; c++) {
        const double *w_hat = r->w_hat + (c * r->tiling.tile_columns + column) * inner;
        stile_planes_combine(x_hat, rows * inner, u + c * entries, entries, x_planes);
        stile_multiply(rows, columns, inner, x_hat, inner, w_hat, inner, y_hat, columns);
        stile_planes_spread(y_hat, rows * columns, d + c, basis->rank, basis->m * basis->n,
                            y_planes);
    }
    store_y(r, row, rows, column, columns, y_planes);
}

/* One thread: owns the slot of scratch with its number and takes tasks until none is left. */
static void run_tasks(void *user, int64_t slot)
{
    run *r = user;
    for (;;) {
        const int64_t task = atomic_fetch_add_explicit(&r->next_task, 1, memory_order_relaxed);
        if (task >= r->tasks)
            return;
        run_task(r, task, r->scratch + (size_t)slot * r->parts.total);
    }
}

int stile_reference_run(const stile_problem *problem, const void *x, const double *w_hat,
                        const void *bias, const void *residual, void *y, bool y_doubles,
                        double *scratch, int threads)
{
    int error = stile_problem_check(problem);
    if (!error)
        error = stile_epilogue_check(problem, bias, residual);
    if (error || problem->M == 0)
        return error;

    run r = {
        .problem = problem,
        .tiling = stile_problem_tiling(problem),
        .x = x,
        .bias = bias,
        .residual = residual,
        .w_hat = w_hat,
        .y = y,
        .y_doubles = y_doubles,
        .tasks = task_count(problem),
    };
    r.row_blocks = ceil_div(r.tiling.tile_rows, BLOCK_ROWS);
    const int64_t slots = slot_count(problem, threads);
    if (!scratch_layout(&r.parts, problem, slots))
        return stile_fail_memory();

    double *allocated = NULL;
    if (!scratch) {
        allocated = malloc(r.parts.total * (size_t)slots * sizeof *allocated);
        if (!allocated)
            return stile_fail_memory();
    }
    r.scratch = scratch ? scratch : allocated;
    stile_parallel_for((int)slots, slots, run_tasks, &r);
    free(allocated);
    return 0;
}
