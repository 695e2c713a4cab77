/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

static int setup(void **state)
{
    *state = stile_arena_create();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    stile_arena *arena = *state;
    stile_arena_destroy(&arena);
    assert_null(arena);
    return 0;
}

static void memory_is_zeroed_aligned_and_disjoint(void **state)
{
    enum { COUNT = 500 };
    unsigned char *pieces[COUNT];
    size_t sizes[COUNT];
    for (int i = 0; i < COUNT; i++) {
        /* Small ones, and now and then one larger than a block. */
        sizes[i] = i % 50 == 7 ? 70000 + (size_t)i : (size_t)(i * 37 % 900);
        pieces[i] = stile_arena_alloc(*state, sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(pieces[i][j], 0);
        memset(pieces[i], i % 255 + 1, sizes[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(pieces[i][j], i % 255 + 1);
    }
}

static void a_large_allocation_does_not_waste_the_current_block(void **state)
{
    char *before = stile_arena_alloc(*state, 16);
    assert_non_null(stile_arena_alloc(*state, 1 << 20));
    char *after = stile_arena_alloc(*state, 16);
    assert_ptr_equal(after, before + 16);
}

static void impossible_sizes_are_refused(void **state)
{
    assert_null(stile_arena_alloc(*state, SIZE_MAX));
    assert_null(stile_arena_array(*state, SIZE_MAX / 2, 3));
    assert_null(stile_arena_array(*state, (size_t)1 << 33, (size_t)1 << 33));
    assert_non_null(stile_arena_array(*state, 0, 8));
    assert_non_null(stile_arena_array(*state, 8, 0));
}

static void strings_are_copied(void **state)
{
    char text[] = "strassen";
    char *copy = stile_arena_strdup(*state, text);
    char *part = stile_arena_strndup(*state, text, 4);
    memset(text, 'x', 8);
    assert_string_equal(copy, "strassen");
    assert_string_equal(part, "stra");
    assert_string_equal(stile_arena_strdup(*state, ""), "");
}

static void formatted_strings_of_any_length_fit(void **state)
{
    assert_string_equal(stile_arena_printf(*state, "%s%d", "a", -7), "a-7");
    const char *wide = stile_arena_printf(*state, "%*d", 100000, 5);
    assert_int_equal(strlen(wide), 100000);
    assert_int_equal(wide[99999], '5');
}

static void destroying_nothing_is_allowed(void **state)
{
    (void)state;
    stile_arena *none = NULL;
    stile_arena_destroy(&none);
    stile_arena_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_is_zeroed_aligned_and_disjoint, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_allocation_does_not_waste_the_current_block, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(impossible_sizes_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_are_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(formatted_strings_of_any_length_fit, setup, teardown),
        cmocka_unit_test(destroying_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
