/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which schedule a plan takes, and what happens where its kernels cannot be had: on a driver that
 * computes nothing, with a stand-in for NVRTC.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "bundle.h"
#include "cache_entry.h"
#include "plan.h"
#include "schedule_space.h"
#include "scratch.h"

enum { M = 512, K = 512, N = 512 };

static const char TUNED[] = "sm_90a 128x128x64 stages 3 band 1024 encode fma decode mma";
static const char SPEC[] = "stile: 1\nname: planned\n"
                           "basis: {random: {tile: [4, 4, 4], rank: 16, seed: 1}}\n";

typedef struct fixture {
    scratch folder;
    stile_spec *spec;
    stile_context *context;
    atomic_int warnings; /* counted by all threads */
} fixture;

static void receive(void *user, stile_log_level level, const char *message)
{
    fixture *f = user;
    (void)message;
    f->warnings += level <= STILE_LOG_WARNING;
}

static void reopen(fixture *f)
{
    stile_context_destroy(&f->context);
    stile_context_params params = {
        .cache_dir = f->folder.path, .log = receive, .log_user = f, .threads = 2};
    assert_int_equal(stile_context_create(&f->context, &params), 0);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    unsetenv("STILE_JIT");
    scratch_create(&f->folder);
    assert_int_equal(stile_spec_parse(&f->spec, SPEC, strlen(SPEC), NULL, NULL), 0);
    reopen(f);
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
    return 0;
}

static void add_winner(fixture *f, const char *schedule)
{
    stile_winner w = {.spec = stile_winner_digest(&f->spec->variants[0]),
                      .M = M,
                      .K = K,
                      .N = N,
                      .padded_rows = M,
                      .time = 1,
                      .rule_time = 2};
    snprintf(w.gpu, sizeof w.gpu, "%s", f->context->device_name);
    assert_true(stile_schedule_parse(&w.schedule, schedule));
    assert_int_equal(stile_winners_add(f->context->winners, &w), 0);
}

static stile_plan *create(fixture *f)
{
    stile_plan *plan = NULL;
    const stile_plan_params params = {.M = M, .K = K, .N = N};
    assert_int_equal(stile_plan_create(&plan, f->context, f->spec, &params), 0);
    return plan;
}

static uint64_t compiles(const fixture *f)
{
    return stile_cache_count(f->context->cache).compiles;
}

static void a_plan_has_the_kernels_of_the_winner(void **state)
{
    fixture *f = *state;
    stile_plan *plan = create(f);
    size_t weights = stile_plan_weight_size(plan);
    assert_int_equal(plan->choice.origin, STILE_SCHEDULE_BY_RULE);
    assert_int_equal(plan->kernels[STILE_KERNEL_CHANNEL_GEMM].kernel.block_columns, 256);
    stile_plan_destroy(&plan);

    add_winner(f, TUNED);
    plan = create(f);
    assert_int_equal(plan->choice.origin, STILE_SCHEDULE_TUNED);
    assert_int_equal(plan->kernels[STILE_KERNEL_CHANNEL_GEMM].kernel.block_columns, 128);
    assert_string_equal(plan->kernels[STILE_KERNEL_ENCODE_X].kernel.entry, "stile_encode_rows");
    assert_int_equal(stile_plan_weight_size(plan), weights); /* one Ŵ serves both */
    stile_plan_destroy(&plan);

    reopen(f);
    plan = create(f);
    assert_int_equal(plan->choice.origin, STILE_SCHEDULE_TUNED);
    assert_int_equal(compiles(f), 0);
    stile_plan_destroy(&plan);
    assert_int_equal(f->warnings, 0);
}

static void without_its_kernels_a_winner_gives_way_to_the_rule(void **state)
{
    fixture *f = *state;
    stile_plan *plan = create(f); /* compiles what the rule needs */
    stile_plan_destroy(&plan);
    add_winner(f, TUNED);
    setenv("STILE_JIT", "off", 1);
    reopen(f);
    plan = create(f);
    assert_int_equal(plan->choice.origin, STILE_SCHEDULE_BY_RULE);
    for (int role = 0; role < STILE_KERNEL_ROLE_COUNT; role++)
        assert_non_null(plan->kernels[role].module);
    stile_plan_destroy(&plan);
    assert_int_equal(f->warnings, 0);
}

static void a_winner_that_does_not_work_here_is_passed_over(void **state)
{
    fixture *f = *state;
    static const char *const schedules[] = {
        "sm_90a 128x256x64 stages 8 band 2048 encode mma decode mma", /* shared memory */
        "sm_80 128x256x64 stages 4 band 2048 encode mma decode mma",  /* no such decoder */
        "sm_90a 128x512x64 stages 2 band 2048 encode mma decode mma",
    };
    for (int i = 0; i < 3; i++) {
        add_winner(f, schedules[i]);
        stile_plan *plan = create(f);
        assert_int_equal(plan->choice.origin, STILE_SCHEDULE_BY_RULE);
        stile_plan_destroy(&plan);
    }
}

/* A bundle of the kernels by rule, as `stile build` makes it. */
static void write_bundle(const fixture *f, const char *path)
{
    static const char cubin[] = "\177ELF, as far as the fake driver looks";
    stile_bundle_item items[STILE_KERNEL_ROLE_COUNT];
    size_t count = STILE_KERNEL_ROLE_COUNT;
    stile_text bytes = {0};
    stile_arena *arena = stile_arena_create();
    for (int role = 0; role < STILE_KERNEL_ROLE_COUNT; role++) {
        stile_kernel kernel;
        stile_cache_entry entry;
        assert_int_equal(stile_kernel_render(&kernel, arena, &f->spec->variants[0],
                                             &f->context->arch, (stile_kernel_role)role),
                         0);
        assert_int_equal(
            stile_cache_entry_init(&entry, kernel.name, kernel.source, &f->context->arch), 0);
        items[role] = (stile_bundle_item){.key = entry.key,
                                          .arch = f->context->arch,
                                          .kernel = stile_kernel_role_name((stile_kernel_role)role),
                                          .data = cubin,
                                          .size = sizeof cubin};
    }
    assert_int_equal(stile_bundle_pack(&bytes, items, &count), 0);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
    stile_text_free(&bytes);
    stile_arena_destroy(&arena);
}

static void a_bundle_that_was_loaded_is_enough(void **state)
{
    fixture *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/rule.stile", f->folder.path);
    write_bundle(f, path);
    add_winner(f, TUNED);
    assert_int_equal(stile_context_load_bundle(f->context, path), 0);
    stile_plan *plan = create(f);
    assert_int_equal(plan->choice.origin, STILE_SCHEDULE_BY_RULE);
    assert_int_equal(compiles(f), 0);
    stile_plan_destroy(&plan);
}

static void *create_some(void *argument)
{
    for (int i = 0; i < 4; i++) {
        stile_plan *plan = create(argument);
        stile_plan_destroy(&plan);
    }
    return NULL;
}

static void threads_make_plans_while_winners_come(void **state)
{
    fixture *f = *state;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, create_some, f), 0);
    for (int i = 0; i < 4; i++)
        add_winner(f, TUNED);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    stile_plan *plan = create(f);
    assert_int_equal(plan->choice.origin, STILE_SCHEDULE_TUNED);
    stile_plan_destroy(&plan);
    assert_int_equal(f->warnings, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_plan_has_the_kernels_of_the_winner),
        TEST(without_its_kernels_a_winner_gives_way_to_the_rule),
        TEST(a_winner_that_does_not_work_here_is_passed_over),
        TEST(a_bundle_that_was_loaded_is_enough),
        TEST(threads_make_plans_while_winners_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
