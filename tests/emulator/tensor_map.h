/* SPDX-License-Identifier: Apache-2.0 */
/* What the emulated driver writes into the 128 bytes of a CUtensorMap. */
#ifndef STILE_TESTS_EMULATOR_TENSOR_MAP_H
#define STILE_TESTS_EMULATOR_TENSOR_MAP_H

#include <stdint.h>

enum { TENSOR_MAP_RANK = 5, TENSOR_MAP_MARK = 0x7e5e }; /* mark: of those written here */

typedef struct tensor_map {
    uint16_t mark;
    uint8_t rank, element_bytes, swizzle_shift,
        fill_nan; /* swizzle: 0, or 16 bytes << shift wide */
    uint16_t box[TENSOR_MAP_RANK];
    uint64_t address;
    uint64_t extents[TENSOR_MAP_RANK];
    uint64_t strides[TENSOR_MAP_RANK]; /* bytes; the first is an element */
} tensor_map;

_Static_assert(sizeof(tensor_map) <= 128, "a CUtensorMap has 128 bytes");

#endif
