/* SPDX-License-Identifier: Apache-2.0 */
/* Tensor maps: how Hopper's copy engine sees the encoded channels. */
#ifndef STILE_RUNTIME_TENSOR_MAP_H
#define STILE_RUNTIME_TENSOR_MAP_H

#include <stdint.h>

#include "config.h"
#include "driver.h"
#include "params.h"

/*
 * A map of channels [rank][rows][pitch] with `inner` true elements per row, read in boxes of
 * box_rows rows of 128 bytes, swizzled by 128 bytes; what lies outside of the extents reads as
 * zero. Made on the host in well under a microsecond. Errors: DEVICE.
 */
int stile_tensor_map_encode(stile_tensor_map *out, const stile_driver *driver, stile_type type,
                            const void *channels, int64_t inner, int64_t rows, int64_t rank,
                            int64_t pitch, int box_rows);

#endif
