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

/* s'·s⁻¹·t'·t⁻¹·u'·u⁻¹ for all six. */
static bool has_property(const stile_group *group, const stile_triple *triple)
{
    const int *sizes = triple->sizes;
    const int count = sizes[0] * sizes[0] * sizes[1] * sizes[1] * sizes[2] * sizes[2];
    for (int i = 0; i < count; i++) {
        int rest = i, product = 0;
        bool same = true;
        for (int which = 0; which < 3; which++) {
            const int first = rest % sizes[which], second = rest / sizes[which] % sizes[which];
            rest /= sizes[which] * sizes[which];
            same &= first == second;
            product = group->product[product][triple->elements[which][first]];
            product = group->product[product][group->inverse[triple->elements[which][second]]];
        }
        if (product == 0 && !same)
            return false;
    }
    return true;
}

static stile_triple draw_triple(uint64_t *seed, const stile_group *group, const int sizes[3])
{
    stile_triple triple = {{sizes[0], sizes[1], sizes[2]}, {{0}}};
    for (int which = 0; which < 3; which++) {
        for (int i = 0; i < sizes[which];) {
            const int element = draw(seed, group->order);
            bool fresh = true;
            for (int j = 0; j < i; j++)
                fresh &= triple.elements[which][j] != element;
            if (fresh)
                triple.elements[which][i++] = (uint8_t)element;
        }
    }
    return triple;
}

static void the_property_is_that_of_its_definition(void **state)
{
    static const char *const names[] = {"Z8", "Z2^3", "S3", "D4", "Q8", "A4", "Z12", "S4", "S3^2"};
    static const int shapes[][3] = {{2, 2, 2}, {1, 2, 3}, {2, 3, 1}, {3, 2, 2}};
    uint64_t seed = 1;
    int found = 0, missed = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const stile_group *group = create(*state, names[i]);
        for (int j = 0; j < 400; j++) {
            const stile_triple triple = draw_triple(&seed, group, shapes[j % 4]);
            const bool expected = has_property(group, &triple);
            const stile_placement placement = stile_placement_of_triple(group, &triple);
            assert_int_equal(stile_triple_has_property(group, &triple), expected);
            assert_int_equal(stile_placement_error(group, &placement) == 0, expected);
            found += expected;
            missed += !expected;
        }
    }
    assert_true(found > 100 && missed > 100); /* the test sees both */
}

/* How many triples with the identity in each set have the property, counted the long way. */
static int count_all(const stile_group *group)
{
    int count = 0;
    for (int a = 1; a < group->order; a++)
        for (int b = 1; b < group->order; b++)
            for (int c = 1; c < group->order; c++) {
                const stile_triple triple = {{2, 2, 2},
                                             {{0, (uint8_t)a}, {0, (uint8_t)b}, {0, (uint8_t)c}}};
                count += has_property(group, &triple);
            }
    return count;
}

static void the_search_finds_all_triples(void **state)
{
    static const char *const names[] = {"Z4", "Z6", "S3", "Z7", "Z8", "Z2^3", "D4", "Q8", "Z9"};
    const int sizes[] = {2, 2, 2};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const stile_group *group = create(*state, names[i]);
        stile_triples triples;
        assert_int_equal(stile_triples_exact(&triples, *state, group, sizes, 1000), STILE_OK);
        assert_true(triples.complete);
        assert_int_equal(triples.count, count_all(group));
        for (int j = 0; j < triples.count; j++)
            assert_true(stile_triple_has_property(group, &triples.items[j]));
    }
}

/* The least groups: Cohn and Umans's S₃ for 2×2×2, and no abelian one of fewer than 8 elements. */
static void known_triples_are_there_or_not(void **state)
{
    static const struct {
        const char *name;
        int sizes[3];
        bool exists;
    } known[] = {
        {"S3", {2, 2, 2}, true},   {"Z6", {2, 2, 2}, false},  {"Z7", {2, 2, 2}, false},
        {"Z2^3", {2, 2, 2}, true}, {"D4", {2, 2, 2}, true},   {"S4", {3, 3, 3}, true},
        {"A4", {3, 3, 3}, false},  {"Z3^3", {3, 3, 3}, true}, {"Z2^6", {4, 4, 4}, true},
        {"S4", {4, 4, 4}, false},  {"Z12", {2, 2, 3}, true},  {"Z2", {1, 2, 1}, true},
        {"Z2", {3, 1, 1}, false},  {"Z1", {1, 1, 1}, true},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        stile_triples triples;
        const stile_group *group = create(*state, known[i].name);
        assert_int_equal(stile_triples_exact(&triples, *state, group, known[i].sizes, 1), STILE_OK);
        assert_int_equal(triples.count, known[i].exists);
        assert_true(triples.complete || known[i].exists);
    }
}

/* S = {0, 1}, T = {0, 2}, U = {0, 4} in Z₈: the sum of two, of four numbers, without carries. */
static void subgroup_chains_have_the_property(void **state)
{
    const stile_triple triple = {{2, 2, 2}, {{0, 1}, {0, 2}, {0, 4}}};
    const stile_triple other = {{2, 2, 2}, {{0, 1}, {0, 2}, {0, 3}}};
    assert_true(stile_triple_has_property(create(*state, "Z8"), &triple));
    assert_false(stile_triple_has_property(create(*state, "Z7"), &triple));
    assert_false(stile_triple_has_property(create(*state, "Z8"), &other));
}

static void relaxed_triples_come_in_order(void **state)
{
    static const char *const names[] = {"Z4", "Z6", "D4", "Z16", "S4"};
    const int sizes[] = {3, 2, 3};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const stile_group *group = create(*state, names[i]);
        stile_triples triples, again;
        assert_int_equal(stile_triples_relaxed(&triples, *state, group, sizes, 30, 7), STILE_OK);
        assert_in_range(triples.count, 1, 30);
        double last = 0;
        for (int j = 0; j < triples.count; j++) {
            const stile_placement placement = stile_placement_of_triple(group, &triples.items[j]);
            const double error = stile_placement_error(group, &placement);
            assert_true(error >= last - 1e-9 && error < 1);
            last = error;
            for (int which = 0; which < 3; which++)
                assert_int_equal(triples.items[j].elements[which][0], 0);
        }
        assert_int_equal(stile_triples_relaxed(&again, *state, group, sizes, 30, 7), STILE_OK);
        assert_int_equal(again.count, triples.count);
        assert_memory_equal(again.items, triples.items, (size_t)again.count * sizeof *again.items);
    }
}

/* All of them are looked at where there are few: none is better than the first. */
static void the_best_relaxed_triple_is_found(void **state)
{
    const stile_group *group = create(*state, "Z5");
    const int sizes[] = {2, 2, 2};
    stile_triples triples;
    assert_int_equal(stile_triples_relaxed(&triples, *state, group, sizes, 1, 1), STILE_OK);
    assert_true(triples.complete);
    const stile_placement best = stile_placement_of_triple(group, &triples.items[0]);
    uint64_t seed = 3;
    for (int i = 0; i < 500; i++) {
        const stile_triple triple = draw_triple(&seed, group, sizes);
        const stile_placement placement = stile_placement_of_triple(group, &triple);
        assert_true(stile_placement_error(group, &placement) >=
                    stile_placement_error(group, &best));
    }
}

static void there_are_no_subsets_larger_than_the_group(void **state)
{
    const int sizes[] = {2, 5, 2};
    stile_triples triples;
    assert_int_equal(stile_triples_relaxed(&triples, *state, create(*state, "Z4"), sizes, 10, 1),
                     STILE_OK);
    assert_int_equal(triples.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(the_property_is_that_of_its_definition),
        ARENA_TEST(the_search_finds_all_triples),
        ARENA_TEST(known_triples_are_there_or_not),
        ARENA_TEST(subgroup_chains_have_the_property),
        ARENA_TEST(relaxed_triples_come_in_order),
        ARENA_TEST(the_best_relaxed_triple_is_found),
        ARENA_TEST(there_are_no_subsets_larger_than_the_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
