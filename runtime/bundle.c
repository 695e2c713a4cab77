/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle_format.h"
#include "fail.h"

struct stile_bundle {
    int file;
    size_t count;
    char *head; /* header, checksum and index, checked */
    char path[];
};

/* --- reading --- */

/* Returns 0, an errno value, or EIO where the file is shorter than it was. */
static int read_at(int file, uint64_t offset, char *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t part = pread(file, data + done, size - done, (off_t)(offset + done));
        if (part == 0)
            return EIO;
        if (part > 0)
            done += (size_t)part;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

static const char *entry_at(const stile_bundle *bundle, size_t index)
{
    return bundle->head + STILE_BUNDLE_INDEX_AT + index * STILE_BUNDLE_ENTRY_SIZE;
}

/* --- checks --- */

static int refuse(const stile_bundle *bundle, const char *reason)
{
    return stile_fail(STILE_ERROR_IO, "%s: %s; build the bundle again", bundle->path, reason);
}

/* What can be said of the fixed part alone. Sets bundle->count. */
static int check_header(stile_bundle *bundle, const char *header, uint64_t file_size)
{
    if (memcmp(header, STILE_BUNDLE_MAGIC, strlen(STILE_BUNDLE_MAGIC)) != 0)
        return stile_fail(STILE_ERROR_IO, "%s is not a bundle of kernels; stile build makes one",
                          bundle->path);
    uint64_t version = stile_load_integer(header + STILE_BUNDLE_VERSION_AT, 4);
    if (version != STILE_BUNDLE_FORMAT)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s is a bundle of format %" PRIu64 ", but this version of stile reads "
                          "format %d: build it again with this version",
                          bundle->path, version, STILE_BUNDLE_FORMAT);
    if (stile_load_integer(header + STILE_BUNDLE_SIZE_AT, 8) != file_size)
        return refuse(bundle, "is cut off or damaged: its size is not the one it states");
    uint64_t count = stile_load_integer(header + STILE_BUNDLE_COUNT_AT, 4);
    if (count > STILE_BUNDLE_MAX_KERNELS ||
        count > (file_size - STILE_BUNDLE_INDEX_AT) / STILE_BUNDLE_ENTRY_SIZE)
        return refuse(bundle, "is damaged: its index does not fit into the file");
    bundle->count = (size_t)count;
    return 0;
}

/* Whether a text field ends in a NUL, has one byte at least, and only NULs behind. */
static bool is_text(const char *field, size_t size)
{
    size_t length = strnlen(field, size);
    if (length == 0 || length == size)
        return false;
    for (size_t i = length; i < size; i++) {
        if (field[i])
            return false;
    }
    return true;
}

static bool is_digest(const char *field)
{
    for (int i = 0; i < STILE_BUNDLE_DIGEST_SIZE; i++) {
        if (!((field[i] >= '0' && field[i] <= '9') || (field[i] >= 'a' && field[i] <= 'f')))
            return false;
    }
    return true;
}

static stile_digest digest_of_head(const stile_bundle *bundle)
{
    stile_sha256 hash;
    stile_sha256_begin(&hash);
    stile_sha256_update(&hash, bundle->head, STILE_BUNDLE_CHECK_AT);
    stile_sha256_update(&hash, entry_at(bundle, 0), bundle->count * STILE_BUNDLE_ENTRY_SIZE);
    return stile_sha256_end(&hash);
}

/* A checksum says nothing of who wrote the file, so each field is checked besides. */
static int check_head(const stile_bundle *bundle, uint64_t file_size)
{
    stile_digest check = digest_of_head(bundle);
    if (memcmp(bundle->head + STILE_BUNDLE_CHECK_AT, check.hex, STILE_BUNDLE_DIGEST_SIZE) != 0)
        return refuse(bundle, "is damaged: the checksum of its index does not match");
    if (stile_load_integer(bundle->head + STILE_BUNDLE_ZERO_AT, 8) != 0 ||
        !is_text(bundle->head + STILE_BUNDLE_PRODUCER_AT, STILE_BUNDLE_PRODUCER_SIZE))
        return refuse(bundle, "is damaged: its header is malformed");

    uint64_t offset = STILE_BUNDLE_INDEX_AT + (uint64_t)bundle->count * STILE_BUNDLE_ENTRY_SIZE;
    for (size_t i = 0; i < bundle->count; i++) {
        const char *entry = entry_at(bundle, i);
        uint64_t size = stile_load_integer(entry + STILE_BUNDLE_ENTRY_SIZE_AT, 8);
        if (!is_digest(entry + STILE_BUNDLE_ENTRY_KEY_AT) ||
            !is_digest(entry + STILE_BUNDLE_ENTRY_CHECK_AT) ||
            !is_text(entry + STILE_BUNDLE_ENTRY_ARCH_AT, STILE_BUNDLE_ENTRY_ARCH_SIZE) ||
            !is_text(entry + STILE_BUNDLE_ENTRY_KERNEL_AT, STILE_BUNDLE_ENTRY_KERNEL_SIZE) ||
            (i && memcmp(entry_at(bundle, i - 1), entry, STILE_BUNDLE_DIGEST_SIZE) >= 0) ||
            stile_load_integer(entry + STILE_BUNDLE_ENTRY_OFFSET_AT, 8) != offset || size == 0 ||
            size > STILE_BUNDLE_MAX_CUBIN || size > file_size - offset)
            return refuse(bundle, "is damaged: an entry of its index is malformed");
        offset += size;
    }
    if (offset != file_size)
        return refuse(bundle, "is damaged: its kernels do not fill it");
    return 0;
}

/* --- open and close --- */

static int read_head(stile_bundle *bundle)
{
    char header[STILE_BUNDLE_INDEX_AT];
    struct stat status;
    if (fstat(bundle->file, &status) != 0)
        return stile_fail(STILE_ERROR_IO, "%s: %s", bundle->path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return stile_fail(STILE_ERROR_IO, "%s is not a regular file, which a bundle must be",
                          bundle->path);
    uint64_t size = (uint64_t)status.st_size;
    int problem = size < sizeof header ? 0 : read_at(bundle->file, 0, header, sizeof header);
    if (problem)
        return stile_fail(STILE_ERROR_IO, "%s: %s", bundle->path, strerror(problem));
    if (size < sizeof header)
        return stile_fail(STILE_ERROR_IO,
                          "%s is not a bundle of kernels, or is cut off; stile build makes one",
                          bundle->path);
    int error = check_header(bundle, header, size);
    if (error)
        return error;

    size_t head_size = sizeof header + bundle->count * STILE_BUNDLE_ENTRY_SIZE;
    bundle->head = malloc(head_size);
    if (!bundle->head)
        return stile_fail_memory();
    memcpy(bundle->head, header, sizeof header);
    problem = read_at(bundle->file, sizeof header, bundle->head + sizeof header,
                      head_size - sizeof header);
    if (problem)
        return stile_fail(STILE_ERROR_IO, "%s: %s", bundle->path, strerror(problem));
    return check_head(bundle, size);
}

int stile_bundle_open(stile_bundle **out, const char *path)
{
    size_t path_size = strlen(path) + 1;
    stile_bundle *bundle = calloc(1, sizeof *bundle + path_size);
    if (!bundle)
        return stile_fail_memory();
    memcpy(bundle->path, path, path_size);
    /* Non-blocking: a FIFO in a file's place must not hang us. */
    bundle->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error = bundle->file < 0
                    ? stile_fail(STILE_ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno))
                    : read_head(bundle);
    if (error)
        stile_bundle_close(&bundle);
    else
        *out = bundle;
    return error;
}

void stile_bundle_close(stile_bundle **bundle)
{
    if (!bundle || !*bundle)
        return;
    if ((*bundle)->file >= 0)
        close((*bundle)->file);
    free((*bundle)->head);
    free(*bundle);
    *bundle = NULL;
}

/* --- use --- */

const char *stile_bundle_path(const stile_bundle *bundle)
{
    return bundle->path;
}

const char *stile_bundle_producer(const stile_bundle *bundle)
{
    return bundle->head + STILE_BUNDLE_PRODUCER_AT;
}

size_t stile_bundle_count(const stile_bundle *bundle)
{
    return bundle->count;
}

static int compare_key(const void *key, const void *entry)
{
    return memcmp(key, entry, STILE_BUNDLE_DIGEST_SIZE);
}

stile_bundle_read stile_bundle_get(const stile_bundle *bundle, stile_cubin *out,
                                   const stile_digest *key)
{
    const char *entry =
        bsearch(key->hex, entry_at(bundle, 0), bundle->count, STILE_BUNDLE_ENTRY_SIZE, compare_key);
    if (!entry)
        return STILE_BUNDLE_ABSENT;
    stile_cubin cubin = {.size = (size_t)stile_load_integer(entry + STILE_BUNDLE_ENTRY_SIZE_AT, 8)};
    cubin.data = malloc(cubin.size);
    cubin.log = calloc(1, 1); /* a bundle keeps no messages */
    if (!cubin.data || !cubin.log) {
        stile_cubin_free(&cubin);
        return STILE_BUNDLE_ABSENT;
    }
    uint64_t offset = stile_load_integer(entry + STILE_BUNDLE_ENTRY_OFFSET_AT, 8);
    bool whole = read_at(bundle->file, offset, cubin.data, cubin.size) == 0 &&
                 memcmp(stile_sha256_of(cubin.data, cubin.size).hex,
                        entry + STILE_BUNDLE_ENTRY_CHECK_AT, STILE_BUNDLE_DIGEST_SIZE) == 0;
    if (!whole) {
        stile_cubin_free(&cubin);
        return STILE_BUNDLE_DAMAGED;
    }
    *out = cubin;
    return STILE_BUNDLE_FOUND;
}
