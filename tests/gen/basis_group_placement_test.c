/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "basis_group.h"
#include "bases.h"

static stile_group *create(stile_arena *arena, const char *name)
{
    stile_group *group = NULL;
    assert_int_equal(stile_group_create(&group, arena, name), STILE_OK);
    return group;
}

static stile_basis *basis_of(stile_arena *arena, const stile_group *group,
                             const stile_placement *placement)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_of_placement(&basis, arena, group, placement), STILE_OK);
    return basis;
}

/* Subsets with the triple product property make exact bases, proved in integers where they can be.
 */
static void triples_with_the_property_are_exact(void **state)
{
    static const struct {
        const char *name;
        int sizes[3];
    } cases[] = {{"S3", {2, 2, 2}},   {"Z2^3", {2, 2, 2}}, {"D4", {2, 2, 2}},   {"Q8", {2, 2, 2}},
                 {"Z8", {2, 2, 2}},   {"D5", {2, 2, 2}},   {"A4", {2, 3, 2}},   {"S4", {3, 3, 3}},
                 {"Z3^3", {3, 3, 3}}, {"Z5", {1, 5, 1}},   {"D4xZ2", {2, 2, 4}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const stile_group *group = create(*state, cases[i].name);
        stile_triples triples;
        assert_int_equal(stile_triples_exact(&triples, *state, group, cases[i].sizes, 3), STILE_OK);
        assert_true(triples.count > 0);
        for (int j = 0; j < triples.count; j++) {
            const stile_placement placement = stile_placement_of_triple(group, &triples.items[j]);
            const stile_basis *basis = basis_of(*state, group, &placement);
            assert_int_equal(basis->rank, group->rank);
            assert_int_equal(stile_basis_is_rational(basis), group->rational);
            assert_true(measure(basis).exact);
        }
    }
}

/* Z₂ × Z₂ × Z₂ for 2×2×2: its three factors. All entries are ±1, and 1/8 in D. */
static void the_cube_of_two_is_a_hadamard_transform(void **state)
{
    const stile_group *group = create(*state, "Z2^3");
    const stile_triple triple = {{2, 2, 2}, {{0, 1}, {0, 2}, {0, 4}}};
    const stile_placement placement = stile_placement_of_triple(group, &triple);
    const stile_basis *basis = basis_of(*state, group, &placement);
    for (int i = 0; i < 8 * 4; i++) {
        assert_true(basis->u[i] == 1 || basis->u[i] == -1);
        assert_true(basis->v[i] == 1 || basis->v[i] == -1);
        assert_true(basis->d[i] == 0.125 || basis->d[i] == -0.125);
    }
    assert_true(measure(basis).growth == 8. * 4 * 4 * 4 / 64 / 8);
}

static stile_placement draw_placement(uint64_t *seed, const stile_group *group, int m, int k, int n)
{
    stile_placement placement = {.m = m, .k = k, .n = n};
    for (int i = 0; i < m * k; i++) {
        placement.x[i] = (uint8_t)draw(seed, group->order);
        placement.x_signs[i] = draw(seed, 2) ? 1 : -1;
    }
    for (int i = 0; i < k * n; i++) {
        placement.w[i] = (uint8_t)draw(seed, group->order);
        placement.w_signs[i] = draw(seed, 2) ? 1 : -1;
    }
    return placement;
}

/* The error that is counted is that of the basis. */
static void errors_are_those_of_the_bases(void **state)
{
    static const char *const names[] = {"Z3", "Z7", "S3", "Q8", "A4", "Z4^2"};
    uint64_t seed = 5;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const stile_group *group = create(*state, names[i]);
        for (int j = 0; j < 12; j++) {
            const stile_placement placement = draw_placement(&seed, group, 2 + j % 2, 3, 2);
            assert_near(measure(basis_of(*state, group, &placement)).error,
                        stile_placement_error(group, &placement), 1e-12);
        }
    }
}

/* An inner product whose terms have different signs, all in one place: they cancel by pairs. */
static void signs_count(void **state)
{
    const stile_group *group = create(*state, "Z3");
    stile_placement placement = {1, 2, 1, {0, 1}, {0, 2}, {1, 1}, {1, 1}};
    assert_true(stile_placement_error(group, &placement) == 0);
    placement.w_signs[1] = -1;
    assert_true(stile_placement_error(group, &placement) == 1);
    placement.x_signs[1] = -1;
    assert_true(stile_placement_error(group, &placement) == 0);
    assert_true(measure(basis_of(*state, group, &placement)).exact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(triples_with_the_property_are_exact),
        ARENA_TEST(the_cube_of_two_is_a_hadamard_transform),
        ARENA_TEST(errors_are_those_of_the_bases),
        ARENA_TEST(signs_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
