/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basis_file.h"

static int setup(void **state)
{
    *state = stile_arena_create();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    stile_arena *arena = *state;
    stile_arena_destroy(&arena);
    return 0;
}

static stile_basis *parse(stile_arena *arena, const char *text)
{
    stile_basis *basis = NULL;
    if (stile_basis_file_parse(&basis, arena, "t", text, strlen(text), NULL))
        fail_msg("%s", stile_last_error());
    return basis;
}

static void assert_same_bits(const stile_basis *a, const stile_basis *b)
{
    assert_int_equal(a->m, b->m);
    assert_int_equal(a->k, b->k);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->rank, b->rank);
    size_t u = (size_t)(a->rank * a->m * a->k), v = (size_t)(a->rank * a->k * a->n);
    size_t d = (size_t)(a->m * a->n * a->rank);
    assert_memory_equal(a->u, b->u, u * sizeof *a->u);
    assert_memory_equal(a->v, b->v, v * sizeof *a->v);
    assert_memory_equal(a->d, b->d, d * sizeof *a->d);
    if (stile_basis_is_rational(a)) {
        assert_true(stile_basis_is_rational(b));
        assert_memory_equal(a->u_exact, b->u_exact, u * sizeof *a->u_exact);
        assert_memory_equal(a->v_exact, b->v_exact, v * sizeof *a->v_exact);
        assert_memory_equal(a->d_exact, b->d_exact, d * sizeof *a->d_exact);
    }
}

/* Prints, parses and prints again; both prints must agree and nothing be lost. */
static void assert_round_trip(stile_arena *arena, const stile_basis *basis)
{
    stile_text first = {0}, second = {0};
    stile_basis_file_print(&first, basis);
    assert_false(first.failed);
    const stile_basis *back = parse(arena, first.data);
    assert_same_bits(basis, back);
    assert_string_equal(basis->name, back->name);
    assert_string_equal(basis->source, back->source);
    stile_basis_file_print(&second, back);
    assert_string_equal(first.data, second.data);
    stile_text_free(&first);
    stile_text_free(&second);
}

static void every_catalogue_basis_survives_a_round_trip(void **state)
{
    stile_arena *arena = *state;
    stile_basis *basis, *product;
    for (const char *const *name = stile_basis_names(); *name; name++) {
        assert_int_equal(stile_basis_named(&basis, arena, *name), 0);
        assert_round_trip(arena, basis);
    }
    assert_int_equal(stile_basis_named(&basis, arena, "winograd"), 0);
    assert_int_equal(stile_basis_kron(&product, arena, basis, basis), 0);
    assert_round_trip(arena, product);
    assert_int_equal(stile_basis_classical(&basis, arena, 1, 1, 1), 0);
    assert_round_trip(arena, basis);
    assert_int_equal(stile_basis_random(&basis, arena, 4, 3, 2, 17, 5), 0);
    assert_round_trip(arena, basis);
}

static void doubles_of_any_size_survive_a_round_trip(void **state)
{
    stile_arena *arena = *state;
    static const double values[] = {
        0.1,      -0.1, 1.0 / 3, 5e-324, DBL_MIN, 1e-30,   FLT_MAX, -FLT_MAX,
        123456.7, -0.0, 0.0,     1,      0x1p-20, 0x1p-21, 1e22,    0x1.fffffffffffffp-1};
    stile_basis *basis = stile_basis_create(arena, "odd: name", 4, 4, 1, 1, false);
    basis->source = "said \"so\"\\, \xe2\x9f\xa8"
                    "4,4,1;1\xe2\x9f\xa9";
    memcpy(basis->u, values, sizeof values);
    memcpy(basis->v, values, 4 * sizeof *values);
    memcpy(basis->d, values + 4, 4 * sizeof *values);
    assert_round_trip(arena, basis);
}

static void entries_mean_what_their_notation_says(void **state)
{
    stile_arena *arena = *state;
    const stile_basis *basis = parse(
        arena, "basis: 1\nname: t\ntile: [1, 6, 1]\nrank: 1\n"
               "U: [[3, -6/4, 0.125, 0x1.8p-1, '1/2', +2]]\nV: [[1e-1, 5., .5, -0, 0/7, 1E2]]\n"
               "D: [[-1/3]]\n");
    static const double u[] = {3, -1.5, 0.125, 0.75, 0.5, 2}, v[] = {0.1, 5, 0.5, 0, 0, 100};
    assert_true(stile_basis_is_rational(basis));
    assert_memory_equal(basis->u, u, sizeof u);
    assert_memory_equal(basis->v, v, sizeof v);
    assert_true(basis->d[0] == -1.0 / 3);
    assert_int_equal(basis->u_exact[1].num, -3);
    assert_int_equal(basis->u_exact[1].den, 2);
    assert_int_equal(basis->v_exact[0].den, 10);
    assert_int_equal(basis->d_exact[0].den, 3);
    assert_string_equal(basis->source, "");
}

static void one_inexact_entry_makes_a_basis_of_doubles(void **state)
{
    stile_arena *arena = *state;
    const stile_basis *basis = parse(arena, "basis: 1\nname: t\ntile: [1, 1, 1]\nrank: 1\n"
                                            "U: [[1/3]]\nV: [[0.123456789012345]]\nD: [[-0]]\n");
    assert_false(stile_basis_is_rational(basis));
    assert_true(basis->u[0] == 1.0 / 3);
    assert_true(1 / basis->d[0] < 0); /* the sign of zero stays */
    assert_round_trip(arena, basis);
}

static void matrices_print_as_aligned_rows(void **state)
{
    stile_arena *arena = *state;
    const stile_basis *basis = parse(arena, "{basis: 1, rank: 2, tile: [2, 1, 1], name: '007', "
                                            "U: [[1, -1/2], [0, 3]], V: [[1], [10]], "
                                            "D: [[1, 0], [-1, 1]]}");
    stile_text text = {0};
    stile_basis_file_print(&text, basis);
    assert_string_equal(text.data, "basis: 1\nname: \"007\"\ntile: [2, 1, 1]\nrank: 2\n"
                                   "U:\n  - [   1, -1/2]\n  - [   0,    3]\n"
                                   "V:\n  - [ 1]\n  - [10]\n"
                                   "D:\n  - [ 1,  0]\n  - [-1,  1]\n");
    stile_text_free(&text);
}

static void the_files_of_the_tree_are_what_they_say(void **state)
{
    stile_arena *arena = *state;
    char path[1024];
    stile_basis *basis;
    stile_basis_metrics metrics;
    const char *source = getenv("STILE_TEST_SOURCE");
    snprintf(path, sizeof path, "%s/specs/bases/isolated_144_8.yaml", source);
    assert_int_equal(stile_basis_file_load(&basis, arena, path, NULL), 0);
    assert_int_equal(stile_basis_measure(basis, &metrics), 0);
    assert_int_equal(metrics.structural, STILE_COUPLING_NONE);
    assert_true(metrics.error == 0.5);
    assert_true(metrics.growth == 0.5);
    assert_round_trip(arena, basis);

    snprintf(path, sizeof path, "%s/specs/bases/causal_222_6.yaml", source);
    assert_int_equal(stile_basis_file_load(&basis, arena, path, NULL), 0);
    assert_int_equal(stile_basis_measure(basis, &metrics), 0);
    assert_int_equal(metrics.structural, STILE_COUPLING_CAUSAL);
    assert_int_equal(metrics.algebraic, STILE_COUPLING_CAUSAL);
    assert_round_trip(arena, basis);
}

static void a_failed_load_leaves_its_output(void **state)
{
    stile_arena *arena = *state;
    stile_basis *const untouched = (stile_basis *)&state;
    stile_basis *basis = untouched;
    stile_diagnostics *diagnostics;
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    assert_int_equal(stile_basis_file_load(&basis, arena, "/nowhere", diagnostics), STILE_ERROR_IO);
    assert_int_equal(stile_basis_file_parse(&basis, arena, "t", "a: b", 4, diagnostics),
                     STILE_ERROR_SPEC);
    assert_ptr_equal(basis, untouched);
    assert_string_equal(stile_diagnostics_get(diagnostics, 1)->file, "t");
    stile_diagnostics_destroy(&diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_catalogue_basis_survives_a_round_trip),
        cmocka_unit_test(doubles_of_any_size_survive_a_round_trip),
        cmocka_unit_test(entries_mean_what_their_notation_says),
        cmocka_unit_test(one_inexact_entry_makes_a_basis_of_doubles),
        cmocka_unit_test(matrices_print_as_aligned_rows),
        cmocka_unit_test(the_files_of_the_tree_are_what_they_say),
        cmocka_unit_test(a_failed_load_leaves_its_output),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
