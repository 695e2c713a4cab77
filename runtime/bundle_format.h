/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a bundle. Integers are little-endian, texts padded with NULs, checksums SHA-256 as
 * hexadecimal digits. There are no gaps, so every byte of a file is under a checksum.
 *
 *     header   96 bytes
 *        0     8   magic
 *        8     4   format version
 *       12     4   number of kernels
 *       16     8   size of the file
 *       24     8   0
 *       32    64   what wrote the file: "stile 0.1.0"
 *     check    64 bytes: checksum of header and index
 *     index    for each kernel 224 bytes, in ascending order of keys
 *        0    64   key, as in the kernel cache (cache_entry.h)
 *       64    64   checksum of the cubin
 *      128     8   offset of the cubin from the start of the file
 *      136     8   size of the cubin
 *      144    16   architecture: "sm_90a"
 *      160    64   kernel: "channel_gemm"
 *     cubins   in the order of the index, each where the one before ends; the last ends the file
 */
#ifndef STILE_RUNTIME_BUNDLE_FORMAT_H
#define STILE_RUNTIME_BUNDLE_FORMAT_H

#include <stdint.h>

/* Not text, and spoilt by what spoils line ends or the eighth bit. */
#define STILE_BUNDLE_MAGIC "\211STILE\r\n"

enum {
    STILE_BUNDLE_FORMAT = 1, /* a change of anything above, or of how keys are made, raises it */
    STILE_BUNDLE_MAX_KERNELS = 1 << 16,
    STILE_BUNDLE_MAX_CUBIN = 256 << 20, /* bytes */

    STILE_BUNDLE_VERSION_AT = 8,
    STILE_BUNDLE_COUNT_AT = 12,
    STILE_BUNDLE_SIZE_AT = 16,
    STILE_BUNDLE_ZERO_AT = 24,
    STILE_BUNDLE_PRODUCER_AT = 32,
    STILE_BUNDLE_PRODUCER_SIZE = 64,
    STILE_BUNDLE_CHECK_AT = 96,
    STILE_BUNDLE_DIGEST_SIZE = 64,
    STILE_BUNDLE_INDEX_AT = 160,

    STILE_BUNDLE_ENTRY_SIZE = 224,
    STILE_BUNDLE_ENTRY_KEY_AT = 0,
    STILE_BUNDLE_ENTRY_CHECK_AT = 64,
    STILE_BUNDLE_ENTRY_OFFSET_AT = 128,
    STILE_BUNDLE_ENTRY_SIZE_AT = 136,
    STILE_BUNDLE_ENTRY_ARCH_AT = 144,
    STILE_BUNDLE_ENTRY_ARCH_SIZE = 16,
    STILE_BUNDLE_ENTRY_KERNEL_AT = 160,
    STILE_BUNDLE_ENTRY_KERNEL_SIZE = 64,
};

/* A little-endian integer of `size` bytes. */
static inline uint64_t stile_load_integer(const char *bytes, int size)
{
    uint64_t value = 0;
    for (int i = size; i-- > 0;)
        value = value << 8 | (unsigned char)bytes[i];
    return value;
}

static inline void stile_store_integer(char *bytes, int size, uint64_t value)
{
    for (int i = 0; i < size; i++, value >>= 8)
        bytes[i] = (char)(value & 0xff);
}

#endif
