/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: the .npy parser on any bytes. What it accepts must be consistent. */
#include <stdlib.h>

#include "cli/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    stile_npy npy;
    if (stile_npy_parse(&npy, "fuzz.npy", bytes, size) != 0)
        return 0;
    if (npy.rank < 1 || npy.rank > STILE_NPY_MAX_RANK || npy.size > size ||
        npy.size != (size_t)npy.count * (size_t)stile_npy_dtype_size(npy.dtype))
        abort();
    double sum = 0;
    for (int64_t i = 0; i < npy.count; i++)
        sum += stile_npy_element(&npy, i);
    void *array;
    if (stile_npy_convert(&array, &npy, STILE_TYPE_BF16) == 0)
        free(array);
    stile_npy_free(&npy);
    return sum == 0.12345; /* uses the sum */
}
