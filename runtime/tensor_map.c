/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor_map.h"

#include "fail.h"

enum {
    BOX_BYTES = 128,
    /* The driver's enumerators. */
    DATA_TYPE_UINT8 = 0,
    DATA_TYPE_FLOAT16 = 6,
    DATA_TYPE_FLOAT32 = 7,
    DATA_TYPE_BFLOAT16 = 9,
    INTERLEAVE_NONE = 0,
    SWIZZLE_128B = 3,
    L2_PROMOTION_128B = 2,
    OUT_OF_BOUNDS_ZERO = 0,
};

static int data_type(stile_type type)
{
    switch (type) {
    case STILE_TYPE_F16:
        return DATA_TYPE_FLOAT16;
    case STILE_TYPE_BF16:
        return DATA_TYPE_BFLOAT16;
    case STILE_TYPE_E4M3:
    case STILE_TYPE_E5M2:
        return DATA_TYPE_UINT8;
    default:
        return DATA_TYPE_FLOAT32;
    }
}

int stile_tensor_map_encode(stile_tensor_map *out, const stile_driver *driver, stile_type type,
                            const void *channels, int64_t inner, int64_t rows, int64_t rank,
                            int64_t pitch, int box_rows)
{
    const uint64_t element = (uint64_t)stile_type_size(type);
    const uint64_t extents[3] = {(uint64_t)inner, (uint64_t)rows, (uint64_t)rank};
    const uint64_t strides[2] = {(uint64_t)pitch * element, (uint64_t)(rows * pitch) * element};
    const uint32_t box[3] = {(uint32_t)(BOX_BYTES / element), (uint32_t)box_rows, 1};
    const uint32_t steps[3] = {1, 1, 1};
    CUresult result = driver->cuTensorMapEncodeTiled(
        out, data_type(type), 3, (void *)(uintptr_t)channels, extents, strides, box, steps,
        INTERLEAVE_NONE, SWIZZLE_128B, L2_PROMOTION_128B, OUT_OF_BOUNDS_ZERO);
    return stile_driver_check(driver, result, "cuTensorMapEncodeTiled");
}
