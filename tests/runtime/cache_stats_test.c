/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>

#include "cache_stats.h"
#include "cache_testing.h"

static const stile_cache_counters one_of_each = {1, 1, 1, 1, 1, 1};

static int open_root(const scratch *folder)
{
    int root = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    return root;
}

static stile_cache_stats read_all(int root)
{
    stile_cache_stats stats;
    assert_int_equal(stile_cache_stats_read(root, &stats), 0);
    return stats;
}

static uint64_t add(int root, const stile_cache_counters *events, uint64_t after)
{
    uint64_t stamp = 0;
    assert_int_equal(stile_cache_stats_add(root, events, after, 10000, &stamp), 0);
    assert_true(stamp > after);
    return stamp;
}

static void events_add_up_and_no_file_reads_as_zeros(void **state)
{
    int root = open_root(*state);
    stile_cache_stats stats = read_all(root);
    stile_cache_stats zeros = {0};
    assert_memory_equal(&stats, &zeros, sizeof stats);
    add(root, &(stile_cache_counters){.hits = 3, .waits = 1}, 0);
    uint64_t stamp = add(root, &(stile_cache_counters){.hits = 4, .damaged = 2}, 0);
    stats = read_all(root);
    assert_int_equal(stats.counters.hits, 7);
    assert_int_equal(stats.counters.misses, 0);
    assert_int_equal(stats.counters.waits, 1);
    assert_int_equal(stats.counters.damaged, 2);
    assert_int_equal(stats.stamp, stamp);
    stile_cache_stats_remove(root);
    stats = read_all(root);
    assert_memory_equal(&stats, &zeros, sizeof stats);
    close(root);
}

static void stamps_grow_whatever_the_clock_says(void **state)
{
    int root = open_root(*state);
    uint64_t now = (uint64_t)time(NULL) * 1000000000u;
    uint64_t first = add(root, &one_of_each, 0);
    assert_true(first >= now);
    uint64_t ahead = first + UINT64_C(1000000000) * 86400 * 365; /* a year: seen on an entry */
    uint64_t second = add(root, &one_of_each, ahead);
    assert_int_equal(second, ahead + 1);
    assert_int_equal(add(root, &one_of_each, 0), second + 1); /* the clock is behind now */
    assert_int_equal(add(root, &one_of_each, 0), second + 2);
    close(root);
}

static void a_damaged_file_begins_anew(void **state)
{
    const scratch *folder = *state;
    int root = open_root(folder);
    char path[128];
    snprintf(path, sizeof path, "%s/stats", folder->path);
    add(root, &one_of_each, 0);
    size_t size;
    char *good = read_text(path, &size);
    for (size_t i = 0; i < size; i++) {
        stile_cache_stats stats = {.stamp = 7};
        good[i] = (char)(good[i] ^ 1);
        write_text(path, good, size);
        assert_int_equal(stile_cache_stats_read(root, &stats), EBADMSG);
        assert_int_equal(stats.stamp, 7);
        good[i] = (char)(good[i] ^ 1);
        write_text(path, good, i);
        assert_int_equal(stile_cache_stats_read(root, &stats), i ? EBADMSG : 0);
    }
    write_text(path, "long", 4);
    assert_int_equal(truncate(path, 100000), 0);
    add(root, &one_of_each, 0);
    assert_int_equal(read_all(root).counters.hits, 1);
    free(good);
    close(root);
}

/* Adds until it is killed, and counts aloud in a pipe. */
static void add_forever(int root, int pipe)
{
    for (uint64_t stamp;;) {
        if (stile_cache_stats_add(root, &one_of_each, 0, 500, &stamp) || write(pipe, "+", 1) != 1)
            _exit(1);
    }
}

static void a_process_killed_while_it_counts_loses_nothing_that_was_counted(void **state)
{
    enum { ROUNDS = 100, PROCESSES = 3 };
    int root = open_root(*state);
    int pipes[2];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t before = read_all(root).counters.misses;
        assert_int_equal(pipe(pipes), 0);
        pid_t children[PROCESSES];
        for (int i = 0; i < PROCESSES; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0)
                add_forever(root, pipes[1]);
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000 + round * 37000}, NULL);
        for (int i = 0; i < PROCESSES; i++)
            kill(children[i], SIGKILL);
        for (int i = 0; i < PROCESSES; i++)
            waitpid(children[i], NULL, 0);
        close(pipes[1]);
        uint64_t told = 0;
        char buffer[4096];
        for (ssize_t size; (size = read(pipes[0], buffer, sizeof buffer)) > 0;)
            told += (uint64_t)size;
        close(pipes[0]);
        uint64_t counted = read_all(root).counters.misses - before;
        assert_true(counted >= told && counted <= told + PROCESSES);
    }
    assert_true(read_all(root).counters.misses > ROUNDS);
    close(root);
}

static void a_stopped_process_that_holds_the_file_delays_others_briefly(void **state)
{
    const scratch *folder = *state;
    int root = open_root(folder);
    char path[128];
    snprintf(path, sizeof path, "%s/stats", folder->path);
    add(root, &one_of_each, 0);
    int holder = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(holder, LOCK_EX), 0);
    struct timespec start, end;
    uint64_t stamp = 7;
    clock_gettime(CLOCK_MONOTONIC, &start);
    assert_int_equal(stile_cache_stats_add(root, &one_of_each, 0, 500, &stamp), EBUSY);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_int_equal(stamp, 7);
    assert_true(end.tv_sec - start.tv_sec < 30);
    close(holder);
    add(root, &one_of_each, 0);
    assert_int_equal(read_all(root).counters.hits, 2);
    close(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_add_up_and_no_file_reads_as_zeros),
        TEST(stamps_grow_whatever_the_clock_says),
        TEST(a_damaged_file_begins_anew),
        TEST(a_process_killed_while_it_counts_loses_nothing_that_was_counted),
        TEST(a_stopped_process_that_holds_the_file_delays_others_briefly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
