/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache_testing.h"

/* With nowhere else to go: one warning that says `why`, and kernels in memory. */
static void assert_memory_only(const char *directory, const char *why)
{
    recorder log = {0};
    stile_cache *cache = open_cache(directory, &log);
    assert_null(stile_cache_directory(cache));
    assert_int_equal(log.warnings, 1);
    assert_non_null(strstr(log.last, why));
    assert_non_null(strstr(log.last, "memory"));
    get_and_drop(cache, source_a, &sm_90);
    get_and_drop(cache, source_a, &sm_90);
    get_and_drop(cache, source_b, &sm_90);
    get_and_drop(cache, source_a, &sm_90);
    assert_counters(cache, 2, 2, 2, 0);
    assert_int_equal(log.warnings, 1);
    stile_cache_close(&cache);
}

static void an_unsafe_or_unusable_directory_is_refused_with_one_warning(void **state)
{
    const scratch *folder = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/open", folder->path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0777), 0);
    assert_memory_only(path, "others may write");
    assert_int_equal(count_names(path), 0);
    assert_int_equal(chmod(path, 0720), 0);
    assert_memory_only(path, "others may write");

    snprintf(path, sizeof path, "%s/inner/v1", folder->path);
    shell("mkdir -p -m 0700 %s", path);
    assert_int_equal(chmod(path, 0777), 0);
    *strrchr(path, '/') = '\0';
    assert_memory_only(path, "others may write");

    snprintf(path, sizeof path, "%s/file", folder->path);
    write_text(path, "", 0);
    assert_memory_only(path, "cannot use");
    assert_memory_only("/proc/stile-cache", "cannot use /proc/stile-cache");
    assert_memory_only(NULL, "no directory is named");

    if (geteuid() == 0) { /* only root can make a folder that is another's */
        snprintf(path, sizeof path, "%s/foreign", folder->path);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(chown(path, 4711, 4711), 0);
        assert_memory_only(path, "it belongs to user 4711");
    }
}

static void the_chain_goes_on_to_the_next_directory(void **state)
{
    const scratch *folder = *state;
    char file[128], path[256], home[128];
    snprintf(file, sizeof file, "%s/file", folder->path);
    write_text(file, "", 0);

    /* Configured, then $STILE_CACHE_DIR, then XDG, then home. */
    recorder log = {0};
    snprintf(home, sizeof home, "%s/home", folder->path);
    setenv("HOME", home, 1);
    stile_cache *cache = open_cache(NULL, &log);
    snprintf(path, sizeof path, "%s/.cache/stile", home);
    assert_string_equal(stile_cache_directory(cache), path);
    stile_cache_close(&cache);

    snprintf(path, sizeof path, "%s/xdg", folder->path);
    setenv("XDG_CACHE_HOME", path, 1);
    strcat(path, "/stile");
    cache = open_cache(NULL, &log);
    assert_string_equal(stile_cache_directory(cache), path);
    stile_cache_close(&cache);

    snprintf(path, sizeof path, "%s/named", folder->path);
    setenv("STILE_CACHE_DIR", path, 1);
    cache = open_cache(NULL, &log);
    assert_string_equal(stile_cache_directory(cache), path);
    stile_cache_close(&cache);
    assert_int_equal(log.warnings, 0);

    cache = open_cache(file, &log);
    assert_string_equal(stile_cache_directory(cache), path);
    assert_int_equal(log.warnings, 1);
    assert_non_null(strstr(log.last, file));
    assert_non_null(strstr(log.last, path));
    stile_cache_close(&cache);

    setenv("STILE_CACHE_DIR", file, 1);
    setenv("XDG_CACHE_HOME", "relative", 1); /* to be ignored, says XDG */
    snprintf(path, sizeof path, "%s/.cache/stile", home);
    cache = open_cache(NULL, &log);
    assert_string_equal(stile_cache_directory(cache), path);
    assert_int_equal(log.warnings, 2);
    stile_cache_close(&cache);
}

static void the_last_directory_is_private_and_temporary(void **state)
{
    const scratch *folder = *state;
    recorder log = {0};
    char path[128], target[128];
    snprintf(path, sizeof path, "%s/stile-%ld", folder->path, (long)geteuid());
    snprintf(target, sizeof target, "%s/target", folder->path);
    setenv("TMPDIR", folder->path, 1);
    stile_cache *cache = open_cache(NULL, &log);
    assert_string_equal(stile_cache_directory(cache), path);
    assert_int_equal(log.warnings, 1);
    assert_non_null(strstr(log.last, "HOME is not set"));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    stile_cache_close(&cache);

    /* What others may have made, or may look into, is not it. */
    assert_int_equal(chmod(path, 0711), 0);
    assert_memory_only(NULL, "others may use it");
    if (geteuid() == 0) {
        assert_int_equal(chmod(path, 0700), 0);
        assert_int_equal(chown(path, 4711, 4711), 0);
        assert_memory_only(NULL, "it belongs to user 4711");
    }
    shell("rm -r %s && mkdir -m 0700 %s && ln -s %s %s", path, target, target, path);
    assert_memory_only(NULL, "cannot use");
    assert_int_equal(count_names(target), 0);
}

/* As nobody, who can read a cache of root's but not write to it. Status: warnings; 100: wrong. */
static int read_as_nobody(void *user)
{
    const scratch *folder = user;
    if (setgid(65534) || setuid(65534))
        return 100;
    recorder log = {0};
    stile_cache *cache = open_cache(folder->path, &log);
    bool right = strcmp(stile_cache_directory(cache), folder->path) == 0;
    get_and_drop(cache, source_a, &sm_90); /* a hit on disk */
    get_and_drop(cache, source_b, &sm_90); /* compiled, kept in memory */
    get_and_drop(cache, source_b, &sm_90);
    stile_cache_counters counters = stile_cache_count(cache);
    stile_cache_close(&cache);
    return right && counters.hits == 2 && counters.compiles == 1 ? log.warnings : 100;
}

static void a_directory_of_roots_is_read_by_others(void **state)
{
    const scratch *folder = *state;
    if (geteuid() != 0)
        return; /* nobody else can make such a directory */
    stile_cache *cache = open_cache(folder->path, NULL);
    get_and_drop(cache, source_a, &sm_90);
    stile_cache_close(&cache);
    shell("chmod -R go+rX %s", folder->path);
    assert_int_equal(in_child(read_as_nobody, *state), 1);
}

static void only_old_temporaries_are_removed_on_open(void **state)
{
    const scratch *folder = *state;
    char old[128], young[128];
    snprintf(old, sizeof old, "%s/v1/sm_90/.tmp-1-old", folder->path);
    snprintf(young, sizeof young, "%s/v1/sm_90/.tmp-1-young", folder->path);
    shell("mkdir -p -m 0700 %s", old);
    shell("mkdir -p -m 0700 %s", young);
    shell("chmod 0700 %s/v1 %s/v1/sm_90", folder->path, folder->path);
    shell("touch %s/kernel.cu", old);
    shell("touch -d '2 days ago' %s", old);
    stile_cache *cache = open_cache(folder->path, NULL);
    assert_false(exists(old));
    assert_true(exists(young));
    stile_cache_close(&cache);
}

int main(void)
{
    if (in_child(look_for_nvrtc, NULL) == 77)
        return 77;
    const struct CMUnitTest tests[] = {
        TEST(an_unsafe_or_unusable_directory_is_refused_with_one_warning),
        TEST(the_chain_goes_on_to_the_next_directory),
        TEST(the_last_directory_is_private_and_temporary),
        TEST(a_directory_of_roots_is_read_by_others),
        TEST(only_old_temporaries_are_removed_on_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
