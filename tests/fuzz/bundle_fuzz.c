/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: bundles made of any bytes, under checksums made right, which random bytes never are.
 * What is accepted must be whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "bundle.h"
#include "bundle_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Magic, version, size and the checksum of header and index, as the count that is there has it. */
static void seal(char *bytes, size_t size)
{
    memcpy(bytes, STILE_BUNDLE_MAGIC, strlen(STILE_BUNDLE_MAGIC));
    stile_store_integer(bytes + STILE_BUNDLE_VERSION_AT, 4, STILE_BUNDLE_FORMAT);
    stile_store_integer(bytes + STILE_BUNDLE_SIZE_AT, 8, size);
    size_t most = (size - STILE_BUNDLE_INDEX_AT) / STILE_BUNDLE_ENTRY_SIZE;
    size_t count = (size_t)stile_load_integer(bytes + STILE_BUNDLE_COUNT_AT, 4);
    stile_sha256 hash;
    stile_sha256_begin(&hash);
    stile_sha256_update(&hash, bytes, STILE_BUNDLE_CHECK_AT);
    stile_sha256_update(&hash, bytes + STILE_BUNDLE_INDEX_AT,
                        (count < most ? count : most) * STILE_BUNDLE_ENTRY_SIZE);
    memcpy(bytes + STILE_BUNDLE_CHECK_AT, stile_sha256_end(&hash).hex, STILE_BUNDLE_DIGEST_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    char *copy = malloc(size + 1);
    memcpy(copy, bytes, size);
    if (size >= STILE_BUNDLE_INDEX_AT)
        seal(copy, size);
    if (ftruncate(file, 0) != 0 || pwrite(file, copy, size, 0) != (ssize_t)size)
        abort();

    stile_bundle *bundle = NULL;
    if (stile_bundle_open(&bundle, path) == 0) {
        for (size_t i = 0; i < stile_bundle_count(bundle); i++) {
            const char *entry = copy + STILE_BUNDLE_INDEX_AT + i * STILE_BUNDLE_ENTRY_SIZE;
            stile_digest key = {""};
            stile_cubin cubin = {0};
            memcpy(key.hex, entry, STILE_BUNDLE_DIGEST_SIZE);
            stile_bundle_read result = stile_bundle_get(bundle, &cubin, &key);
            if (result == STILE_BUNDLE_ABSENT || cubin.size > size)
                abort();
            stile_cubin_free(&cubin);
        }
        stile_bundle_close(&bundle);
    } else if (bundle) {
        abort();
    }
    free(copy);
    return 0;
}
