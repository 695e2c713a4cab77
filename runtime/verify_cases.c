/* SPDX-License-Identifier: Apache-2.0 */
/* The problems that verification tries. */
#include <math.h>

#include "random_data.h"
#include "verify.h"

/* Extents as multiples of the tile plus something; {0, 1} is a single element. */
typedef struct extent {
    int tiles, extra;
} extent;

typedef struct pattern {
    extent M, K, N;
    int groups; /* 0: none; else M is that of one group */
    int pad, offset;
    bool integers, nan;
} pattern;

static const pattern patterns[] = {
    {{0, 1}, {0, 1}, {0, 1}, 0, 0, 0, false, false}, /* one element */
    {{1, 0}, {1, 0}, {1, 0}, 0, 0, 0, false, false}, /* one tile */
    {{1, 1}, {1, 1}, {1, 1}, 0, 0, 0, false, false}, /* a tile and a tail */
    {{16, 0}, {16, 0}, {16, 0}, 0, 0, 0, false, false},
    {{32, 1}, {8, 3}, {40, -1}, 0, 8, 0, false, false}, /* tails everywhere, padded rows */
    {{17, 0}, {33, 1}, {9, 0}, 0, 0, 1, false, false},  /* pointers off alignment */
    {{9, 1}, {20, 1}, {24, 0}, 3, 0, 0, false, false},  /* groups with tails */
    {{1, -1}, {30, 0}, {30, 0}, 5, 3, 0, false, false}, /* groups smaller than a tile */
    {{20, 0}, {24, 1}, {20, 1}, 0, 0, 0, false, true},  /* a NaN */
    {{24, 1}, {40, 1}, {24, 1}, 0, 5, 0, true, false},  /* integers */
    {{64, 0}, {64, 0}, {64, 0}, 0, 0, 0, true, false},
    {{130, 1}, {70, 0}, {66, 3}, 0, 0, 0, false, false},  /* more than a block */
    {{2, 0}, {300, 1}, {200, 0}, 0, 16, 0, false, false}, /* few rows */
    {{300, 0}, {2, 0}, {3, 1}, 0, 0, 0, false, false},    /* short inner dimension */
};

enum { PATTERN_COUNT = sizeof patterns / sizeof *patterns };

static int64_t extent_of(extent e, int tile)
{
    int64_t value = (int64_t)e.tiles * tile + e.extra;
    return value < 1 ? 1 : value;
}

bool stile_verify_standard_case(stile_verify_case *out, const stile_config *config, bool cpu,
                                int index)
{
    if (index < 0 || index >= PATTERN_COUNT)
        return false;
    const pattern *p = &patterns[index];
    const stile_basis *b = config->basis;
    stile_verify_case c = {
        .M = extent_of(p->M, b->m),
        .K = extent_of(p->K, b->k),
        .N = extent_of(p->N, b->n),
        .pad_x = p->pad,
        .pad_w = p->pad ? p->pad + 1 : 0,
        .pad_y = p->pad ? 2 * p->pad : 0,
        .pad_r = p->pad,
        .offset = p->offset,
        .integers = p->integers,
        .nan = p->nan,
        .seed = 1 + (uint64_t)index,
    };
    if (cpu) { /* direct contraction costs mkn times a matrix product */
        c.M = c.M > 48 ? 48 + c.M % 16 : c.M;
        c.K = c.K > 48 ? 48 + c.K % 16 : c.K;
        c.N = c.N > 48 ? 48 + c.N % 16 : c.N;
    }
    if (p->groups) {
        c.rows_per_group = c.M;
        c.M *= p->groups;
    }
    *out = c;
    return true;
}

/* An extent of [1, most], all orders of magnitude alike. */
static int64_t random_extent(uint64_t seed, uint64_t index, int64_t most)
{
    double unit = (double)(stile_random_bits(seed, index) >> 11) * 0x1p-53;
    int64_t value = (int64_t)exp(unit * log((double)most + 1));
    return value < 1 ? 1 : value > most ? most : value;
}

stile_verify_case stile_verify_random_case(bool cpu, uint64_t seed, int index)
{
    uint64_t s = stile_random_bits(seed, (uint64_t)index);
    int64_t most = cpu ? 80 : 1500;
    stile_verify_case c = {
        .M = random_extent(s, 0, most),
        .K = random_extent(s, 1, most),
        .N = random_extent(s, 2, most),
        .pad_x = (int)stile_random_integer(s, 3, 0, 9),
        .pad_w = (int)stile_random_integer(s, 4, 0, 9),
        .pad_y = (int)stile_random_integer(s, 5, 0, 9),
        .pad_r = (int)stile_random_integer(s, 6, 0, 9),
        .seed = s,
    };
    /* A third in groups, a third with rows aligned so that the wide loads run, some misaligned. */
    switch (stile_random_integer(s, 7, 0, 5)) {
    case 0:
    case 1:
        c.rows_per_group = 1 + c.M / 4;
        c.M = c.rows_per_group * stile_random_integer(s, 8, 1, 4);
        break;
    case 2:
    case 3:
        c.K = (c.K + 15) / 16 * 16;
        c.N = (c.N + 15) / 16 * 16;
        c.pad_x = c.pad_w = c.pad_y = c.pad_r = 16 * (int)stile_random_integer(s, 9, 0, 2);
        break;
    case 4:
        c.offset = (int)stile_random_integer(s, 10, 1, 7);
        break;
    default:
        break;
    }
    return c;
}
