/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "bases.h"

static void the_identity_changes_no_bit(void **state)
{
    const stile_basis *bases[] = {named(*state, "laderman"), random_basis(*state, 2, 3, 4, 5)};
    for (int i = 0; i < 2; i++) {
        const stile_rotation identity = stile_rotation_identity(bases[i]);
        assert_same_entries(rotate(*state, bases[i], &identity), bases[i]);
    }
}

static void rotation_keeps_random_exact_bases_exact(void **state)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        uint64_t s = seed;
        const stile_basis *basis = random_exact_basis(*state, &s);
        assert_true(stile_basis_is_rational(basis));
        assert_true(measure(basis).exact);
    }
}

static stile_square inverse_of(const stile_square *a)
{
    stile_square inverse;
    assert_int_equal(stile_square_invert(&inverse, a, "A"), STILE_OK);
    return inverse;
}

static void the_inverse_rotation_restores_rational_bases_to_the_bit(void **state)
{
    const stile_basis *basis = named(*state, "laderman");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t s = seed;
        const stile_rotation there = random_rotation(&s, basis);
        const stile_rotation back = {inverse_of(&there.a), inverse_of(&there.b),
                                     inverse_of(&there.c)};
        assert_same_entries(rotate(*state, rotate(*state, basis, &there), &back), basis);
    }
}

static stile_square product(const stile_square *a, const stile_square *b)
{
    stile_square out;
    assert_true(stile_square_multiply(&out, a, b));
    return out;
}

static void rotations_compose_as_their_matrices_do(void **state)
{
    const stile_basis *basis = classical(*state, 2, 3, 4);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t s = seed;
        const stile_rotation r = random_rotation(&s, basis), t = random_rotation(&s, basis);
        const stile_rotation both = {product(&r.a, &t.a), product(&r.b, &t.b), product(&r.c, &t.c)};
        assert_same_entries(rotate(*state, rotate(*state, basis, &r), &t),
                            rotate(*state, basis, &both));
    }
}

/* The formula itself, on one channel of ⟨2,1,1⟩: U' = U·A, D' = A⁻¹·D. */
static void u_is_multiplied_by_a_and_d_by_its_inverse(void **state)
{
    const stile_basis *basis = classical(*state, 2, 1, 1);
    stile_rotation rotation = stile_rotation_identity(basis);
    rotation.a = stile_square_integers(2, (const int[]){1, 2, 3, 5});
    const stile_basis *rotated = rotate(*state, basis, &rotation);
    const double u[] = {1, 2, 3, 5}, d[] = {-5, 2, 3, -1};
    for (int i = 0; i < 4; i++) {
        assert_true(rotated->u[i] == u[i]);
        assert_true(rotated->d[i] == d[i]);
    }
}

/* A reflection, orthogonal: I − 2·x·xᵀ/‖x‖². */
static stile_square reflection(int size)
{
    stile_square out = stile_square_identity(size);
    const int squares = size * (size + 1) * (2 * size + 1) / 6;
    for (int i = 0; i < size * size; i++) {
        const int product = (i / size + 1) * (i % size + 1);
        out.entries[i] -= 2.0 * product / squares;
        stile_rational change;
        assert_true(stile_rational_make(&change, 2 * product, squares));
        assert_true(stile_rational_sub(&out.exact[i], out.exact[i], change));
    }
    return out;
}

static void orthogonal_rotations_keep_error_and_growth_of_inexact_bases(void **state)
{
    const stile_basis *basis = random_basis(*state, 2, 3, 4, 7);
    const stile_rotation rotation = {reflection(2), reflection(3), reflection(4)};
    const stile_basis *rotated = rotate(*state, basis, &rotation);
    assert_false(stile_basis_is_rational(rotated));
    assert_near(measure(rotated).error, measure(basis).error, 1e-12);
    assert_near(measure(rotated).growth, measure(basis).growth, 1e-12);
    uint64_t seed = 1;
    const stile_rotation skew = random_rotation(&seed, basis);
    assert_true(fabs(measure(rotate(*state, basis, &skew)).error - measure(basis).error) > 1e-3);
}

static void a_matrix_of_doubles_makes_doubles_that_are_still_exact(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    stile_rotation rotation = stile_rotation_identity(strassen);
    rotation.b.rational = false;
    rotation.b.entries[1] = 1.0 / 3;
    const stile_basis *rotated = rotate(*state, strassen, &rotation);
    assert_false(stile_basis_is_rational(rotated));
    assert_true(measure(rotated).exact);
}

static void singular_matrices_are_refused_by_name(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    stile_rotation rotation = stile_rotation_identity(strassen);
    rotation.c = stile_square_integers(2, (const int[]){1, 2, 2, 4});
    stile_basis *out = NULL;
    for (int rational = 0; rational < 2; rational++) {
        rotation.c.rational = rational;
        assert_int_equal(stile_basis_rotate(&out, *state, strassen, &rotation),
                         STILE_ERROR_ARGUMENT);
        assert_non_null(strstr(stile_last_error(), "matrix C is singular"));
    }
    assert_null(out);
}

static void overflow_is_an_error_and_never_a_wrong_entry(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    stile_rotation rotation = stile_rotation_identity(strassen);
    rotation.a.exact[0].num = INT64_C(1) << 40;
    rotation.b.exact[0].den = INT64_C(1) << 40;
    stile_basis *out = NULL;
    assert_int_equal(stile_basis_rotate(&out, *state, strassen, &rotation), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "overflows"));
    rotation = stile_rotation_identity(strassen);
    rotation.a.rational = false;
    rotation.a.entries[0] = 1e300;
    rotation.a.entries[3] = 1e300;
    assert_int_equal(stile_basis_rotate(&out, *state, strassen, &rotation), STILE_ERROR_ARGUMENT);
    assert_non_null(strstr(stile_last_error(), "too large for f32"));
    assert_null(out);
}

static bool read(stile_arena *arena, const char *text, stile_rotation *out, char message[256])
{
    stile_diagnostics *diagnostics;
    const stile_node *root;
    assert_int_equal(stile_diagnostics_create(&diagnostics), STILE_OK);
    assert_int_equal(stile_yaml_parse(&root, arena, "r.yaml", text, strlen(text), diagnostics),
                     STILE_OK);
    const bool good = stile_rotation_read(out, classical(arena, 2, 1, 3), root, diagnostics);
    assert_true(good == (stile_diagnostics_count(diagnostics) == 0));
    message[0] = '\0';
    if (!good)
        strncat(message, stile_diagnostics_get(diagnostics, 0)->text, 255);
    stile_diagnostics_destroy(&diagnostics);
    return good;
}

static void rotations_are_read_and_mistakes_in_them_named(void **state)
{
    stile_rotation rotation;
    char message[256];
    assert_true(read(*state, "A: [[1, 1/2], [0, 0x1p-1]]\n", &rotation, message));
    assert_true(rotation.a.rational && rotation.a.entries[1] == 0.5 &&
                rotation.a.exact[3].den == 2);
    assert_int_equal(rotation.c.size, 3);
    assert_true(read(*state, "{A: [[0.123456789012345, 0], [0, 1]]}", &rotation, message));
    assert_false(rotation.a.rational);
    static const char *const bad[][2] = {
        {"A: [[1, 0]]\n", "r.yaml:1:4: error: [STILE-026] A has 1 rows but must have 2"},
        {"A: [[1, 0],\n [0]]\n", "r.yaml:2:2: error: [STILE-026] row 2 of A has 1 entries"},
        {"C: [[1, 0, 0], [0, x, 0], [0, 0, 1]]\n", "r.yaml:1:20: error: [STILE-016]"},
        {"Q: [[1]]\n", "r.yaml:1:1: error: [STILE-012]"},
        {"[1]\n", "a rotation must be a map"},
        {"B: 1\n", "B must be a list"},
        {"B: [[1e999]]\n", "r.yaml:1:6: error: [STILE-0"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(read(*state, bad[i][0], &rotation, message));
        if (!strstr(message, bad[i][1]))
            fail_msg("'%s' lacks '%s'", message, bad[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(the_identity_changes_no_bit),
        ARENA_TEST(rotation_keeps_random_exact_bases_exact),
        ARENA_TEST(the_inverse_rotation_restores_rational_bases_to_the_bit),
        ARENA_TEST(rotations_compose_as_their_matrices_do),
        ARENA_TEST(u_is_multiplied_by_a_and_d_by_its_inverse),
        ARENA_TEST(orthogonal_rotations_keep_error_and_growth_of_inexact_bases),
        ARENA_TEST(a_matrix_of_doubles_makes_doubles_that_are_still_exact),
        ARENA_TEST(singular_matrices_are_refused_by_name),
        ARENA_TEST(overflow_is_an_error_and_never_a_wrong_entry),
        ARENA_TEST(rotations_are_read_and_mistakes_in_them_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
