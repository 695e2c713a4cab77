/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fail.h"
#include "file_write.h"
#include "npy_header.h"

int stile_npy_write(const char *path, stile_npy_dtype dtype, int rank, const int64_t *dims,
                    const void *data)
{
    if (rank < 1 || rank > STILE_NPY_MAX_RANK)
        return stile_fail(STILE_ERROR_ARGUMENT, "%s: %d dimensions cannot be written: 1 to %d can",
                          path, rank, STILE_NPY_MAX_RANK);
    size_t bytes = (size_t)stile_npy_dtype_size(dtype);
    for (int i = 0; i < rank; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(bytes, (size_t)dims[i], &bytes))
            return stile_fail(STILE_ERROR_ARGUMENT, "%s: the shape cannot be that of an array",
                              path);
    stile_text header = {0};
    stile_npy_header_print(&header, dtype, rank, dims);
    const stile_file_part parts[] = {{header.data, header.size}, {data, bytes}};
    int error = 0, problem = 0;
    if (header.failed)
        error = stile_fail_memory();
    else if ((problem = stile_file_write(path, parts, 2)))
        error = stile_fail(STILE_ERROR_IO, "%s: cannot be written: %s", path, strerror(problem));
    stile_text_free(&header);
    return error;
}
