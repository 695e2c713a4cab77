/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>

#include "file_write.h"
#include "scratch.h"

typedef struct room {
    scratch folder;
    char path[96]; /* of a file in it */
} room;

static int enter(void **state)
{
    room *r = calloc(1, sizeof *r);
    assert_non_null(r);
    scratch_create(&r->folder);
    snprintf(r->path, sizeof r->path, "%s/result", r->folder.path);
    *state = r;
    return 0;
}

static int leave(void **state)
{
    room *r = *state;
    scratch_remove(&r->folder);
    free(r);
    return 0;
}

static int write_text(const char *path, const char *text)
{
    return stile_file_write(path, &(stile_file_part){text, strlen(text)}, 1);
}

static void assert_holds(const char *path, const char *expected)
{
    char text[256] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(text, expected);
}

static int files_in(const char *folder)
{
    int count = 0;
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    while (readdir(listing))
        count++;
    closedir(listing);
    return count - 2; /* "." and ".." */
}

/* Runs first: the names are those of the process' first files. */
static void names_left_by_a_killed_process_are_stepped_over(void **state)
{
    const room *r = *state;
    char left[128];
    for (int i = 0; i < 3; i++) {
        snprintf(left, sizeof left, "%s/.stile-%ld-%d.tmp", r->folder.path, (long)getpid(), i);
        assert_int_equal(write_text("/dev/null", ""), 0); /* takes no name */
        FILE *file = fopen(left, "w");
        assert_non_null(file);
        fclose(file);
    }
    assert_int_equal(write_text(r->path, "new"), 0);
    assert_holds(r->path, "new");
    assert_holds(left, "");
    assert_int_equal(files_in(r->folder.path), 4);
}

static void parts_follow_one_another(void **state)
{
    const room *r = *state;
    const stile_file_part parts[] = {{"head ", 5}, {NULL, 0}, {"and a tail", 10}};
    assert_int_equal(stile_file_write(r->path, parts, 3), 0);
    assert_holds(r->path, "head and a tail");
    assert_int_equal(stile_file_write(r->path, parts, 0), 0);
    assert_holds(r->path, "");
    assert_int_equal(files_in(r->folder.path), 1);
}

static void permissions_are_those_of_the_umask(void **state)
{
    const room *r = *state;
    const mode_t old = umask(027);
    assert_int_equal(write_text(r->path, "x"), 0);
    umask(old);
    struct stat status;
    assert_int_equal(stat(r->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void a_failure_leaves_the_old_file_and_nothing_else(void **state)
{
    const room *r = *state;
    char missing[128];
    snprintf(missing, sizeof missing, "%s/missing/result", r->folder.path);
    assert_int_equal(write_text(missing, "x"), ENOENT);
    assert_int_equal(write_text(r->folder.path, "x"), EISDIR);
    assert_int_equal(write_text("/dev/full", "x"), ENOSPC);
    assert_int_equal(files_in(r->folder.path), 0);

    assert_int_equal(write_text(r->path, "old"), 0);
    if (geteuid() == 0) /* permissions do not bind root */
        return;
    assert_int_equal(chmod(r->folder.path, 0500), 0);
    assert_int_equal(write_text(r->path, "new"), EACCES);
    assert_int_equal(chmod(r->folder.path, 0700), 0);
    assert_holds(r->path, "old");
    assert_int_equal(files_in(r->folder.path), 1);
}

static void a_link_stays_and_its_file_is_replaced(void **state)
{
    const room *r = *state;
    char link[128];
    struct stat status;
    snprintf(link, sizeof link, "%s/link", r->folder.path);
    assert_int_equal(symlink("result", link), 0);
    assert_int_equal(write_text(r->path, "old"), 0);
    assert_int_equal(write_text(link, "new"), 0);
    assert_holds(r->path, "new");
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
}

static void a_pipe_is_written_and_stays(void **state)
{
    (void)state;
    int ends[2];
    char path[64], text[8] = "";
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    assert_int_equal(write_text(path, "through"), 0);
    assert_int_equal(read(ends[0], text, 7), 7);
    assert_string_equal(text, "through");
    close(ends[0]);
    close(ends[1]);
}

enum { WRITERS = 4, ROUNDS = 20, LENGTH = 1 << 16 };

typedef struct writer {
    const room *room;
    char letter;
    int failures;
} writer;

static void *write_rounds(void *user)
{
    writer *w = user;
    char *bytes = malloc(LENGTH);
    memset(bytes, w->letter, LENGTH);
    for (int i = 0; i < ROUNDS; i++)
        w->failures += stile_file_write(w->room->path, &(stile_file_part){bytes, LENGTH}, 1) != 0;
    free(bytes);
    return NULL;
}

static void of_many_writers_each_file_is_whole(void **state)
{
    const room *r = *state;
    pthread_t threads[WRITERS];
    writer writers[WRITERS];
    static char bytes[LENGTH + 1];
    assert_int_equal(write_text(r->path, ""), 0);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){r, (char)('a' + i), 0};
        assert_int_equal(pthread_create(&threads[i], NULL, write_rounds, &writers[i]), 0);
    }
    for (int i = 0; i < 4 * ROUNDS; i++) {
        FILE *file = fopen(r->path, "rb");
        assert_non_null(file);
        const size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        assert_true(size == 0 || size == LENGTH);
        for (size_t j = 1; j < size; j++)
            assert_int_equal(bytes[j], bytes[0]);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(writers[i].failures, 0);
    }
    assert_int_equal(files_in(r->folder.path), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_left_by_a_killed_process_are_stepped_over, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(parts_follow_one_another, enter, leave),
        cmocka_unit_test_setup_teardown(permissions_are_those_of_the_umask, enter, leave),
        cmocka_unit_test_setup_teardown(a_failure_leaves_the_old_file_and_nothing_else, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(a_link_stays_and_its_file_is_replaced, enter, leave),
        cmocka_unit_test(a_pipe_is_written_and_stays),
        cmocka_unit_test_setup_teardown(of_many_writers_each_file_is_whole, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
