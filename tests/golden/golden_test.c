/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rendered source of a few small specs, compared to the byte with SPEC/ARCH/KERNEL.cu beside their
 * YAML. A change of a template shows there as a change of the CUDA that users get; with
 * STILE_UPDATE_GOLDEN=1 the files are rewritten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <stile/error.h>

#include "gradient.h"

typedef struct golden_case {
    const char *spec, *arch;
    bool backward; /* also the kernels of a plan of all gradients */
} golden_case;

static const golden_case cases[] = {
    {"strassen", "sm_80", false},    {"strassen", "sm_90a", false},
    {"winograd_tf32", "sm_80", true}, {"random_f16", "sm_80", true},
    {"trained_rows", "sm_80", false},
};
enum { CASE_COUNT = sizeof cases / sizeof cases[0], PATH_BYTES = 4096 };

/* The kernels of one case. */
typedef struct rendering {
    stile_arena *arena;
    int count;
    stile_kernel kernels[STILE_KERNEL_ROLE_COUNT + STILE_STEP_COUNT];
    const char *names[STILE_KERNEL_ROLE_COUNT + STILE_STEP_COUNT];
} rendering;

static const char *golden_directory(void)
{
    static char path[PATH_BYTES];
    const char *root = getenv("STILE_TEST_SOURCE");
    snprintf(path, sizeof path, "%s/tests/golden", root ? root : ".");
    return path;
}

static void render_backward(rendering *r, const stile_config *config, const stile_arch *arch)
{
    stile_gradient_configs configs;
    if (stile_gradient_configure(&configs, r->arena, config, 7))
        fail_msg("%s", stile_last_error());
    for (int step = 0; step < STILE_STEP_COUNT; step++) {
        if (!stile_gradient_step_runs(step, config, 7))
            continue;
        if (stile_gradient_step_render(&r->kernels[r->count], r->arena, &configs, arch, step))
            fail_msg("%s", stile_last_error());
        r->names[r->count++] =
            stile_arena_printf(r->arena, "backward_%s", stile_gradient_step_name(step));
    }
}

static rendering render(const golden_case *which)
{
    rendering r = {.arena = stile_arena_create()};
    char path[2 * PATH_BYTES];
    stile_spec *spec = NULL;
    stile_arch arch;
    snprintf(path, sizeof path, "%s/%s.yaml", golden_directory(), which->spec);
    if (stile_spec_load(&spec, path, NULL) || stile_arch_parse(&arch, which->arch))
        fail_msg("%s", stile_last_error());
    const stile_config *config = stile_spec_variant(spec, NULL);
    assert_non_null(config);
    for (int role = 0; role < STILE_KERNEL_ROLE_COUNT; role++) {
        if (stile_kernel_render(&r.kernels[r.count], r.arena, config, &arch, role))
            fail_msg("%s: %s", which->spec, stile_last_error());
        r.names[r.count] = r.kernels[r.count].name;
        r.count++;
    }
    if (which->backward)
        render_backward(&r, config, &arch);
    stile_spec_destroy(&spec);
    return r;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = size < 0 ? NULL : calloc(1, (size_t)size + 1);
    if (text && fread(text, 1, (size_t)size, file) != (size_t)size) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

/* Writes the file and the two folders above it. */
static void write_text(char *path, const char *text)
{
    char *second = strrchr(path, '/'), *first = memrchr(path, '/', (size_t)(second - path));
    *first = *second = '\0';
    mkdir(path, 0777);
    *first = '/';
    mkdir(path, 0777);
    *second = '/';
    FILE *file = fopen(path, "wb");
    if (!file || fputs(text, file) < 0 || fclose(file))
        fail_msg("%s cannot be written", path);
}

/* Says in which line two texts part. */
static void assert_same_text(const char *path, const char *expected, const char *text)
{
    int line = 1;
    for (; *expected && *expected == *text; expected++, text++)
        line += *text == '\n';
    if (*expected || *text)
        fail_msg("%s differs from line %d on:\n  expected: %.*s\n  rendered: %.*s\n"
                 "If this is meant, run the test with STILE_UPDATE_GOLDEN=1 and commit the files.",
                 path, line, (int)strcspn(expected, "\n"), expected, (int)strcspn(text, "\n"),
                 text);
}

static void rendered_source_is_the_golden_one(void **state)
{
    (void)state;
    const char *wish = getenv("STILE_UPDATE_GOLDEN");
    bool update = wish && strcmp(wish, "1") == 0;
    for (int i = 0; i < CASE_COUNT; i++) {
        rendering r = render(&cases[i]);
        for (int k = 0; k < r.count; k++) {
            char path[3 * PATH_BYTES];
            snprintf(path, sizeof path, "%s/%s/%s/%s.cu", golden_directory(), cases[i].spec,
                     cases[i].arch, r.names[k]);
            if (update)
                write_text(path, r.kernels[k].source);
            char *expected = read_text(path);
            if (!expected)
                fail_msg("%s is missing: run this test with STILE_UPDATE_GOLDEN=1", path);
            assert_same_text(path, expected, r.kernels[k].source);
            free(expected);
        }
        stile_arena_destroy(&r.arena);
    }
}

static void the_locale_changes_no_byte(void **state)
{
    (void)state;
    for (int i = 0; i < CASE_COUNT; i++) {
        rendering plain = render(&cases[i]);
        if (!setlocale(LC_ALL, "de_DE.UTF-8")) {
            stile_arena_destroy(&plain.arena);
            print_message("no locale de_DE.UTF-8 here\n");
            skip();
        }
        rendering localised = render(&cases[i]);
        setlocale(LC_ALL, "C");
        for (int k = 0; k < plain.count; k++)
            assert_string_equal(plain.kernels[k].source, localised.kernels[k].source);
        stile_arena_destroy(&plain.arena);
        stile_arena_destroy(&localised.arena);
    }
}

static void sources_name_neither_spec_nor_folder(void **state)
{
    (void)state;
    for (int i = 0; i < CASE_COUNT; i++) {
        rendering r = render(&cases[i]);
        for (int k = 0; k < r.count; k++) {
            assert_null(strstr(r.kernels[k].source, "golden"));
            assert_null(strstr(r.kernels[k].source, golden_directory()));
        }
        stile_arena_destroy(&r.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rendered_source_is_the_golden_one),
        cmocka_unit_test(the_locale_changes_no_byte),
        cmocka_unit_test(sources_name_neither_spec_nor_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
