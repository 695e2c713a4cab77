/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <stile/spec.h>

#include "explain_time.h"
#include "schedule_space.h"

#define HEAD "stile: 1\nname: told\n"
#define DENSE HEAD "basis: {random: {tile: [4, 4, 4], rank: 16, seed: 1}}\n"

typedef struct fixture {
    stile_arena *arena;
    stile_winners *winners; /* in memory */
    stile_gpu gpu;
    stile_spec *spec;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->arena = stile_arena_create();
    assert_int_equal(stile_winners_create(&f->winners, NULL, NULL, NULL), 0);
    assert_true(stile_gpu_find(&f->gpu, "H200"));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    stile_spec_destroy(&f->spec);
    stile_winners_destroy(&f->winners);
    stile_arena_destroy(&f->arena);
    free(f);
    return 0;
}

/* What explain says of a shape. */
static const char *tell(fixture *f, const char *text, stile_shape shape)
{
    stile_cost cost;
    stile_time_report report;
    stile_table table = {.arena = f->arena, .alignment = "l"};
    stile_text out = {0};
    stile_spec_destroy(&f->spec);
    assert_int_equal(stile_spec_parse(&f->spec, text, strlen(text), NULL, NULL), 0);
    stile_cost_count_sizes(&cost, &f->spec->variants[0], &shape, 0);
    stile_time_report_make(&report, f->arena, &f->gpu, f->winners, &f->spec->variants[0], &shape,
                           &cost);
    stile_time_report_rows(&table, &report);
    stile_table_print(&out, &table);
    const char *copy = stile_arena_strdup(f->arena, out.data);
    stile_text_free(&out);
    return copy;
}

static void expect(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text ? text : "(nothing)");
}

static const stile_shape large = {8192, 8192, 8192};

static void large_products_beat_dense(void **state)
{
    const char *text = tell(*state, DENSE, large);
    expect(text, "sm_90a 128x256x64 stages 4");
    expect(text, "by rule");
    expect(text, "predicted on NVIDIA H200\n");
    expect(text, "2.74 × this time");
}

static void small_products_are_said_to_be_better_dense(void **state)
{
    const char *text = tell(*state, HEAD "basis: {name: strassen}\n", (stile_shape){512, 512, 512});
    expect(text, "of cuBLAS, faster: 0.");
    expect(text, "of cuSPARSELt on pruned weights, faster");
}

static void winners_are_named_with_their_shape(void **state)
{
    fixture *f = *state;
    tell(f, DENSE, large);
    stile_winner w = {
        .spec = stile_winner_digest(&f->spec->variants[0]),
        .M = 8192,
        .K = 8192,
        .N = 8192,
        .padded_rows = 8192,
        .time = 0.5,
        .rule_time = 0.55,
    };
    strcpy(w.gpu, "NVIDIA H200");
    assert_true(stile_schedule_parse(&w.schedule,
                                     "sm_90a 128x256x64 stages 3 band 1024 encode mma decode fma"));
    assert_int_equal(stile_winners_add(f->winners, &w), 0);
    const char *text = tell(f, DENSE, large);
    expect(text, "stages 3 band 1024 encode mma decode fma");
    expect(text, "the winner of tuning for 8192×8192×8192: 500 us there, by rule 550 us");
    expect(tell(f, DENSE, (stile_shape){4096, 8192, 8192}), ", the nearest shape");
    expect(tell(f, DENSE, (stile_shape){64, 64, 64}), "by rule");
    expect(tell(f, DENSE "schedule: {stages: 2}\n", large), "the spec pins it");
}

static void guesses_are_called_guesses(void **state)
{
    fixture *f = *state;
    expect(tell(f, DENSE "schedule: {block: [64, 64, 64]}\n", large), "its block a guess");
    assert_true(stile_gpu_find(&f->gpu, "L40S"));
    expect(tell(f, DENSE, large), "scaled from an H200, not calibrated");
}

static void what_has_no_kernel_has_no_time(void **state)
{
    const char *text = tell(*state, DENSE "precision: {encoded: e4m3}\n", large);
    expect(text, "no prediction");
    expect(text, "e4m3");
}

/* Many small channels: two small blocks share a multiprocessor, of Hopper's large ones two
   multiprocessors share one. */
static void the_model_finds_what_is_clearly_faster(void **state)
{
    fixture *f = *state;
    stile_schedule_choice choice;
    const stile_shape small = {320, 65536, 320};
    expect(tell(f, HEAD "basis: {classical: [5, 8, 5]}\n", small), "the model: by rule it would");
    const stile_config *config = &f->spec->variants[0];
    assert_int_equal(stile_schedule_choose(&choice, f->winners, &f->gpu, config, &small, 0), 0);
    assert_int_equal(choice.origin, STILE_SCHEDULE_MODELLED);
    assert_int_equal(choice.schedule.family, STILE_FAMILY_SM_80);
    assert_true(choice.predicted < 0.9 * choice.rule_predicted);
    f->gpu.calibrated = false; /* then it has no say */
    assert_int_equal(stile_schedule_choose(&choice, f->winners, &f->gpu, config, &small, 0), 0);
    assert_int_equal(choice.origin, STILE_SCHEDULE_BY_RULE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(large_products_beat_dense),          TEST(small_products_are_said_to_be_better_dense),
        TEST(winners_are_named_with_their_shape), TEST(guesses_are_called_guesses),
        TEST(what_has_no_kernel_has_no_time),     TEST(the_model_finds_what_is_clearly_faster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
