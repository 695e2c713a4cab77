/* SPDX-License-Identifier: Apache-2.0 */
/* npy_probe IN TYPE OUT: reads a file, converts it to f32, f16 or bf16 and writes that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/npy.h"

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const stile_type type = strcmp(argv[2], "f16") == 0    ? STILE_TYPE_F16
                            : strcmp(argv[2], "bf16") == 0 ? STILE_TYPE_BF16
                                                           : STILE_TYPE_F32;
    stile_npy npy = {0};
    void *array = NULL;
    int error = stile_npy_read(&npy, argv[1]);
    if (!error)
        error = stile_npy_convert(&array, &npy, type);
    if (!error)
        error = stile_npy_write(argv[3], stile_npy_dtype_of(type), npy.rank, npy.dims, array);
    if (error)
        fprintf(stderr, "%s\n", stile_last_error());
    free(array);
    stile_npy_free(&npy);
    return error ? 1 : 0;
}
