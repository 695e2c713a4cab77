/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading .zip archives in memory, as NumPy writes them: entries stored or, in a build with zlib,
 * deflated. The archives are untrusted: nothing is believed before it is checked, and what is
 * unpacked is bounded by STILE_ZIP_MAX_ENTRY_BYTES.
 */
#ifndef STILE_GEN_ZIP_H
#define STILE_GEN_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "diagnostics.h"

enum { STILE_ZIP_MAX_ENTRIES = 1024, STILE_ZIP_MAX_ENTRY_BYTES = 4 << 20 };

typedef struct stile_zip_entry {
    const char *name; /* as it stands in the archive, up to a NUL */
    unsigned flags, method;
    uint32_t crc;
    size_t packed, size; /* bytes in the archive, and unpacked */
    size_t offset;       /* of the local header */
} stile_zip_entry;

typedef struct stile_zip {
    const unsigned char *bytes;
    size_t size;
    const stile_zip_entry *entries;
    size_t count;
} stile_zip;

/*
 * Reads the directory of an archive, whose bytes must stay; entries live in `arena`. Diagnoses at
 * `mark`. Errors: SPEC, MEMORY.
 */
int stile_zip_open(stile_zip *out, stile_arena *arena, const void *bytes, size_t size,
                   stile_mark mark, stile_diagnostics *diagnostics);

/*
 * The unpacked bytes of an entry, in the archive itself or in `arena`, their checksum verified.
 * Errors: SPEC (diagnosed at `mark`), MEMORY.
 */
int stile_zip_extract(const unsigned char **out, stile_arena *arena, const stile_zip *zip,
                      const stile_zip_entry *entry, stile_mark mark,
                      stile_diagnostics *diagnostics);

#endif
