/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bases.h"

static stile_basis *drop(stile_arena *arena, const stile_basis *basis, const int *channels,
                         int count)
{
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_drop(&out, arena, basis, channels, count), STILE_OK);
    return out;
}

static stile_basis *merge(stile_arena *arena, const stile_basis *basis)
{
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_merge(&out, arena, basis), STILE_OK);
    return out;
}

static void dropping_classical_products_costs_their_share(void **state)
{
    const stile_basis *dropped = drop(*state, classical(*state, 2, 2, 2), (const int[]){6, 1}, 2);
    assert_int_equal(dropped->rank, 6);
    assert_true(stile_basis_is_rational(dropped));
    assert_near(measure(dropped).error, 2.0 / 8, 1e-15);
}

static void the_other_channels_stay_as_they_are(void **state)
{
    const stile_basis *random = random_basis(*state, 2, 3, 2, 4);
    const stile_basis *left = drop(*state, random, (const int[]){1}, 1);
    for (int c = 0; c < 3; c++) {
        const int from = c < 1 ? c : c + 1;
        assert_memory_equal(left->u + c * 6, random->u + from * 6, 6 * sizeof(double));
        assert_memory_equal(left->v + c * 6, random->v + from * 6, 6 * sizeof(double));
        for (int i = 0; i < 4; i++)
            assert_true(left->d[i * 3 + c] == random->d[i * 4 + from]);
    }
}

/* Each choice against all others, by the metrics. */
static void the_least_channel_is_the_one_whose_loss_costs_least(void **state)
{
    const stile_basis *basis = random_basis(*state, 2, 2, 2, 9);
    int channels[5], order[5];
    assert_int_equal(stile_basis_least_channels(basis, 5, channels), STILE_OK);
    memcpy(order, channels, sizeof order);
    for (int i = 0; i < 5; i++) {
        const double chosen = measure(drop(*state, basis, channels, i + 1)).error;
        for (int c = 0; c < 9; c++) {
            order[i] = c;
            bool taken = false;
            for (int j = 0; j < i; j++)
                taken |= order[j] == c;
            if (!taken)
                assert_true(measure(drop(*state, basis, order, i + 1)).error >= chosen - 1e-12);
        }
        order[i] = channels[i];
    }
}

static void impossible_drops_are_refused(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    stile_basis *out = NULL;
    int channels[] = {0, 1, 2, 3, 4, 5, 6};
    assert_int_equal(stile_basis_drop(&out, *state, strassen, (const int[]){7}, 1),
                     STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "has no channel 7: its channels are 0 to 6"));
    assert_int_equal(stile_basis_drop(&out, *state, strassen, (const int[]){-1}, 1),
                     STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_basis_drop(&out, *state, strassen, (const int[]){3, 3}, 2),
                     STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "named twice"));
    assert_int_equal(stile_basis_drop(&out, *state, strassen, channels, 7), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "one must be left"));
    assert_int_equal(stile_basis_drop(&out, *state, strassen, channels, 0), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_basis_least_channels(strassen, 7, channels), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_basis_least_channels(strassen, 0, channels), STILE_ERROR_ARGUMENT);
    assert_null(out);
}

/* Channel 0 again behind the others, once for each of the three ways to be parallel. */
static stile_basis *with_split_channels(stile_arena *arena, const stile_basis *basis)
{
    const int mk = basis->m * basis->k, kn = basis->k * basis->n, mn = basis->m * basis->n;
    const int rank = basis->rank + 3;
    stile_basis *out = stile_basis_create(arena, "split", basis->m, basis->k, basis->n, rank,
                                          stile_basis_is_rational(basis));
    assert_non_null(out);
    for (int c = 0; c < rank; c++) {
        const int from = c < basis->rank ? c : c - basis->rank;
        for (int f = 0; f < 3; f++) {
            const int count = f == 0 ? mk : f == 1 ? kn : mn;
            const stile_basis_matrix target = f == 0   ? stile_basis_u(out)
                                              : f == 1 ? stile_basis_v(out)
                                                       : stile_basis_d(out);
            const stile_basis_matrix source = f == 0   ? stile_basis_u(basis)
                                              : f == 1 ? stile_basis_v(basis)
                                                       : stile_basis_d(basis);
            /* A split channel is halved in one factor, and in both of its parts. */
            const bool halved = c == from ? f == c && c < 3 : f == from;
            const int multiple = c == from ? 1 : f == (from + 1) % 3 ? -3 : 1;
            for (int i = 0; i < count; i++) {
                const int to = f < 2 ? c * count + i : i * rank + c;
                const int at = f < 2 ? from * count + i : i * basis->rank + from;
                target.entries[to] = source.entries[at] * multiple / (halved ? 2 : 1);
                if (target.exact)
                    assert_true(stile_rational_mul(&target.exact[to], source.exact[at],
                                                   (stile_rational){multiple, halved ? 2 : 1}));
            }
        }
    }
    /* −3 in one factor: a third of it in the next. */
    for (int c = basis->rank; c < rank; c++) {
        const int f = (c - basis->rank + 2) % 3, count = f == 0 ? mk : f == 1 ? kn : mn;
        const stile_basis_matrix target = f == 0   ? stile_basis_u(out)
                                          : f == 1 ? stile_basis_v(out)
                                                   : stile_basis_d(out);
        for (int i = 0; i < count; i++) {
            const int to = f < 2 ? c * count + i : i * rank + c;
            target.entries[to] /= -3;
            if (target.exact)
                assert_true(stile_rational_mul(&target.exact[to], target.exact[to],
                                               (stile_rational){-1, 3}));
        }
    }
    return out;
}

static void parallel_channels_become_one(void **state)
{
    const stile_basis *bases[] = {named(*state, "strassen"), random_basis(*state, 2, 3, 2, 5)};
    for (int i = 0; i < 2; i++) {
        const stile_basis *split = with_split_channels(*state, bases[i]);
        assert_same_operator(*state, split, bases[i]);
        const stile_basis *merged = merge(*state, split);
        assert_int_equal(merged->rank, bases[i]->rank);
        assert_same_operator(*state, merged, bases[i]);
    }
    assert_true(measure(merge(*state, with_split_channels(*state, bases[0]))).exact);
}

static void channels_that_are_not_parallel_stay(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t s = seed;
        const stile_basis *basis = random_exact_basis(*state, &s);
        assert_same_entries(merge(*state, basis), basis);
    }
    const stile_basis *random = random_basis(*state, 3, 2, 3, 20);
    assert_same_entries(merge(*state, random), random);
}

static void channels_that_cancel_or_are_zero_go(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    stile_basis *twice = NULL, *out = NULL;
    const int first[] = {0};
    stile_basis *padded = drop(*state, strassen, first, 1);
    for (int i = 0; i < 4; i++) {
        padded->u[i] = 0;
        padded->u_exact[i] = STILE_RATIONAL_ZERO;
    }
    assert_int_equal(merge(*state, padded)->rank, 5);

    assert_int_equal(stile_basis_sum(&twice, *state, STILE_AXIS_M, classical(*state, 1, 1, 1),
                                     classical(*state, 1, 1, 1)),
                     STILE_OK);
    /* Both channels on the same entries, with opposite signs. */
    for (int c = 0; c < 2; c++) {
        twice->u_exact[c * 2] = STILE_RATIONAL_ONE;
        twice->u_exact[c * 2 + 1] = STILE_RATIONAL_ZERO;
        twice->d_exact[c] = (stile_rational){c ? -1 : 1, 1};
        twice->d_exact[2 + c] = STILE_RATIONAL_ZERO;
    }
    stile_basis_round_exact(twice);
    assert_int_equal(stile_basis_merge(&out, *state, twice), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "nothing would be left"));
    assert_null(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(dropping_classical_products_costs_their_share),
        ARENA_TEST(the_other_channels_stay_as_they_are),
        ARENA_TEST(the_least_channel_is_the_one_whose_loss_costs_least),
        ARENA_TEST(impossible_drops_are_refused),
        ARENA_TEST(parallel_channels_become_one),
        ARENA_TEST(channels_that_are_not_parallel_stay),
        ARENA_TEST(channels_that_cancel_or_are_zero_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
