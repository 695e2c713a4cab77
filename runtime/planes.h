/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiled matrices as planes: plane e holds entry e of every tile, so that encoding and decoding
 * become sums of whole arrays.
 */
#ifndef STILE_RUNTIME_PLANES_H
#define STILE_RUNTIME_PLANES_H

#include <stdint.h>

#include "config.h"

/*
 * Deals one row of a matrix out to `side` planes: out[e·plane_stride + t] = row[t·side + e] for t <
 * tiles, zero past `columns`. The row begins at element `index` of `array`.
 */
void stile_planes_deal_row(stile_type type, const void *array, int64_t index, int64_t columns,
                           int side, int64_t tiles, double *out, int64_t plane_stride);

/* out = Σ_e coefficients[e]·plane_e over `count` planes of `size` doubles; zeros are skipped. */
void stile_planes_combine(double *out, int64_t size, const double *coefficients, int count,
                          const double *planes);

/* plane_e += coefficients[e·stride]·in for each of `count` planes; zeros are skipped. */
void stile_planes_spread(const double *in, int64_t size, const double *coefficients, int64_t stride,
                         int count, double *planes);

#endif
