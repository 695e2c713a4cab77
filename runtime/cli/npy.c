/* SPDX-License-Identifier: Apache-2.0 */
#include "npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "formats.h"
#include "npy_header.h"

void stile_npy_free(stile_npy *npy)
{
    if (!npy)
        return;
    free(npy->data);
    *npy = (stile_npy){0};
}

double stile_npy_element(const stile_npy *npy, int64_t index)
{
    stile_type type;
    if (stile_npy_dtype_type(&type, npy->dtype))
        return stile_load_element(type, npy->data, index);
    double value;
    memcpy(&value, (const char *)npy->data + index * (int64_t)sizeof value, sizeof value);
    return value;
}

int stile_npy_convert(void **out, const stile_npy *npy, stile_type type)
{
    size_t bytes;
    if (__builtin_mul_overflow((size_t)npy->count, (size_t)stile_type_size(type), &bytes))
        return stile_fail_memory();
    void *array = malloc(bytes ? bytes : 1);
    if (!array)
        return stile_fail_memory();
    stile_type from;
    if (stile_npy_dtype_type(&from, npy->dtype) && from == type) {
        memcpy(array, npy->data, bytes);
    } else {
        for (int64_t i = 0; i < npy->count; i++)
            stile_store_element(type, array, i, stile_npy_element(npy, i));
    }
    *out = array;
    return 0;
}

enum { TRANSPOSE_BLOCK = 32 };

/*
 * From Fortran to C order: element (i, j, l) of a × b × c moves from i + a·(j + b·l) to (i·b + j)·c
 * + l, in blocks that stay in cache. Inlined for each `size`.
 */
static inline __attribute__((always_inline)) void
transpose_elements(char *out, const char *in, size_t size, int64_t a, int64_t b, int64_t c)
{
    for (int64_t j = 0; j < b; j++) {
        for (int64_t i0 = 0; i0 < a; i0 += TRANSPOSE_BLOCK) {
            const int64_t i1 = a - i0 < TRANSPOSE_BLOCK ? a : i0 + TRANSPOSE_BLOCK;
            for (int64_t l0 = 0; l0 < c; l0 += TRANSPOSE_BLOCK) {
                const int64_t l1 = c - l0 < TRANSPOSE_BLOCK ? c : l0 + TRANSPOSE_BLOCK;
                for (int64_t i = i0; i < i1; i++)
                    for (int64_t l = l0; l < l1; l++)
                        memcpy(out + (size_t)((i * b + j) * c + l) * size,
                               in + (size_t)(i + a * (j + b * l)) * size, size);
            }
        }
    }
}

/* Replaces *data by its transpose. Errors: MEMORY. */
static int transpose(void **data, const stile_npy_header *header, size_t bytes)
{
    const int64_t a = header->dims[0], b = header->rank == 3 ? header->dims[1] : 1;
    const int64_t c = header->dims[header->rank - 1];
    char *out = malloc(bytes);
    if (!out)
        return stile_fail_memory();
    switch (stile_npy_dtype_size(header->dtype)) {
    case 2:
        transpose_elements(out, *data, 2, a, b, c);
        break;
    case 4:
        transpose_elements(out, *data, 4, a, b, c);
        break;
    default:
        transpose_elements(out, *data, 8, a, b, c);
        break;
    }
    free(*data);
    *data = out;
    return 0;
}

/* That what follows the header is as long as it says. */
static int check_size(const char *name, const stile_npy_header *header, size_t follows)
{
    const size_t bytes = (size_t)header->count * (size_t)stile_npy_dtype_size(header->dtype);
    if (follows == bytes)
        return 0;
    stile_text shape = {0};
    stile_npy_shape_print(&shape, header->rank, header->dims);
    const int error = stile_fail(
        STILE_ERROR_IO,
        "%s: header says shape %s of %s, %zu bytes, but %s%zu bytes follow: write the file again",
        name, shape.data ? shape.data : "?", stile_npy_dtype_name(header->dtype), bytes,
        follows < bytes ? "only " : "", follows);
    stile_text_free(&shape);
    return error;
}

/* Makes the array of `data`, which it takes over. */
static int finish(stile_npy *out, const stile_npy_header *header, void *data)
{
    const size_t bytes = (size_t)header->count * (size_t)stile_npy_dtype_size(header->dtype);
    if (header->fortran_order && header->rank > 1 && bytes > 0) {
        const int error = transpose(&data, header, bytes);
        if (error) {
            free(data);
            return error;
        }
    }
    *out = (stile_npy){
        .dtype = header->dtype,
        .rank = header->rank,
        .dims = {header->dims[0], header->dims[1], header->dims[2]},
        .count = header->count,
        .data = data,
        .size = bytes,
    };
    return 0;
}

int stile_npy_parse(stile_npy *out, const char *name, const void *bytes, size_t size)
{
    stile_npy_header header;
    int error = stile_npy_header_parse(&header, name, bytes, size);
    if (!error)
        error = check_size(name, &header, size - header.data_offset);
    if (error)
        return error;
    const size_t wanted = size - header.data_offset;
    void *data = malloc(wanted ? wanted : 1);
    if (!data)
        return stile_fail_memory();
    memcpy(data, (const char *)bytes + header.data_offset, wanted);
    return finish(out, &header, data);
}

/* Reads exactly `size` bytes at `offset`. Errors: IO. */
static int read_at(int fd, const char *path, void *out, size_t size, size_t offset)
{
    while (size > 0) {
        const ssize_t got = pread(fd, out, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return stile_fail(STILE_ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
        if (got == 0)
            return stile_fail(STILE_ERROR_IO, "%s: the file shrank while it was read", path);
        out = (char *)out + got;
        offset += (size_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static int read_header(int fd, const char *path, size_t size, stile_npy_header *out)
{
    const size_t most = STILE_NPY_MAX_PREFIX + STILE_NPY_MAX_HEADER;
    const size_t start = size < most ? size : most;
    unsigned char *bytes = malloc(start ? start : 1);
    if (!bytes)
        return stile_fail_memory();
    int error = read_at(fd, path, bytes, start, 0);
    if (!error)
        error = stile_npy_header_parse(out, path, bytes, start);
    free(bytes);
    return error;
}

static int read_open(stile_npy *out, const char *path, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return stile_fail(STILE_ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return stile_fail(STILE_ERROR_IO, "%s: is not a regular file", path);
    const size_t size = (size_t)status.st_size;
    stile_npy_header header;
    int error = read_header(fd, path, size, &header);
    if (!error)
        error = check_size(path, &header, size - header.data_offset);
    if (error)
        return error;

    const size_t bytes = size - header.data_offset;
    void *data = malloc(bytes ? bytes : 1);
    if (!data)
        return stile_fail(STILE_ERROR_MEMORY, "%s: no memory for %zu bytes of data", path, bytes);
    error = read_at(fd, path, data, bytes, header.data_offset);
    if (error) {
        free(data);
        return error;
    }
    return finish(out, &header, data);
}

int stile_npy_read(stile_npy *out, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang us */
    if (fd < 0)
        return stile_fail(STILE_ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    const int error = read_open(out, path, fd);
    close(fd);
    return error;
}
