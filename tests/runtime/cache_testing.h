/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the kernel cache share. Include after <cmocka.h>. */
#ifndef STILE_TESTS_CACHE_TESTING_H
#define STILE_TESTS_CACHE_TESTING_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>

#include "cache.h"
#include "cache_entry.h"
#include "cache_file.h"
#include "scratch.h"

/* Two small kernels, and two architectures that every NVRTC of the last years knows. */
__attribute__((unused)) static const char *const source_a =
    "extern \"C\" __global__ void k(float *x) { x[0] = 1; }\n";
__attribute__((unused)) static const char *const source_b =
    "extern \"C\" __global__ void k(float *x) { x[0] = 2; }\n";
__attribute__((unused)) static const stile_arch sm_90 = {.number = 90, .name = "sm_90"};
__attribute__((unused)) static const stile_arch sm_80 = {.number = 80, .name = "sm_80"};

/* The log, as a test sees it. */

typedef struct recorder {
    int warnings;
    char last[1024]; /* warning */
} recorder;

static inline void record(void *user, stile_log_level level, const char *message)
{
    recorder *log = user;
    if (level <= STILE_LOG_WARNING) {
        log->warnings++;
        snprintf(log->last, sizeof log->last, "%s", message);
    }
}

static inline stile_cache *open_cache(const char *directory, recorder *log)
{
    stile_cache *cache = NULL;
    assert_int_equal(stile_cache_open(&cache, directory, log ? record : NULL, log), STILE_OK);
    return cache;
}

static inline stile_cubin get(stile_cache *cache, const char *source, const stile_arch *arch)
{
    stile_cubin cubin = {0};
    assert_int_equal(stile_cache_get(cache, &cubin, "k", source, arch), STILE_OK);
    assert_true(cubin.size > 4);
    assert_memory_equal(cubin.data, "\177ELF", 4);
    assert_non_null(cubin.log);
    return cubin;
}

static inline void get_and_drop(stile_cache *cache, const char *source, const stile_arch *arch)
{
    stile_cubin cubin = get(cache, source, arch);
    stile_cubin_free(&cubin);
}

static inline void assert_counters(const stile_cache *cache, uint64_t hits, uint64_t misses,
                                   uint64_t compiles, uint64_t damaged)
{
    stile_cache_counters counters = stile_cache_count(cache);
    assert_int_equal(counters.hits, hits);
    assert_int_equal(counters.misses, misses);
    assert_int_equal(counters.compiles, compiles);
    assert_int_equal(counters.damaged, damaged);
}

/* The path of the entry of a source, or of a file in it. */
static inline void entry_path(char out[static 512], const scratch *folder, const char *source,
                              const stile_arch *arch, const char *file)
{
    stile_cache_entry entry;
    assert_int_equal(stile_cache_entry_init(&entry, "k", source, arch), STILE_OK);
    snprintf(out, 512, "%s/v1/%s%s%s", folder->path, entry.folder, file ? "/" : "",
             file ? file : "");
}

static inline bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

/* How many names a folder holds; 0 where there is none. */
static inline int count_names(const char *path)
{
    DIR *listing = opendir(path);
    int count = 0;
    while (listing && readdir(listing))
        count++;
    if (listing)
        closedir(listing);
    return count ? count - 2 : 0;
}

static inline char *read_text(const char *path, size_t *size)
{
    char *text = NULL;
    assert_int_equal(stile_cache_file_read(AT_FDCWD, path, 1 << 24, &text, size), 0);
    return text;
}

static inline void write_text(const char *path, const void *data, size_t size)
{
    assert_int_equal(stile_cache_file_write(AT_FDCWD, path, data, size), 0);
}

/* Runs a shell command, which must succeed. */
__attribute__((format(printf, 1, 2))) static inline void shell(const char *format, ...)
{
    char *command;
    va_list arguments;
    va_start(arguments, format);
    assert_true(vasprintf(&command, format, arguments) > 0);
    va_end(arguments);
    assert_int_equal(system(command), 0);
    free(command);
}

/* Every test starts from a folder of its own and an environment without stile's variables. */
static inline int set_up(void **state)
{
    static scratch folder;
    unsetenv("STILE_CACHE_DIR");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    unsetenv("STILE_JIT");
    unsetenv("STILE_DUMP");
    unsetenv("STILE_CACHE_SIZE");
    setenv("TMPDIR", "/proc/nowhere", 1); /* the end of the chain is memory, not a shared folder */
    scratch_create(&folder);
    *state = &folder;
    return 0;
}

static inline int tear_down(void **state)
{
    scratch_remove(*state);
    return 0;
}

/* For main: 77 where there is no NVRTC. A child looks, so that the tests start without one loaded.
 */
static inline int look_for_nvrtc(void *user)
{
    (void)user;
    stile_nvrtc_info info;
    if (stile_nvrtc_describe(&info) == STILE_OK)
        return 0;
    printf("skipped: %s\n", stile_last_error());
    return 77;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
