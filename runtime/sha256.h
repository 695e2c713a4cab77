/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4): cache keys and the checksums of cache entries. */
#ifndef STILE_RUNTIME_SHA256_H
#define STILE_RUNTIME_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct stile_sha256 {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    uint8_t block[64];
} stile_sha256;

/* A digest as text: 64 lower-case hexadecimal digits. */
typedef struct stile_digest {
    char hex[65];
} stile_digest;

void stile_sha256_begin(stile_sha256 *hash);
void stile_sha256_update(stile_sha256 *hash, const void *data, size_t size);
stile_digest stile_sha256_end(stile_sha256 *hash);

/* The digest of one buffer. */
stile_digest stile_sha256_of(const void *data, size_t size);

#endif
