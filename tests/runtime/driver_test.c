/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include <stile/error.h>

#include "driver.h"

/* With a driver it opens; without one the text says what is missing and what still works. */
static void a_missing_driver_is_an_error_that_helps(void **state)
{
    (void)state;
    const stile_driver *driver = NULL;
    int error = stile_driver_get(&driver);
    if (!error) {
        int version = 0, count = 0;
        assert_int_equal(driver->cuDriverGetVersion(&version), 0);
        assert_true(version >= 11000);
        assert_int_equal(driver->cuDeviceGetCount(&count), 0);
        assert_true(count >= 1);
        return;
    }
    assert_null(driver);
    assert_int_equal(error, STILE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(stile_last_error(), "CUDA"));
    assert_non_null(strstr(stile_last_error(), "--device cpu"));
}

static void every_call_gives_the_same_answer(void **state)
{
    (void)state;
    const stile_driver *first = NULL, *second = NULL;
    int error = stile_driver_get(&first);
    char text[2048];
    strcpy(text, stile_last_error());
    assert_int_equal(stile_driver_get(&second), error);
    assert_ptr_equal(first, second);
    assert_string_equal(stile_last_error(), text);
}

static void *get_in_thread(void *user)
{
    const stile_driver *driver = NULL;
    *(int *)user = stile_driver_get(&driver);
    if (*(int *)user && !*stile_last_error())
        *(int *)user = 1; /* the text must be this thread's own */
    return NULL;
}

static void threads_may_ask_at_once(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    pthread_t threads[COUNT];
    int errors[COUNT];
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_in_thread, &errors[i]), 0);
    for (int i = 0; i < COUNT; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < COUNT; i++)
        assert_int_equal(errors[i], errors[0]);
    assert_int_not_equal(errors[0], 1);
}

static CUresult name_of(CUresult error, const char **name)
{
    *name = error == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_ILLEGAL_ADDRESS";
    return error == 12345;
}

static CUresult text_of(CUresult error, const char **text)
{
    *text = error == 2 ? "out of memory" : NULL;
    return error != 2;
}

static void a_failed_call_is_named_and_exhausted_memory_told_apart(void **state)
{
    (void)state;
    const stile_driver driver = {.cuGetErrorName = name_of, .cuGetErrorString = text_of};
    assert_int_equal(stile_driver_check(&driver, 0, "cuMemAlloc"), STILE_OK);
    assert_int_equal(stile_driver_check(&driver, 2, "cuMemAlloc"), STILE_ERROR_MEMORY);
    assert_string_equal(stile_last_error(),
                        "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (2: out of memory)");
    assert_int_equal(stile_driver_check(&driver, 700, "cuCtxSynchronize"), STILE_ERROR_DEVICE);
    assert_non_null(strstr(stile_last_error(), "cuCtxSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS"));
    assert_int_equal(stile_driver_check(&driver, 12345, "cuInit"), STILE_ERROR_DEVICE);
    assert_non_null(strstr(stile_last_error(), "12345"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_driver_is_an_error_that_helps),
        cmocka_unit_test(every_call_gives_the_same_answer),
        cmocka_unit_test(threads_may_ask_at_once),
        cmocka_unit_test(a_failed_call_is_named_and_exhausted_memory_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
