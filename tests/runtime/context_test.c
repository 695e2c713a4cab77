/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "context.h"
#include "parallel.h"
#include "scratch.h"

typedef struct message {
    stile_log_level level;
    int count;
    char text[512];
} message;

static void receive(void *user, stile_log_level level, const char *text)
{
    message *last = user;
    last->level = level;
    last->count++;
    snprintf(last->text, sizeof last->text, "%s", text);
}

static void the_cpu_device_needs_no_driver(void **state)
{
    (void)state;
    stile_context *context = NULL;
    stile_context_params params = {.device = STILE_DEVICE_CPU};
    assert_int_equal(stile_context_create(&context, &params), STILE_OK);
    assert_null(context->driver);
    assert_null(context->cache);
    assert_int_equal(context->threads, stile_core_count());
    stile_context_scope scope = {true};
    assert_int_equal(stile_context_enter(context, &scope), STILE_OK);
    assert_false(scope.pushed);
    stile_context_leave(context, &scope);
    stile_context_destroy(&context);
    assert_null(context);
    stile_context_destroy(&context);
    stile_context_destroy(NULL);
}

static void threads_are_as_asked(void **state)
{
    (void)state;
    stile_context *context = NULL;
    stile_context_params params = {.device = STILE_DEVICE_CPU, .threads = 3};
    assert_int_equal(stile_context_create(&context, &params), STILE_OK);
    assert_int_equal(context->threads, 3);
    stile_context_destroy(&context);
}

static void bad_parameters_are_refused_by_name(void **state)
{
    (void)state;
    stile_context *context = NULL;
    stile_context_params params = {.device = -2};
    assert_int_equal(stile_context_create(&context, &params), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "device -2"));
    params = (stile_context_params){.device = STILE_DEVICE_CPU, .threads = -1};
    assert_int_equal(stile_context_create(&context, &params), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "threads"));
    params.threads = 0;
    assert_int_equal(stile_context_create(NULL, &params), STILE_ERROR_ARGUMENT);
    assert_null(context);
}

/* With a driver device 0 opens and a far one does not; without, both say what is missing. */
static void a_cuda_device_opens_or_says_why_not(void **state)
{
    (void)state;
    scratch folder;
    scratch_create(&folder);
    stile_context *context = NULL;
    stile_context_params params = {.device = 4711, .cache_dir = folder.path};
    assert_int_equal(stile_context_create(&context, &params), STILE_ERROR_UNSUPPORTED);
    assert_null(context);

    const stile_driver *driver;
    bool has_driver = stile_driver_get(&driver) == STILE_OK;
    if (has_driver) {
        assert_int_equal(stile_context_create(&context, &params), STILE_ERROR_UNSUPPORTED);
        assert_non_null(strstr(stile_last_error(), "4711"));
    }
    params.device = 0;
    int error = stile_context_create(&context, &params);
    assert_int_equal(error, has_driver ? STILE_OK : STILE_ERROR_UNSUPPORTED);
    if (error) {
        assert_null(context);
        assert_non_null(strstr(stile_last_error(), "--device cpu"));
    } else {
        assert_true(context->arch.number >= 80);
        assert_true(context->device_name[0]);
        assert_string_equal(stile_cache_directory(context->cache), folder.path);

        /* The caller's current context comes back: here, none. */
        CUcontext before = NULL, inside = NULL, after = NULL;
        assert_int_equal(driver->cuCtxGetCurrent(&before), 0);
        stile_context_scope outer, inner;
        assert_int_equal(stile_context_enter(context, &outer), STILE_OK);
        assert_int_equal(driver->cuCtxGetCurrent(&inside), 0);
        assert_ptr_equal(inside, context->cu_context);
        assert_int_equal(stile_context_enter(context, &inner), STILE_OK);
        assert_true(outer.pushed);
        assert_false(inner.pushed);
        stile_context_leave(context, &inner);
        stile_context_leave(context, &outer);
        assert_int_equal(driver->cuCtxGetCurrent(&after), 0);
        assert_ptr_equal(after, before);
        stile_context_destroy(&context);
    }
    scratch_remove(&folder);
}

static void messages_reach_the_callback(void **state)
{
    (void)state;
    message last = {0};
    stile_context *context = NULL;
    stile_context_params params = {
        .device = STILE_DEVICE_CPU, .log = receive, .log_user = &last, .threads = 1};
    assert_int_equal(stile_context_create(&context, &params), STILE_OK);
    stile_context_log(context, STILE_LOG_DEBUG, "tile %d", 4);
    assert_int_equal(last.count, 1);
    assert_int_equal(last.level, STILE_LOG_DEBUG);
    assert_string_equal(last.text, "tile 4");
    stile_context_destroy(&context);
}

/* Logs one message of each level in a child; its stderr goes to the file descriptor `user`. */
static int log_each_level(void *user)
{
    dup2(*(int *)user, STDERR_FILENO);
    stile_context *context = NULL;
    stile_context_params params = {.device = STILE_DEVICE_CPU};
    if (stile_context_create(&context, &params))
        return 1;
    stile_context_log(context, STILE_LOG_ERROR, "e");
    stile_context_log(context, STILE_LOG_WARNING, "w");
    stile_context_log(context, STILE_LOG_INFO, "i");
    stile_context_log(context, STILE_LOG_DEBUG, "d");
    stile_context_destroy(&context);
    return 0;
}

static void assert_stderr(const char *level, const char *expected)
{
    if (level)
        setenv("STILE_LOG", level, 1);
    else
        unsetenv("STILE_LOG");
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(in_child(log_each_level, &pipes[1]), 0);
    close(pipes[1]);
    char text[1024] = "";
    assert_true(read(pipes[0], text, sizeof text - 1) >= 0);
    close(pipes[0]);
    assert_string_equal(text, expected);
    unsetenv("STILE_LOG");
}

static void stile_log_sends_what_it_names_to_stderr(void **state)
{
    (void)state;
    assert_stderr(NULL, "");
    assert_stderr("", "");
    assert_stderr("error", "stile: error: e\n");
    assert_stderr("warning", "stile: error: e\nstile: warning: w\n");
    assert_stderr("debug", "stile: error: e\nstile: warning: w\nstile: info: i\nstile: debug: d\n");
    assert_stderr("loud",
                  "stile: warning: STILE_LOG is \"loud\", not error, warning, info or debug; "
                  "taken as warning\nstile: error: e\nstile: warning: w\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cpu_device_needs_no_driver),
        cmocka_unit_test(threads_are_as_asked),
        cmocka_unit_test(bad_parameters_are_refused_by_name),
        cmocka_unit_test(stile_log_sends_what_it_names_to_stderr),
        cmocka_unit_test(messages_reach_the_callback),
        cmocka_unit_test(a_cuda_device_opens_or_says_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
