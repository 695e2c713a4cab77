/* SPDX-License-Identifier: Apache-2.0 */
/* Both optimizers, by what they promise of the objective. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "bases.h"
#include "basis_search_optimizer.h"
#include "generator.h"

typedef struct fixture {
    stile_search_point point;
    stile_search_optimizer optimizer;
} fixture;

static fixture make(int m, int k, int n, int rank, stile_coupling rows, uint64_t seed)
{
    fixture f;
    stile_generator g = {seed};
    assert_int_equal(stile_search_point_create(&f.point, m, k, n, rank, rank + 3), STILE_OK);
    f.point.rows = rows;
    f.point.leak = rows == STILE_COUPLING_FULL ? 1 : 30;
    assert_int_equal(stile_search_optimizer_create(&f.optimizer, &f.point), STILE_OK);
    for (int row = 0; row < m * k + k * n + m * n; row++)
        for (int c = 0; c < rank; c++)
            f.point.x[0][row * f.point.stride + c] = 0.4 * stile_generator_normal(&g);
    return f;
}

static void destroy(fixture *f)
{
    stile_search_optimizer_destroy(&f->optimizer);
    stile_search_point_destroy(&f->point);
}

static double objective(fixture *f, double weight)
{
    return stile_search_error(&f->point, f->optimizer.residual) +
           weight * stile_search_growth(&f->point);
}

static const stile_coupling all_rows[] = {STILE_COUPLING_FULL, STILE_COUPLING_CAUSAL,
                                          STILE_COUPLING_NONE};

/* No entry of the factor that was solved for can be moved without loss. */
static void solving_for_a_factor_is_least_squares(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        for (int factor = 0; factor < 3; factor++) {
            fixture f = make(2, 3, 2, 7, all_rows[kind], 5);
            f.point.held[factor][2] = 1;
            const double held = f.point.x[factor][2], before = objective(&f, 0.02);
            assert_true(stile_search_solve_factor(&f.optimizer, &f.point, factor, 0.02));
            const double least = objective(&f, 0.02);
            assert_true(least < before);
            assert_true(f.point.x[factor][2] == held);
            for (int i = 0; i < f.point.sizes[factor]; i++) {
                double *x = &f.point.x[factor][i * f.point.stride + i % 7];
                for (int step = -1; step <= 1; step += 2) {
                    *x += step * 1e-3;
                    if (!f.point.held[factor][i * f.point.stride + i % 7])
                        assert_true(objective(&f, 0.02) > least);
                    *x -= step * 1e-3;
                }
            }
            destroy(&f);
        }
    }
}

static void newton_never_loses(void **state)
{
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        fixture f = make(2, 2, 3, 8, all_rows[kind / 2], (uint64_t)kind);
        stile_search_goal goal = {.weight = 0.01, .gauss = kind % 2, .error = -1};
        double last = objective(&f, 0.01);
        for (int i = 0; i < 30; i++) {
            const stile_newton_outcome outcome = stile_search_newton(&f.optimizer, &f.point, &goal);
            assert_int_not_equal(outcome, STILE_NEWTON_FAILED);
            const double now = objective(&f, 0.01);
            assert_true(now <= last * (1 + 1e-12));
            assert_near(goal.error + 0.01 * goal.growth, now, 1e-12);
            last = now;
        }
        destroy(&f);
    }
}

/*
 * With the true Hessian the method converges quadratically, at solutions with an error too; a wrong
 * term anywhere would spoil that. The weight makes the minimum sharp but for orthogonal rotations
 * and scales, of which the damping takes care.
 */
static void newton_converges_in_few_steps(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        fixture f = make(2, 2, 2, 6, all_rows[kind], 3);
        stile_search_goal goal = {.weight = 0.01, .error = -1};
        for (int i = 0; i < 200; i++)
            assert_true(stile_search_sweep(&f.optimizer, &f.point, goal.weight));
        stile_search_point_balance(&f.point);
        int steps = 0;
        while (stile_search_newton(&f.optimizer, &f.point, &goal) == STILE_NEWTON_MOVED)
            steps++;
        assert_true(steps < 40);
        const double least = goal.error + goal.weight * goal.growth;
        for (int i = 0; i < 300; i++)
            assert_true(stile_search_sweep(&f.optimizer, &f.point, goal.weight));
        assert_near(objective(&f, goal.weight), least, 1e-12);
        destroy(&f);
    }
}

/* Past some hundred unknowns steps are found iteratively: to the same end. */
static void large_systems_are_solved_iteratively(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        fixture f = make(3, 3, 3, 16, all_rows[kind], 4);
        stile_search_goal goal = {.weight = 0.003, .error = -1};
        for (int i = 0; i < 100; i++)
            assert_true(stile_search_sweep(&f.optimizer, &f.point, goal.weight));
        stile_search_point_balance(&f.point);
        double last = objective(&f, goal.weight);
        for (int i = 0; i < 60; i++) {
            if (stile_search_newton(&f.optimizer, &f.point, &goal) != STILE_NEWTON_MOVED)
                break;
            assert_true(objective(&f, goal.weight) <= last * (1 + 1e-12));
            last = objective(&f, goal.weight);
        }
        assert_null(f.optimizer.hessian);
        for (int i = 0; i < 100; i++)
            assert_true(stile_search_sweep(&f.optimizer, &f.point, goal.weight));
        assert_near(objective(&f, goal.weight), last, 1e-5);
        destroy(&f);
    }
}

static void a_bound_of_growth_is_met(void **state)
{
    (void)state;
    fixture f = make(2, 2, 2, 6, STILE_COUPLING_FULL, 3);
    for (int i = 0; i < 100; i++)
        assert_true(stile_search_sweep(&f.optimizer, &f.point, 1e-3));
    stile_search_goal goal = {.weight = 1e-3, .bound = 4, .error = -1};
    for (int i = 0; i < 60; i++)
        if (stile_search_newton(&f.optimizer, &f.point, &goal) != STILE_NEWTON_MOVED)
            break;
    assert_near(goal.growth, 4, 1e-4);
    assert_near(goal.error, 0.127, 1e-3); /* the least known: shared by all who looked */
    destroy(&f);
}

static void held_entries_stay_and_springs_draw(void **state)
{
    (void)state;
    fixture f = make(2, 2, 2, 7, STILE_COUPLING_FULL, 2);
    double pull[12 * 16] = {0}, aim[12 * 16] = {0};
    assert_true(stile_search_point_size(&f.point) <= 12 * 16);
    f.point.held[1][3] = 1;
    const double held = f.point.x[1][3];
    pull[0] = 1e6;
    aim[0] = 0.75;
    f.optimizer.pull = pull;
    f.optimizer.aim = aim;
    stile_search_goal goal = {.weight = 1e-4, .gauss = true, .error = -1};
    for (int i = 0; i < 30; i++)
        stile_search_newton(&f.optimizer, &f.point, &goal);
    assert_true(f.point.x[1][3] == held);
    assert_near(f.point.x[0][0], 0.75, 1e-4);
    destroy(&f);
}

/* A channel that is zero, or all of them, break nothing. */
static void singular_points_are_survived(void **state)
{
    (void)state;
    fixture f = make(2, 2, 2, 4, STILE_COUPLING_FULL, 1);
    for (int row = 0; row < 12; row++)
        f.point.x[0][row * f.point.stride + 1] = f.point.x[0][row * f.point.stride];
    for (int i = 0; i < 4; i++)
        f.point.x[1][i * f.point.stride + 2] = 0;
    assert_true(stile_search_sweep(&f.optimizer, &f.point, 0));
    assert_true(isfinite(objective(&f, 0)));
    for (size_t i = 0; i < stile_search_point_size(&f.point); i++)
        f.point.x[0][i] = 0;
    assert_true(stile_search_sweep(&f.optimizer, &f.point, 1e-3));
    assert_near(objective(&f, 0), 1, 1e-12);
    stile_search_goal goal = {.weight = 1e-3, .error = -1};
    assert_int_not_equal(stile_search_newton(&f.optimizer, &f.point, &goal), STILE_NEWTON_FAILED);
    assert_true(isfinite(objective(&f, 0)));
    destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solving_for_a_factor_is_least_squares),
        cmocka_unit_test(newton_never_loses),
        cmocka_unit_test(newton_converges_in_few_steps),
        cmocka_unit_test(large_systems_are_solved_iteratively),
        cmocka_unit_test(a_bound_of_growth_is_met),
        cmocka_unit_test(held_entries_stay_and_springs_draw),
        cmocka_unit_test(singular_points_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
