/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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
#define META_FILE STILE_CACHE_META

#define KERNEL_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

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
    size_t size = strspn(kernel, KERNEL_LETTERS);
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

/* The four files of an entry, as they are on disk. */
typedef struct contents {
    char *source, *meta;
    size_t source_size, meta_size, log_size;
    stile_cubin cubin;
} contents;

static void free_contents(contents *c)
{
    stile_cubin_free(&c->cubin);
    free(c->source);
    free(c->meta);
}

/* Reads them all; FOUND says only that they are there. Free `out` in any case. */
static stile_cache_read read_contents(contents *out, int root, const char *name,
                                      size_t source_limit)
{
    int folder = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        return errno == ENOENT ? STILE_CACHE_ABSENT : judge(errno);
    char *cubin = NULL;
    int error = stile_cache_file_read(folder, META_FILE, META_LIMIT, &out->meta, &out->meta_size);
    if (!error)
        error = stile_cache_file_read(folder, SOURCE_FILE, source_limit, &out->source,
                                      &out->source_size);
    if (!error)
        error =
            stile_cache_file_read(folder, LOG_FILE, CONTENT_LIMIT, &out->cubin.log, &out->log_size);
    if (!error)
        error = stile_cache_file_read(folder, CUBIN_FILE, CONTENT_LIMIT, &cubin, &out->cubin.size);
    out->cubin.data = cubin;
    stile_cache_read result = error ? judge(error) : STILE_CACHE_FOUND;
    /* Files may be missing because the entry is being taken out. */
    if (error && !stile_cache_file_is_current(root, name, folder))
        result = STILE_CACHE_ABSENT;
    close(folder);
    return result;
}

stile_cache_read stile_cache_entry_read(stile_cubin *out, int root, const stile_cache_entry *entry)
{
    contents c = {0};
    stile_cache_read result = read_contents(&c, root, entry->folder, entry->source_size);
    if (result == STILE_CACHE_FOUND && !(c.cubin.size && c.log_size == strlen(c.cubin.log) &&
                                         c.source_size == entry->source_size &&
                                         memcmp(c.source, entry->source, c.source_size) == 0 &&
                                         matches(c.meta, c.meta_size, entry, &c.cubin)))
        result = STILE_CACHE_DAMAGED;
    if (result == STILE_CACHE_FOUND) {
        *out = c.cubin;
        c.cubin = (stile_cubin){0};
    }
    free_contents(&c);
    return result;
}

bool stile_cache_is_arch(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz", digits[] = "0123456789";
    size_t prefix = strlen("sm_");
    if (strncmp(name, "sm_", prefix) != 0)
        return false;
    size_t number = strspn(name + prefix, digits);
    size_t suffix = strspn(name + prefix + number, letters);
    return number > 0 && suffix <= 1 && !name[prefix + number + suffix];
}

bool stile_cache_folder_parse(stile_cache_folder *out, const char *folder)
{
    const char *slash = strchr(folder, '/'), *dash = strrchr(folder, '-');
    if (!slash || !dash || dash <= slash + 1)
        return false;
    size_t arch = (size_t)(slash - folder), kernel = (size_t)(dash - slash) - 1;
    stile_cache_folder result = {0};
    if (arch >= sizeof result.arch || kernel >= sizeof result.kernel ||
        strspn(slash + 1, KERNEL_LETTERS) != kernel || strlen(dash + 1) != 64 ||
        strspn(dash + 1, "0123456789abcdef") != 64)
        return false;
    memcpy(result.arch, folder, arch);
    memcpy(result.kernel, slash + 1, kernel);
    memcpy(result.key.hex, dash + 1, 64);
    if (!stile_cache_is_arch(result.arch))
        return false;
    *out = result;
    return true;
}

/* Copies the value of the line "options: …" of kernel.meta. */
static bool copy_options(char *out, size_t size, const char *meta)
{
    const char *line = strstr(meta, "\noptions: ");
    if (!line)
        return false;
    line += strlen("\noptions: ");
    size_t length = strcspn(line, "\n");
    if (length >= size)
        return false;
    memcpy(out, line, length);
    out[length] = '\0';
    return true;
}

stile_cache_read stile_cache_entry_check(int root, const char *folder, const char **reason)
{
    stile_cache_folder name;
    if (!stile_cache_folder_parse(&name, folder)) {
        *reason = "its name is not one of an entry";
        return STILE_CACHE_DAMAGED;
    }
    contents c = {0};
    stile_cache_read result = read_contents(&c, root, folder, CONTENT_LIMIT);
    stile_cache_entry entry = {
        .kernel = name.kernel, .source = c.source, .source_size = c.source_size, .key = name.key};
    snprintf(entry.arch.name, sizeof entry.arch.name, "%s", name.arch);
    const char *text = NULL;
    if (result == STILE_CACHE_ABSENT) {
        text = "it is gone or cannot be read now";
    } else if (result == STILE_CACHE_DAMAGED) {
        text = "a file of it is missing or unreadable";
    } else if (!copy_options(entry.options, sizeof entry.options, c.meta) ||
               strcmp(make_key(&entry).hex, name.key.hex) != 0) {
        text = "source or options are not those of its key";
    } else if (!c.cubin.size || c.log_size != strlen(c.cubin.log) ||
               !matches(c.meta, c.meta_size, &entry, &c.cubin)) {
        text = "a size or checksum is wrong";
    }
    if (text) {
        *reason = text;
        if (result == STILE_CACHE_FOUND)
            result = STILE_CACHE_DAMAGED;
    }
    free_contents(&c);
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

void stile_cache_entry_touch(int root, const char *folder, uint64_t stamp)
{
    const struct timespec used[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = (time_t)(stamp / 1000000000u), .tv_nsec = (long)(stamp % 1000000000u)},
    };
    static const struct timespec now[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    char meta[sizeof((stile_cache_entry *)0)->folder + sizeof META_FILE];
    snprintf(meta, sizeof meta, "%s/" META_FILE, folder);
    utimensat(root, meta, now, AT_SYMLINK_NOFOLLOW);
    utimensat(root, folder, used, AT_SYMLINK_NOFOLLOW);
}

/*
 * Writes an entry into a temporary folder of `parent`, which it names and locks as long as it may.
 */
static int write_aside(int parent, const stile_cache_entry *entry, const stile_cubin *cubin,
                       uint64_t stamp, char name[static 64], int *lock)
{
    stile_cache_temporary_name(name);
    int error = stile_cache_folder_open(parent, name, lock);
    if (error)
        return error;
    flock(*lock, LOCK_EX | LOCK_NB); /* says that this process lives; see remove_abandoned */
    error = write_files(*lock, entry, cubin);
    if (!error)
        stile_cache_entry_touch(parent, name, stamp);
    return error;
}

static int publish(int root, const stile_cache_entry *entry, const stile_cubin *cubin,
                   uint64_t stamp)
{
    int parent, folder = -1;
    int error = stile_cache_folder_open(root, entry->arch.name, &parent);
    if (error)
        return error;
    char temporary[64];
    error = write_aside(parent, entry, cubin, stamp, temporary, &folder);
    if (!error) {
        if (renameat(parent, temporary, root, entry->folder) != 0)
            error = errno;
        else
            fsync(parent);
    }
    if (error && folder >= 0)
        stile_cache_remove(parent, temporary);
    if (folder >= 0)
        close(folder);
    close(parent);
    if (error == EEXIST || error == ENOTEMPTY)
        error = 0; /* another process published it meanwhile */
    return error;
}

int stile_cache_entry_write(int root, const stile_cache_entry *entry, const stile_cubin *cubin,
                            uint64_t stamp)
{
    int error = publish(root, entry, cubin, stamp);
    /* `cache clear` may have taken the folder of the architecture away. */
    return error == ENOENT ? publish(root, entry, cubin, stamp) : error;
}

int stile_cache_entry_drop(int root, const char *folder)
{
    char temporary[64], aside[96];
    stile_cache_temporary_name(temporary);
    snprintf(aside, sizeof aside, "%.*s/%s", (int)strcspn(folder, "/"), folder, temporary);
    if (renameat(root, folder, root, aside) != 0)
        return errno;
    return stile_cache_remove(root, aside);
}
