/* SPDX-License-Identifier: Apache-2.0 */
/* Small .zip archives for tests, of stored entries. */
#ifndef STILE_TESTS_ZIP_WRITER_H
#define STILE_TESTS_ZIP_WRITER_H

#include <string.h>

#include "text.h"

/* Where the parts of the only entry of zip_of_one begin, for tests that damage them. */
typedef struct zip_layout {
    size_t data, directory, end;
} zip_layout;

static inline void zip_number(stile_text *out, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        stile_text_append_bytes(out, (const char[]){(char)(value >> 8 * i)}, 1);
}

static inline uint32_t zip_checksum(const char *data, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= (unsigned char)data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

/* Flags, method, time, checksum, sizes, length of the name: common to both kinds of header. */
static inline void zip_fields(stile_text *out, const char *name, const char *data, size_t size)
{
    zip_number(out, 20, 2);
    zip_number(out, 0, 2);
    zip_number(out, 0, 2);
    zip_number(out, 0, 4);
    zip_number(out, zip_checksum(data, size), 4);
    zip_number(out, (uint32_t)size, 4);
    zip_number(out, (uint32_t)size, 4);
    zip_number(out, (uint32_t)strlen(name), 2);
}

/* Appends an archive of `count` entries to an empty text. */
static inline zip_layout zip_write(stile_text *out, int count, const char *const *names,
                                   const stile_text *contents)
{
    zip_layout layout = {0};
    stile_text directory = {0};
    for (int i = 0; i < count; i++) {
        const uint32_t offset = (uint32_t)out->size;
        zip_number(out, 0x04034b50, 4);
        zip_fields(out, names[i], contents[i].data, contents[i].size);
        zip_number(out, 4, 2); /* an extra field, as NumPy has one */
        stile_text_append(out, names[i]);
        zip_number(out, 1, 4);
        layout.data = out->size;
        stile_text_append_bytes(out, contents[i].data, contents[i].size);

        zip_number(&directory, 0x02014b50, 4);
        zip_number(&directory, 20, 2);
        zip_fields(&directory, names[i], contents[i].data, contents[i].size);
        zip_number(&directory, 0, 2);
        zip_number(&directory, 0, 2);
        zip_number(&directory, 0, 4);
        zip_number(&directory, 0, 4);
        zip_number(&directory, offset, 4);
        stile_text_append(&directory, names[i]);
    }
    layout.directory = out->size;
    if (directory.size)
        stile_text_append_bytes(out, directory.data, directory.size);
    layout.end = out->size;
    zip_number(out, 0x06054b50, 4);
    zip_number(out, 0, 4);
    zip_number(out, (uint32_t)count, 2);
    zip_number(out, (uint32_t)count, 2);
    zip_number(out, (uint32_t)directory.size, 4);
    zip_number(out, (uint32_t)layout.directory, 4);
    zip_number(out, 0, 2);
    stile_text_free(&directory);
    return layout;
}

#endif
