/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include "cache_file.h"
#include "scratch.h"

typedef struct room {
    scratch scratch;
    int folder;
} room;

static int enter(void **state)
{
    room *r = calloc(1, sizeof *r);
    assert_non_null(r);
    scratch_create(&r->scratch);
    r->folder = open(r->scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(r->folder >= 0);
    *state = r;
    return 0;
}

static int leave(void **state)
{
    room *r = *state;
    close(r->folder);
    scratch_remove(&r->scratch);
    free(r);
    return 0;
}

static bool is_there(const room *r, const char *name)
{
    struct stat status;
    return fstatat(r->folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Sets a file's last change to `seconds` from now. */
static void shift(const room *r, const char *name, int seconds)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) + seconds}};
    assert_int_equal(utimensat(r->folder, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void a_file_is_read_whole_or_not_at_all(void **state)
{
    const room *r = *state;
    char *data = NULL;
    size_t size = 77;
    assert_int_equal(stile_cache_file_write(r->folder, "f", "abc\0d", 5), 0);
    assert_int_equal(stile_cache_file_read(r->folder, "f", 5, &data, &size), 0);
    assert_int_equal(size, 5);
    assert_memory_equal(data, "abc\0d", 6); /* a NUL behind it */
    free(data);
    data = NULL;
    size = 77;
    assert_int_equal(stile_cache_file_read(r->folder, "f", 4, &data, &size), EFBIG);
    assert_int_equal(stile_cache_file_read(r->folder, "g", 4, &data, &size), ENOENT);
    assert_int_equal(stile_cache_file_read(r->folder, ".", 4, &data, &size), EISDIR);
    assert_null(data);
    assert_int_equal(size, 77);

    assert_int_equal(stile_cache_file_write(r->folder, "f", "", 0), 0);
    assert_int_equal(stile_cache_file_read(r->folder, "f", 0, &data, &size), 0);
    assert_int_equal(size, 0);
    assert_string_equal(data, "");
    free(data);
}

static void neither_links_nor_pipes_pass_for_files(void **state)
{
    const room *r = *state;
    char *data = NULL;
    size_t size;
    assert_int_equal(stile_cache_file_write(r->folder, "f", "abc", 3), 0);
    assert_int_equal(symlinkat("f", r->folder, "link"), 0);
    assert_int_equal(mkfifoat(r->folder, "pipe", 0600), 0);
    assert_int_equal(stile_cache_file_read(r->folder, "link", 9, &data, &size), ELOOP);
    assert_int_equal(stile_cache_file_read(r->folder, "pipe", 9, &data, &size), EISDIR);
    assert_int_equal(stile_cache_file_write(r->folder, "link", "x", 1), ELOOP);
    assert_null(data);
}

static void a_file_is_current_until_its_name_means_another(void **state)
{
    const room *r = *state;
    assert_int_equal(stile_cache_file_write(r->folder, "f", "", 0), 0);
    int file = openat(r->folder, "f", O_RDONLY | O_CLOEXEC);
    assert_true(stile_cache_file_is_current(r->folder, "f", file));
    assert_int_equal(renameat(r->folder, "f", r->folder, "g"), 0);
    assert_false(stile_cache_file_is_current(r->folder, "f", file));
    assert_true(stile_cache_file_is_current(r->folder, "g", file));
    assert_int_equal(stile_cache_file_write(r->folder, "f", "", 0), 0);
    assert_false(stile_cache_file_is_current(r->folder, "f", file));
    close(file);
}

static void a_listing_names_all_but_itself_and_follows_no_link(void **state)
{
    const room *r = *state;
    assert_int_equal(mkdirat(r->folder, "d", 0700), 0);
    assert_int_equal(symlinkat("d", r->folder, "link"), 0);
    assert_int_equal(stile_cache_file_write(r->folder, "..f", "", 0), 0);
    DIR *listing = stile_cache_list(r->folder, ".");
    assert_non_null(listing);
    int found = 0;
    for (const char *name; (name = stile_cache_list_next(listing));)
        found += strcmp(name, "d") == 0      ? 1
                 : strcmp(name, "link") == 0 ? 10
                 : strcmp(name, "..f") == 0  ? 100
                                             : 1000;
    closedir(listing);
    assert_int_equal(found, 111);
    assert_null(stile_cache_list(r->folder, "link"));
    assert_null(stile_cache_list(r->folder, "..f"));
    assert_int_equal(errno, ENOTDIR);
}

static void removal_takes_a_folder_and_spares_what_links_name(void **state)
{
    const room *r = *state;
    int folder;
    assert_int_equal(stile_cache_file_write(r->folder, "spared", "", 0), 0);
    assert_int_equal(stile_cache_folder_open(r->folder, "d", &folder), 0);
    assert_int_equal(stile_cache_file_write(folder, "f", "", 0), 0);
    assert_int_equal(mkdirat(folder, "inner", 0700), 0);
    assert_int_equal(symlinkat("../spared", folder, "link"), 0);
    assert_int_equal(symlinkat("..", folder, "up"), 0);
    close(folder);
    assert_int_equal(stile_cache_remove(r->folder, "d"), 0);
    assert_false(is_there(r, "d"));
    assert_true(is_there(r, "spared"));
    assert_int_equal(stile_cache_remove(r->folder, "d"), ENOENT);
}

static void age_counts_both_ways(void **state)
{
    const room *r = *state;
    assert_int_equal(stile_cache_file_write(r->folder, "f", "", 0), 0);
    assert_false(stile_cache_is_older(r->folder, "f", 60));
    shift(r, "f", -100);
    assert_true(stile_cache_is_older(r->folder, "f", 60));
    assert_false(stile_cache_is_older(r->folder, "f", 600));
    shift(r, "f", 100); /* the clock was set back */
    assert_true(stile_cache_is_older(r->folder, "f", 60));
    assert_false(stile_cache_is_older(r->folder, "none", 0));
}

static void only_old_temporaries_that_nobody_holds_are_abandoned(void **state)
{
    const room *r = *state;
    static const char *const names[] = {".tmp-old", ".tmp-held", ".tmp-young", "tmp-other"};
    int folders[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(stile_cache_folder_open(r->folder, names[i], &folders[i]), 0);
        assert_int_equal(stile_cache_file_write(folders[i], "f", "", 0), 0);
        if (strcmp(names[i], ".tmp-young") != 0)
            shift(r, names[i], -1000);
    }
    assert_int_equal(flock(folders[1], LOCK_EX | LOCK_NB), 0);
    stile_cache_remove_abandoned(r->folder, ".", 60);
    assert_false(is_there(r, ".tmp-old"));
    assert_true(is_there(r, ".tmp-held"));
    assert_true(is_there(r, ".tmp-young"));
    assert_true(is_there(r, "tmp-other"));
    for (int i = 0; i < 4; i++)
        close(folders[i]);
    stile_cache_remove_abandoned(r->folder, ".", 60); /* its holder is gone */
    assert_false(is_there(r, ".tmp-held"));
    assert_true(is_there(r, ".tmp-young"));
}

static void temporary_names_differ(void **state)
{
    (void)state;
    char a[64], b[64];
    stile_cache_temporary_name(a);
    stile_cache_temporary_name(b);
    assert_string_not_equal(a, b);
    assert_memory_equal(a, STILE_CACHE_TEMPORARY, strlen(STILE_CACHE_TEMPORARY));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_read_whole_or_not_at_all),
        TEST(neither_links_nor_pipes_pass_for_files),
        TEST(a_file_is_current_until_its_name_means_another),
        TEST(a_listing_names_all_but_itself_and_follows_no_link),
        TEST(removal_takes_a_folder_and_spares_what_links_name),
        TEST(age_counts_both_ways),
        TEST(only_old_temporaries_that_nobody_holds_are_abandoned),
        TEST(temporary_names_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
