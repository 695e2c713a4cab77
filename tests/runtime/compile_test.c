/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <stile/error.h>

#include "compile.h"

static const char *const scale_source = "extern \"C\" __global__ void scale(float *x, float by)\n"
                                        "{\n"
                                        "    x[blockIdx.x * blockDim.x + threadIdx.x] *= by;\n"
                                        "}\n";

static stile_arch arch_named(const char *name)
{
    stile_arch arch;
    assert_int_equal(stile_arch_parse(&arch, name), STILE_OK);
    return arch;
}

static void every_architecture_compiles_without_a_gpu(void **state)
{
    (void)state;
    static const char *const names[] = {"sm_80",  "sm_86",  "sm_89", "sm_90",
                                        "sm_90a", "sm_100", "sm_120"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        stile_arch arch = arch_named(names[i]);
        stile_cubin cubin = {0};
        int error = stile_compile(&cubin, "scale", scale_source, &arch);
        if (error == STILE_ERROR_UNSUPPORTED) { /* an NVRTC older than the architecture says so */
            assert_non_null(strstr(stile_last_error(), names[i]));
            assert_true(arch.number >= 89);
            continue;
        }
        assert_int_equal(error, STILE_OK);
        assert_true(cubin.size > 4);
        assert_memory_equal(cubin.data, "\177ELF", 4);
        assert_non_null(strstr(cubin.log, "registers"));
        assert_non_null(strstr(cubin.log, names[i]));
        stile_cubin_free(&cubin);
        assert_null(cubin.data);
        assert_null(cubin.log);
    }
}

static void options_name_the_exact_target(void **state)
{
    (void)state;
    stile_arch arch = arch_named("sm_90a");
    stile_compile_options options;
    stile_compile_options_for(&options, &arch);
    assert_true(options.count >= 2);
    assert_string_equal(options.items[0], "--gpu-architecture=sm_90a");
    assert_null(options.items[options.count]);
}

static void assert_unknown(const stile_arch *arch)
{
    stile_nvrtc_info info;
    assert_int_equal(stile_nvrtc_describe(&info), STILE_OK);
    char version[32];
    snprintf(version, sizeof version, "NVRTC %d.%d", info.major, info.minor);

    stile_cubin cubin = {.size = 7};
    assert_int_equal(stile_compile(&cubin, "scale", scale_source, arch), STILE_ERROR_UNSUPPORTED);
    assert_int_equal(cubin.size, 7);
    assert_null(cubin.log);
    assert_non_null(strstr(stile_last_error(), arch->name));
    assert_non_null(strstr(stile_last_error(), version));
}

static void an_unknown_architecture_names_both_sides(void **state)
{
    (void)state;
    assert_unknown(&(stile_arch){.number = 9990, .name = "sm_9990"});
    /* The number is known, the variant is not. */
    assert_unknown(&(stile_arch){.number = 80, .suffix = 'a', .name = "sm_80a"});
}

static void a_broken_kernel_gives_the_first_errors_and_the_whole_log(void **state)
{
    (void)state;
    stile_arch arch = arch_named("sm_90");
    stile_cubin cubin = {0};
    const char *source = "extern \"C\" __global__ void broken(float *x)\n"
                         "{\n"
                         "    x[0] = first_unknown;\n"
                         "    x[1] = second_unknown;\n"
                         "    x[2] = third_unknown;\n"
                         "    x[3] = fourth_unknown;\n"
                         "}\n";
    assert_int_equal(stile_compile(&cubin, "broken", source, &arch), STILE_ERROR_COMPILE);
    const char *text = stile_last_error();
    assert_non_null(strstr(text, "kernel broken does not compile for sm_90"));
    assert_non_null(strstr(text, "broken.cu(3)"));
    assert_non_null(strstr(text, "first_unknown"));
    assert_null(strstr(text, "fourth_unknown"));
    assert_null(strchr(text, '\n'));
    assert_null(cubin.data);
    assert_int_equal(cubin.size, 0);
    assert_non_null(strstr(cubin.log, "fourth_unknown"));
    stile_cubin_free(&cubin);
}

static void an_error_of_the_assembler_is_a_compile_error(void **state)
{
    (void)state;
    stile_arch arch = arch_named("sm_80");
    stile_cubin cubin = {0};
    const char *source = "extern \"C\" __global__ void k() { asm volatile(\"bogus.f32;\"); }\n";
    assert_int_equal(stile_compile(&cubin, "k", source, &arch), STILE_ERROR_COMPILE);
    assert_non_null(strstr(stile_last_error(), "error"));
    stile_cubin_free(&cubin);
}

typedef struct job {
    char source[256];
    stile_arch arch;
    stile_cubin cubin;
    int error;
} job;

static void *compile_in_thread(void *user)
{
    job *j = user;
    j->error = stile_compile(&j->cubin, "job", j->source, &j->arch);
    return NULL;
}

static void threads_compile_as_one_thread_does(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    static job jobs[COUNT];
    pthread_t threads[COUNT];
    for (int i = 0; i < COUNT; i++) {
        jobs[i].arch = arch_named(i % 2 ? "sm_80" : "sm_90");
        snprintf(jobs[i].source, sizeof jobs[i].source,
                 "extern \"C\" __global__ void job(float *x) { x[threadIdx.x] += %d; }\n", i / 4);
        assert_int_equal(pthread_create(&threads[i], NULL, compile_in_thread, &jobs[i]), 0);
    }
    for (int i = 0; i < COUNT; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < COUNT; i++) {
        stile_cubin alone = {0};
        assert_int_equal(jobs[i].error, STILE_OK);
        assert_int_equal(stile_compile(&alone, "job", jobs[i].source, &jobs[i].arch), STILE_OK);
        assert_int_equal(jobs[i].cubin.size, alone.size);
        assert_memory_equal(jobs[i].cubin.data, alone.data, alone.size);
        stile_cubin_free(&alone);
        stile_cubin_free(&jobs[i].cubin);
    }
}

int main(void)
{
    stile_nvrtc_info info;
    if (stile_nvrtc_describe(&info)) {
        printf("skipped: %s\n", stile_last_error());
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture_compiles_without_a_gpu),
        cmocka_unit_test(options_name_the_exact_target),
        cmocka_unit_test(an_unknown_architecture_names_both_sides),
        cmocka_unit_test(a_broken_kernel_gives_the_first_errors_and_the_whole_log),
        cmocka_unit_test(an_error_of_the_assembler_is_a_compile_error),
        cmocka_unit_test(threads_compile_as_one_thread_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
