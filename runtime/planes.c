/* SPDX-License-Identifier: Apache-2.0 */
#include "planes.h"

#include <string.h>

#include "formats.h"

enum { TILES_AT_A_TIME = 64 };

void stile_planes_deal_row(stile_type type, const void *array, int64_t index, int64_t columns,
                           int side, int64_t tiles, double *out, int64_t plane_stride)
{
    double part[TILES_AT_A_TIME * STILE_MAX_TILE];
    for (int64_t t0 = 0; t0 < tiles; t0 += TILES_AT_A_TIME) {
        const int64_t t1 = tiles - t0 < TILES_AT_A_TIME ? tiles : t0 + TILES_AT_A_TIME;
        const int64_t wanted = (t1 - t0) * side;
        const int64_t left = columns - t0 * side;
        const int64_t there = left < 0 ? 0 : left < wanted ? left : wanted;
        stile_load_elements(type, array, index + t0 * side, there, part);
        for (int64_t i = there; i < wanted; i++)
            part[i] = 0;
        for (int e = 0; e < side; e++)
            for (int64_t t = t0; t < t1; t++)
                out[e * plane_stride + t] = part[(t - t0) * side + e];
    }
}

static void add_multiple(double *restrict out, int64_t size, double factor,
                         const double *restrict in)
{
    for (int64_t i = 0; i < size; i++)
        out[i] += factor * in[i];
}

void stile_planes_combine(double *out, int64_t size, const double *coefficients, int count,
                          const double *planes)
{
    memset(out, 0, (size_t)size * sizeof *out);
    for (int e = 0; e < count; e++)
        if (coefficients[e] != 0)
            add_multiple(out, size, coefficients[e], planes + e * size);
}

void stile_planes_spread(const double *in, int64_t size, const double *coefficients, int64_t stride,
                         int count, double *planes)
{
    for (int e = 0; e < count; e++)
        if (coefficients[e * stride] != 0)
            add_multiple(planes + e * size, size, coefficients[e * stride], in);
}
