/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuning on a driver that computes nothing (fake_cuda.c), with times that the tests make up: what
 * is timed, what wins, what an interrupted session leaves, and what plans make of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache_evict.h"
#include "cache_file.h"
#include "config.h"
#include "context.h"
#include "fail.h"
#include "schedule_choice.h"
#include "schedule_space.h"
#include "scratch.h"
#include "tune.h"
#include "tune_file.h"

static const char DENSE[] = "stile: 1\nname: tuned\n"
                            "basis: {random: {tile: [4, 4, 4], rank: 16, seed: 1}}\n";

/* A GPU whose times are a rule. */
typedef struct laboratory {
    double (*time)(const stile_schedule *schedule);
    int prepared, checked, timed; /* calls, of schedules besides the rule's */
    int die_after, stop_after;    /* so many were timed; 0: never */
    int most_turns;
    bool wrong_fma, broken_64; /* results of decoding by FMA; compilation of blocks 64 wide */
    int fault_at;              /* the device fails in this timing; 0: never */
} laboratory;

typedef struct fixture {
    scratch folder;
    stile_spec *spec;
    stile_context *context;
    int warnings;
    laboratory lab;
} fixture;

static int prepare(void *user, const stile_schedule *const *schedules, int count, int *errors,
                   char (*reasons)[200])
{
    laboratory *lab = user;
    for (int i = 0; i < count; i++) {
        lab->prepared++;
        errors[i] = 0;
        if (lab->broken_64 && schedules[i]->block_n == 64) {
            errors[i] = STILE_ERROR_COMPILE;
            snprintf(reasons[i], 200, "it does not compile,\nnot at all");
        }
    }
    return 0;
}

static int check(void *user, const stile_schedule *rule, const stile_schedule *schedule,
                 char reason[static 200])
{
    laboratory *lab = user;
    lab->checked += !stile_schedule_equal(rule, schedule);
    if (lab->wrong_fma && schedule->decode == STILE_METHOD_FMA)
        snprintf(reason, 200, "it is wrong");
    return 0;
}

static int time_schedules(void *user, const stile_schedule *const *schedules, int count,
                          int iterations, double *medians)
{
    laboratory *lab = user;
    lab->timed++;
    assert_true(iterations > 0);
    if (count > lab->most_turns)
        lab->most_turns = count;
    if (lab->die_after && lab->timed > lab->die_after)
        _exit(9);
    if (lab->fault_at == lab->timed)
        return stile_fail(STILE_ERROR_DEVICE, "the device fell off");
    for (int i = 0; i < count; i++)
        medians[i] = lab->time(schedules[i]);
    return 0;
}

/* The narrow Hopper block with three stages, bands of 4096 and plain encoding are the best. */
static double time_of(const stile_schedule *s)
{
    double time = s->family == STILE_FAMILY_SM_90A ? 1 : 1.5;
    time += s->block_n == 128 && s->stages == 3 ? 0 : 0.2;
    time += s->band == 4096 ? 0 : 0.1;
    time += s->encode == STILE_METHOD_FMA ? 0 : 0.05;
    return time + (s->decode == STILE_METHOD_MMA ? 0 : 0.07);
}

static double same_time(const stile_schedule *s)
{
    (void)s;
    return 1;
}

/* All but the schedule by rule (a band of 2048, four stages) are a little faster. */
static double hardly_faster(const stile_schedule *s)
{
    return s->band == 2048 && s->stages == 4 && s->block_n == 256 ? 1 : 0.995;
}

static void receive(void *user, stile_log_level level, const char *message)
{
    fixture *f = user;
    (void)message;
    f->warnings += level <= STILE_LOG_WARNING;
}

static void open_context(fixture *f)
{
    stile_context_params params = {
        .cache_dir = f->folder.path, .log = receive, .log_user = f, .threads = 2};
    assert_int_equal(stile_context_create(&f->context, &params), 0);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    scratch_create(&f->folder);
    assert_int_equal(stile_spec_parse(&f->spec, DENSE, strlen(DENSE), NULL, NULL), 0);
    f->lab.time = time_of;
    open_context(f);
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

static const stile_config *config_of(const fixture *f)
{
    return &f->spec->variants[0];
}

static bool is_stopped(void *user)
{
    const laboratory *lab = user;
    return lab->stop_after && lab->timed >= lab->stop_after;
}

static stile_tuning *open_session(fixture *f, const stile_tune_params *more)
{
    stile_tune_timer timer = {&f->lab, prepare, check, time_schedules};
    stile_tune_params params = more ? *more : (stile_tune_params){0};
    stile_tuning *t;
    if (!params.shape.M)
        params.shape = (stile_shape){8192, 8192, 8192};
    params.iterations = 10;
    params.timer = &timer; /* is copied */
    params.stopped = is_stopped;
    params.user = &f->lab;
    assert_int_equal(stile_tuning_create(&t, f->context, config_of(f), &params), 0);
    return t;
}

/* A whole session. */
static stile_tune_result tune(fixture *f, const stile_tune_params *more)
{
    stile_tune_result result;
    stile_tuning *t = open_session(f, more);
    assert_int_equal(stile_tuning_search(t), 0);
    assert_int_equal(stile_tuning_finish(t, &result), 0);
    stile_tuning_destroy(&t);
    return result;
}

static void assert_schedule(const stile_schedule *s, const char *text)
{
    stile_text actual = {0};
    stile_schedule_print(&actual, s);
    assert_string_equal(actual.data, text);
    stile_text_free(&actual);
}

static const char BEST[] = "sm_90a 128x128x64 stages 3 band 4096 encode fma decode mma";
static const char RULE[] = "sm_90a 128x256x64 stages 4 band 2048 encode mma decode mma";

static int count_states(const fixture *f)
{
    int count = 0;
    DIR *listing = stile_cache_list(stile_cache_place(f->context->cache)->root, ".");
    for (const char *name; (name = stile_cache_list_next(listing));)
        count += strncmp(name, STILE_TUNE_STATE, strlen(STILE_TUNE_STATE)) == 0;
    closedir(listing);
    return count;
}

static stile_schedule_choice choose(fixture *f, int64_t M, int64_t K, int64_t N)
{
    stile_gpu gpu;
    stile_schedule_choice choice;
    const stile_shape shape = {M, K, N};
    stile_gpu_of_context(&gpu, f->context);
    assert_int_equal(
        stile_schedule_choose(&choice, f->context->winners, &gpu, config_of(f), &shape, 0), 0);
    return choice;
}

static void the_fastest_schedule_wins_and_plans_take_it(void **state)
{
    fixture *f = *state;
    stile_schedule_choice choice = choose(f, 8192, 8192, 8192);
    assert_int_equal(choice.origin, STILE_SCHEDULE_BY_RULE);
    assert_schedule(&choice.schedule, RULE);

    stile_tune_result r = tune(f, NULL);
    assert_schedule(&r.winner.schedule, BEST);
    assert_true(r.winner.time == 1 && r.winner.rule_time > 1.3);
    assert_true(r.in_budget);
    assert_string_equal(r.winner.gpu, "Fake H100");
    assert_true(r.timed >= 5);

    choice = choose(f, 8192, 8192, 8192);
    assert_int_equal(choice.origin, STILE_SCHEDULE_TUNED);
    assert_schedule(&choice.schedule, BEST);
    assert_true(choice.distance == 0);
    choice = choose(f, 8192, 4096, 8192); /* near enough */
    assert_int_equal(choice.origin, STILE_SCHEDULE_TUNED);
    assert_true(choice.distance == 1);
    choice = choose(f, 64, 64, 64);
    assert_int_equal(choice.origin, STILE_SCHEDULE_BY_RULE);
    assert_int_equal(count_states(f), 0);
    assert_int_equal(f->warnings, 0);
}

static void winners_outlive_the_process(void **state)
{
    fixture *f = *state;
    tune(f, NULL);
    stile_context_destroy(&f->context);
    open_context(f);
    stile_schedule_choice choice = choose(f, 8192, 8192, 8192);
    assert_int_equal(choice.origin, STILE_SCHEDULE_TUNED);
    assert_schedule(&choice.schedule, BEST);
}

static void a_pinned_schedule_asks_no_winner(void **state)
{
    fixture *f = *state;
    tune(f, NULL);
    stile_spec_destroy(&f->spec);
    char text[256];
    snprintf(text, sizeof text, "%sschedule: {stages: 2}\n", DENSE);
    assert_int_equal(stile_spec_parse(&f->spec, text, strlen(text), NULL, NULL), 0);
    stile_schedule_choice choice = choose(f, 8192, 8192, 8192);
    assert_int_equal(choice.origin, STILE_SCHEDULE_PINNED);
    assert_int_equal(choice.schedule.stages, 2);
}

static void a_winner_fills_in_what_a_spec_leaves_open(void **state)
{
    fixture *f = *state;
    stile_spec_destroy(&f->spec);
    char text[256];
    snprintf(text, sizeof text, "%sschedule: {stages: 3}\n", DENSE);
    assert_int_equal(stile_spec_parse(&f->spec, text, strlen(text), NULL, NULL), 0);
    tune(f, NULL);
    stile_schedule_choice choice = choose(f, 8192, 8192, 8192);
    assert_int_equal(choice.origin, STILE_SCHEDULE_TUNED);
    assert_schedule(&choice.schedule, BEST);

    /* Tuning itself asks for complete schedules: those are left alone. */
    stile_config config = *config_of(f);
    const stile_shape shape = {8192, 8192, 8192};
    stile_gpu gpu;
    assert_true(stile_schedule_parse(&config.schedule, RULE));
    stile_gpu_of_context(&gpu, f->context);
    assert_int_equal(stile_schedule_choose(&choice, f->context->winners, &gpu, &config, &shape, 0),
                     0);
    assert_int_equal(choice.origin, STILE_SCHEDULE_PINNED);
    assert_schedule(&choice.schedule, RULE);
}

static void the_model_rules_out_what_is_hopeless(void **state)
{
    fixture *f = *state;
    stile_tuning *t = open_session(f, NULL);
    assert_int_equal(stile_tuning_search(t), 0);
    int tried = 0;
    for (int i = 0; i < stile_tuning_count(t); i++) {
        const stile_tune_candidate *c = stile_tuning_candidate(t, i);
        tried += c->status != STILE_TUNE_OPEN;
        if (c->schedule.family == STILE_FAMILY_SM_80 && c->schedule.block_n == 64)
            assert_int_equal(c->status, STILE_TUNE_OPEN);
    }
    assert_true(tried > 5 && tried < stile_tuning_count(t) / 4);
    stile_tuning_destroy(&t);
}

static void equal_times_resolve_to_the_rule(void **state)
{
    fixture *f = *state;
    f->lab.time = same_time;
    for (int i = 0; i < 2; i++) {
        stile_tune_result r = tune(f, NULL);
        assert_int_equal(r.chosen, 0);
        f->lab.time = hardly_faster;
    }
}

static void equal_times_resolve_to_the_first(void **state)
{
    fixture *f = *state;
    stile_tuning *t = open_session(f, NULL);
    stile_tune_result r;
    f->lab.time = same_time;
    const int indices[] = {7, 3, 0, 5};
    assert_int_equal(stile_tuning_time(t, indices, 4), 0);
    assert_int_equal(stile_tuning_finish(t, &r), 0);
    assert_int_equal(r.chosen, 0);
    assert_true(f->lab.most_turns <= 5);
    stile_tuning_destroy(&t);
}

static void what_is_wrong_or_broken_never_wins(void **state)
{
    fixture *f = *state;
    f->lab.wrong_fma = true;
    f->lab.time = time_of;
    stile_tuning *t = open_session(f, NULL);
    int fma = -1;
    for (int i = 0; i < stile_tuning_count(t) && fma < 0; i++)
        if (stile_tuning_candidate(t, i)->schedule.decode == STILE_METHOD_FMA)
            fma = i;
    int checked = f->lab.timed;
    assert_int_equal(stile_tuning_time(t, &fma, 1), 0);
    assert_int_equal(f->lab.timed, checked); /* checked first, never timed */
    assert_int_equal(stile_tuning_candidate(t, fma)->status, STILE_TUNE_REFUSED);
    assert_string_equal(stile_tuning_candidate(t, fma)->reason, "it is wrong");
    stile_tuning_destroy(&t);

    f->lab.broken_64 = true;
    t = open_session(f, NULL);
    assert_int_equal(stile_tuning_resumed(t), 1);
    int narrow = -1;
    for (int i = 0; i < stile_tuning_count(t); i++)
        if (stile_tuning_candidate(t, i)->schedule.block_n == 64)
            narrow = i;
    assert_int_equal(stile_tuning_time(t, &narrow, 1), 0);
    assert_int_equal(stile_tuning_candidate(t, narrow)->status, STILE_TUNE_REFUSED);
    stile_tune_result r;
    assert_int_equal(stile_tuning_finish(t, &r), 0);
    assert_int_equal(r.chosen, 0);
    assert_true(r.refused >= 1);
    stile_tuning_destroy(&t);
}

static void a_wrong_rule_ends_the_session(void **state)
{
    fixture *f = *state;
    stile_spec_destroy(&f->spec);
    static const char sparse[] = "stile: 1\nname: s\nbasis: {name: strassen}\n";
    assert_int_equal(stile_spec_parse(&f->spec, sparse, strlen(sparse), NULL, NULL), 0);
    f->lab.wrong_fma = true; /* sparse bases are decoded so */
    stile_tuning *t = open_session(f, NULL);
    stile_tune_result r;
    assert_int_equal(stile_tuning_search(t), STILE_ERROR_INTERNAL);
    assert_non_null(strstr(stile_last_error(), "it is wrong"));
    assert_int_equal(stile_tuning_finish(t, &r), STILE_ERROR_INTERNAL);
    stile_tuning_destroy(&t);
    assert_int_equal(stile_winners_count(f->context->winners), 0);
}

static void a_stopped_session_goes_on_where_it_was(void **state)
{
    fixture *f = *state;
    stile_tune_result whole = tune(f, &(stile_tune_params){.seed = 5}), r;
    int all = f->lab.timed;

    f->lab = (laboratory){.time = time_of, .stop_after = 4};
    stile_tuning *t = open_session(f, NULL);
    assert_int_equal(stile_tuning_search(t), 0);
    assert_true(stile_tuning_stopped(t));
    assert_int_equal(f->lab.timed, 4);
    assert_int_equal(stile_tuning_finish(t, &r), STILE_ERROR_ARGUMENT);
    stile_tuning_destroy(&t);
    assert_int_equal(count_states(f), 1);

    stile_context_destroy(&f->context);
    open_context(f);
    f->lab = (laboratory){.time = time_of};
    t = open_session(f, NULL);
    assert_true(stile_tuning_resumed(t) >= 4);
    assert_int_equal(stile_tuning_search(t), 0);
    assert_int_equal(stile_tuning_finish(t, &r), 0);
    stile_tuning_destroy(&t);
    assert_int_equal(f->lab.timed, all - 4);
    assert_int_equal(r.chosen, whole.chosen);
    assert_int_equal(r.timed, whole.timed);
    assert_int_equal(count_states(f), 0);
}

static int die_while_tuning(void *user)
{
    fixture *f = user;
    f->lab.die_after = 3;
    tune(f, NULL);
    return 0;
}

static void a_killed_session_goes_on_where_it_was(void **state)
{
    fixture *f = *state;
    assert_int_equal(in_child(die_while_tuning, f), 9);
    assert_int_equal(count_states(f), 1);
    stile_tuning *t = open_session(f, NULL);
    assert_true(stile_tuning_resumed(t) >= 3);
    stile_tune_result r;
    assert_int_equal(stile_tuning_search(t), 0);
    assert_int_equal(stile_tuning_finish(t, &r), 0);
    stile_tuning_destroy(&t);
    assert_schedule(&r.winner.schedule, BEST);
}

static void other_parameters_are_another_session(void **state)
{
    fixture *f = *state;
    f->lab.stop_after = 3;
    stile_tuning *t = open_session(f, NULL);
    assert_int_equal(stile_tuning_search(t), 0);
    stile_tuning_destroy(&t);
    static const stile_tune_params others[] = {
        {.seed = 9},       {.warmup = 0.5}, {.shape = {8192, 8192, 4096}}, {.rows_per_group = 64},
        {.restart = true},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        t = open_session(f, &others[i]);
        assert_int_equal(stile_tuning_resumed(t), 0);
        stile_tuning_destroy(&t);
    }
}

static void a_damaged_state_is_as_good_as_none(void **state)
{
    fixture *f = *state;
    f->lab.stop_after = 3;
    stile_tuning *t = open_session(f, NULL);
    assert_int_equal(stile_tuning_search(t), 0);
    stile_tuning_destroy(&t);
    char command[256];
    snprintf(command, sizeof command, "for f in %s/v1/tune-*; do printf x >> $f; done",
             f->folder.path);
    assert_int_equal(system(command), 0);
    t = open_session(f, NULL);
    assert_int_equal(stile_tuning_resumed(t), 0);
    stile_tuning_destroy(&t);
}

static void clearing_the_cache_forgets_sessions_but_no_winners(void **state)
{
    fixture *f = *state;
    const int root = stile_cache_place(f->context->cache)->root;
    uint64_t evicted, bytes;
    tune(f, NULL);
    f->lab = (laboratory){.time = time_of, .stop_after = 3};
    stile_tuning *t = open_session(f, NULL);
    assert_int_equal(stile_tuning_search(t), 0);
    stile_tuning_destroy(&t);
    assert_int_equal(count_states(f), 1);
    assert_int_equal(stile_cache_clear(root, &evicted, &bytes), 0);
    assert_int_equal(count_states(f), 0);
    stile_context_destroy(&f->context);
    open_context(f);
    assert_int_equal(stile_winners_count(f->context->winners), 1);
}

static void a_spent_budget_keeps_the_best_so_far(void **state)
{
    fixture *f = *state;
    stile_tune_result r = tune(f, &(stile_tune_params){.budget = 1e-9});
    assert_false(r.in_budget);
    assert_int_equal(r.chosen, 0);
    assert_int_equal(f->lab.checked, 0);
    assert_int_equal(stile_winners_count(f->context->winners), 1);
}

static void a_fault_of_the_device_is_not_met_twice(void **state)
{
    fixture *f = *state;
    f->lab.fault_at = 2;
    stile_tuning *t = open_session(f, NULL);
    assert_int_equal(stile_tuning_search(t), STILE_ERROR_DEVICE);
    stile_tuning_destroy(&t);
    t = open_session(f, NULL);
    int refused = 0;
    for (int i = 0; i < stile_tuning_count(t); i++)
        refused += stile_tuning_candidate(t, i)->status == STILE_TUNE_REFUSED;
    assert_int_equal(refused, 1);
    assert_int_equal(stile_tuning_search(t), 0);
    stile_tuning_destroy(&t);
}

static void one_session_at_a_time_has_a_gpu(void **state)
{
    fixture *f = *state;
    stile_tuning *first = open_session(f, NULL), *second = NULL;
    const stile_tune_params params = {.shape = {64, 64, 64}, .iterations = 1};
    assert_int_equal(stile_tuning_create(&second, f->context, config_of(f), &params),
                     STILE_ERROR_UNSUPPORTED);
    assert_null(second);
    assert_non_null(strstr(stile_last_error(), "another session is tuning"));
    stile_tuning_destroy(&first);
    assert_int_equal(stile_tuning_create(&second, f->context, config_of(f), &params), 0);
    stile_tuning_destroy(&second);
}

static void bad_requests_are_refused(void **state)
{
    fixture *f = *state;
    stile_tuning *t = open_session(f, NULL);
    const int bad[] = {-1, stile_tuning_count(t)};
    for (int i = 0; i < 2; i++)
        assert_int_equal(stile_tuning_time(t, &bad[i], 1), STILE_ERROR_ARGUMENT);
    assert_null(stile_tuning_candidate(t, -1));
    assert_int_equal(stile_tuning_time(t, NULL, 0), 0);
    stile_tuning_destroy(&t);

    const stile_tune_params good = {.shape = {64, 64, 64}, .iterations = 10};
    stile_tune_params params = good;
    params.iterations = 0;
    assert_int_equal(stile_tuning_create(&t, f->context, config_of(f), &params),
                     STILE_ERROR_ARGUMENT);
    params = good;
    params.rows_per_group = 7;
    assert_int_equal(stile_tuning_create(&t, f->context, config_of(f), &params),
                     STILE_ERROR_ARGUMENT);
    stile_context *cpu;
    stile_context_params device = {.device = STILE_DEVICE_CPU};
    assert_int_equal(stile_context_create(&cpu, &device), 0);
    assert_int_equal(stile_tuning_create(&t, cpu, config_of(f), &good), STILE_ERROR_ARGUMENT);
    stile_context_destroy(&cpu);
}

/* The fake driver computes nothing, which the device's own timer must not take for a result. */
static void results_that_are_not_there_are_noticed(void **state)
{
    fixture *f = *state;
    stile_tune_params params = {.shape = {64, 64, 64}, .iterations = 2};
    stile_tuning *t;
    stile_tune_result r;
    assert_int_equal(stile_tuning_create(&t, f->context, config_of(f), &params), 0);
    assert_int_not_equal(stile_tuning_finish(t, &r), 0);
    stile_tuning_destroy(&t);
}

int main(void)
{
    setenv("STILE_JIT", "off", 1);
    setenv("STILE_NVRTC", "/nonexistent", 1);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(the_fastest_schedule_wins_and_plans_take_it),
        TEST(winners_outlive_the_process),
        TEST(a_pinned_schedule_asks_no_winner),
        TEST(a_winner_fills_in_what_a_spec_leaves_open),
        TEST(the_model_rules_out_what_is_hopeless),
        TEST(equal_times_resolve_to_the_rule),
        TEST(equal_times_resolve_to_the_first),
        TEST(what_is_wrong_or_broken_never_wins),
        TEST(a_wrong_rule_ends_the_session),
        TEST(a_stopped_session_goes_on_where_it_was),
        TEST(a_killed_session_goes_on_where_it_was),
        TEST(other_parameters_are_another_session),
        TEST(a_damaged_state_is_as_good_as_none),
        TEST(clearing_the_cache_forgets_sessions_but_no_winners),
        TEST(a_spent_budget_keeps_the_best_so_far),
        TEST(a_fault_of_the_device_is_not_met_twice),
        TEST(one_session_at_a_time_has_a_gpu),
        TEST(bad_requests_are_refused),
        TEST(results_that_are_not_there_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
