/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/bases.h"
#include "search.h"

static stile_search_problem problem_of(int rank, bool exact)
{
    return (stile_search_problem){.m = 2,
                                  .k = 2,
                                  .n = 2,
                                  .rank = rank,
                                  .seed = 3,
                                  .growth = exact ? 0 : 4,
                                  .exact = exact,
                                  .coefficients =
                                      exact ? STILE_COEFFICIENTS_RATIONAL : STILE_COEFFICIENTS_REAL,
                                  .rows = STILE_COUPLING_FULL};
}

/* A file of this process; gone. */
static const char *checkpoint_path(stile_arena *arena)
{
    const char *folder = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    char *path = stile_arena_printf(arena, "%s/stile-search-test-%ld", folder, (long)getpid());
    assert_non_null(path);
    unlink(path);
    return path;
}

static void the_result_does_not_depend_on_threads(void **state)
{
    for (int exact = 0; exact < 2; exact++) {
        const stile_search_problem problem = problem_of(exact ? 7 : 5, exact);
        stile_basis *results[3] = {NULL};
        static const int threads[] = {1, 3, 8};
        for (int i = 0; i < 3; i++) {
            stile_search_progress progress;
            const stile_search_params params = {.starts = 12, .threads = threads[i]};
            assert_int_equal(stile_search_run(&results[i], *state, &problem, &params, &progress),
                             STILE_OK);
            assert_true(progress.best.feasible);
            assert_true(exact ? progress.finished >= 1 : progress.finished == 12);
            assert_same_entries(results[i], results[0]);
        }
        assert_true(exact == (measure(results[0]).exact));
    }
}

static void an_exact_search_ends_with_the_first_success(void **state)
{
    const stile_search_problem problem = problem_of(7, true);
    stile_basis *few = NULL, *many = NULL;
    stile_search_progress progress;
    stile_search_params params = {.starts = 8, .threads = 1};
    assert_int_equal(stile_search_run(&few, *state, &problem, &params, &progress), STILE_OK);
    params.starts = 100000;
    params.threads = 2;
    assert_int_equal(stile_search_run(&many, *state, &problem, &params, &progress), STILE_OK);
    assert_same_entries(few, many);
    assert_true(progress.finished < 20);
}

/* A limit of time that is over at once leaves each piece a step of each thread. */
static void a_search_in_pieces_is_a_whole_one(void **state)
{
    const char *path = checkpoint_path(*state);
    const stile_search_problem problem = problem_of(5, false);
    stile_basis *whole = NULL, *pieces = NULL;
    stile_search_progress progress;
    stile_search_params params = {.starts = 10, .threads = 2};
    assert_int_equal(stile_search_run(&whole, *state, &problem, &params, &progress), STILE_OK);

    params.checkpoint = path;
    params.resume = true;
    params.seconds = 1e-6;
    int rounds = 0;
    do {
        const int error = stile_search_run(&pieces, *state, &problem, &params, &progress);
        assert_true(error == STILE_OK || error == STILE_ERROR_ARGUMENT);
        assert_int_equal(access(path, F_OK), 0);
        params.seconds = ++rounds < 5 ? 1e-6 : rounds < 60 ? 2e-3 : 0;
    } while (rounds < 61);
    assert_int_equal(progress.finished, 10);
    assert_same_entries(pieces, whole);
    unlink(path);
}

static void checkpoints_are_written_and_finished_starts_not_repeated(void **state)
{
    const char *path = checkpoint_path(*state);
    const stile_search_problem problem = problem_of(6, false);
    stile_basis *first = NULL, *second = NULL;
    stile_search_progress progress;
    stile_search_params params = {.starts = 4, .threads = 1, .checkpoint = path};
    assert_int_equal(stile_search_run(&first, *state, &problem, &params, &progress), STILE_OK);
    params.resume = true;
    params.seconds = 1e-9; /* no time for any start */
    assert_int_equal(stile_search_run(&second, *state, &problem, &params, &progress), STILE_OK);
    assert_int_equal(progress.finished, 4);
    assert_same_entries(first, second);
    unlink(path);
}

static void write_text(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void foreign_and_damaged_checkpoints_are_refused(void **state)
{
    const char *path = checkpoint_path(*state);
    stile_search_problem problem = problem_of(6, false);
    stile_basis *basis = NULL;
    stile_search_params params = {.starts = 3, .threads = 1, .checkpoint = path};
    assert_int_equal(stile_search_run(&basis, *state, &problem, &params, NULL), STILE_OK);
    params.resume = true;
    problem.seed++;
    basis = NULL;
    assert_int_equal(stile_search_run(&basis, *state, &problem, &params, NULL), STILE_ERROR_SPEC);
    assert_non_null(strstr(stile_last_error(), "of another search, of tile 2,2,2 rank 6 seed 3"));
    problem.seed--;

    char text[1 << 15];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    assert_in_range(size, 100, sizeof text - 1);
    for (size_t cut = 0; cut < size; cut += 1 + size / 40) {
        write_text(path, text, cut);
        const int error = stile_search_run(&basis, *state, &problem, &params, NULL);
        assert_int_equal(error, cut == 0 ? STILE_OK : STILE_ERROR_SPEC);
        assert_true(cut == 0 || strstr(stile_last_error(), path));
    }
    unlink(path);
    params.checkpoint = "/nowhere/checkpoint";
    params.resume = false;
    assert_int_equal(stile_search_run(&basis, *state, &problem, &params, NULL), STILE_ERROR_IO);
}

typedef struct observer {
    int reports;
    int64_t finished;
} observer;

static void observe(void *user, const stile_search_progress *progress)
{
    observer *o = user;
    o->reports++;
    assert_true(progress->finished >= o->finished);
    assert_int_equal(progress->starts, 5);
    o->finished = progress->finished;
}

static void progress_is_reported_up_to_the_end(void **state)
{
    const stile_search_problem problem = problem_of(6, false);
    observer seen = {0};
    stile_basis *basis = NULL;
    const stile_search_params params = {
        .starts = 5, .threads = 2, .report = observe, .user = &seen};
    assert_int_equal(stile_search_run(&basis, *state, &problem, &params, NULL), STILE_OK);
    assert_true(seen.reports >= 1);
    assert_int_equal(seen.finished, 5);
}

static void bad_parameters_are_refused(void **state)
{
    stile_search_problem problem = problem_of(6, false);
    stile_basis *basis = NULL;
    stile_search_params params = {.starts = 0};
    assert_int_equal(stile_search_run(&basis, *state, &problem, &params, NULL),
                     STILE_ERROR_ARGUMENT);
    params.starts = 1;
    problem.rank = 9;
    assert_int_equal(stile_search_run(&basis, *state, &problem, &params, NULL),
                     STILE_ERROR_ARGUMENT);
    problem.rank = 6;
    params.seconds = 1e-9;
    assert_int_equal(stile_search_run(&basis, *state, &problem, &params, NULL),
                     STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "the time was over"));
    assert_null(basis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(the_result_does_not_depend_on_threads),
        ARENA_TEST(an_exact_search_ends_with_the_first_success),
        ARENA_TEST(a_search_in_pieces_is_a_whole_one),
        ARENA_TEST(checkpoints_are_written_and_finished_starts_not_repeated),
        ARENA_TEST(foreign_and_damaged_checkpoints_are_refused),
        ARENA_TEST(progress_is_reported_up_to_the_end),
        ARENA_TEST(bad_parameters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
