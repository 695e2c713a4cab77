/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stile/version.h>

#include "cache_file.h"
#include "fail.h"
#include "text.h"

/* A change of what an entry holds or of how the key is made raises it. */
#define FORMAT "1"

#define SOURCE_FILE "kernel.cu"
#define CUBIN_FILE "kernel.cubin"
#define LOG_FILE "kernel.log"
#define META_FILE "kernel.meta"

enum { META_LIMIT = 64 << 10, CONTENT_LIMIT = 256 << 20, NAME_LIMIT = 64 };

static stile_digest make_key(const stile_cache_entry *entry)
{
    /* Each part with its NUL, so that no two lists of parts run together to the same bytes. */
    stile_sha256 hash;
    stile_sha256_begin(&hash);
    stile_sha256_update(&hash, FORMAT, sizeof FORMAT);
    stile_sha256_update(&hash, entry->arch.name, strlen(entry->arch.name) + 1);
    stile_sha256_update(&hash, entry->options, strlen(entry->options) + 1);
    stile_sha256_update(&hash, entry->source, entry->source_size);
    return stile_sha256_end(&hash);
}

int stile_cache_entry_init(stile_cache_entry *out, const char *kernel, const char *source,
                           const stile_arch *arch)
{
    size_t size = strspn(kernel, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (!size || kernel[size] || size > NAME_LIMIT)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "\"%s\" is no kernel name: use 1 to %d letters, digits and underscores",
                          kernel, NAME_LIMIT);

    stile_cache_entry entry = {
        .kernel = kernel, .source = source, .source_size = strlen(source), .arch = *arch};
    stile_compile_options options;
    stile_compile_options_for(&options, arch);
    size_t used = 0;
    for (int i = 0; i < options.count; i++) {
        used += (size_t)snprintf(entry.options + used, sizeof entry.options - used, "%s%s",
                                 i ? " " : "", options.items[i]);
        if (used >= sizeof entry.options)
            return stile_fail(STILE_ERROR_INTERNAL, "compiler options too long for a cache key");
    }
    entry.key = make_key(&entry);
    snprintf(entry.folder, sizeof entry.folder, "%s/%s-%s", arch->name, kernel, entry.key.hex);
    *out = entry;
    return STILE_OK;
}

/* The lines of kernel.meta that follow from the entry and its contents. */
static void append_known_lines(stile_text *out, const stile_cache_entry *entry,
                               const stile_cubin *cubin)
{
    const struct {
        const char *name;
        const void *data;
        size_t size;
    } files[] = {
        {"source", entry->source, entry->source_size},
        {"cubin", cubin->data, cubin->size},
        {"log", cubin->log, strlen(cubin->log)},
    };
    stile_text_append(out, "format: " FORMAT "\n");
    stile_text_appendf(out, "kernel: %s\n", entry->kernel);
    stile_text_appendf(out, "arch: %s\n", entry->arch.name);
    stile_text_appendf(out, "key: %s\n", entry->key.hex);
    stile_text_appendf(out, "options: %s\n", entry->options);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        stile_text_appendf(out, "%s: %zu %s\n", files[i].name, files[i].size,
                           stile_sha256_of(files[i].data, files[i].size).hex);
}

/* The last line of kernel.meta, for the `size` bytes before it. */
static void append_check_line(stile_text *out, const char *meta, size_t size)
{
    stile_text_appendf(out, "check: %s\n", stile_sha256_of(meta, size).hex);
}

/* Whether kernel.meta begins as the contents demand and ends with its own checksum. */
static bool matches(const char *meta, size_t size, const stile_cache_entry *entry,
                    const stile_cubin *cubin)
{
    stile_text known = {0}, check = {0};
    append_known_lines(&known, entry, cubin);
    const size_t check_size = strlen("check: \n") + 64;
    bool whole = !known.failed && size >= known.size + check_size &&
                 memcmp(meta, known.data, known.size) == 0;
    if (whole) {
        append_check_line(&check, meta, size - check_size);
        whole = !check.failed && memcmp(meta + size - check_size, check.data, check_size) == 0;
    }
    stile_text_free(&known);
    stile_text_free(&check);
    return whole;
}

/* What an error of reading says: a fault of this process, or of the entry. */
static stile_cache_read judge(int error)
{
    bool passing = error == EMFILE || error == ENFILE || error == ENOMEM || error == EACCES;
    return passing ? STILE_CACHE_ABSENT : STILE_CACHE_DAMAGED;
}

stile_cache_read stile_cache_entry_read(stile_cubin *out, int root, const stile_cache_entry *entry)
{
    int folder = openat(root, entry->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        return errno == ENOENT ? STILE_CACHE_ABSENT : judge(errno);

    char *source = NULL, *meta = NULL, *data = NULL;
    size_t source_size, meta_size, log_size;
    stile_cubin cubin = {0};
    stile_cache_read result = STILE_CACHE_DAMAGED;
    int error = stile_cache_file_read(folder, META_FILE, META_LIMIT, &meta, &meta_size);
    if (!error)
        error =
            stile_cache_file_read(folder, SOURCE_FILE, entry->source_size, &source, &source_size);
    if (!error)
        error = stile_cache_file_read(folder, LOG_FILE, CONTENT_LIMIT, &cubin.log, &log_size);
    if (!error)
        error = stile_cache_file_read(folder, CUBIN_FILE, CONTENT_LIMIT, &data, &cubin.size);
    cubin.data = data;
    if (error)
        result = judge(error);
    else if (cubin.size && log_size == strlen(cubin.log) && source_size == entry->source_size &&
             memcmp(source, entry->source, source_size) == 0 &&
             matches(meta, meta_size, entry, &cubin))
        result = STILE_CACHE_FOUND;

    if (result == STILE_CACHE_FOUND)
        *out = cubin;
    else
        stile_cubin_free(&cubin);
    free(source);
    free(meta);
    close(folder);
    return result;
}

static int write_files(int folder, const stile_cache_entry *entry, const stile_cubin *cubin)
{
    stile_text meta = {0};
    append_known_lines(&meta, entry, cubin);
    stile_nvrtc_info nvrtc;
    if (stile_nvrtc_describe(&nvrtc) == STILE_OK)
        stile_text_appendf(&meta, "nvrtc: %d.%d\n", nvrtc.major, nvrtc.minor);
    stile_text_append(&meta, "stile: " STILE_VERSION "\n");
    if (!meta.failed)
        append_check_line(&meta, meta.data, meta.size);

    int error = meta.failed ? ENOMEM : 0;
    if (!error)
        error = stile_cache_file_write(folder, SOURCE_FILE, entry->source, entry->source_size);
    if (!error)
        error = stile_cache_file_write(folder, CUBIN_FILE, cubin->data, cubin->size);
    if (!error)
        error = stile_cache_file_write(folder, LOG_FILE, cubin->log, strlen(cubin->log));
    if (!error)
        error = stile_cache_file_write(folder, META_FILE, meta.data, meta.size);
    if (!error)
        fsync(folder);
    stile_text_free(&meta);
    return error;
}

int stile_cache_entry_write(int root, const stile_cache_entry *entry, const stile_cubin *cubin)
{
    int parent, folder;
    int error = stile_cache_folder_open(root, entry->arch.name, &parent);
    if (error)
        return error;
    char temporary[64];
    stile_cache_temporary_name(temporary);
    error = stile_cache_folder_open(parent, temporary, &folder);
    if (!error) {
        error = write_files(folder, entry, cubin);
        close(folder);
        if (!error) {
            if (renameat(parent, temporary, root, entry->folder) != 0)
                error = errno;
            else
                fsync(parent);
        }
        if (error)
            stile_cache_remove(parent, temporary);
        if (error == EEXIST || error == ENOTEMPTY)
            error = 0; /* another process published it meanwhile */
    }
    close(parent);
    return error;
}

int stile_cache_entry_drop(int root, const stile_cache_entry *entry)
{
    char temporary[64], aside[96];
    stile_cache_temporary_name(temporary);
    snprintf(aside, sizeof aside, "%s/%s", entry->arch.name, temporary);
    if (renameat(root, entry->folder, root, aside) != 0)
        return errno;
    return stile_cache_remove(root, aside);
}
