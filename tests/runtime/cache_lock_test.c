/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#include "cache_lock.h"
#include "cache_testing.h"

static int take_lock_and_die(void *user)
{
    stile_cache_lock lock;
    if (stile_cache_lock_acquire(&lock, *(int *)user, "key", 0) != STILE_CACHE_LOCKED)
        return 1;
    raise(SIGKILL);
    return 2;
}

static void a_lock_excludes_and_dies_with_its_holder(void **state)
{
    const scratch *folder = *state;
    int root = open(folder->path, O_RDONLY | O_DIRECTORY);
    stile_cache_lock first, second;
    assert_int_equal(stile_cache_lock_acquire(&first, root, "key", 0), STILE_CACHE_LOCKED);
    assert_int_equal(stile_cache_lock_acquire(&second, root, "key", 50), STILE_CACHE_LOCK_BUSY);
    assert_int_equal(stile_cache_lock_acquire(&second, root, "other", 0), STILE_CACHE_LOCKED);
    stile_cache_lock_release(&second);
    stile_cache_lock_release(&first);
    assert_int_equal(stile_cache_lock_acquire(&second, root, "key", 0), STILE_CACHE_LOCKED);
    stile_cache_lock_release(&second);

    assert_int_equal(in_child(take_lock_and_die, &root), -1);
    assert_int_equal(stile_cache_lock_acquire(&second, root, "key", 0), STILE_CACHE_LOCKED);
    stile_cache_lock_release(&second);
    close(root);
}

static void without_a_place_for_locks_there_are_none(void **state)
{
    const scratch *folder = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/locks", folder->path);
    write_text(path, "", 0);
    int root = open(folder->path, O_RDONLY | O_DIRECTORY);
    stile_cache_lock lock;
    assert_int_equal(stile_cache_lock_acquire(&lock, root, "key", 10),
                     STILE_CACHE_LOCK_UNAVAILABLE);
    close(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lock_excludes_and_dies_with_its_holder),
        TEST(without_a_place_for_locks_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
