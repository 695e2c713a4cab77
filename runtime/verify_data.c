/* SPDX-License-Identifier: Apache-2.0 */
#include "verify_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "device_buffer.h"
#include "fail.h"
#include "formats.h"
#include "random_data.h"

/* --- integers that every intermediate value can hold ----------------------------------------- */

/* All integers up to this magnitude are values of the type. */
static double integer_limit(stile_type type)
{
    switch (type) {
    case STILE_TYPE_F32:
        return 0x1p24;
    case STILE_TYPE_TF32:
    case STILE_TYPE_F16:
        return 0x1p11;
    case STILE_TYPE_BF16:
        return 0x1p8;
    default:
        return 0; /* FP8 is scaled: no exact case */
    }
}

/* The largest sum of magnitudes in a row, or infinity where an entry is no integer. */
static double largest_row_sum(stile_basis_matrix matrix)
{
    double largest = 0;
    for (int i = 0; i < matrix.rows; i++) {
        double sum = 0;
        for (int j = 0; j < matrix.columns; j++) {
            double entry = matrix.entries[i * matrix.columns + j];
            sum += entry == floor(entry) ? fabs(entry) : INFINITY;
        }
        largest = sum > largest ? sum : largest;
    }
    return largest;
}

/*
 * X and W hold −1, 0, 1. How many tiles along K may hold anything but zeros in each row of tiles of
 * X, so that X̂, Ŵ, Ŷ, the sums of the decoder and Y are all exact; 0 where there is no such number.
 */
static int64_t active_tiles(const stile_config *config)
{
    const stile_basis *b = config->basis;
    const stile_precision *p = &config->precision;
    stile_activation activation = config->epilogue.activation;
    if (activation != STILE_ACTIVATION_NONE && activation != STILE_ACTIVATION_RELU)
        return 0;
    double u = largest_row_sum(stile_basis_u(b)), v = largest_row_sum(stile_basis_v(b));
    double d = largest_row_sum(stile_basis_d(b));
    bool trained = config->encode == STILE_ENCODE_TRAINED;
    if (!isfinite(u) || !isfinite(v) || !isfinite(d))
        return 0;
    v = trained ? 1 : v;
    double x_w = u * v; /* the most that one tile adds to an entry of Ŷ */
    double encoded = integer_limit(p->encoded), product = integer_limit(p->product);
    if (u > encoded || v > encoded || x_w == 0)
        return 0;
    /* An exact basis cancels down to k products per tile; any other may not cancel at all. */
    double per_tile = config->metrics.exact && !trained ? b->k : d * x_w;
    double count = product / x_w;
    count = fmin(count, 0x1p24 / (d * x_w));
    count = fmin(count, (integer_limit(p->output) - 2) / per_tile); /* 2: bias and residual */
    return count < 1 ? 0 : (int64_t)count;
}

/* Keeps `active` tiles of each row of tiles, spread over K, and zeroes the rest. */
static void thin_out(stile_host_matrix *x, const stile_problem *problem, int64_t active,
                     uint64_t seed)
{
    const stile_basis *b = problem->config->basis;
    stile_tiling t = stile_problem_tiling(problem);
    for (int64_t row = 0; row < x->rows; row++) {
        int64_t in_group = row % t.rows_per_group, group = row / t.rows_per_group;
        uint64_t tile_row = (uint64_t)(group * t.tile_rows_per_group + in_group / b->m);
        int64_t first = stile_random_integer(seed, tile_row, 0, t.tile_inner - 1);
        for (int64_t column = 0; column < x->columns; column++) {
            /* Tiles from `first` on in equal steps; the last step may be longer. */
            int64_t tile = (column / b->k - first + t.tile_inner) % t.tile_inner;
            int64_t step = t.tile_inner / active ? t.tile_inner / active : 1;
            if (tile % step || tile / step >= active)
                stile_store_element(x->type, stile_host_data(x), row * x->ld + column, 0);
        }
    }
}

enum { BUFFER_ALIGNMENT = 256 }; /* of workspaces and encoded weights */

/* --- operands -------------------------------------------------------------------------------- */

int stile_host_matrix_create(stile_host_matrix *out, stile_type type, int64_t rows, int64_t columns,
                             int pad, int offset)
{
    int64_t ld = columns + pad;
    size_t size = (size_t)(rows * ld + offset) * (size_t)stile_type_size(type);
    unsigned char *bytes = malloc(size);
    if (!bytes)
        return stile_fail_memory();
    memset(bytes, STILE_POISON, size);
    *out = (stile_host_matrix){type, rows, columns, ld, offset, size, bytes};
    return 0;
}

void stile_host_matrix_fill(stile_host_matrix *m, bool integers, uint64_t seed, int threads)
{
    if (!integers) {
        stile_fill_normal(m->type, stile_host_data(m), m->rows, m->columns, m->ld, false, seed,
                          threads);
        return;
    }
    for (int64_t i = 0; i < m->rows; i++) {
        for (int64_t j = 0; j < m->columns; j++) {
            uint64_t index = (uint64_t)(i * m->columns + j);
            double value = (double)stile_random_integer(seed, index, -1, 1);
            stile_store_element(m->type, stile_host_data(m), i * m->ld + j, value);
        }
    }
}

bool stile_host_padding_is_poison(const stile_host_matrix *m)
{
    size_t element = (size_t)stile_type_size(m->type);
    size_t first = (size_t)m->offset * element;
    for (size_t i = 0; i < first; i++) {
        if (m->bytes[i] != STILE_POISON)
            return false;
    }
    for (int64_t row = 0; row < m->rows; row++) {
        const unsigned char *padding =
            m->bytes + first + (size_t)(row * m->ld + m->columns) * element;
        for (size_t i = 0; i < (size_t)(m->ld - m->columns) * element; i++) {
            if (padding[i] != STILE_POISON)
                return false;
        }
    }
    return true;
}

void *stile_host_buffer(size_t size)
{
    size_t rounded = (size / BUFFER_ALIGNMENT + 1) * BUFFER_ALIGNMENT;
    void *memory = aligned_alloc(BUFFER_ALIGNMENT, rounded);
    if (memory)
        memset(memory, STILE_POISON, rounded);
    return memory;
}

static bool keeps_z(const stile_config *config, const stile_verify_case *c)
{
    return c->keep_z && config->epilogue.activation != STILE_ACTIVATION_NONE;
}

static int make_operands(stile_verify_data *data, const stile_verify_case *c, int threads)
{
    const stile_config *config = data->config;
    const stile_basis *b = config->basis;
    stile_type in = config->precision.input, out = config->precision.output;
    stile_tiling t = stile_problem_tiling(&data->problem);
    bool trained = config->encode == STILE_ENCODE_TRAINED;
    bool nk = config->layout == STILE_WEIGHT_NK;

    int error = stile_host_matrix_create(&data->x, in, c->M, c->K, c->pad_x, c->offset);
    if (!error && trained)
        error = stile_host_matrix_create(&data->w, in, b->rank * t.tile_columns, t.tile_inner, 0, 0);
    else if (!error)
        error = stile_host_matrix_create(&data->w, in, nk ? c->N : c->K, nk ? c->K : c->N, c->pad_w, c->offset);
    if (!error)
        error = stile_host_matrix_create(&data->y, out, c->M, c->N, c->pad_y, c->offset);
    if (!error && keeps_z(config, c))
        error = stile_host_matrix_create(&data->z, out, c->M, c->N, c->pad_r, c->offset);
    if (!error && config->epilogue.bias)
        error = stile_host_matrix_create(&data->bias, out, 1, c->N, 0, c->offset);
    if (!error && config->epilogue.residual)
        error = stile_host_matrix_create(&data->residual, out, c->M, c->N, c->pad_r, c->offset);
    if (error)
        return error;

    stile_host_matrix_fill(&data->x, c->integers, stile_random_bits(c->seed, 1), threads);
    stile_host_matrix_fill(&data->w, c->integers, stile_random_bits(c->seed, 2), threads);
    if (config->epilogue.bias)
        stile_host_matrix_fill(&data->bias, c->integers, stile_random_bits(c->seed, 3), threads);
    if (config->epilogue.residual)
        stile_host_matrix_fill(&data->residual, c->integers, stile_random_bits(c->seed, 4), threads);
    if (c->integers)
        thin_out(&data->x, &data->problem, active_tiles(config), stile_random_bits(c->seed, 5));
    if (c->nan)
        stile_store_element(in, stile_host_data(&data->x), c->M / 2 * data->x.ld + c->K / 2, NAN);
    return 0;
}

/* --- what should come out -------------------------------------------------------------------- */

static int compute_reference(stile_verify_data *data, bool truth, int threads)
{
    const stile_problem *p = &data->problem;
    const void *x = stile_host_data(&data->x), *w = stile_host_data(&data->w);
    const void *bias = stile_host_data(&data->bias), *residual = stile_host_data(&data->residual);
    bool trained = data->config->encode == STILE_ENCODE_TRAINED;
    size_t weight_size = stile_reference_weight_size(p);
    size_t count = (size_t)(p->M * p->N);
    double *w_hat =
        weight_size > SIZE_MAX / sizeof *w_hat ? NULL : malloc(weight_size * sizeof *w_hat);
    data->reference = malloc(count * sizeof(double));
    int error = w_hat && data->reference ? 0 : stile_fail_memory();
    if (!error)
        error = trained ? stile_reference_pack_weight(p, w, w_hat, threads)
                        : stile_reference_encode_weight(p, w, w_hat, threads);
    stile_problem dense_y = *p; /* doubles are written without padding */
    dense_y.ldy = 0;
    if (!error)
        error = stile_reference_run(&dense_y, x, w_hat, bias, residual, data->reference, true, NULL,
                                    threads);
    if (!error && data->z.size) {
        stile_config plain = *data->config;
        plain.epilogue.activation = STILE_ACTIVATION_NONE;
        plain.epilogue.residual = false;
        stile_problem to_z = dense_y;
        to_z.config = &plain;
        data->reference_z = malloc(count * sizeof(double));
        error = data->reference_z ? stile_reference_run(&to_z, x, w_hat, bias, NULL,
                                                        data->reference_z, true, NULL, threads)
                                  : stile_fail_memory();
    }
    if (!error && truth && !trained) {
        data->truth = malloc(count * sizeof(double));
        error = data->truth ? stile_reference_dense(p, x, w, bias, residual, data->truth, threads)
                            : stile_fail_memory();
    }
    free(w_hat);
    return error;
}

int stile_verify_data_create(stile_verify_data *out, const stile_config *config,
                             const stile_verify_case *c, int threads, bool *applies)
{
    if (c->integers && active_tiles(config) == 0) {
        *applies = false;
        return 0;
    }
    bool nk = config->layout == STILE_WEIGHT_NK;
    bool trained = config->encode == STILE_ENCODE_TRAINED;
    stile_verify_data data = {
        .config = config,
        .problem =
            {
                .config = config,
                .M = c->M,
                .K = c->K,
                .N = c->N,
                .rows_per_group = c->rows_per_group,
                .ldx = c->K + c->pad_x,
                .ldw = trained ? 0 : (nk ? c->K : c->N) + c->pad_w,
                .ldy = c->N + c->pad_y,
                .ldr = c->N + c->pad_r,
                .ldz = c->N + c->pad_r,
            },
    };
    int error = stile_problem_check(&data.problem);
    if (!error)
        error = make_operands(&data, c, threads);
    if (!error)
        error = compute_reference(&data, !c->nan, threads);
    if (error) {
        stile_verify_data_destroy(&data);
        return error;
    }
    *applies = true;
    *out = data;
    return 0;
}

void stile_verify_data_destroy(stile_verify_data *data)
{
    free(data->x.bytes);
    free(data->w.bytes);
    free(data->bias.bytes);
    free(data->residual.bytes);
    free(data->y.bytes);
    free(data->z.bytes);
    free(data->reference);
    free(data->reference_z);
    free(data->truth);
    *data = (stile_verify_data){0};
}
