/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "basis_group.h"
#include "bases.h"

static stile_group *create(stile_arena *arena, const char *name)
{
    stile_group *group = NULL;
    assert_int_equal(stile_group_create(&group, arena, name), STILE_OK);
    return group;
}

static void tables_are_those_of_groups(void **state)
{
    for (const char *const *name = stile_group_names(); *name; name++) {
        const stile_group *group = create(*state, *name);
        assert_string_equal(group->name, *name);
        for (int g = 0; g < group->order; g++) {
            assert_int_equal(group->product[0][g], g);
            assert_int_equal(group->product[g][0], g);
            assert_int_equal(group->product[g][group->inverse[g]], 0);
            for (int h = 0; h < group->order; h++) {
                const int gh = group->product[g][h];
                assert_true(gh < group->order);
                for (int f = 0; f < group->order; f++)
                    assert_int_equal(group->product[gh][f],
                                     group->product[g][group->product[h][f]]);
            }
        }
    }
}

/* Elements of each order 1, 2, … tell small groups apart. */
static void check_element_orders(stile_arena *arena, const char *name, const int *counts, int most)
{
    const stile_group *group = create(arena, name);
    int found[STILE_MAX_GROUP + 1] = {0};
    for (int g = 0; g < group->order; g++) {
        int order = 1;
        for (int h = g; h; h = group->product[h][g])
            order++;
        found[order]++;
    }
    for (int i = 1; i <= most; i++)
        assert_int_equal(found[i], counts[i - 1]);
}

static void groups_are_the_ones_named(void **state)
{
    check_element_orders(*state, "Z6", (int[]){1, 1, 2, 0, 0, 2}, 6);
    check_element_orders(*state, "Z2xZ4", (int[]){1, 3, 0, 4}, 4);
    check_element_orders(*state, "S3", (int[]){1, 3, 2}, 3);
    check_element_orders(*state, "D4", (int[]){1, 5, 0, 2}, 4);
    check_element_orders(*state, "Q8", (int[]){1, 1, 0, 6}, 4);
    check_element_orders(*state, "D5", (int[]){1, 5, 0, 0, 4}, 5);
    check_element_orders(*state, "A4", (int[]){1, 3, 8}, 3);
    check_element_orders(*state, "S4", (int[]){1, 9, 8, 6}, 4);
    check_element_orders(*state, "Q8xZ3", (int[]){1, 1, 2, 6, 0, 2}, 6);
    check_element_orders(*state, "S3^2", (int[]){1, 15, 8}, 3);
    assert_true(create(*state, "Z3xZ6")->abelian);
    assert_false(create(*state, "S3")->abelian);
    assert_int_equal(create(*state, "Z1")->order, 1);
}

/* Multiplication in R[G] is the product of the blocks: basis elements to basis elements. */
static void check_transform(const stile_group *group, double tolerance)
{
    for (int x = 0; x < group->order; x++) {
        for (int y = 0; y < group->order; y++) {
            for (int z = 0; z < group->order; z++) {
                double sum = 0;
                for (int c = 0; c < group->rank; c++)
                    sum += group->a[c * group->order + x] * group->b[c * group->order + y] *
                           group->c[z * group->rank + c];
                assert_near(sum, group->product[x][y] == z ? group->order : 0,
                            tolerance * group->order);
            }
        }
    }
}

static void fourier_transforms_are_isomorphisms(void **state)
{
    for (const char *const *name = stile_group_names(); *name; name++) {
        const stile_group *group = create(*state, *name);
        check_transform(group, group->rational ? 0 : 1e-14);
    }
    static const char *const abelian[] = {"Z2xZ12", "Z4xZ6", "Z3xZ9", "Z5xZ10", "Z2^2xZ9", "Z8xZ6"};
    for (size_t i = 0; i < sizeof abelian / sizeof *abelian; i++)
        check_transform(create(*state, abelian[i]), 1e-14);
    check_transform(create(*state, "Q8xS3"), 0);
    check_transform(create(*state, "D7xZ4"), 1e-14);
    check_transform(create(*state, "A4xZ5"), 1e-14);
    check_transform(create(*state, "Z1"), 0);
}

/* Every angle that can occur. */
static void all_cyclic_and_dihedral_groups_have_a_transform(void **state)
{
    char name[8];
    for (int n = 1; n <= STILE_MAX_GROUP; n++) {
        snprintf(name, sizeof name, "Z%d", n);
        check_transform(create(*state, name), 1e-13);
        snprintf(name, sizeof name, "D%d", n);
        if (n >= 3 && 2 * n <= STILE_MAX_GROUP)
            check_transform(create(*state, name), 1e-13);
    }
}

/* 2n less the number of real factors of xⁿ − 1 (Winograd), and so on: see docs/groups.md. */
static void products_are_as_few_as_the_representations_allow(void **state)
{
    static const struct {
        const char *name;
        int rank;
        bool rational;
    } known[] = {
        {"Z4", 5, true},    {"Z5", 7, false},    {"Z6", 8, true},    {"Z8", 11, false},
        {"Z2^3", 8, true},  {"S3", 9, true},     {"D4", 11, true},   {"D5", 16, false},
        {"D6", 18, true},   {"Q8", 12, true},    {"A4", 27, true},   {"S4", 55, true},
        {"S3^2", 81, true}, {"D4xZ2", 22, true}, {"Z3^3", 40, true}, {"Z4^3", 92, true},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const stile_group *group = create(*state, known[i].name);
        assert_int_equal(group->rank, known[i].rank);
        assert_int_equal(group->rational, known[i].rational);
    }
}

static void entries_of_rational_groups_are_quarters(void **state)
{
    for (const char *const *name = stile_group_names(); *name; name++) {
        const stile_group *group = create(*state, *name);
        for (int i = 0; group->rational && i < group->rank * group->order; i++) {
            assert_true(4 * group->a[i] == rint(4 * group->a[i]));
            assert_true(4 * group->b[i] == rint(4 * group->b[i]));
            assert_true(4 * group->c[i] == rint(4 * group->c[i]));
        }
    }
}

static void bad_names_are_refused(void **state)
{
    static const char *const names[] = {"",   "Z",   "Z0",     "D2",   "S5",   "A5",  "Q4",
                                        "z4", "Z2x", "xZ2",    "Z2^",  "Z2^0", "Z2 ", "Z2*Z2",
                                        "Zx", "Z-2", "Z2^2^2", "S3S3", "M11"};
    static const char *const large[] = {"Z65", "Z2^7", "Z2^999", "D33", "S4xZ3", "Z999", "A4xQ8"};
    stile_group *group = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(stile_group_create(&group, *state, names[i]), STILE_ERROR_ARGUMENT);
        assert_non_null(strstr(stile_last_error(), "names no group that is known"));
    }
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        assert_int_equal(stile_group_create(&group, *state, large[i]), STILE_ERROR_ARGUMENT);
        assert_non_null(strstr(stile_last_error(), "too large: up to 64 elements"));
    }
    assert_null(group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(tables_are_those_of_groups),
        ARENA_TEST(groups_are_the_ones_named),
        ARENA_TEST(fourier_transforms_are_isomorphisms),
        ARENA_TEST(all_cyclic_and_dihedral_groups_have_a_transform),
        ARENA_TEST(products_are_as_few_as_the_representations_allow),
        ARENA_TEST(entries_of_rational_groups_are_quarters),
        ARENA_TEST(bad_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
