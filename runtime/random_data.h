/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test matrices: each element is a hash of the seed and its index, so that any part can be made
 * alone, by any number of threads, and again.
 */
#ifndef STILE_RUNTIME_RANDOM_DATA_H
#define STILE_RUNTIME_RANDOM_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

/* 64 well-mixed bits. */
uint64_t stile_random_bits(uint64_t seed, uint64_t index);

/* An integer of [least, most]; the span must be below 2^32. */
int64_t stile_random_integer(uint64_t seed, uint64_t index, int64_t least, int64_t most);

/* Standard normal (Box–Muller). */
double stile_random_normal(uint64_t seed, uint64_t index);

/*
 * Fills a row-major matrix of `type` with N(0,1), rounded once. Element (i,j) has index i·columns +
 * j, or with `transposed` j·rows + i: then a matrix and its transpose agree. What lies between
 * `columns` and `ld` is left alone. threads: 0 for one per core.
 */
void stile_fill_normal(stile_type type, void *array, int64_t rows, int64_t columns, int64_t ld,
                       bool transposed, uint64_t seed, int threads);

#endif
