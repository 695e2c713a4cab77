/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "importing.h"
#include "npy_writer.h"
#include "zip_writer.h"

static int import(stile_basis **out, stile_arena *arena, const stile_text *text, const char *entry,
                  stile_diagnostics *diagnostics)
{
    const stile_import_source file = {"t", text->data, text->size};
    return stile_basis_import_numpy(out, arena, &file, entry, diagnostics);
}

/* A factor as an array of bytes: (size, rank), or (rank, size) if by rows. */
static void write_factor(stile_text *out, stile_basis_matrix matrix, bool decoder, bool by_rows)
{
    const int size = decoder ? matrix.rows : matrix.columns;
    const int rank = decoder ? matrix.columns : matrix.rows;
    for (int i = 0; i < size * rank; i++) {
        const int index = by_rows ? i % size : i / rank, c = by_rows ? i / size : i % rank;
        const int at = decoder ? index * rank + c : c * size + index;
        stile_text_append_bytes(out, (const char[]){(char)matrix.entries[at]}, 1);
    }
}

static void write_three(stile_text out[3], const stile_basis *basis, bool by_rows)
{
    const stile_basis_matrix matrices[3] = {stile_basis_u(basis), stile_basis_v(basis),
                                            stile_basis_d(basis)};
    for (int i = 0; i < 3; i++) {
        stile_text data = {0}, header = {0};
        const bool decoder = i == 2;
        const int size = decoder ? matrices[i].rows : matrices[i].columns;
        write_factor(&data, matrices[i], decoder, by_rows);
        stile_text_appendf(&header, "{'descr': '|i1', 'fortran_order': False, 'shape': (%d, %d)}",
                           by_rows ? basis->rank : size, by_rows ? size : basis->rank);
        npy_write(&out[i], header.data, data.data, data.size);
        stile_text_free(&data);
        stile_text_free(&header);
    }
}

static void write_stack(stile_text *out, const stile_basis *basis)
{
    stile_text data = {0}, header = {0};
    write_factor(&data, stile_basis_u(basis), false, false);
    write_factor(&data, stile_basis_v(basis), false, false);
    write_factor(&data, stile_basis_d(basis), true, false);
    stile_text_appendf(&header,
                       "{'descr': '|i1', 'fortran_order': False, 'shape': (3, %d, %d), }\n",
                       basis->m * basis->k, basis->rank);
    npy_write(out, header.data, data.data, data.size);
    stile_text_free(&data);
    stile_text_free(&header);
}

static void a_stack_of_three_factors_is_read(void **state)
{
    stile_text text = {0};
    stile_basis *basis;
    write_stack(&text, named(*state, "laderman"));
    assert_int_equal(import(&basis, *state, &text, NULL, NULL), 0);
    assert_same_basis(basis, named(*state, "laderman"));
    stile_text_free(&text);
}

static void an_archive_of_one_array_needs_no_entry(void **state)
{
    stile_text text = {0}, stacks[2] = {{0}};
    stile_basis *basis;
    write_stack(&stacks[0], named(*state, "strassen"));
    write_stack(&stacks[1], named(*state, "laderman"));
    zip_write(&text, 1, (const char *const[]){"arr_0.npy"}, stacks);
    assert_int_equal(import(&basis, *state, &text, NULL, NULL), 0);
    assert_same_basis(basis, named(*state, "strassen"));
    stile_text_free(&text);

    static const char *const names[] = {"2,2,2.npy", "3,3,3.npy"};
    stile_diagnostics *diagnostics;
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    zip_write(&text, 2, names, stacks);
    assert_int_equal(import(&basis, *state, &text, "3,3,3", NULL), 0);
    assert_same_basis(basis, named(*state, "laderman"));
    const int unnamed = import(&basis, *state, &text, NULL, diagnostics);
    assert_refused(unnamed, diagnostics,
                   "t: error: [STILE-013] the archive has no arrays u, v, w: name (--entry) one of "
                   "\"2,2,2\", \"3,3,3\"");
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    const int unknown = import(&basis, *state, &text, "3,3", diagnostics);
    assert_refused(
        unknown, diagnostics,
        "t: error: [STILE-013] the archive has no array \"3,3\", but \"2,2,2\", \"3,3,3\"");
    for (int i = 0; i < 2; i++)
        stile_text_free(&stacks[i]);
    stile_text_free(&text);
}

static void three_arrays_are_read_either_way_round(void **state)
{
    static const char *const names[] = {"w.npy", "u.npy", "v.npy"};
    stile_basis *wanted, *basis;
    assert_int_equal(stile_basis_classical(&wanted, *state, 2, 3, 4), 0);
    const stile_basis *const bases[] = {wanted, named(*state, "strassen"),
                                        named(*state, "laderman")};
    for (int i = 0; i < 6; i++) {
        stile_text text = {0}, arrays[3] = {{0}};
        write_three(arrays, bases[i / 2], i % 2);
        zip_write(&text, 3, names, (const stile_text[]){arrays[2], arrays[0], arrays[1]});
        assert_int_equal(import(&basis, *state, &text, NULL, NULL), 0);
        assert_same_basis(basis, bases[i / 2]);
        for (int j = 0; j < 3; j++)
            stile_text_free(&arrays[j]);
        stile_text_free(&text);
    }
}

static const struct {
    const char *header;
    size_t size; /* of data */
    const char *message;
} bad_stacks[] = {
    {"{'descr': '|i1', 'fortran_order': False, 'shape': (2, 4, 7)}", 56,
     "t: error: [STILE-032] the array must be of shape (3, size, rank), not (2, 4, 7)"},
    {"{'descr': '|i1', 'fortran_order': False, 'shape': (3, 28)}", 84,
     "t: error: [STILE-032] the array must be of shape (3, size, rank), not (3, 28, 1)"},
    {"{'descr': '|i1', 'fortran_order': False, 'shape': (3, 5, 7)}", 105,
     "t: error: [STILE-032] vectors of 5, 5 and 5 coefficients fit no tile: they must be m*k, k*n "
     "and "
     "m*n long, with m, k and n from 1 to 8"},
    {"{'descr': '|i1', 'fortran_order': False, 'shape': (3, 81, 1)}", 243,
     "t: error: [STILE-032] vectors of 81, 81 and 81 coefficients fit no tile: they must be m*k, "
     "k*n "
     "and m*n long, with m, k and n from 1 to 8"},
    {"{'descr': '|i1', 'fortran_order': False, 'shape': (3, 1, 513)}", 1539,
     "t: error: [STILE-023] the rank is 513, but ranks go from 1 to 512"},
    {"{'descr': '|i1', 'fortran_order': False, 'shape': (3, 4, 0)}", 0,
     "t: error: [STILE-023] the rank is 0, but ranks go from 1 to 512"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1, 1)}", 24,
     "t: error: [STILE-016] a coefficient must be an integer, a fraction p/q, a decimal or a hex "
     "float, not \"nan\""},
};

static void every_bad_stack_is_refused(void **state)
{
    char data[2048];
    memset(data, 0xff, sizeof data); /* -1, or NaN */
    for (size_t i = 0; i < sizeof bad_stacks / sizeof *bad_stacks; i++) {
        stile_text text = {0};
        stile_basis *const untouched = (stile_basis *)&bad_stacks;
        stile_basis *basis = untouched;
        stile_diagnostics *diagnostics;
        assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
        npy_write(&text, bad_stacks[i].header, data, bad_stacks[i].size);
        const int result = import(&basis, *state, &text, NULL, diagnostics);
        assert_refused(result, diagnostics, bad_stacks[i].message);
        assert_ptr_equal(basis, untouched);
        stile_text_free(&text);
    }
}

static void three_arrays_must_fit_together(void **state)
{
    static const char *const names[] = {"u", "v", "w"};
    stile_text text = {0}, arrays[3] = {{0}}, others[3] = {{0}};
    stile_basis *basis;
    stile_diagnostics *diagnostics;
    write_three(arrays, named(*state, "strassen"), false);
    write_three(others, named(*state, "laderman"), false);
    zip_write(&text, 3, names, (const stile_text[]){arrays[0], arrays[1], others[2]});
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    const int result = import(&basis, *state, &text, NULL, diagnostics);
    assert_refused(result, diagnostics,
                   "t: error: [STILE-032] u, v and w must be matrices (size, rank) of one rank");
    for (int i = 0; i < 3; i++) {
        stile_text_free(&arrays[i]);
        stile_text_free(&others[i]);
    }
    stile_text_free(&text);
}

static void what_is_no_archive_has_no_entries(void **state)
{
    stile_text text = {0};
    stile_basis *basis;
    stile_diagnostics *diagnostics;
    write_stack(&text, named(*state, "strassen"));
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    const int result = import(&basis, *state, &text, "u", diagnostics);
    assert_refused(result, diagnostics,
                   "t: error: [STILE-031] the file is no .npz archive, so it has no array \"u\"");
    stile_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_of_three_factors_is_read),
        cmocka_unit_test(an_archive_of_one_array_needs_no_entry),
        cmocka_unit_test(three_arrays_are_read_either_way_round),
        cmocka_unit_test(every_bad_stack_is_refused),
        cmocka_unit_test(three_arrays_must_fit_together),
        cmocka_unit_test(what_is_no_archive_has_no_entries),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
