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

/* A coefficient matrix cut to entries (i, j) with i < rows, j < columns of each channel's tile. */
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

/* What a prediction adds up: expected squares, in units of the variance of the inputs' products. */
typedef struct expectation {
    double signal;      /* of the operator, over all elements of Y */
    double noise;       /* of its roundings, but for the last */
    double worst_noise; /* of the element of Y that fares worst */
} expectation;

/* u² of each rounding. */
typedef struct roundoffs {
    double encoded, product, output;
} roundoffs;

static double square(double x)
{
    return x * x;
}

static roundoffs roundoffs_of(const stile_problem *problem)
{
    const stile_precision *precision = &problem->config->precision;
    const double steps = (double)stile_problem_tiling(problem).tile_inner / 8;
    return (roundoffs){
        .encoded = square(stile_type_unit_roundoff_rms(precision->encoded)),
        .product = square(stile_type_unit_roundoff_rms(precision->product)) +
                   square(ldexp(2 + steps, -24)),
        .output = square(stile_type_unit_roundoff_rms(precision->output)),
    };
}

/* Expected square of the operator over a Y tile, per product of an X tile with a W tile. */
static double tile_signal(const stile_config *config, const cut *u, const cut *v, const cut *d)
{
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    double signal = 0;
    for (int c = 0; c < config->basis->rank; c++) {
        const double uu = inner_product(u, c, c), dd = inner_product(d, c, c);
        signal += uu * dd * (trained ? 1 : inner_product(v, c, c));
        /* Channels that share inputs are correlated; trained weights share none. */
        for (int other = 0; other < c && !trained; other++) {
            const double correlation = inner_product(u, c, other);
            if (correlation != 0)
                signal += 2 * correlation * inner_product(v, c, other) * inner_product(d, c, other);
        }
    }
    return signal;
}

/* Adds to noise[a'·n + d'] the expected squares of `products` such products. */
static void add_tile_noise(double *noise, double products, const stile_config *config,
                           const roundoffs *r, const cut *u, const cut *v, const cut *d)
{
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    const bool holds = stile_type_holds(config->precision.encoded, config->precision.input);
    for (int c = 0; c < config->basis->rank; c++) {
        const double vv = trained ? 1 : inner_product(v, c, c);
        double relative = r->product;
        if (!holds || !copies(u, c))
            relative += r->encoded;
        if (!holds || !(trained || copies(v, c)))
            relative += r->encoded;
        const double channel = products * inner_product(u, c, c) * vv * relative;
        for (int i = 0; i < d->rows; i++)
            for (int j = 0; j < d->columns; j++)
                noise[i * d->tile_columns + j] += channel * square(entry(d, c, i, j));
    }
}

/* Adds all Y tiles of one kind. */
static void add_tiles(expectation *sum, const stile_problem *problem, const roundoffs *r,
                      const tile_kind *row, const tile_kind *column)
{
    const stile_config *config = problem->config;
    const stile_basis *basis = config->basis;
    const int m = basis->m, k = basis->k, n = basis->n;
    const double tiles = row->count * column->count;
    const cut d = {problem->d ? problem->d : basis->d, 1, basis->rank, n, row->used, column->used};
    double noise[STILE_MAX_TILE * STILE_MAX_TILE] = {0};
    tile_kind inners[2];
    tile_kinds(inners, problem->K, k, 1);
    for (int i = 0; i < 2; i++) {
        const tile_kind *inner = &inners[i];
        if (inner->count * tiles == 0)
            continue;
        const cut u = {problem->u ? problem->u : basis->u, m * k, 1, k, row->used, inner->used};
        const cut v = {problem->v ? problem->v : basis->v, k * n, 1, n, inner->used, column->used};
        sum->signal += tiles * inner->count * tile_signal(config, &u, &v, &d);
        add_tile_noise(noise, inner->count, config, r, &u, &v, &d);
    }
    for (int o = 0; o < m * n; o++) {
        sum->noise += tiles * noise[o];
        sum->worst_noise = fmax(sum->worst_noise, noise[o]);
    }
}

stile_prediction stile_predict(const stile_problem *problem)
{
    const stile_basis *basis = problem->config->basis;
    const stile_tiling tiling = stile_problem_tiling(problem);
    const roundoffs r = roundoffs_of(problem);
    tile_kind rows[2], columns[2];
    tile_kinds(rows, tiling.rows_per_group, basis->m, (double)tiling.groups);
    tile_kinds(columns, problem->N, basis->n, 1);
    expectation sum = {0};
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            add_tiles(&sum, problem, &r, &rows[i], &columns[j]);
    if (!(sum.signal > 0))
        return (stile_prediction){0};
    const double mean = sum.signal / ((double)problem->M * (double)problem->N);
    return (stile_prediction){
        .overall = sqrt(sum.noise / sum.signal + r.output),
        .worst = sqrt(sum.worst_noise / mean + r.output),
    };
}

double stile_predicted_error(const stile_problem *problem)
{
    return stile_predict(problem).overall;
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

stile_comparison stile_compare_doubles(const double *a, const double *reference, int64_t rows,
                                        int64_t columns)
{
    stile_comparison result = {.count = rows * columns};
    double error = 0, norm = 0, worst = 0;
    for (int64_t i = 0; i < rows * columns; i++) {
        bool finite = isfinite(a[i]) && isfinite(reference[i]);
        bool same = finite || (isnan(a[i]) && isnan(reference[i])) || a[i] == reference[i];
        double difference = finite ? fabs(a[i] - reference[i]) : 0;
        error += difference * difference;
        norm += finite ? reference[i] * reference[i] : 0;
        if (!same || difference > worst) {
            result.worst_row = i / columns;
            result.worst_column = i % columns;
        }
        worst = fmax(worst, difference);
        result.nonfinite += !same;
    }
    double rms = sqrt(norm / (double)result.count);
    result.relative_rms = norm > 0 ? sqrt(error / norm) : sqrt(error);
    result.worst_element = rms > 0 ? worst / rms : worst;
    return result;
}

bool stile_comparison_within(const stile_comparison *comparison, stile_prediction predicted,
                             double elements, double terms)
{
    if (comparison->nonfinite != 0)
        return false;
    if (comparison->count == 0)
        return true;
    const double slack = pow(10, 8 / fmax(1, elements));
    const double few_terms = 1 + 2 / fmax(1, terms);
    return comparison->relative_rms <= 2 * predicted.overall * slack &&
           comparison->worst_element <= 8 * predicted.worst * slack * few_terms;
}

double stile_fewest_elements(const stile_problem *problem)
{
    const double M = (double)problem->M, K = (double)problem->K, N = (double)problem->N;
    return fmin(fmin(M * K, K * N), M * N);
}

bool stile_comparison_passes(const stile_comparison *comparison, const stile_problem *problem)
{
    return stile_comparison_within(comparison, stile_predict(problem),
                                   stile_fewest_elements(problem),
                                   (double)stile_problem_tiling(problem).tile_inner);
}
