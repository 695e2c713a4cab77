/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of importers share. Include after <cmocka.h>. */
#ifndef STILE_TESTS_IMPORTING_H
#define STILE_TESTS_IMPORTING_H

#include <string.h>

#include "basis_import.h"

static inline int setup(void **state)
{
    *state = stile_arena_create();
    return *state ? 0 : -1;
}

static inline int teardown(void **state)
{
    stile_arena *arena = *state;
    stile_arena_destroy(&arena);
    return 0;
}

static inline stile_basis *named(stile_arena *arena, const char *name)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_named(&basis, arena, name), 0);
    assert_non_null(basis);
    return basis;
}

static inline void assert_same_matrix(stile_basis_matrix a, stile_basis_matrix b)
{
    assert_int_equal(a.rows, b.rows);
    assert_int_equal(a.columns, b.columns);
    const size_t count = (size_t)(a.rows * a.columns);
    assert_memory_equal(a.entries, b.entries, count * sizeof *a.entries);
    assert_true(!a.exact == !b.exact);
    if (a.exact)
        assert_memory_equal(a.exact, b.exact, count * sizeof *a.exact);
}

/* The same coefficients to the bit, of tiles of the same size. */
static inline void assert_same_basis(const stile_basis *a, const stile_basis *b)
{
    assert_int_equal(a->m, b->m);
    assert_int_equal(a->k, b->k);
    assert_same_matrix(stile_basis_u(a), stile_basis_u(b));
    assert_same_matrix(stile_basis_v(a), stile_basis_v(b));
    assert_same_matrix(stile_basis_d(a), stile_basis_d(b));
}

/* An importer refused its input with diagnostics of which one reads exactly so; ends the list. */
static inline void assert_refused(int result, stile_diagnostics *diagnostics, const char *expected)
{
    bool found = false;
    for (size_t i = 0; i < stile_diagnostics_count(diagnostics); i++)
        found |= strcmp(stile_diagnostics_get(diagnostics, i)->text, expected) == 0;
    if (result != STILE_ERROR_SPEC || !found)
        fail_msg("expected\n%s\nfound (%d, %zu errors)\n%s", expected, result,
                 stile_diagnostics_count(diagnostics),
                 stile_diagnostics_count(diagnostics) ? stile_diagnostics_get(diagnostics, 0)->text
                                                      : "none");
    stile_diagnostics_destroy(&diagnostics);
}

#endif
