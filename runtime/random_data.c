/* SPDX-License-Identifier: Apache-2.0 */
#include "random_data.h"

#include <math.h>

#include "formats.h"
#include "parallel.h"

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t stile_random_bits(uint64_t seed, uint64_t index)
{
    const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
    return mix(mix(seed + golden) + (index + 1) * golden);
}

int64_t stile_random_integer(uint64_t seed, uint64_t index, int64_t least, int64_t most)
{
    uint64_t span = (uint64_t)(most - least) + 1;
    return least + (int64_t)(((stile_random_bits(seed, index) >> 32) * span) >> 32);
}

double stile_random_normal(uint64_t seed, uint64_t index)
{
    uint64_t bits = stile_random_bits(seed, index); /* half for the radius, half for the angle */
    double radius = ((double)(bits >> 32) + 0.5) * 0x1p-32;
    double angle = (double)(bits & UINT32_MAX) * 0x1p-32;
    return sqrt(-2 * log(radius)) * cos(6.283185307179586 * angle);
}

typedef struct fill {
    stile_type type;
    void *array;
    int64_t rows, columns, ld;
    bool transposed;
    uint64_t seed;
} fill;

static void fill_row(void *user, int64_t row)
{
    const fill *f = user;
    for (int64_t column = 0; column < f->columns; column++) {
        int64_t index = f->transposed ? column * f->rows + row : row * f->columns + column;
        stile_store_element(f->type, f->array, row * f->ld + column,
                            stile_random_normal(f->seed, (uint64_t)index));
    }
}

void stile_fill_normal(stile_type type, void *array, int64_t rows, int64_t columns, int64_t ld,
                       bool transposed, uint64_t seed, int threads)
{
    fill f = {type, array, rows, columns, ld, transposed, seed};
    stile_parallel_for(threads, rows, fill_row, &f);
}
