/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy files for tests. */
#ifndef STILE_TESTS_NPY_WRITER_H
#define STILE_TESTS_NPY_WRITER_H

#include <string.h>

#include "text.h"

/* Appends a version 1 file with this header, as Python writes it, and data. */
static inline void npy_write(stile_text *out, const char *header, const void *data, size_t size)
{
    const size_t length = strlen(header);
    stile_text_append_bytes(out, "\x93NUMPY\x01", 8);
    stile_text_append_bytes(out, (const char[]){(char)length, (char)(length >> 8)}, 2);
    stile_text_append(out, header);
    if (size)
        stile_text_append_bytes(out, data, size);
}

#endif
