/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "basis_group.h"
#include "bases.h"

static stile_basis *decoded(stile_arena *arena, const stile_basis *basis, const int *channels,
                            int count)
{
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_decoded(&out, arena, basis, channels, count), STILE_OK);
    return out;
}

static const int first_channels[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/* The least error has no derivative: any small change of D makes it worse. */
static void no_decoder_is_better(void **state)
{
    const stile_basis *const bases[] = {named(*state, "strassen"), random_basis(*state, 2, 2, 3, 7),
                                        random_basis(*state, 3, 2, 2, 5)};
    uint64_t seed = 1;
    for (int i = 0; i < 3; i++) {
        stile_basis *basis = decoded(*state, bases[i], first_channels, 5);
        const double least = measure(basis).error;
        assert_false(measure(basis).exact);
        basis->u_exact = basis->v_exact = basis->d_exact = NULL;
        for (int j = 0; j < 50; j++) {
            const int at = draw(&seed, basis->m * basis->n * basis->rank);
            const double old = basis->d[at];
            basis->d[at] += draw(&seed, 2) ? 1e-3 : -1e-3;
            assert_true(measure(basis).error > least);
            basis->d[at] = old;
        }
    }
}

static void exact_bases_get_their_decoder_back(void **state)
{
    static const char *const names[] = {"strassen", "winograd"};
    for (int i = 0; i < 2; i++) {
        const stile_basis *basis = named(*state, names[i]);
        const stile_basis *again = decoded(*state, basis, first_channels, 7);
        assert_same_entries(basis, again);
        assert_true(stile_basis_is_rational(again));
    }
}

/* Strassen's without a channel: the fractions of its best decoder, not 0 and ±1. */
static void inexact_decoders_are_fractions_where_they_can_be(void **state)
{
    const stile_basis *basis = decoded(*state, named(*state, "strassen"), first_channels, 6);
    assert_true(stile_basis_is_rational(basis));
    for (int i = 0; i < 4 * 6; i++)
        assert_true(basis->d_exact[i].den < 1000);
    assert_near(measure(basis).error, 5. / 26, 1e-12); /* 1/2 with the D of Strassen */
    assert_false(stile_basis_is_rational(
        decoded(*state, random_basis(*state, 2, 2, 2, 6), first_channels, 6)));
}

static void dependent_channels_are_refused(void **state)
{
    const stile_basis *basis = named(*state, "strassen");
    const int twice[] = {0, 3, 0};
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_decoded(&out, *state, basis, twice, 3), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "depend on one another"));
    assert_null(out);
}

/* The errors that chains announce are those of the bases they lead to. */
static void chains_announce_the_errors(void **state)
{
    static stile_channel_chain chains[2];
    const stile_basis *const bases[] = {named(*state, "strassen"), classical(*state, 2, 3, 2),
                                        random_basis(*state, 2, 2, 2, 12)};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stile_basis_chains(bases[i], &chains[0], &chains[1]), STILE_OK);
        assert_int_equal(chains[0].count, chains[1].count);
        for (int way = 0; way < 2; way++) {
            assert_true(chains[way].errors[0] == 1);
            for (int count = 1; count <= chains[way].count; count++) {
                const stile_basis *basis = decoded(*state, bases[i], chains[way].channels, count);
                assert_near(measure(basis).error, chains[way].errors[count], 1e-9);
                assert_true(chains[way].errors[count] <= chains[way].errors[count - 1] + 1e-12);
            }
        }
    }
}

static void each_link_is_the_best_one(void **state)
{
    static stile_channel_chain grown, shrunk;
    const stile_basis *basis = random_basis(*state, 2, 2, 2, 6);
    assert_int_equal(stile_basis_chains(basis, &grown, &shrunk), STILE_OK);
    for (int c = 0; c < 6; c++) {
        assert_true(measure(decoded(*state, basis, &c, 1)).error >= grown.errors[1] - 1e-12);
        int others[5];
        for (int i = 0, j = 0; i < 6; i++) {
            if (i != c)
                others[j++] = i;
        }
        assert_true(measure(decoded(*state, basis, others, 5)).error >= shrunk.errors[5] - 1e-12);
    }
}

/* Channels that repeat others, that are zero, or that meet no product are left out. */
static void idle_channels_are_left_out(void **state)
{
    static stile_channel_chain grown, shrunk;
    const stile_basis *strassen = named(*state, "strassen");
    stile_basis *basis = stile_basis_create(*state, "idle", 2, 2, 2, 10, false);
    assert_non_null(basis);
    for (int c = 0; c < 8; c++) {
        memcpy(basis->u + 4 * c, strassen->u + 4 * (c % 7), 4 * sizeof *basis->u);
        memcpy(basis->v + 4 * c, strassen->v + 4 * (c % 7), 4 * sizeof *basis->v);
    }
    basis->u[4 * 8] = 1;     /* channel 8: x₁₁·w₂₁, of no output */
    basis->v[4 * 8 + 2] = 1; /* channel 9 is zero */
    assert_int_equal(stile_basis_chains(basis, &grown, &shrunk), STILE_OK);
    assert_int_equal(grown.count, 7);
    assert_near(grown.errors[7], 0, 1e-12);
    bool seen[10] = {false};
    for (int i = 0; i < 7; i++)
        seen[grown.channels[i]] = true;
    assert_false(seen[8] || seen[9] || (seen[0] && seen[7]));

    memset(basis->u, 0, 40 * sizeof *basis->u);
    assert_int_equal(stile_basis_chains(basis, &grown, &shrunk), STILE_OK);
    assert_int_equal(grown.count, 0);
    assert_int_equal(shrunk.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(no_decoder_is_better),
        ARENA_TEST(exact_bases_get_their_decoder_back),
        ARENA_TEST(inexact_decoders_are_fractions_where_they_can_be),
        ARENA_TEST(dependent_channels_are_refused),
        ARENA_TEST(chains_announce_the_errors),
        ARENA_TEST(each_link_is_the_best_one),
        ARENA_TEST(idle_channels_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
