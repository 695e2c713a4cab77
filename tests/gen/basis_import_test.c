/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "importing.h"

static void every_convention_is_found_and_undone(void **state)
{
    stile_arena *arena = *state;
    static const char *const names[] = {"strassen", "winograd", "laderman"};
    for (size_t i = 0; i < 3; i++) {
        const stile_basis *basis = named(arena, names[i]);
        for (int convention = 0; convention < STILE_CONVENTION_COUNT; convention++) {
            stile_basis *read, *back;
            int found;
            /* Transposing square tiles twice is nothing: the same call makes and undoes it. */
            assert_int_equal(stile_basis_under_convention(&read, arena, basis, convention), 0);
            assert_int_equal(stile_basis_find_convention(&found, read, 0), 0);
            assert_int_equal(found, convention);
            assert_int_equal(stile_basis_under_convention(&back, arena, read, found), 0);
            assert_same_basis(basis, back);
        }
    }
}

static void tiles_that_are_not_square_are_read_column_by_column(void **state)
{
    stile_arena *arena = *state;
    stile_basis *basis, *read;
    int found;
    assert_int_equal(stile_basis_classical(&basis, arena, 2, 3, 1), 0);
    assert_int_equal(
        stile_basis_under_convention(&read, arena, basis, STILE_CONVENTION_X_TRANSPOSED), 0);
    for (int c = 0; c < basis->rank; c++)
        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 3; b++)
                assert_true(read->u[c * 6 + a * 3 + b] == basis->u[c * 6 + b * 2 + a]);
    assert_memory_equal(read->v, basis->v, 6 * 3 * sizeof *basis->v);
    assert_int_equal(stile_basis_find_convention(&found, read, 0), 0);
    assert_int_equal(found, -1); /* transposed the wrong way: no convention undoes it */
}

static void the_usual_convention_is_preferred_where_several_mean_the_same(void **state)
{
    stile_arena *arena = *state;
    stile_basis *basis;
    assert_int_equal(stile_basis_classical(&basis, arena, 1, 1, 3), 0);
    for (int usual = 0; usual < STILE_CONVENTION_COUNT; usual++) {
        int found = -2;
        assert_int_equal(stile_basis_find_convention(&found, basis, usual), 0);
        assert_int_equal(found, usual);
    }
}

static void an_inexact_basis_has_no_convention(void **state)
{
    stile_arena *arena = *state;
    stile_basis *basis;
    int found = 0;
    assert_int_equal(stile_basis_random(&basis, arena, 2, 2, 2, 7, 1), 0);
    assert_int_equal(stile_basis_find_convention(&found, basis, 1), 0);
    assert_int_equal(found, -1);
}

static void names_follow_the_bits(void **state)
{
    (void)state;
    assert_string_equal(stile_convention_names[0], "X,W,Y");
    for (int i = 0; i < STILE_CONVENTION_COUNT; i++) {
        assert_int_equal(strstr(stile_convention_names[i], "Xt") != NULL,
                         (i & STILE_CONVENTION_X_TRANSPOSED) != 0);
        assert_int_equal(strstr(stile_convention_names[i], "Wt") != NULL,
                         (i & STILE_CONVENTION_W_TRANSPOSED) != 0);
        assert_int_equal(strstr(stile_convention_names[i], "Yt") != NULL,
                         (i & STILE_CONVENTION_Y_TRANSPOSED) != 0);
    }
    assert_null(stile_convention_names[STILE_CONVENTION_COUNT]);
}

static void a_missing_file_is_an_io_error_with_a_diagnostic(void **state)
{
    stile_import_source source = {"untouched", NULL, 0};
    stile_diagnostics *diagnostics;
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    assert_int_equal(stile_import_source_read(&source, *state, "/nowhere/x.sms", diagnostics),
                     STILE_ERROR_IO);
    assert_string_equal(source.file, "untouched");
    assert_string_equal(stile_diagnostics_get(diagnostics, 0)->file, "/nowhere/x.sms");
    stile_diagnostics_destroy(&diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_convention_is_found_and_undone),
        cmocka_unit_test(tiles_that_are_not_square_are_read_column_by_column),
        cmocka_unit_test(the_usual_convention_is_preferred_where_several_mean_the_same),
        cmocka_unit_test(an_inexact_basis_has_no_convention),
        cmocka_unit_test(names_follow_the_bits),
        cmocka_unit_test(a_missing_file_is_an_io_error_with_a_diagnostic),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
