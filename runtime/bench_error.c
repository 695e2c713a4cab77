/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "formats.h"
#include "numerics.h"
#include "random_data.h"

enum { SAMPLED_TILES = 48 }; /* rows of tiles, and columns of tiles */

/* Matrix rows or columns that the sample takes, tile by tile; -1 where a tile is padding. */
typedef struct sample {
    int64_t tiles[SAMPLED_TILES];
    int tile_count;
    int64_t *lines;
    int64_t line_count;
} sample;

/* The whole problem, and the arrays of the small one. */
typedef struct sampler {
    const stile_problem *whole;
    const stile_bench_host *host;
    sample rows, columns;
    void *x, *w, *logical, *bias, *residual;
    void *y; /* the device's results at the sampled places */
    double *expected;
} sampler;

/* Spreads SAMPLED_TILES picks over the tiles; the last, with its tail, is among them. */
static void pick_tiles(sample *s, int64_t tile_count, uint64_t seed)
{
    s->tile_count = tile_count < SAMPLED_TILES ? (int)tile_count : SAMPLED_TILES;
    for (int i = 0; i < s->tile_count; i++) {
        int64_t first = tile_count * i / s->tile_count;
        int64_t end = tile_count * (i + 1) / s->tile_count;
        s->tiles[i] = stile_random_integer(seed, (uint64_t)i, first, end - 1);
    }
    s->tiles[s->tile_count - 1] = tile_count - 1;
}

static int pick_rows(sample *s, const stile_problem *p, uint64_t seed)
{
    stile_tiling t = stile_problem_tiling(p);
    int m = p->config->basis->m;
    pick_tiles(s, t.tile_rows, seed);
    s->line_count = (int64_t)s->tile_count * m;
    s->lines = malloc((size_t)s->line_count * sizeof *s->lines);
    if (!s->lines)
        return stile_fail_memory();
    for (int64_t i = 0; i < s->line_count; i++) {
        int64_t group = s->tiles[i / m] / t.tile_rows_per_group;
        int64_t in_group = s->tiles[i / m] % t.tile_rows_per_group * m + i % m;
        s->lines[i] = in_group < t.rows_per_group ? group * t.rows_per_group + in_group : -1;
    }
    return 0;
}

static int pick_columns(sample *s, const stile_problem *p, uint64_t seed)
{
    stile_tiling t = stile_problem_tiling(p);
    int n = p->config->basis->n;
    pick_tiles(s, t.tile_columns, seed);
    s->line_count = (int64_t)s->tile_count * n;
    s->lines = malloc((size_t)s->line_count * sizeof *s->lines);
    if (!s->lines)
        return stile_fail_memory();
    for (int64_t i = 0; i < s->line_count; i++) {
        int64_t column = s->tiles[i / n] * n + i % n;
        s->lines[i] = column < p->N ? column : -1;
    }
    return 0;
}

/*
 * The sub-matrix of the given lines (NULL: all) as a dense array, zero in the padding.
 * NULL: memory.
 */
static void *gather(stile_type type, const void *array, int64_t row_count, const int64_t *rows,
                    int64_t column_count, const int64_t *columns, int64_t ld)
{
    size_t size = (size_t)stile_type_size(type);
    unsigned char *out = calloc((size_t)(row_count * column_count), size);
    for (int64_t i = 0; out && i < row_count; i++) {
        int64_t row = rows ? rows[i] : i;
        for (int64_t j = 0; row >= 0 && j < column_count; j++) {
            int64_t column = columns ? columns[j] : j;
            if (column >= 0)
                memcpy(out + (size_t)(i * column_count + j) * size,
                       (const unsigned char *)array + (size_t)(row * ld + column) * size, size);
        }
    }
    return out;
}

static int gather_operands(sampler *s)
{
    const stile_problem *p = s->whole;
    const stile_config *config = p->config;
    const stile_bench_host *host = s->host;
    stile_type in = config->precision.input, out = config->precision.output;
    const sample *rows = &s->rows, *columns = &s->columns;

    s->x = gather(in, host->x, rows->line_count, rows->lines, p->K, NULL, p->K);
    if (config->layout == STILE_WEIGHT_NK)
        s->w = gather(in, host->w, columns->line_count, columns->lines, p->K, NULL, p->K);
    else
        s->w = gather(in, host->w, p->K, NULL, columns->line_count, columns->lines, p->N);
    s->expected = malloc((size_t)(rows->line_count * columns->line_count) * sizeof(double));
    bool complete = s->x && s->w && s->expected;
    if (host->bias) {
        s->bias = gather(out, host->bias, 1, NULL, columns->line_count, columns->lines, p->N);
        complete = complete && s->bias;
    }
    if (host->residual) {
        s->residual = gather(out, host->residual, rows->line_count, rows->lines,
                             columns->line_count, columns->lines, p->N);
        complete = complete && s->residual;
    }
    if (host->logical) {
        stile_tiling t = stile_problem_tiling(p);
        int rank = config->basis->rank;
        int64_t taken[STILE_MAX_RANK * SAMPLED_TILES];
        for (int c = 0; c < rank; c++) {
            for (int i = 0; i < columns->tile_count; i++)
                taken[c * columns->tile_count + i] = c * t.tile_columns + columns->tiles[i];
        }
        s->logical = gather(in, host->logical, (int64_t)rank * columns->tile_count, taken,
                            t.tile_inner, NULL, t.tile_inner);
        complete = complete && s->logical;
    }
    return complete ? 0 : stile_fail_memory();
}

/* The small problem under another configuration. */
static stile_problem small_problem(const sampler *s, const stile_config *config)
{
    return (stile_problem){
        .config = config,
        .M = s->rows.line_count,
        .K = s->whole->K,
        .N = s->columns.line_count,
    };
}

/* Compares a result with s->expected at the sampled places. Padding is zero on both sides. */
static int compare(sampler *s, stile_sampled_result result, double *error_out)
{
    const sample *rows = &s->rows, *columns = &s->columns;
    free(s->y);
    s->y = gather(result.type, result.y, rows->line_count, rows->lines, columns->line_count,
                  columns->lines, s->whole->N);
    if (!s->y)
        return stile_fail_memory();
    for (int64_t i = 0; i < rows->line_count; i++) {
        for (int64_t j = 0; j < columns->line_count; j++) {
            if (rows->lines[i] < 0 || columns->lines[j] < 0)
                s->expected[i * columns->line_count + j] = 0;
        }
    }
    stile_comparison comparison;
    int error = stile_compare(&comparison, result.type, s->y, 0, s->expected, rows->line_count,
                              columns->line_count);
    if (!error)
        *error_out = comparison.nonfinite ? INFINITY : comparison.relative_rms;
    return error;
}

static int compare_with_operator(sampler *s, stile_sampled_result stl, double *out, int threads)
{
    stile_problem p = small_problem(s, s->whole->config);
    size_t count = stile_reference_weight_size(&p);
    double *w_hat = count > SIZE_MAX / sizeof *w_hat ? NULL : malloc(count * sizeof *w_hat);
    int error = w_hat ? 0 : stile_fail_memory();
    if (!error)
        error = s->logical ? stile_reference_pack_weight(&p, s->logical, w_hat, threads)
                           : stile_reference_encode_weight(&p, s->w, w_hat, threads);
    if (!error)
        error = stile_reference_run(&p, s->x, w_hat, s->bias, s->residual, s->expected, true, NULL,
                                    threads);
    if (!error)
        error = compare(s, stl, out);
    free(w_hat);
    return error;
}

int stile_sample_errors(stile_sampled_errors *out, const stile_problem *problem,
                        const stile_bench_host *host, stile_sampled_result stl,
                        const stile_sampled_result *dense, uint64_t seed, int threads)
{
    sampler s = {.whole = problem, .host = host};
    stile_sampled_errors errors = {NAN, NAN, NAN, 0};
    int error = pick_rows(&s.rows, problem, stile_random_bits(seed, 10));
    if (!error)
        error = pick_columns(&s.columns, problem, stile_random_bits(seed, 11));
    if (!error)
        error = gather_operands(&s);
    if (!error)
        error = compare_with_operator(&s, stl, &errors.to_operator, threads);
    if (!error && !host->logical) {
        stile_problem p = small_problem(&s, problem->config);
        error = stile_reference_dense(&p, s.x, s.w, s.bias, s.residual, s.expected, threads);
        if (!error)
            error = compare(&s, stl, &errors.to_truth);
    }
    if (!error && dense) {
        stile_config plain = *problem->config;
        plain.epilogue = (stile_epilogue){0};
        plain.encode = STILE_ENCODE_OFFLINE;
        stile_problem p = small_problem(&s, &plain);
        error = stile_reference_dense(&p, s.x, s.w, NULL, NULL, s.expected, threads);
        if (!error)
            error = compare(&s, *dense, &errors.dense_to_truth);
    }
    errors.elements = s.rows.line_count * s.columns.line_count;
    if (!error)
        *out = errors;
    free(s.rows.lines);
    free(s.columns.lines);
    free(s.x);
    free(s.w);
    free(s.logical);
    free(s.bias);
    free(s.residual);
    free(s.y);
    free(s.expected);
    return error;
}
