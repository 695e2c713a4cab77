/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding weights for the reference. */
#include <stdatomic.h>
#include <stdlib.h>

#include "fail.h"
#include "formats.h"
#include "parallel.h"
#include "planes.h"
#include "reference.h"

enum { BLOCK_COLUMNS = 16 }; /* tile columns per task */

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

size_t stile_reference_weight_size(const stile_problem *problem)
{
    const stile_tiling tiling = stile_problem_tiling(problem);
    size_t size, bytes;
    if (__builtin_mul_overflow(tiling.tile_columns, tiling.tile_inner, &size) ||
        __builtin_mul_overflow(size, problem->config->basis->rank, &size) ||
        __builtin_mul_overflow(size, sizeof(double), &bytes) || bytes > PTRDIFF_MAX)
        return SIZE_MAX;
    return size;
}

typedef struct encoding {
    const stile_problem *problem;
    stile_tiling tiling;
    const void *w;
    double *w_hat;
    double *scratch; /* planes of one block of tile columns per slot */
    size_t slot_size;
    int64_t tasks;
    _Atomic int64_t next_task;
} encoding;

/* Plane (b, d) of tile columns [first, first + count) from W[N, K]. */
static void load_nk(const encoding *e, int64_t first, int64_t count, double *planes)
{
    const stile_problem *p = e->problem;
    const stile_basis *basis = p->config->basis;
    const int64_t inner = e->tiling.tile_inner, ldw = p->ldw ? p->ldw : p->K;
    for (int d = 0; d < basis->n; d++) {
        for (int64_t j = 0; j < count; j++) {
            const int64_t row = (first + j) * basis->n + d;
            stile_planes_deal_row(p->config->precision.input, e->w, row * ldw,
                                  row < p->N ? p->K : 0, basis->k, inner,
                                  planes + (d * count + j) * inner, basis->n * count * inner);
        }
    }
}

/* The same from W[K, N]. */
static void load_kn(const encoding *e, int64_t first, int64_t count, double *planes)
{
    const stile_problem *p = e->problem;
    const stile_basis *basis = p->config->basis;
    const int64_t inner = e->tiling.tile_inner, ldw = p->ldw ? p->ldw : p->N;
    const int64_t column = first * basis->n, columns = min64(p->N - column, count * basis->n);
    double part[BLOCK_COLUMNS * STILE_MAX_TILE] = {0}; /* what padding there is stays zero */
    for (int64_t t = 0; t < inner; t++) {
        for (int b = 0; b < basis->k; b++) {
            const int64_t row = t * basis->k + b;
            const bool padding = row >= p->K;
            if (!padding)
                stile_load_elements(p->config->precision.input, e->w, row * ldw + column, columns,
                                    part);
            for (int64_t j = 0; j < count; j++)
                for (int d = 0; d < basis->n; d++)
                    planes[((b * basis->n + d) * count + j) * inner + t] =
                        padding ? 0 : part[j * basis->n + d];
        }
    }
}

static void encode_block(const encoding *e, int64_t task, double *planes)
{
    const stile_problem *p = e->problem;
    const stile_basis *basis = p->config->basis;
    const double *v = p->v ? p->v : basis->v;
    const int entries = basis->k * basis->n;
    const int64_t inner = e->tiling.tile_inner, first = task * BLOCK_COLUMNS;
    const int64_t count = min64(BLOCK_COLUMNS, e->tiling.tile_columns - first);
    if (p->config->layout == STILE_WEIGHT_NK)
        load_nk(e, first, count, planes);
    else
        load_kn(e, first, count, planes);
    for (int64_t c = 0; c < basis->rank; c++)
        stile_planes_combine(e->w_hat + (c * e->tiling.tile_columns + first) * inner, count * inner,
                             v + c * entries, entries, planes);
}

static void encode_blocks(void *user, int64_t slot)
{
    encoding *e = user;
    for (;;) {
        const int64_t task = atomic_fetch_add_explicit(&e->next_task, 1, memory_order_relaxed);
        if (task >= e->tasks)
            return;
        encode_block(e, task, e->scratch + (size_t)slot * e->slot_size);
    }
}

int stile_reference_encode_weight(const stile_problem *problem, const void *w, double *w_hat,
                                  int threads)
{
    const int error = stile_problem_check(problem);
    if (error)
        return error;
    if (problem->config->encode == STILE_ENCODE_TRAINED)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the spec has trained weights: they are packed, not encoded");

    const stile_basis *basis = problem->config->basis;
    encoding e = {
        .problem = problem, .tiling = stile_problem_tiling(problem), .w = w, .w_hat = w_hat};
    const int64_t columns = e.tiling.tile_columns;
    e.tasks = (columns - 1) / BLOCK_COLUMNS + 1;
    const int64_t slots = min64(threads > 0 ? threads : stile_core_count(), e.tasks);
    size_t size;
    if (__builtin_mul_overflow(e.tiling.tile_inner, min64(columns, BLOCK_COLUMNS), &e.slot_size) ||
        __builtin_mul_overflow(e.slot_size, basis->k * basis->n, &e.slot_size) ||
        __builtin_mul_overflow(e.slot_size, (size_t)slots * sizeof *e.scratch, &size))
        return stile_fail_memory();
    e.scratch = malloc(size);
    if (!e.scratch)
        return stile_fail_memory();
    stile_parallel_for((int)slots, slots, encode_blocks, &e);
    free(e.scratch);
    return 0;
}

enum { PACK_AT_A_TIME = 1 << 16 };

typedef struct packing {
    stile_type type;
    const void *from;
    double *to;
    int64_t count;
} packing;

static void pack_part(void *user, int64_t part)
{
    const packing *p = user;
    const int64_t first = part * PACK_AT_A_TIME;
    stile_load_elements(p->type, p->from, first, min64(PACK_AT_A_TIME, p->count - first),
                        p->to + first);
}

int stile_reference_pack_weight(const stile_problem *problem, const void *w_logical, double *w_hat,
                                int threads)
{
    const int error = stile_problem_check(problem);
    if (error)
        return error;
    const size_t size = stile_reference_weight_size(problem);
    if (size == SIZE_MAX)
        return stile_fail_memory();
    packing p = {problem->config->precision.input, w_logical, w_hat, (int64_t)size};
    stile_parallel_for(threads, (p.count - 1) / PACK_AT_A_TIME + 1, pack_part, &p);
    return 0;
}
