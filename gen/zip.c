/* SPDX-License-Identifier: Apache-2.0 */
#include "zip.h"

#include <stdbool.h>
#include <string.h>

#ifdef STILE_HAVE_ZLIB
#include <zlib.h>
#endif

#include "fail.h"

/* Sizes of the fixed parts, and the fields of them that are read, all little-endian. */
enum {
    LOCAL_SIZE = 30,
    LOCAL_NAME_LENGTH = 26,
    LOCAL_EXTRA_LENGTH = 28,

    ENTRY_SIZE = 46,
    ENTRY_FLAGS = 8,
    ENTRY_METHOD = 10,
    ENTRY_CRC = 16,
    ENTRY_PACKED = 20,
    ENTRY_UNPACKED = 24,
    ENTRY_NAME_LENGTH = 28,
    ENTRY_EXTRA_LENGTH = 30,
    ENTRY_COMMENT_LENGTH = 32,
    ENTRY_OFFSET = 42,

    END_SIZE = 22,
    END_COUNT = 10,
    END_DIRECTORY_SIZE = 12,
    END_DIRECTORY_OFFSET = 16,
    END_COMMENT_LENGTH = 20,
    MAX_COMMENT = 0xffff,
};

enum { STORED = 0, DEFLATED = 8, ENCRYPTED = 1 };

static const uint32_t LOCAL_MAGIC = 0x04034b50, ENTRY_MAGIC = 0x02014b50, END_MAGIC = 0x06054b50;

static uint32_t u16(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t u32(const unsigned char *at)
{
    return u16(at) | u16(at + 2) << 16;
}

static int damaged(stile_mark mark, const char *what, stile_diagnostics *diagnostics)
{
    return stile_diagnose(diagnostics, mark, STILE_CODE_IMPORT_SYNTAX,
                          "the zip archive is damaged: %s", what);
}

/* The record at the end of an archive, before a comment that reaches to the end; NULL: none. */
static const unsigned char *find_end(const unsigned char *bytes, size_t size)
{
    for (size_t comment = 0; comment <= MAX_COMMENT && comment + END_SIZE <= size; comment++) {
        const unsigned char *at = bytes + size - END_SIZE - comment;
        if (u32(at) == END_MAGIC && u16(at + END_COMMENT_LENGTH) == comment)
            return at;
    }
    return NULL;
}

/* Reads one entry of the directory, of which `left` bytes remain; its length, 0 where damaged. */
static size_t read_entry(stile_zip_entry *out, stile_arena *arena, const unsigned char *at,
                         size_t left)
{
    if (left < ENTRY_SIZE || u32(at) != ENTRY_MAGIC)
        return 0;
    const size_t name_length = u16(at + ENTRY_NAME_LENGTH);
    const size_t length =
        ENTRY_SIZE + name_length + u16(at + ENTRY_EXTRA_LENGTH) + u16(at + ENTRY_COMMENT_LENGTH);
    if (left < length)
        return 0;
    *out = (stile_zip_entry){
        .name = stile_arena_strndup(arena, (const char *)at + ENTRY_SIZE, name_length),
        .flags = u16(at + ENTRY_FLAGS),
        .method = u16(at + ENTRY_METHOD),
        .crc = u32(at + ENTRY_CRC),
        .packed = u32(at + ENTRY_PACKED),
        .size = u32(at + ENTRY_UNPACKED),
        .offset = u32(at + ENTRY_OFFSET),
    };
    return length;
}

int stile_zip_open(stile_zip *out, stile_arena *arena, const void *bytes, size_t size,
                   stile_mark mark, stile_diagnostics *diagnostics)
{
    const unsigned char *const start = bytes, *const end = find_end(bytes, size);
    if (!end)
        return damaged(mark, "it has no directory; is the file cut off?", diagnostics);
    const size_t before = (size_t)(end - start);
    const size_t offset = u32(end + END_DIRECTORY_OFFSET);
    size_t left = u32(end + END_DIRECTORY_SIZE);
    const size_t count = u16(end + END_COUNT);
    if (offset > before || left > before - offset)
        return damaged(mark, "its directory lies outside the file", diagnostics);
    if (count > STILE_ZIP_MAX_ENTRIES)
        return stile_diagnose(diagnostics, mark, STILE_CODE_BASIS_LIMIT,
                              "the zip archive has %zu entries; at most %d are read", count,
                              STILE_ZIP_MAX_ENTRIES);
    stile_zip_entry *entries = stile_arena_array(arena, count ? count : 1, sizeof *entries);
    if (!entries)
        return stile_fail_memory();
    const unsigned char *at = start + offset;
    for (size_t i = 0; i < count; i++) {
        const size_t length = read_entry(&entries[i], arena, at, left);
        if (!length)
            return damaged(mark, "its directory is cut off or no directory", diagnostics);
        if (!entries[i].name)
            return stile_fail_memory();
        at += length;
        left -= length;
    }
    *out = (stile_zip){start, size, entries, count};
    return STILE_OK;
}

/* The checksum of zip: the polynomial 0x04c11db7, reflected. */
static uint32_t checksum(const unsigned char *bytes, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

#ifdef STILE_HAVE_ZLIB
/* Whether `packed` bytes inflate to exactly `size`. */
static bool inflate_all(unsigned char *out, size_t size, const unsigned char *bytes, size_t packed)
{
    z_stream stream = {.next_in = (unsigned char *)bytes,
                       .avail_in = (unsigned)packed,
                       .next_out = out,
                       .avail_out = (unsigned)size};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return false;
    const int result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return result == Z_STREAM_END && stream.avail_out == 0;
}
#endif

static int unpack(const unsigned char **out, stile_arena *arena, const stile_zip_entry *entry,
                  const unsigned char *bytes, stile_mark mark, stile_diagnostics *diagnostics)
{
    const stile_quoted name = stile_quote(entry->name);
    if (entry->method == STORED) {
        if (entry->packed != entry->size)
            return damaged(mark, "a stored entry has two sizes", diagnostics);
        *out = bytes;
        return STILE_OK;
    }
    if (entry->method != DEFLATED)
        return stile_diagnose(diagnostics, mark, STILE_CODE_IMPORT_UNSUPPORTED,
                              "entry %s is compressed by method %u: write it with numpy.savez",
                              name.text, entry->method);
#ifdef STILE_HAVE_ZLIB
    unsigned char *unpacked = stile_arena_alloc(arena, entry->size + 1);
    if (!unpacked)
        return stile_fail_memory();
    if (!inflate_all(unpacked, entry->size, bytes, entry->packed))
        return damaged(mark, "a compressed entry does not unpack to its size", diagnostics);
    *out = unpacked;
    return STILE_OK;
#else
    (void)arena;
    return stile_diagnose(diagnostics, mark, STILE_CODE_IMPORT_UNSUPPORTED,
                          "entry %s is compressed, and this stile is built without zlib: write it "
                          "with numpy.savez, not numpy.savez_compressed",
                          name.text);
#endif
}

int stile_zip_extract(const unsigned char **out, stile_arena *arena, const stile_zip *zip,
                      const stile_zip_entry *entry, stile_mark mark, stile_diagnostics *diagnostics)
{
    if (entry->flags & ENCRYPTED)
        return stile_diagnose(diagnostics, mark, STILE_CODE_IMPORT_UNSUPPORTED,
                              "entry %s is encrypted", stile_quote(entry->name).text);
    if (entry->size > STILE_ZIP_MAX_ENTRY_BYTES)
        return stile_diagnose(diagnostics, mark, STILE_CODE_BASIS_LIMIT,
                              "entry %s is larger than 4 MiB: no basis is",
                              stile_quote(entry->name).text);
    if (entry->offset > zip->size || zip->size - entry->offset < LOCAL_SIZE ||
        u32(zip->bytes + entry->offset) != LOCAL_MAGIC)
        return damaged(mark, "an entry is not where the directory says", diagnostics);
    /* Sizes are those of the directory: writers of streams leave them out here. */
    const unsigned char *const local = zip->bytes + entry->offset;
    const size_t header =
        LOCAL_SIZE + u16(local + LOCAL_NAME_LENGTH) + u16(local + LOCAL_EXTRA_LENGTH);
    const size_t left = zip->size - entry->offset;
    if (left < header || left - header < entry->packed)
        return damaged(mark, "an entry reaches past the end of the file", diagnostics);
    const unsigned char *unpacked = NULL;
    const int error = unpack(&unpacked, arena, entry, local + header, mark, diagnostics);
    if (error)
        return error;
    if (checksum(unpacked, entry->size) != entry->crc)
        return damaged(mark, "the checksum of an entry is wrong", diagnostics);
    *out = unpacked;
    return STILE_OK;
}
