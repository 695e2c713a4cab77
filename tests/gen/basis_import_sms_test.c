/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "importing.h"
#include "text.h"

/* Three files for ⟨1,1,1;2⟩, exact: 1/2·1·1 + 1·1·1/2. */
static const char L[] = "2 1 R\n1 1 1/2\n2 1 1\n0 0 0\n";
static const char R[] = "2 1 R\n1 1 1\n2 1 1\n0 0 0\n";
static const char P[] = "1 2 R\n1 1 1\n1 2 1/2\n0 0 0\n";

static int import(stile_basis **out, stile_arena *arena, const char *l, const char *r,
                  const char *p, stile_diagnostics *diagnostics)
{
    const stile_import_source files[3] = {
        {"l", l, strlen(l)}, {"r", r, strlen(r)}, {"p", p, strlen(p)}};
    return stile_basis_import_sms(out, arena, files, diagnostics);
}

static void fractions_stay_exact(void **state)
{
    stile_basis *basis;
    assert_int_equal(import(&basis, *state, L, R, P, NULL), 0);
    assert_true(stile_basis_is_rational(basis));
    assert_int_equal(basis->rank, 2);
    assert_int_equal(basis->u_exact[0].den, 2);
    assert_int_equal(basis->d_exact[1].den, 2);
    assert_true(basis->u[0] == 0.5);
    assert_string_equal(basis->name, "");
    assert_string_equal(basis->source, "");
}

static void the_tile_follows_from_the_sizes(void **state)
{
    stile_basis *basis;
    for (int m = 1; m <= STILE_MAX_TILE; m++) {
        for (int k = 1; k <= STILE_MAX_TILE; k++) {
            for (int n = 1; n <= STILE_MAX_TILE; n++) {
                char l[64], r[64], p[64];
                snprintf(l, sizeof l, "3 %d M\n0 0 0\n", m * k);
                snprintf(r, sizeof r, "3 %d M\n0 0 0\n", k * n);
                snprintf(p, sizeof p, "%d 3 M\n0 0 0\n", m * n);
                assert_int_equal(import(&basis, *state, l, r, p, NULL), 0);
                assert_int_equal(basis->m, m);
                assert_int_equal(basis->k, k);
                assert_int_equal(basis->n, n);
            }
        }
    }
}

static void blanks_comments_and_line_ends_mean_nothing(void **state)
{
    stile_basis *basis, *plain;
    assert_int_equal(import(&plain, *state, L, R, P, NULL), 0);
    assert_int_equal(import(&basis, *state,
                            "# made by hand\r\n\n 2\t1  R \r\n%\n1 1 1/2\r\n2 1 +1\n0 0 0\n\n#",
                            "2 1 M\n2 1 2/2\n1 1 1.0\n0 0 0", P, NULL),
                     0);
    assert_same_basis(basis, plain);
}

static void comments_behind_the_end_name_the_basis(void **state)
{
    stile_basis *basis;
    assert_int_equal(import(&basis, *state,
                            "2 1 R\n1 1 1\n0 0 0\n# name: a \"b\"\n# source: from\xe2\x9f\xa8\r\n",
                            R, P, NULL),
                     0);
    assert_string_equal(basis->name, "a \"b\"");
    assert_string_equal(basis->source, "from\xe2\x9f\xa8");
    assert_int_equal(import(&basis, *state, "2 1 R\n0 0 0\n# name: a\tb\n", R, P, NULL), 0);
    assert_string_equal(basis->name, "");
}

static void decimals_without_a_small_fraction_make_a_basis_of_doubles(void **state)
{
    stile_basis *basis;
    assert_int_equal(
        import(&basis, *state, "2 1 R\n1 1 0.12345678901\n2 1 1e-1\n0 0 0\n", R, P, NULL), 0);
    assert_false(stile_basis_is_rational(basis));
    assert_true(basis->u[0] == 0.12345678901);
    assert_true(basis->u[1] == 0.1);
    assert_true(basis->d[1] == 0.5);
}

typedef struct bad_triple {
    const char *l, *r, *p, *message;
} bad_triple;

static const bad_triple bad_triples[] = {
    {"", R, P, "l: error: [STILE-031] the file is empty; it must begin with \"rows columns R\""},
    {"# no matrix\n", R, P,
     "l: error: [STILE-031] the file is empty; it must begin with \"rows columns R\""},
    {"2 1\n", R, P,
     "l:1:1: error: [STILE-031] the line has fewer than three words; it must read \"rows columns "
     "R\""},
    {"2 1 R R\n", R, P,
     "l:1:7: error: [STILE-031] the line has more than three words; it must read \"rows columns "
     "R\""},
    {"x 1 R\n", R, P, "l:1:1: error: [STILE-016] the number of rows must be an integer, not \"x\""},
    {"2 1.5 R\n", R, P,
     "l:1:3: error: [STILE-016] the number of columns must be an integer, not \"1.5\""},
    {"513 1 R\n", R, P,
     "l:1:1: error: [STILE-018] the number of rows is 513, but must be from 1 to 512"},
    {"2 65 R\n", R, P,
     "l:1:3: error: [STILE-018] the number of columns is 65, but must be from 1 to 64"},
    {"0 1 R\n", R, P,
     "l:1:1: error: [STILE-018] the number of rows is 0, but must be from 1 to 512"},
    {"-2 1 R\n", R, P,
     "l:1:1: error: [STILE-018] the number of rows is -2, but must be from 1 to 512"},
    {"99999999999999999999 1 R\n", R, P,
     "l:1:1: error: [STILE-016] the number of rows must be an integer, not "
     "\"99999999999999999999\""},
    {"2 1 real\n", R, P,
     "l:1:5: error: [STILE-031] the first line must end with a letter for the kind of numbers, "
     "such "
     "as R, not \"real\""},
    {L, R, "65 2 R\n0 0 0\n",
     "p:1:1: error: [STILE-018] the number of rows is 65, but must be from 1 to 64"},
    {L, "3 1 R\n0 0 0\n", P,
     "r:1:1: error: [STILE-032] the ranks differ: L has 2 rows, R 3 rows and P 2 columns"},
    {L, R, "1 3 R\n0 0 0\n",
     "p:1:1: error: [STILE-032] the ranks differ: L has 2 rows, R 2 rows and P 3 columns"},
    {"2 5 R\n0 0 0\n", "2 3 R\n0 0 0\n", "7 2 R\n0 0 0\n",
     "p:1:1: error: [STILE-032] vectors of 5, 3 and 7 coefficients fit no tile: they must be m*k, "
     "k*n and m*n long, with m, k and n from 1 to 8"},
    {"2 11 R\n0 0 0\n", "2 1 R\n0 0 0\n", "11 2 R\n0 0 0\n",
     "p:1:1: error: [STILE-032] vectors of 11, 1 and 11 coefficients fit no tile: they must be "
     "m*k, "
     "k*n and m*n long, with m, k and n from 1 to 8"},
    {"2 1 R\n3 1 1\n0 0 0\n", R, P,
     "l:2:1: error: [STILE-018] the row is 3, but must be from 1 to 2"},
    {"2 1 R\n1 0 1\n0 0 0\n", R, P,
     "l:2:3: error: [STILE-018] the column is 0, but must be from 1 to 1"},
    {"2 1 R\n0 0 1\n0 0 0\n", R, P,
     "l:2:1: error: [STILE-018] the row is 0, but must be from 1 to 2"},
    {"2 1 R\n1 1\n0 0 0\n", R, P,
     "l:2:1: error: [STILE-031] the line has fewer than three words; it must read \"row column "
     "value\""},
    {"2 1 R\n1 1 1 1\n0 0 0\n", R, P,
     "l:2:7: error: [STILE-031] the line has more than three words; it must read \"row column "
     "value\""},
    {"2 1 R\n1 1 1\n1 1 2\n0 0 0\n", R, P,
     "l:3:1: error: [STILE-031] the entry in row 1 and column 1 is given twice"},
    {"2 1 R\n1 1 1/0\n0 0 0\n", R, P,
     "l:2:5: error: [STILE-016] a coefficient must be an integer, a fraction p/q, a decimal or a "
     "hex "
     "float, not \"1/0\""},
    {"2 1 R\n1 1 nan\n0 0 0\n", R, P,
     "l:2:5: error: [STILE-016] a coefficient must be an integer, a fraction p/q, a decimal or a "
     "hex "
     "float, not \"nan\""},
    {"2 1 R\n1 1 1e39\n0 0 0\n", R, P,
     "l:2:5: error: [STILE-018] a coefficient is too large for f32, in which kernels hold it: "
     "\"1e39\""},
    {"2 1 R\n1 1 1\n", R, P,
     "l:2:1: error: [STILE-031] the file ends without the line \"0 0 0\": is it cut off?"},
    {"2 1 R\n0 0 0\n1 1 1\n", R, P,
     "l:3:1: error: [STILE-031] the file goes on behind its end, the line \"0 0 0\""},
};

static void every_bad_file_is_refused_at_its_place(void **state)
{
    stile_basis *const untouched = (stile_basis *)&bad_triples;
    for (size_t i = 0; i < sizeof bad_triples / sizeof *bad_triples; i++) {
        const bad_triple *bad = &bad_triples[i];
        stile_basis *basis = untouched;
        stile_diagnostics *diagnostics;
        assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
        const int result = import(&basis, *state, bad->l, bad->r, bad->p, diagnostics);
        assert_refused(result, diagnostics, bad->message);
        assert_ptr_equal(basis, untouched);
    }
}

static void errors_of_all_three_files_come_at_once(void **state)
{
    stile_basis *basis;
    stile_diagnostics *diagnostics;
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    assert_int_equal(import(&basis, *state, "2 1 R\n9 1 1\n1 1 x\n0 0 0\n", "2 1 R\n1 9 1\n0 0 0\n",
                            "1 2 R\n", diagnostics),
                     STILE_ERROR_SPEC);
    assert_int_equal(stile_diagnostics_count(diagnostics), 4);
    assert_string_equal(stile_diagnostics_get(diagnostics, 1)->text,
                        "l:3:5: error: [STILE-016] a coefficient must be an integer, a fraction "
                        "p/q, a decimal or a hex float, not \"x\"");
    stile_diagnostics_destroy(&diagnostics);
}

static void long_words_are_cut_in_messages_and_harm_nothing(void **state)
{
    stile_text l = {0};
    stile_basis *basis;
    stile_text_append(&l, "2 1 R\n1 1 ");
    for (int i = 0; i < 100000; i++)
        stile_text_append(&l, "1");
    assert_int_equal(import(&basis, *state, l.data, R, P, NULL), STILE_ERROR_SPEC);
    stile_text_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fractions_stay_exact),
        cmocka_unit_test(the_tile_follows_from_the_sizes),
        cmocka_unit_test(blanks_comments_and_line_ends_mean_nothing),
        cmocka_unit_test(comments_behind_the_end_name_the_basis),
        cmocka_unit_test(decimals_without_a_small_fraction_make_a_basis_of_doubles),
        cmocka_unit_test(every_bad_file_is_refused_at_its_place),
        cmocka_unit_test(errors_of_all_three_files_come_at_once),
        cmocka_unit_test(long_words_are_cut_in_messages_and_harm_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
