/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "fail.h"

static void every_code_has_a_phrase_of_its_own(void **state)
{
    (void)state;
    for (int a = STILE_ERROR_INTERNAL; a <= STILE_OK; a++) {
        assert_string_not_equal(stile_error_string(a), "unknown error");
        for (int b = a + 1; b <= STILE_OK; b++)
            assert_string_not_equal(stile_error_string(a), stile_error_string(b));
    }
    assert_string_equal(stile_error_string(1), "unknown error");
    assert_string_equal(stile_error_string(STILE_ERROR_INTERNAL - 1), "unknown error");
}

static void a_failure_leaves_its_text(void **state)
{
    (void)state;
    assert_int_equal(stile_fail(STILE_ERROR_IO, "no '%s' in %d", "x.npy", 3), STILE_ERROR_IO);
    assert_string_equal(stile_last_error(), "no 'x.npy' in 3");
    assert_int_equal(stile_fail_memory(), STILE_ERROR_MEMORY);
    assert_string_equal(stile_last_error(), "out of memory");
}

static void the_last_text_may_be_part_of_the_next(void **state)
{
    (void)state;
    stile_fail(STILE_ERROR_IO, "inner");
    stile_fail(STILE_ERROR_SPEC, "outer: %s, %s", stile_last_error(), stile_last_error());
    assert_string_equal(stile_last_error(), "outer: inner, inner");
}

static void endless_texts_are_cut(void **state)
{
    (void)state;
    stile_fail(STILE_ERROR_SPEC, "%100000d", 1);
    assert_int_equal(strlen(stile_last_error()), 4095);
}

static void *fail_elsewhere(void *first)
{
    *(size_t *)first = strlen(stile_last_error());
    stile_fail(STILE_ERROR_DEVICE, "elsewhere");
    return NULL;
}

static void each_thread_has_its_own_text(void **state)
{
    (void)state;
    pthread_t thread;
    size_t first = 99;
    stile_fail(STILE_ERROR_IO, "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &first), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(first, 0);
    assert_string_equal(stile_last_error(), "here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_phrase_of_its_own),
        cmocka_unit_test(a_failure_leaves_its_text),
        cmocka_unit_test(the_last_text_may_be_part_of_the_next),
        cmocka_unit_test(endless_texts_are_cut),
        cmocka_unit_test(each_thread_has_its_own_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
