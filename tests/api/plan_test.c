/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans as a host program makes them on a CUDA device, with a driver that computes nothing
 * (fake_cuda.c): where kernels come from, what is said when they are missing, what a run costs. The
 * kernels are bytes that only look like cubins, so neither GPU nor NVRTC is needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "bundle.h"
#include "bundle_format.h"
#include "cache_entry.h"
#include "config.h"
#include "count_allocations.h"
#include "kernel.h"
#include "plan.h"
#include "scratch.h"

enum { M = 130, K = 96, N = 72, THREADS = 16 };

typedef struct fixture {
    scratch folder;
    char bundle[128]; /* path */
    stile_spec *spec;
    int warnings;
    char warning[512]; /* the last */
    stile_context *context;
} fixture;

static int *driver_counter(const char *name)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    assert_non_null(library);
    int *counter = dlsym(library, name);
    assert_non_null(counter); /* else this is not the fake driver */
    dlclose(library);
    return counter;
}

static void load_spec(stile_spec **out, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/specs/%s.yaml", getenv("STILE_TEST_SOURCE"), name);
    assert_int_equal(stile_spec_load(out, path, NULL), STILE_OK);
}

/* Writes a bundle of what pass for kernels of a spec's first variant; returns its bytes. */
static stile_text make_bundle(const char *path, const stile_spec *spec, const char *arch_name)
{
    static const char cubin[] = "\177ELF, as far as the fake driver looks";
    stile_bundle_item items[STILE_KERNEL_ROLE_COUNT];
    stile_arena *arena = stile_arena_create();
    stile_arch arch;
    assert_int_equal(stile_arch_parse(&arch, arch_name), 0);
    for (int role = 0; role < STILE_KERNEL_ROLE_COUNT; role++) {
        stile_kernel kernel;
        stile_cache_entry entry;
        assert_int_equal(
            stile_kernel_render(&kernel, arena, &spec->variants[0], &arch, (stile_kernel_role)role),
            0);
        assert_int_equal(stile_cache_entry_init(&entry, kernel.name, kernel.source, &arch), 0);
        items[role] = (stile_bundle_item){.key = entry.key,
                                          .arch = arch,
                                          .kernel = stile_kernel_role_name((stile_kernel_role)role),
                                          .data = cubin,
                                          .size = sizeof cubin};
    }
    size_t count = STILE_KERNEL_ROLE_COUNT;
    stile_text bytes = {0};
    assert_int_equal(stile_bundle_pack(&bytes, items, &count), 0);
    stile_arena_destroy(&arena);

    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

static void receive(void *user, stile_log_level level, const char *message)
{
    fixture *f = user;
    if (level > STILE_LOG_WARNING)
        return;
    f->warnings++;
    snprintf(f->warning, sizeof f->warning, "%s", message);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    scratch_create(&f->folder);
    snprintf(f->bundle, sizeof f->bundle, "%s/kernels.stile", f->folder.path);
    load_spec(&f->spec, "strassen");
    stile_text bytes = make_bundle(f->bundle, f->spec, "sm_90a");
    stile_text_free(&bytes);
    char cache[128];
    snprintf(cache, sizeof cache, "%s/cache", f->folder.path);
    stile_context_params params = {.cache_dir = cache, .log = receive, .log_user = f};
    assert_int_equal(stile_context_create(&f->context, &params), STILE_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    stile_context_destroy(&f->context);
    stile_spec_destroy(&f->spec);
    scratch_remove(&f->folder);
    free(f);
    assert_int_equal(*driver_counter("fake_cuda_retained"), 0);
    return 0;
}

static int create(stile_plan **out, stile_context *context, const stile_spec *spec)
{
    stile_plan_params params = {.M = M, .K = K, .N = N, .variant = spec->variants[0].name};
    return stile_plan_create(out, context, spec, &params);
}

static bool nvrtc_is_mapped(void)
{
    char line[1024];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        found = found || strstr(line, "nvrtc");
    fclose(maps);
    return found;
}

static void a_bundle_is_all_that_a_plan_needs(void **state)
{
    fixture *f = *state;
    stile_plan *plan = NULL;
    assert_int_equal(create(&plan, f->context, f->spec), STILE_ERROR_UNSUPPORTED);
    assert_null(plan);
    assert_int_equal(stile_context_load_bundle(f->context, f->bundle), STILE_OK);
    assert_int_equal(remove(f->bundle), 0); /* the file stays open */
    int loads = *driver_counter("fake_cuda_loads");
    assert_int_equal(create(&plan, f->context, f->spec), STILE_OK);
    assert_int_equal(*driver_counter("fake_cuda_loads") - loads, STILE_KERNEL_ROLE_COUNT);
    assert_false(nvrtc_is_mapped());
    stile_cache_counters counters;
    assert_int_equal(stile_context_cache_counters(&counters, f->context), STILE_OK);
    assert_int_equal(counters.hits + counters.compiles, 0);
    stile_plan_destroy(&plan);
    assert_int_equal(f->warnings, 0);
}

static void plans_and_devices_describe_themselves(void **state)
{
    fixture *f = *state;
    stile_plan *plan = NULL;
    assert_string_equal(stile_context_device_name(f->context), "Fake H100");
    assert_string_equal(stile_context_arch(f->context), "sm_90a");
    assert_int_equal(stile_context_load_bundle(f->context, f->bundle), STILE_OK);
    assert_int_equal(create(&plan, f->context, f->spec), STILE_OK);
    stile_spec_destroy(&f->spec); /* plans do not need it any more */

    stile_plan_info info;
    assert_int_equal(stile_plan_get_info(&info, plan), STILE_OK);
    assert_string_equal(info.variant, "strassen");
    assert_int_equal(info.m * 100 + info.k * 10 + info.n, 222);
    assert_int_equal(info.rank, 7);
    assert_string_equal(info.input, "bf16");
    assert_int_equal(info.input_size, 2);
    assert_string_equal(info.weight_layout, "nk");
    assert_string_equal(info.weight_encode, "offline");
    assert_false(info.dense_basis);
    assert_int_equal(info.M, M);
    assert_int_equal(info.ldx, K);
    assert_int_equal(info.ldw, K);
    assert_int_equal(info.ldy, N);
    assert_int_equal(stile_plan_get_info(NULL, plan), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_plan_get_info(&info, NULL), STILE_ERROR_ARGUMENT);
    stile_plan_destroy(&plan);
    assert_int_equal(stile_plan_workspace_size(NULL), 0);
    assert_int_equal(stile_plan_weight_size(NULL), 0);
    assert_int_equal(stile_run(NULL, &(stile_operands){0}, NULL, NULL), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_encode_weight(NULL, f, f, f, NULL), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_workspace_init(NULL, f, NULL), STILE_ERROR_ARGUMENT);
}

static void expect_text(const char *text)
{
    if (!strstr(stile_last_error(), text))
        fail_msg("\"%s\" does not hold \"%s\"", stile_last_error(), text);
}

static void a_missing_kernel_names_the_command_that_builds_it(void **state)
{
    fixture *f = *state;
    stile_plan *plan = NULL;
    stile_spec *other;
    char command[600];
    load_spec(&other, "laderman");
    assert_int_equal(stile_context_load_bundle(f->context, f->bundle), STILE_OK);
    assert_int_equal(create(&plan, f->context, other), STILE_ERROR_UNSUPPORTED);
    snprintf(command, sizeof command,
             ": stile build %s/specs/laderman.yaml --arch sm_90a -o laderman.stile",
             getenv("STILE_TEST_SOURCE"));
    expect_text(command);
    expect_text("laderman: not in a bundle");
    expect_text("STILE_JIT=off");
    stile_spec_destroy(&other);

    static const char text[] = "stile: 1\nname: its\nbasis: {name: winograd}\n"
                               "variants: {precision.input: [f16, bf16]}\n";
    assert_int_equal(stile_spec_parse(&other, text, strlen(text), NULL, NULL), STILE_OK);
    assert_int_equal(create(&plan, f->context, other), STILE_ERROR_UNSUPPORTED);
    expect_text(
        ": stile build its.yaml --variant its/precision.input=f16 --arch sm_90a -o its.stile");
    stile_spec_destroy(&other);
}

static void odd_paths_are_quoted_for_the_shell(void **state)
{
    fixture *f = *state;
    stile_plan *plan = NULL;
    stile_spec *other;
    char path[128];
    snprintf(path, sizeof path, "%s/it's odd.yaml", f->folder.path);
    FILE *file = fopen(path, "w");
    fputs("stile: 1\nname: odd\nbasis: {name: winograd}\n", file);
    fclose(file);
    assert_int_equal(stile_spec_load(&other, path, NULL), STILE_OK);
    assert_int_equal(create(&plan, f->context, other), STILE_ERROR_UNSUPPORTED);
    expect_text("/it'\\''s odd.yaml' --arch");
    stile_spec_destroy(&other);
}

static void a_bundle_of_another_architecture_does_not_serve(void **state)
{
    fixture *f = *state;
    stile_plan *plan = NULL;
    stile_text bytes = make_bundle(f->bundle, f->spec, "sm_90");
    stile_text_free(&bytes);
    assert_int_equal(stile_context_load_bundle(f->context, f->bundle), STILE_OK);
    assert_int_equal(create(&plan, f->context, f->spec), STILE_ERROR_UNSUPPORTED);
    expect_text("for sm_90a");
}

static void a_damaged_kernel_is_passed_over_aloud(void **state)
{
    fixture *f = *state;
    stile_plan *plan = NULL;
    FILE *file = fopen(f->bundle, "r+b");
    assert_int_equal(fseek(file, -3, SEEK_END), 0);
    fputc('?', file);
    fclose(file);
    assert_int_equal(stile_context_load_bundle(f->context, f->bundle), STILE_OK);
    assert_int_equal(create(&plan, f->context, f->spec), STILE_ERROR_UNSUPPORTED);
    assert_int_equal(f->warnings, 1);
    assert_non_null(strstr(f->warning, "damaged"));
    assert_non_null(strstr(f->warning, f->bundle));

    /* A whole copy loaded besides mends it. */
    char second[160];
    snprintf(second, sizeof second, "%s.second", f->bundle);
    stile_text bytes = make_bundle(second, f->spec, "sm_90a");
    stile_text_free(&bytes);
    assert_int_equal(stile_context_load_bundle(f->context, second), STILE_OK);
    assert_int_equal(create(&plan, f->context, f->spec), STILE_OK);
    stile_plan_destroy(&plan);
}

static void a_bundle_by_another_version_is_named_as_the_reason(void **state)
{
    fixture *f = *state;
    stile_plan *plan = NULL;
    stile_spec *other;
    load_spec(&other, "winograd");
    stile_text bytes = make_bundle(f->bundle, other, "sm_90a");
    strcpy(bytes.data + STILE_BUNDLE_PRODUCER_AT, "stile 0.0.9");
    stile_sha256 hash;
    stile_sha256_begin(&hash);
    stile_sha256_update(&hash, bytes.data, STILE_BUNDLE_CHECK_AT);
    stile_sha256_update(&hash, bytes.data + STILE_BUNDLE_INDEX_AT,
                        STILE_KERNEL_ROLE_COUNT * STILE_BUNDLE_ENTRY_SIZE);
    memcpy(bytes.data + STILE_BUNDLE_CHECK_AT, stile_sha256_end(&hash).hex,
           STILE_BUNDLE_DIGEST_SIZE);
    FILE *file = fopen(f->bundle, "wb");
    fwrite(bytes.data, 1, bytes.size, file);
    fclose(file);
    stile_text_free(&bytes);
    stile_spec_destroy(&other);

    assert_int_equal(stile_context_load_bundle(f->context, f->bundle), STILE_OK);
    assert_int_equal(create(&plan, f->context, f->spec), STILE_ERROR_UNSUPPORTED);
    expect_text("kernels.stile was built by stile 0.0.9, but this is stile ");
}

/* --- runs ------------------------------------------------------------------------------------ */

typedef struct buffers {
    void *x, *w, *w_hat, *y, *workspace;
} buffers;

static void *buffer(size_t size)
{
    return aligned_alloc(STILE_ALIGNMENT, stile_align(size ? size : 1));
}

static buffers make_buffers(const stile_plan *plan)
{
    return (buffers){buffer(M * K * 2), buffer(K * N * 2), buffer(stile_plan_weight_size(plan)),
                     buffer(M * N * 2), buffer(stile_plan_workspace_size(plan))};
}

static void free_buffers(buffers *b)
{
    free(b->x);
    free(b->w);
    free(b->w_hat);
    free(b->y);
    free(b->workspace);
}

static void a_run_launches_and_does_nothing_else(void **state)
{
    fixture *f = *state;
    stile_plan *plan = NULL;
    int *launches = driver_counter("fake_cuda_launches");
    assert_int_equal(stile_context_load_bundle(f->context, f->bundle), STILE_OK);
    assert_int_equal(create(&plan, f->context, f->spec), STILE_OK);
    buffers b = make_buffers(plan);
    stile_operands operands = {.x = b.x, .w = b.w_hat, .y = b.y};
    assert_int_equal(stile_workspace_init(plan, b.workspace, NULL), STILE_OK);
    assert_int_equal(stile_encode_weight(plan, b.w, b.w_hat, b.workspace, NULL), STILE_OK);

    int before = *launches;
    allocations.counting = true;
    int error = 0;
    for (int i = 0; i < 100 && !error; i++) {
        operands.M = 1 + i;
        error = stile_run(plan, &operands, b.workspace, NULL);
    }
    allocations.counting = false;
    assert_int_equal(error, STILE_OK);
    assert_int_equal(*launches - before, 300);
    if (ALLOCATIONS_COUNTED) {
        assert_int_equal(allocations.ours + allocations.drivers, 0);
        allocations.counting = true; /* the counter does count */
        void *volatile one = malloc(1);
        free(one);
        allocations.counting = false;
        assert_int_equal(allocations.ours, 1);
    }
    free_buffers(&b);
    stile_plan_destroy(&plan);
}

static void what_cannot_be_addressed_gets_no_plan(void **state)
{
    fixture *f = *state;
    stile_plan *plan = NULL;
    stile_plan_params params = {
        .M = STILE_MAX_EXTENT,
        .K = STILE_MAX_EXTENT,
        .N = STILE_MAX_EXTENT,
        .variant = f->spec->variants[0].name,
    };
    assert_int_equal(stile_plan_create(&plan, f->context, f->spec, &params), STILE_ERROR_MEMORY);
    assert_non_null(strstr(stile_last_error(), "cannot be addressed"));
    assert_null(plan);
}

static void the_current_cuda_context_is_the_callers(void **state)
{
    fixture *f = *state;
    const stile_driver *driver;
    stile_plan *plan = NULL;
    CUcontext callers = (CUcontext)f, current;
    assert_int_equal(stile_driver_get(&driver), STILE_OK);
    for (int with = 0; with < 2; with++) {
        if (with)
            assert_int_equal(driver->cuCtxPushCurrent(callers), 0);
        stile_context *context = NULL;
        assert_int_equal(stile_context_create(&context, NULL), STILE_OK);
        assert_int_equal(create(&plan, context, f->spec), STILE_ERROR_UNSUPPORTED);
        assert_int_equal(stile_context_load_bundle(context, f->bundle), STILE_OK);
        assert_int_equal(create(&plan, context, f->spec), STILE_OK);
        buffers b = make_buffers(plan);
        stile_operands operands = {.x = b.x, .w = b.w_hat, .y = b.y};
        assert_int_equal(stile_run(plan, &operands, b.workspace, NULL), STILE_OK);
        operands.y = NULL;
        assert_int_equal(stile_run(plan, &operands, b.workspace, NULL), STILE_ERROR_ARGUMENT);
        free_buffers(&b);
        stile_plan_destroy(&plan);
        stile_context_destroy(&context);
        driver->cuCtxGetCurrent(&current);
        assert_ptr_equal(current, with ? callers : NULL);
    }
    assert_int_equal(driver->cuCtxPopCurrent(&current), 0);
    assert_ptr_equal(current, callers);
}

typedef struct worker {
    fixture *fixture;
    int index, failures;
} worker;

/* Loads the bundle again, makes plans, runs them, and makes mistakes whose text must be its own. */
static void *work(void *user)
{
    worker *w = user;
    stile_context *context = w->fixture->context;
    w->failures += stile_context_load_bundle(context, w->fixture->bundle) != STILE_OK;
    for (int i = 0; i < 10; i++) {
        stile_plan *plan = NULL;
        if (create(&plan, context, w->fixture->spec)) {
            w->failures++;
            continue;
        }
        buffers b = make_buffers(plan);
        stile_operands operands = {.x = b.x, .w = b.w_hat, .y = b.y};
        w->failures += stile_run(plan, &operands, b.workspace, NULL) != STILE_OK;
        operands.M = M + 1 + w->index;
        char expected[32];
        snprintf(expected, sizeof expected, "M is %d,", M + 1 + w->index);
        w->failures += stile_run(plan, &operands, b.workspace, NULL) != STILE_ERROR_ARGUMENT;
        w->failures += !strstr(stile_last_error(), expected);
        free_buffers(&b);
        stile_plan_destroy(&plan);
    }
    return NULL;
}

static void threads_share_a_context(void **state)
{
    fixture *f = *state;
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){f, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].failures, 0);
    }
}

int main(void)
{
    setenv("STILE_JIT", "off", 1);
    setenv("STILE_NVRTC", "/nonexistent", 1);
    setenv("STILE_CACHE_DIR", "/nonexistent", 1);
    setenv("XDG_CACHE_HOME", "/nonexistent", 1);
    setenv("HOME", "/nonexistent", 1);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_bundle_is_all_that_a_plan_needs),
        TEST(plans_and_devices_describe_themselves),
        TEST(a_missing_kernel_names_the_command_that_builds_it),
        TEST(odd_paths_are_quoted_for_the_shell),
        TEST(a_bundle_of_another_architecture_does_not_serve),
        TEST(a_damaged_kernel_is_passed_over_aloud),
        TEST(a_bundle_by_another_version_is_named_as_the_reason),
        TEST(a_run_launches_and_does_nothing_else),
        TEST(what_cannot_be_addressed_gets_no_plan),
        TEST(the_current_cuda_context_is_the_callers),
        TEST(threads_share_a_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
