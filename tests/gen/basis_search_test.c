/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "bases.h"
#include "basis_search.h"

static stile_search_problem problem_of(int m, int k, int n, int rank)
{
    return (stile_search_problem){
        .m = m, .k = k, .n = n, .rank = rank, .seed = 1, .rows = STILE_COUPLING_FULL};
}

/* Runs a start to its end. */
static stile_search_quality finish(stile_search_start *start)
{
    for (bool done = false; !done;)
        assert_int_equal(stile_search_advance(start, &done), STILE_OK);
    return stile_search_assess(start);
}

/* The best of some starts, as the basis in `arena`. */
static stile_basis *best_of(stile_arena *arena, const stile_search_problem *problem, int starts,
                            stile_search_quality *quality)
{
    stile_basis *best = NULL;
    assert_int_equal(stile_search_check(problem), STILE_OK);
    for (int i = 0; i < starts; i++) {
        stile_search_start *start;
        assert_int_equal(stile_search_begin(&start, problem, i), STILE_OK);
        const stile_search_quality found = finish(start);
        if (!best || stile_search_is_better(&found, quality)) {
            assert_int_equal(stile_search_basis(&best, arena, start), STILE_OK);
            *quality = found;
        }
        stile_search_end(&start);
        assert_null(start);
        if (problem->exact && quality->feasible)
            break;
    }
    return best;
}

static void exact_bases_are_found_from_random_starts(void **state)
{
    static const int cases[][4] = {{2, 2, 2, 7}, {1, 2, 2, 4}, {2, 2, 1, 4}, {1, 1, 1, 1}};
    for (int i = 0; i < 4; i++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            stile_search_problem problem =
                problem_of(cases[i][0], cases[i][1], cases[i][2], cases[i][3]);
            problem.exact = true;
            problem.coefficients = STILE_COEFFICIENTS_RATIONAL;
            problem.seed = seed;
            stile_search_quality quality;
            const stile_basis *basis = best_of(*state, &problem, 20, &quality);
            assert_true(quality.feasible);
            assert_true(stile_basis_is_rational(basis));
            assert_true(measure(basis).exact);
            assert_int_equal(basis->rank, cases[i][3]);
        }
    }
}

static void a_search_for_what_is_not_there_says_so(void **state)
{
    stile_search_problem problem = problem_of(2, 2, 2, 6);
    problem.exact = true;
    problem.coefficients = STILE_COEFFICIENTS_RATIONAL;
    stile_search_quality quality;
    const stile_basis *basis = best_of(*state, &problem, 2, &quality);
    assert_false(quality.feasible);
    assert_false(measure(basis).exact);
}

/* What is known of 2×2 tiles: the errors of the design, under growth of 4. */
static void the_least_errors_known_are_reached(void **state)
{
    static const double errors[] = {0.456, 0.273, 0.128};
    for (int rank = 4; rank <= 6; rank++) {
        stile_search_problem problem = problem_of(2, 2, 2, rank);
        problem.growth = 4;
        stile_search_quality quality;
        const stile_basis *basis = best_of(*state, &problem, 10, &quality);
        const stile_basis_metrics metrics = measure(basis);
        assert_true(quality.feasible);
        assert_true(metrics.error <= errors[rank - 4]);
        assert_true(metrics.growth <= 4);
        assert_near(metrics.error, quality.error, 1e-12);
        assert_near(metrics.growth, quality.growth, 1e-12);
    }
}

static void the_limit_without_a_bound_is_approached(void **state)
{
    stile_search_problem problem = problem_of(2, 2, 2, 6);
    stile_search_quality quality;
    best_of(*state, &problem, 6, &quality);
    assert_true(quality.error < 0.126);
}

static void rows_are_coupled_only_as_allowed(void **state)
{
    static const stile_coupling rows[] = {STILE_COUPLING_NONE, STILE_COUPLING_CAUSAL};
    static const double errors[] = {0.285, 0.276};
    for (int i = 0; i < 2; i++) {
        stile_search_problem problem = problem_of(2, 2, 2, 5);
        problem.growth = 4;
        problem.rows = rows[i];
        stile_search_quality quality;
        const stile_basis *basis = best_of(*state, &problem, 12, &quality);
        assert_true(quality.feasible);
        assert_true(measure(basis).algebraic <= rows[i]);
        assert_true(measure(basis).error < errors[i]);
    }
}

static bool is_multiple(double x, double unit)
{
    return x / unit == rint(x / unit);
}

/* `bits` bits of mantissa. */
static bool has_bits(double x, int bits)
{
    int exponent;
    return is_multiple(frexp(x, &exponent), ldexp(1, -bits));
}

static void coefficients_are_of_the_kind_asked_for(void **state)
{
    for (int kind = STILE_COEFFICIENTS_INTEGER; kind <= STILE_COEFFICIENTS_E4M3; kind++) {
        stile_search_problem problem = problem_of(2, 2, 2, 6);
        problem.growth = 8;
        problem.coefficients = (stile_coefficients)kind;
        stile_search_quality quality;
        const stile_basis *basis = best_of(*state, &problem, 4, &quality);
        const stile_basis_matrix matrices[] = {stile_basis_u(basis), stile_basis_v(basis),
                                               stile_basis_d(basis)};
        assert_true(quality.feasible);
        assert_true(quality.error < 0.26); /* 0.25: two products dropped */
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 24; j++) {
                const double x = matrices[i].entries[j];
                if (kind == STILE_COEFFICIENTS_INTEGER)
                    assert_true(is_multiple(x, 1));
                else if (kind == STILE_COEFFICIENTS_RATIONAL)
                    assert_true(matrices[i].exact[j].den <= 4);
                else
                    assert_true(has_bits(x, kind == STILE_COEFFICIENTS_BF16 ? 8 : 4));
                assert_true(kind != STILE_COEFFICIENTS_E4M3 || is_multiple(x, 0x1p-9));
            }
        }
    }
}

static void given_bases_are_where_starts_begin(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    stile_search_problem problem = problem_of(2, 2, 2, 7);
    problem.from[problem.from_count++] = strassen;
    problem.growth = 4;
    stile_search_quality quality;
    best_of(*state, &problem, 1, &quality);
    assert_true(quality.error < 1e-12);
    /* One channel fewer, one more: neither is worse than what is obvious. */
    problem.rank = 6;
    assert_int_equal(best_of(*state, &problem, 1, &quality)->rank, 6);
    assert_true(quality.error < 0.13);
    problem.rank = 8;
    assert_int_equal(best_of(*state, &problem, 1, &quality)->rank, 8);
    assert_true(quality.error < 1e-6);
}

static void the_support_stays(void **state)
{
    const stile_basis *support = named(*state, "winograd");
    stile_search_problem problem = problem_of(2, 2, 2, 7);
    problem.support = support;
    problem.growth = 20;
    stile_search_quality quality;
    const stile_basis *basis = best_of(*state, &problem, 3, &quality);
    for (int i = 0; i < 28; i++) {
        assert_true(support->u[i] != 0 || basis->u[i] == 0);
        assert_true(support->v[i] != 0 || basis->v[i] == 0);
        assert_true(support->d[i] != 0 || basis->d[i] == 0);
    }
    assert_true(quality.error < 0.2);
}

static void the_result_is_a_function_of_problem_seed_and_index(void **state)
{
    stile_search_problem problem = problem_of(2, 2, 2, 5);
    stile_search_quality first, second, other;
    const stile_basis *a = best_of(*state, &problem, 2, &first);
    const stile_basis *b = best_of(*state, &problem, 2, &second);
    assert_same_entries(a, b);
    problem.seed = 2;
    const stile_basis *c = best_of(*state, &problem, 2, &other);
    assert_true(memcmp(a->u, c->u, 20 * sizeof *a->u) != 0);
}

static void impossible_problems_are_refused(void **state)
{
    stile_search_problem problem = problem_of(2, 2, 9, 5);
    assert_int_equal(stile_search_check(&problem), STILE_ERROR_ARGUMENT);
    problem = problem_of(2, 2, 2, 9);
    assert_int_equal(stile_search_check(&problem), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "from 1 to 8"));
    problem.rank = 0;
    assert_int_equal(stile_search_check(&problem), STILE_ERROR_ARGUMENT);
    problem = problem_of(2, 2, 2, 7);
    problem.exact = true;
    problem.coefficients = STILE_COEFFICIENTS_BF16;
    assert_int_equal(stile_search_check(&problem), STILE_ERROR_ARGUMENT);
    problem = problem_of(2, 2, 2, 7);
    problem.from[problem.from_count++] = named(*state, "laderman");
    assert_int_equal(stile_search_check(&problem), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "'laderman' has tiles of 3x3x3"));
    problem = problem_of(2, 2, 2, 6);
    problem.support = named(*state, "strassen");
    assert_int_equal(stile_search_check(&problem), STILE_ERROR_ARGUMENT);
    problem = problem_of(2, 2, 2, 6);
    problem.rows = STILE_COUPLING_NONE;
    problem.coefficients = STILE_COEFFICIENTS_INTEGER;
    assert_int_equal(stile_search_check(&problem), STILE_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(exact_bases_are_found_from_random_starts),
        ARENA_TEST(a_search_for_what_is_not_there_says_so),
        ARENA_TEST(the_least_errors_known_are_reached),
        ARENA_TEST(the_limit_without_a_bound_is_approached),
        ARENA_TEST(rows_are_coupled_only_as_allowed),
        ARENA_TEST(coefficients_are_of_the_kind_asked_for),
        ARENA_TEST(given_bases_are_where_starts_begin),
        ARENA_TEST(the_support_stays),
        ARENA_TEST(the_result_is_a_function_of_problem_seed_and_index),
        ARENA_TEST(impossible_problems_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
