/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include <stile/spec.h>

#include "schedule_space.h"
#include "scratch.h"
#include "text.h"
#include "tune_file.h"
#include "winners.h"

static const char GPU[] = "NVIDIA H200";

typedef struct fixture {
    scratch folder;
    stile_cache_location location;
    int warnings;
    char warning[512];
} fixture;

static void receive(void *user, stile_log_level level, const char *message)
{
    fixture *f = user;
    assert_int_equal(level, STILE_LOG_WARNING);
    f->warnings++;
    snprintf(f->warning, sizeof f->warning, "%s", message);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    stile_text warning = {0};
    scratch_create(&f->folder);
    assert_int_equal(stile_cache_location_open(&f->location, f->folder.path, &warning), 0);
    assert_null(warning.data);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    stile_cache_location_close(&f->location);
    scratch_remove(&f->folder);
    free(f);
    return 0;
}

static stile_winners *open_winners(fixture *f)
{
    stile_winners *w;
    assert_int_equal(stile_winners_create(&w, f ? &f->location : NULL, receive, f), 0);
    return w;
}

static stile_digest digest_of(const char *text)
{
    return stile_sha256_of(text, strlen(text));
}

static stile_winner make(int64_t M, int64_t K, int64_t N)
{
    stile_winner w = {.spec = digest_of("a"),
                      .M = M,
                      .K = K,
                      .N = N,
                      .padded_rows = M,
                      .time = 0.1,
                      .rule_time = 0.2,
                      .timed = 3,
                      .clock = 1500,
                      .max_clock = 1980,
                      .driver = "580.1",
                      .nvrtc = "13.0",
                      .stile = "0.1.0",
                      .name = "mine\tand\nyours"};
    strcpy(w.gpu, GPU);
    assert_true(stile_schedule_parse(&w.schedule,
                                     "sm_90a 128x256x64 stages 4 band 2048 encode mma decode fma"));
    return w;
}

static bool find(stile_winners *w, int64_t M, int64_t K, int64_t N, stile_winner *out,
                 double *distance)
{
    const stile_digest spec = digest_of("a");
    const stile_shape shape = {M, K, N};
    return stile_winners_find(w, &spec, GPU, &shape, M, out, distance);
}

static void a_winner_is_found_again_by_another_process(void **state)
{
    fixture *f = *state;
    stile_winners *a = open_winners(f);
    stile_winner w = make(4096, 2048, 1024), out;
    double distance = -1;
    assert_false(find(a, 4096, 2048, 1024, &out, &distance));
    assert_int_equal(stile_winners_add(a, &w), 0);
    stile_winners *b = open_winners(f);
    assert_true(find(b, 4096, 2048, 1024, &out, &distance));
    assert_true(distance == 0);
    assert_true(stile_schedule_equal(&out.schedule, &w.schedule));
    assert_true(out.time == w.time && out.rule_time == w.rule_time);
    assert_int_equal(out.clock, 1500);
    assert_string_equal(out.driver, "580.1");
    assert_string_equal(out.name, "mine and yours");
    assert_int_equal(f->warnings, 0);
    stile_winners_destroy(&a);
    stile_winners_destroy(&b);
}

static void the_nearest_shape_wins_within_reach(void **state)
{
    stile_winners *w = open_winners(*state);
    static const int64_t sizes[][3] = {{1024, 1024, 1024}, {4096, 1024, 1024}, {1024, 1024, 4096}};
    stile_winner out;
    double distance;
    for (int i = 0; i < 3; i++) {
        stile_winner item = make(sizes[i][0], sizes[i][1], sizes[i][2]);
        assert_int_equal(stile_winners_add(w, &item), 0);
    }
    assert_true(find(w, 3000, 1024, 1024, &out, &distance));
    assert_int_equal(out.M, 4096);
    assert_true(distance > 0.4 && distance < 0.5);
    assert_true(find(w, 2048, 1024, 2048, &out, &distance)); /* all three are as far */
    assert_int_equal(out.M, 1024);
    assert_int_equal(out.N, 1024);
    assert_true(find(w, 1024, 256, 1024, &out, &distance)); /* two doublings: just in reach */
    assert_false(find(w, 1024, 255, 1024, &out, &distance));
    stile_winners_destroy(&w);
}

static void other_specs_and_gpus_have_winners_of_their_own(void **state)
{
    stile_winners *w = open_winners(*state);
    stile_winner item = make(64, 64, 64), out;
    double distance;
    strcpy(item.gpu, "NVIDIA L40S");
    assert_int_equal(stile_winners_add(w, &item), 0);
    item = make(64, 64, 64);
    item.spec = digest_of("b");
    assert_int_equal(stile_winners_add(w, &item), 0);
    assert_false(find(w, 64, 64, 64, &out, &distance));
    stile_winners_destroy(&w);
}

static void the_last_result_for_a_shape_stays(void **state)
{
    stile_winners *w = open_winners(*state);
    stile_winner item = make(64, 64, 64), out;
    double distance;
    assert_int_equal(stile_winners_add(w, &item), 0);
    item.time = 0.05;
    assert_int_equal(stile_winners_add(w, &item), 0);
    assert_int_equal(stile_winners_count(w), 1);
    assert_true(find(w, 64, 64, 64, &out, &distance));
    assert_true(out.time == 0.05);
    assert_true(stile_winners_get(w, 0, &out));
    assert_false(stile_winners_get(w, 1, &out));
    assert_false(stile_winners_get(w, -1, &out));
    stile_winners_destroy(&w);
}

static void winners_of_other_processes_are_kept(void **state)
{
    stile_winners *a = open_winners(*state), *b = open_winners(*state);
    stile_winner first = make(64, 64, 64), second = make(4096, 4096, 4096), out;
    double distance;
    assert_false(find(a, 64, 64, 64, &out, &distance)); /* has read the file */
    assert_int_equal(stile_winners_add(b, &first), 0);
    assert_int_equal(stile_winners_add(a, &second), 0);
    assert_true(find(a, 64, 64, 64, &out, &distance));
    stile_winners_destroy(&a);
    stile_winners_destroy(&b);
    a = open_winners(*state);
    assert_int_equal(stile_winners_count(a), 2);
    stile_winners_destroy(&a);
}

static void rewrite(fixture *f, size_t at, const char *with, size_t cut)
{
    char path[128];
    snprintf(path, sizeof path, "%s/v1/winners", f->folder.path);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    fputs(with, file);
    assert_int_equal(fclose(file), 0);
    if (cut)
        assert_int_equal(truncate(path, (off_t)cut), 0);
}

static bool file_exists(fixture *f)
{
    return faccessat(f->location.root, "winners", F_OK, 0) == 0;
}

static void a_damaged_file_is_dropped_with_one_warning(void **state)
{
    fixture *f = *state;
    static const struct {
        size_t at;
        const char *with;
        size_t cut;
    } damages[] = {{30, "?", 0}, {0, "stile winners 2", 0}, {0, "", 40}, {0, "", 3}};
    for (int i = 0; i < 4; i++) {
        stile_winners *w = open_winners(f);
        stile_winner item = make(64, 64, 64), out;
        double distance;
        assert_int_equal(stile_winners_add(w, &item), 0);
        stile_winners_destroy(&w);
        rewrite(f, damages[i].at, damages[i].with, damages[i].cut);

        f->warnings = 0;
        w = open_winners(f);
        assert_false(find(w, 64, 64, 64, &out, &distance));
        assert_int_equal(f->warnings, 1);
        assert_non_null(strstr(f->warning, "damaged"));
        assert_non_null(strstr(f->warning, f->folder.path));
        assert_false(file_exists(f));
        assert_false(find(w, 64, 64, 64, &out, &distance));
        assert_int_equal(stile_winners_add(w, &item), 0);
        assert_true(file_exists(f));
        assert_int_equal(f->warnings, 1);
        stile_winners_destroy(&w);
    }
}

/* Sound by its checksum, but not what this version writes. */
static void nonsense_with_a_good_checksum_is_dropped_too(void **state)
{
    fixture *f = *state;
    static const char *const bodies[] = {"nonsense\n", "\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\n"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            stile_tune_file_write(f->location.root, "winners", "stile winners 1", bodies[i]), 0);
        f->warnings = 0;
        stile_winners *w = open_winners(f);
        assert_int_equal(stile_winners_count(w), 0);
        assert_int_equal(f->warnings, 1);
        stile_winners_destroy(&w);
    }
}

static void without_a_directory_they_stay_in_memory(void **state)
{
    (void)state;
    stile_winners *w;
    stile_winner item = make(64, 64, 64), out;
    double distance;
    assert_int_equal(stile_winners_create(&w, NULL, NULL, NULL), 0);
    assert_int_equal(stile_winners_add(w, &item), 0);
    assert_true(find(w, 64, 64, 64, &out, &distance));
    stile_winners_destroy(&w);
    stile_winners_destroy(&w);
}

typedef struct adder {
    stile_winners *winners;
    int64_t first;
} adder;

static void *add_some(void *argument)
{
    const adder *a = argument;
    for (int i = 0; i < 8; i++) {
        stile_winner item = make(a->first, 64, 64 + i), out;
        double distance;
        assert_int_equal(stile_winners_add(a->winners, &item), 0);
        assert_true(find(a->winners, item.M, item.K, item.N, &out, &distance));
    }
    return NULL;
}

static void threads_and_processes_lose_nothing(void **state)
{
    fixture *f = *state;
    enum { STORES = 2, THREADS = 4 };
    stile_winners *stores[STORES]; /* as two processes have */
    pthread_t threads[THREADS];
    adder adders[THREADS];
    for (int i = 0; i < STORES; i++)
        stores[i] = open_winners(f);
    for (int i = 0; i < THREADS; i++) {
        adders[i] = (adder){stores[i % STORES], 64 + i};
        assert_int_equal(pthread_create(&threads[i], NULL, add_some, &adders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    stile_winners *after = open_winners(f);
    assert_int_equal(stile_winners_count(after), THREADS * 8);
    assert_int_equal(f->warnings, 0);
    stile_winners_destroy(&after);
    for (int i = 0; i < STORES; i++)
        stile_winners_destroy(&stores[i]);
}

static stile_digest digest_of_spec(const char *rest)
{
    stile_spec *spec;
    char text[512];
    snprintf(text, sizeof text, "stile: 1\n%s", rest);
    assert_int_equal(stile_spec_parse(&spec, text, strlen(text), NULL, NULL), 0);
    stile_digest digest = stile_winner_digest(&spec->variants[0]);
    stile_spec_destroy(&spec);
    return digest;
}

static void specs_with_the_same_kernels_share_winners(void **state)
{
    (void)state;
#define RANDOM(seed) "basis: {random: {tile: [4, 4, 4], rank: 16, seed: " #seed "}}\n"
    stile_digest a = digest_of_spec("name: a\n" RANDOM(1));
    stile_digest b = digest_of_spec("name: b\nshapes: [{M: 1, K: 1, N: 1}]\nrows: any\n" RANDOM(2));
    assert_string_equal(a.hex, b.hex); /* coefficients are data */
    static const char *const others[] = {
        "name: a\nbasis: {random: {tile: [4, 4, 4], rank: 17, seed: 1}}\n",
        "name: a\nbasis: {name: strassen}\n",
        "name: a\nbasis: {name: winograd}\n",
        "name: a\nprecision: {output: f32}\n" RANDOM(1),
        "name: a\nepilogue: {bias: true}\n" RANDOM(1),
        "name: a\nweight: {encode: online}\n" RANDOM(1),
        "name: a\nschedule: {stages: 3}\n" RANDOM(1),
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        stile_digest other = digest_of_spec(others[i]);
        assert_string_not_equal(a.hex, other.hex);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(other.hex, digest_of_spec(others[j]).hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_winner_is_found_again_by_another_process),
        TEST(the_nearest_shape_wins_within_reach),
        TEST(other_specs_and_gpus_have_winners_of_their_own),
        TEST(the_last_result_for_a_shape_stays),
        TEST(winners_of_other_processes_are_kept),
        TEST(a_damaged_file_is_dropped_with_one_warning),
        TEST(nonsense_with_a_good_checksum_is_dropped_too),
        cmocka_unit_test(without_a_directory_they_stay_in_memory),
        TEST(threads_and_processes_lose_nothing),
        cmocka_unit_test(specs_with_the_same_kernels_share_winners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
