/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "cache_evict.h"
#include "cache_index.h"
#include "cache_lock.h"
#include "cache_stats.h"
#include "cache_testing.h"

enum { ENTRIES = 6, CUBIN_BYTES = 2000 };

/* Entries of equal size, entry i used at stamp[i]. */
typedef struct shelf {
    int root;
    stile_cache_entry entries[ENTRIES];
    char sources[ENTRIES][32];
    uint64_t entry_bytes;
} shelf;

static void fill(shelf *s, const scratch *folder, const uint64_t stamps[ENTRIES])
{
    s->root = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(s->root >= 0);
    for (int i = 0; i < ENTRIES; i++) {
        char bytes[CUBIN_BYTES] = "\177ELF";
        stile_cubin cubin = {.data = bytes, .size = sizeof bytes, .log = "log"};
        snprintf(s->sources[i], sizeof s->sources[i], "/* %d */", i);
        assert_int_equal(
            stile_cache_entry_init(&s->entries[i], "k", s->sources[i], i & 1 ? &sm_90 : &sm_80),
            STILE_OK);
        assert_int_equal(stile_cache_entry_write(s->root, &s->entries[i], &cubin, stamps[i]), 0);
    }
    stile_cache_index index;
    assert_int_equal(stile_cache_index_read(&index, s->root), 0);
    assert_int_equal(index.count, ENTRIES);
    s->entry_bytes = index.bytes / ENTRIES + 1;
    stile_cache_index_free(&index);
}

static bool is_there(const shelf *s, int i)
{
    stile_cubin cubin = {0};
    bool found = stile_cache_entry_read(&cubin, s->root, &s->entries[i]) == STILE_CACHE_FOUND;
    stile_cubin_free(&cubin);
    return found;
}

static void assert_there(const shelf *s, const char *expected)
{
    char found[ENTRIES + 1] = "";
    for (int i = 0; i < ENTRIES; i++)
        strcat(found, is_there(s, i) ? "+" : "-");
    assert_string_equal(found, expected);
}

static const uint64_t in_order[ENTRIES] = {1, 2, 3, 4, 5, 6};

static void sizes_are_parsed_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t size;
    } good[] = {
        {"0", 0},
        {"1", 1},
        {"7B", 7},
        {"512M", 512u << 20},
        {"512MB", 512u << 20},
        {"2g", UINT64_C(2) << 30},
        {"3KiB", 3072},
        {"1T", UINT64_C(1) << 40},
        {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {
        "",
        " ",
        "M",
        "-1",
        "+1",
        "1.5G",
        "1 G",
        "1X",
        "1Gi",
        "1BB",
        "1iB",
        "1GiBB",
        "0x1",
        "1e3",
        "1G ",
        "1K1",
        "\x0b",
        "5 ",
        "1P",
        "18446744073709551616",
        "17179869184G",
        "99999999999999999999T",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t size = 99;
        assert_true(stile_cache_parse_size(good[i].text, &size));
        assert_int_equal(size, good[i].size);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t size = 99;
        if (stile_cache_parse_size(bad[i], &size))
            fail_msg("taken for a size: \"%s\"", bad[i]);
        assert_int_equal(size, 99);
    }
}

static void the_least_recently_used_go_first_and_only_as_many_as_needed(void **state)
{
    shelf s;
    stile_cache_eviction result;
    fill(&s, *state, (const uint64_t[]){40, 10, 60, 30, 20, 50});
    assert_int_equal(stile_cache_evict(s.root, s.entry_bytes * 6, NULL, &result), 0);
    assert_int_equal(result.evicted, 0);
    assert_there(&s, "++++++");
    assert_int_equal(stile_cache_evict(s.root, s.entry_bytes * 4, NULL, &result), 0);
    assert_int_equal(result.evicted, 2);
    assert_int_equal(result.stamp, 60);
    assert_there(&s, "+-++-+");
    stile_cache_entry_touch(s.root, s.entries[3].folder, 70); /* else the next to go */
    assert_int_equal(stile_cache_evict(s.root, s.entry_bytes * 2, NULL, &result), 0);
    assert_there(&s, "--++--");
    close(s.root);
}

static void room_on_a_full_disk_comes_from_the_least_recently_used(void **state)
{
    shelf s;
    stile_cache_eviction result;
    fill(&s, *state, (const uint64_t[]){40, 10, 60, 30, 20, 50});
    assert_int_equal(stile_cache_make_room(s.root, 0, &result), 0);
    assert_int_equal(result.evicted, 0);
    assert_int_equal(stile_cache_make_room(s.root, 1, &result), 0);
    assert_int_equal(result.evicted, 1);
    assert_there(&s, "+-++++");
    assert_int_equal(stile_cache_make_room(s.root, s.entry_bytes * 3 / 2, &result), 0);
    assert_int_equal(result.evicted, 2);
    assert_int_equal(result.stamp, 60);
    assert_there(&s, "+-+--+");
    assert_int_equal(stile_cache_make_room(s.root, UINT64_MAX, &result), 0);
    assert_int_equal(result.evicted, 3);
    assert_there(&s, "------");
    assert_int_equal(stile_cache_make_room(s.root, 1, &result), 0);
    assert_int_equal(result.evicted, 0);
    close(s.root);
}

static void what_was_just_published_stays_however_small_the_limit(void **state)
{
    shelf s;
    stile_cache_eviction result;
    fill(&s, *state, in_order);
    assert_int_equal(stile_cache_evict(s.root, 0, s.entries[0].folder, &result), 0);
    assert_int_equal(result.evicted, ENTRIES - 1);
    assert_there(&s, "+-----");
    close(s.root);
}

static void an_entry_whose_key_is_locked_goes_last(void **state)
{
    shelf s;
    stile_cache_lock lock;
    stile_cache_eviction result;
    fill(&s, *state, in_order);
    assert_int_equal(stile_cache_lock_acquire(&lock, s.root, s.entries[1].key.hex, 0),
                     STILE_CACHE_LOCKED);
    assert_int_equal(stile_cache_evict(s.root, s.entry_bytes * 3, NULL, &result), 0);
    assert_there(&s, "-+--++");
    assert_int_equal(stile_cache_evict_one(s.root, s.entries[1].folder), EBUSY);
    stile_cache_lock_release(&lock);
    assert_int_equal(stile_cache_evict_one(s.root, s.entries[1].folder), 0);
    assert_int_equal(stile_cache_evict_one(s.root, s.entries[1].folder), ENOENT);
    assert_there(&s, "----++");

    /* The limit holds even so: who holds the lock would not evict anew for it. */
    assert_int_equal(stile_cache_lock_acquire(&lock, s.root, s.entries[5].key.hex, 0),
                     STILE_CACHE_LOCKED);
    assert_int_equal(stile_cache_evict(s.root, s.entry_bytes, s.entries[4].folder, &result), 0);
    assert_int_equal(result.evicted, 1);
    assert_there(&s, "----+-");
    stile_cache_lock_release(&lock);
    close(s.root);
}

static void a_slow_evictor_holds_nobody_up(void **state)
{
    shelf s;
    stile_cache_lock lock;
    stile_cache_eviction result;
    fill(&s, *state, in_order);
    assert_int_equal(stile_cache_lock_acquire(&lock, s.root, "evict", 0), STILE_CACHE_LOCKED);
    assert_int_equal(stile_cache_evict(s.root, s.entry_bytes * 2, NULL, &result), 0);
    assert_int_equal(result.evicted, ENTRIES - 2);
    assert_there(&s, "----++");
    stile_cache_lock_release(&lock);
    close(s.root);
}

/* A reader that has opened the folder before it is taken out finds all of the entry, or nothing. */
static void a_reader_that_loses_its_entry_sees_none_and_no_damage(void **state)
{
    const scratch *folder = *state;
    shelf s;
    fill(&s, folder, in_order);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        become_child();
        for (int i = 0; i < 1000; i++) {
            char bytes[CUBIN_BYTES] = "\177ELF";
            stile_cubin cubin = {.data = bytes, .size = sizeof bytes, .log = "log"};
            if (stile_cache_evict_one(s.root, s.entries[0].folder) ||
                stile_cache_entry_write(s.root, &s.entries[0], &cubin, 1))
                _exit(1);
        }
        _exit(0);
    }
    int status, found = 0, absent = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        stile_cubin cubin = {0};
        const char *reason;
        stile_cache_read result = stile_cache_entry_read(&cubin, s.root, &s.entries[0]);
        assert_int_not_equal(result, STILE_CACHE_DAMAGED);
        found += result == STILE_CACHE_FOUND;
        absent += result == STILE_CACHE_ABSENT;
        stile_cubin_free(&cubin);
        assert_int_not_equal(stile_cache_entry_check(s.root, s.entries[0].folder, &reason),
                             STILE_CACHE_DAMAGED);
    }
    assert_int_equal(status, 0);
    assert_true(found > 0 && absent > 0);
    close(s.root);
}

static void only_what_is_damaged_is_evicted_as_damaged(void **state)
{
    const scratch *folder = *state;
    shelf s;
    char path[512];
    fill(&s, folder, in_order);
    assert_int_equal(stile_cache_evict_damaged(s.root, s.entries[0].folder), ECANCELED);
    snprintf(path, sizeof path, "%s/%s/kernel.log", folder->path, s.entries[0].folder);
    write_text(path, "lag", 3);
    assert_int_equal(stile_cache_evict_damaged(s.root, s.entries[0].folder), 0);
    assert_there(&s, "-+++++");
    close(s.root);
}

static void times_out_of_any_range_count_as_never(void **state)
{
    const scratch *folder = *state;
    shelf s;
    stile_cache_eviction result;
    fill(&s, folder, in_order);
    const struct timespec odd[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = -5}};
    const struct timespec late[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 8000000000}};
    assert_int_equal(utimensat(s.root, s.entries[5].folder, odd, 0), 0);
    assert_int_equal(utimensat(s.root, s.entries[4].folder, late, 0), 0);
    assert_int_equal(stile_cache_evict(s.root, s.entry_bytes * 4, NULL, &result), 0);
    assert_true(result.stamp <= STILE_CACHE_LAST_STAMP);
    assert_there(&s, "++++--");
    close(s.root);
}

static void clear_leaves_what_is_not_ours(void **state)
{
    const scratch *folder = *state;
    shelf s;
    uint64_t evicted, bytes, stamp;
    fill(&s, folder, in_order);
    shell("touch %s/mine %s/sm_90/mine && mkdir %s/sm_90/k-1 %s/sm_80/.tmp-5-5", folder->path,
          folder->path, folder->path, folder->path);
    stile_cache_counters events = {.hits = 1};
    assert_int_equal(stile_cache_stats_add(s.root, &events, 0, 1000, &stamp), 0);
    assert_int_equal(stile_cache_clear(s.root, &evicted, &bytes), 0);
    assert_int_equal(evicted, ENTRIES);
    assert_in_range(bytes, s.entry_bytes * (ENTRIES - 1), s.entry_bytes * ENTRIES);
    assert_int_equal(count_names(folder->path), 2); /* mine, sm_90 */
    char path[128];
    snprintf(path, sizeof path, "%s/sm_90", folder->path);
    assert_int_equal(count_names(path), 2);
    close(s.root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sizes_are_parsed_exactly),
        TEST(the_least_recently_used_go_first_and_only_as_many_as_needed),
        TEST(room_on_a_full_disk_comes_from_the_least_recently_used),
        TEST(what_was_just_published_stays_however_small_the_limit),
        TEST(an_entry_whose_key_is_locked_goes_last),
        TEST(a_slow_evictor_holds_nobody_up),
        TEST(a_reader_that_loses_its_entry_sees_none_and_no_damage),
        TEST(only_what_is_damaged_is_evicted_as_damaged),
        TEST(times_out_of_any_range_count_as_never),
        TEST(clear_leaves_what_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
