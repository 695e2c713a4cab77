/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bases.h"
#include "basis_search.h"

/* One problem for each way through the phases. */
static stile_search_problem problem_of(stile_arena *arena, int kind)
{
    stile_search_problem problem = {
        .m = 2, .k = 2, .n = 2, .rank = 6, .seed = 7, .rows = STILE_COUPLING_FULL};
    if (kind == 0) {
        problem.rank = 7;
        problem.exact = true;
        problem.coefficients = STILE_COEFFICIENTS_RATIONAL;
    } else if (kind == 1) {
        problem.growth = 4;
        problem.from[problem.from_count++] = named(arena, "winograd");
    } else if (kind == 2) {
        problem.rows = STILE_COUPLING_CAUSAL;
        problem.growth = 6;
    } else {
        problem.coefficients = STILE_COEFFICIENTS_INTEGER;
        problem.support = random_basis(arena, 2, 2, 2, 6);
    }
    return problem;
}

static void finish(stile_search_start *start)
{
    for (bool done = false; !done;)
        assert_int_equal(stile_search_advance(start, &done), STILE_OK);
}

static char *text_of(const stile_search_start *start)
{
    stile_text text = {0};
    stile_search_save(&text, start);
    assert_false(text.failed);
    return text.data;
}

/* Broken off and restored after each number of steps: the same to the bit in the end. */
static void a_restored_start_goes_on_as_if_nothing_had_been(void **state)
{
    for (int kind = 0; kind < 4; kind++) {
        const stile_search_problem problem = problem_of(*state, kind);
        stile_search_start *whole, *broken;
        assert_int_equal(stile_search_begin(&whole, &problem, 1), STILE_OK);
        assert_int_equal(stile_search_begin(&broken, &problem, 1), STILE_OK);
        int advances = 0;
        for (bool done = false; !done; advances++) {
            assert_int_equal(stile_search_advance(broken, &done), STILE_OK);
            char *text = text_of(broken);
            const char *rest = text;
            stile_search_end(&broken);
            assert_int_equal(stile_search_restore(&broken, &problem, &rest), STILE_OK);
            assert_string_equal(rest, "\n");
            char *again = text_of(broken);
            assert_string_equal(again, text);
            free(again);
            free(text);
        }
        assert_true(advances > 10);
        finish(whole);
        char *expected = text_of(whole), *actual = text_of(broken);
        assert_string_equal(actual, expected);
        free(expected);
        free(actual);
        stile_search_end(&whole);
        stile_search_end(&broken);
    }
}

/* Cut anywhere, or with a byte changed: restored or refused, and never worse (sanitizers look on).
 */
static void damaged_states_are_refused(void **state)
{
    const stile_search_problem problem = problem_of(*state, 0);
    stile_search_start *start;
    assert_int_equal(stile_search_begin(&start, &problem, 0), STILE_OK);
    for (int i = 0; i < 130; i++) { /* far enough to have begun to round */
        bool done;
        assert_int_equal(stile_search_advance(start, &done), STILE_OK);
    }
    char *text = text_of(start);
    stile_search_end(&start);
    const size_t size = strlen(text);
    const char *rest;
    for (size_t i = 0; i + 2 < size; i += 7) { /* the last number may lose digits unnoticed */
        const char kept = text[i];
        text[i] = '\0';
        rest = text;
        assert_int_equal(stile_search_restore(&start, &problem, &rest), STILE_ERROR_SPEC);
        assert_ptr_equal(rest, text);
        text[i] = i % 2 ? '~' : '9';
        rest = text;
        if (stile_search_restore(&start, &problem, &rest) == STILE_OK)
            stile_search_end(&start);
        text[i] = kept;
    }
    free(text);
}

static void the_line_of_a_problem_tells_problems_apart(void **state)
{
    stile_text texts[5] = {{0}};
    for (int i = 0; i < 4; i++) {
        const stile_search_problem problem = problem_of(*state, i);
        stile_search_print_problem(&texts[i], &problem);
    }
    stile_search_problem other = problem_of(*state, 1);
    other.from[0] = named(*state, "strassen");
    stile_search_print_problem(&texts[4], &other);
    for (int i = 0; i < 5; i++) {
        assert_false(texts[i].failed);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(texts[i].data, texts[j].data);
    }
    for (int i = 0; i < 5; i++)
        stile_text_free(&texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(a_restored_start_goes_on_as_if_nothing_had_been),
        ARENA_TEST(damaged_states_are_refused),
        ARENA_TEST(the_line_of_a_problem_tells_problems_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
