/* SPDX-License-Identifier: Apache-2.0 */
#include "numerics.h"

#include <math.h>
#include <stdlib.h>

#include "fail.h"
#include "formats.h"

/* --- prediction ------------------------------------------------------------------------------- */

/* How many tiles of one dimension have `used` rows (or columns) inside the matrix. */
typedef struct tile_kind {
    int used;
    double count;
} tile_kind;

/* Whole tiles, then the last one where it is partly padding. */
static void tile_kinds(tile_kind out[2], int64_t size, int side, double repeats)
{
    out[0] = (tile_kind){side, repeats * (double)(size / side)};
    out[1] = (tile_kind){(int)(size % side), size % side ? repeats : 0};
}

/* A coefficient matrix cut to the entries (i, j) with i < rows, j < columns of each channel's tile. */
typedef struct cut {
    const double *data;
    int64_t channel_stride, entry_stride;
    int tile_columns, rows, columns;
} cut;

static double entry(const cut *m, int64_t channel, int i, int j)
{
    return m->data[channel * m->channel_stride + (i * m->tile_columns + j) * m->entry_stride];
}

static double inner_product(const cut *m, int64_t c1, int64_t c2)
{
    double sum = 0;
    for (int i = 0; i < m->rows; i++)
        for (int j = 0; j < m->columns; j++)
            sum += entry(m, c1, i, j) * entry(m, c2, i, j);
    return sum;
}

/* Whether encoding channel c moves values without changing their digits. */
static bool copies(const cut *m, int64_t c)
{
    int nonzeros = 0, exponent;
    bool power_of_two = true;
    for (int i = 0; i < m->rows; i++) {
        for (int j = 0; j < m->columns; j++) {
            const double value = entry(m, c, i, j);
            nonzeros += value != 0;
            power_of_two &= value == 0 || fabs(frexp(value, &exponent)) == 0.5;
        }
    }
    return nonzeros <= 1 && power_of_two;
}

/* Sums over all elements of Y: expected squares of the operator and of its roundings, per u². */
typedef struct variances {
    double signal, x, w, y;
} variances;

/* Adds `tiles` products of one kind of X tile with one kind of W tile. */
static void add_tiles(variances *sum, double tiles, const stile_config *config, const cut *u,
                      const cut *v, const cut *d)
{
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    const bool holds = stile_type_holds(config->precision.encoded, config->precision.input);
    const int rank = config->basis->rank;
    for (int c = 0; c < rank; c++) {
        const double uu = inner_product(u, c, c), dd = inner_product(d, c, c);
        const double vv = trained ? 1 : inner_product(v, c, c);
        const double product = tiles * uu * vv * dd;
        sum->y += product;
        if (!holds || !copies(u, c))
            sum->x += product;
        if (!holds || !(trained || copies(v, c)))
            sum->w += product;
        sum->signal += product;
        /* Channels that share inputs are correlated; trained weights share none. */
        for (int other = 0; other < c && !trained; other++) {
            const double correlation = inner_product(u, c, other);
            if (correlation != 0)
                sum->signal += 2 * tiles * correlation * inner_product(v, c, other) *
                               inner_product(d, c, other);
        }
    }
}

double stile_predicted_error(const stile_problem *problem)
{
    const stile_config *config = problem->config;
    const stile_basis *basis = config->basis;
    const stile_tiling tiling = stile_problem_tiling(problem);
    const int m = basis->m, k = basis->k, n = basis->n;

    tile_kind rows[2], inners[2], columns[2];
    tile_kinds(rows, tiling.rows_per_group, m, (double)tiling.groups);
    tile_kinds(inners, problem->K, k, 1);
    tile_kinds(columns, problem->N, n, 1);
    variances sum = {0};
    for (int kind = 0; kind < 8; kind++) {
        const tile_kind *row = &rows[kind & 1], *inner = &inners[kind >> 1 & 1];
        const tile_kind *column = &columns[kind >> 2];
        const double tiles = row->count * inner->count * column->count;
        if (tiles == 0)
            continue;
        const cut u = {problem->u ? problem->u : basis->u, m * k, 1, k, row->used, inner->used};
        const cut v = {problem->v ? problem->v : basis->v, k * n, 1, n, inner->used, column->used};
        const cut d = {problem->d ? problem->d : basis->d, 1, basis->rank, n, row->used,
                       column->used};
        add_tiles(&sum, tiles, config, &u, &v, &d);
    }
    if (!(sum.signal > 0))
        return 0;

    const double u_encoded = stile_type_unit_roundoff_rms(config->precision.encoded);
    const double u_product = stile_type_unit_roundoff_rms(config->precision.product);
    const double u_output = stile_type_unit_roundoff_rms(config->precision.output);
    const double u_accumulate = ldexp(2 + (double)tiling.tile_inner / 8, -24);
    return sqrt(((sum.x + sum.w) * u_encoded * u_encoded +
                 sum.y * (u_product * u_product + u_accumulate * u_accumulate)) /
                    sum.signal +
                u_output * u_output);
}

/* --- comparison ------------------------------------------------------------------------------- */

enum { ELEMENTS_AT_A_TIME = 256, REACH = STILE_MAX_TILE - 1 };

/* What a comparison measures differences against. */
typedef struct scales {
    double rms;
    double *rows, *columns; /* R_i and C_j of stile_compare */
} scales;

/* Largest of the elements at most REACH away from `i`. */
static double largest_nearby(const double *values, int64_t count, int64_t i)
{
    const int64_t end = i + REACH < count ? i + REACH + 1 : count;
    double largest = 0;
    for (int64_t j = i < REACH ? 0 : i - REACH; j < end; j++)
        largest = fmax(largest, values[j]);
    return largest;
}

/* Sums of squares become the largest RMS nearby; `spare` is as long. */
static void finish_scales(double *sums, double *spare, int64_t count, int64_t terms)
{
    for (int64_t i = 0; i < count; i++)
        spare[i] = sqrt(sums[i] / (double)terms);
    for (int64_t i = 0; i < count; i++)
        sums[i] = largest_nearby(spare, count, i);
}

/* `s` holds rows, columns and a spare of the longer of both, all zero. */
static void measure_scales(scales *s, double *spare, const double *ref, int64_t rows,
                           int64_t columns)
{
    double total = 0;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            const double value = ref[i * columns + j];
            if (!isfinite(value))
                continue;
            s->rows[i] += value * value;
            s->columns[j] += value * value;
        }
        total += s->rows[i];
    }
    s->rms = sqrt(total / ((double)rows * (double)columns));
    finish_scales(s->rows, spare, rows, columns);
    finish_scales(s->columns, spare, columns, rows);
}

/* Difference relative to a size that may be zero. */
static double ratio(double difference, double size)
{
    return difference == 0 ? 0 : difference / size;
}

/*
 * Whether y cannot stand for ref: one is NaN, or y is infinite where ref is not (nor rounds to that
 * infinity), or the other way round.
 */
static bool mismatched(stile_type type, double y, double ref)
{
    if (isnan(y) || isnan(ref))
        return !(isnan(y) && isnan(ref));
    if (isinf(y))
        return stile_round_to_type(type, ref) != y;
    return isinf(ref);
}

typedef struct tally {
    double differences, squares; /* Σ (y − ref)², Σ ref² */
    stile_comparison result;
} tally;

static void compare_element(tally *t, const scales *s, stile_type type, double y, double ref,
                            int64_t row, int64_t column)
{
    stile_comparison *result = &t->result;
    result->count++;
    if (mismatched(type, y, ref)) {
        if (result->nonfinite++ == 0) {
            result->worst_row = row;
            result->worst_column = column;
        }
        return;
    }
    if (!isfinite(y) || !isfinite(ref))
        return;
    const double difference = fabs(y - ref);
    t->differences += difference * difference;
    t->squares += ref * ref;
    const double likely = ratio(s->rows[row] * s->columns[column], s->rms);
    const double error = ratio(difference, fmax(fmax(fabs(ref), s->rms), likely));
    if (error > result->worst_element) {
        result->worst_element = error;
        if (result->nonfinite == 0) {
            result->worst_row = row;
            result->worst_column = column;
        }
    }
}

int stile_compare(stile_comparison *out, stile_type type, const void *y, int64_t ldy,
                  const double *ref, int64_t rows, int64_t columns)
{
    tally t = {0};
    if (rows <= 0 || columns <= 0) {
        *out = t.result;
        return 0;
    }
    const size_t longer = (size_t)(rows > columns ? rows : columns);
    double *memory = calloc((size_t)rows + (size_t)columns + longer, sizeof *memory);
    if (!memory)
        return stile_fail_memory();
    scales s = {.rows = memory, .columns = memory + rows};
    measure_scales(&s, memory + rows + columns, ref, rows, columns);

    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j0 = 0; j0 < columns; j0 += ELEMENTS_AT_A_TIME) {
            double part[ELEMENTS_AT_A_TIME];
            const int64_t left = columns - j0;
            const int64_t count = left < ELEMENTS_AT_A_TIME ? left : ELEMENTS_AT_A_TIME;
            stile_load_elements(type, y, i * (ldy ? ldy : columns) + j0, count, part);
            for (int64_t j = 0; j < count; j++)
                compare_element(&t, &s, type, part[j], ref[i * columns + j0 + j], i, j0 + j);
        }
    }
    t.result.relative_rms = ratio(sqrt(t.differences), sqrt(t.squares));
    *out = t.result;
    free(memory);
    return 0;
}

bool stile_comparison_passes(const stile_comparison *comparison, double predicted)
{
    if (comparison->nonfinite != 0)
        return false;
    if (comparison->count == 0)
        return true;
    const double slack = pow(10, 6.0 / (double)comparison->count);
    return comparison->relative_rms <= 2 * predicted * slack &&
           comparison->worst_element <= 8 * predicted * slack;
}
