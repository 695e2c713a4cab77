/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the loader of basis files: no text may crash it, whatever loads can be measured, prints as
 * a file with the same coefficients to the bit, and that file prints as itself. See
 * tests/fuzz/meson.build for how to run it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "basis_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(stile_basis_matrix a, stile_basis_matrix b)
{
    size_t bytes = (size_t)(a.rows * a.columns) * sizeof *a.entries;
    if (a.rows != b.rows || a.columns != b.columns || memcmp(a.entries, b.entries, bytes))
        abort();
}

static void check(stile_arena *arena, const stile_basis *basis)
{
    stile_text first = {0}, second = {0};
    stile_basis *again;
    stile_basis_metrics metrics;
    if (stile_basis_measure(basis, &metrics))
        abort();
    stile_basis_file_print(&first, basis);
    if (stile_basis_file_parse(&again, arena, "again", first.data, first.size, NULL))
        abort();
    check_same(stile_basis_u(basis), stile_basis_u(again));
    check_same(stile_basis_v(basis), stile_basis_v(again));
    check_same(stile_basis_d(basis), stile_basis_d(again));
    if (stile_basis_is_rational(basis) != stile_basis_is_rational(again) ||
        strcmp(basis->name, again->name) || strcmp(basis->source, again->source))
        abort();
    stile_basis_file_print(&second, again);
    if (strcmp(first.data, second.data))
        abort();
    stile_text_free(&first);
    stile_text_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stile_basis *basis = NULL;
    stile_diagnostics *diagnostics;
    stile_arena *arena = stile_arena_create();
    if (!arena || stile_diagnostics_create(&diagnostics))
        abort();
    int result = stile_basis_file_parse(&basis, arena, "t", (const char *)data, size, diagnostics);
    if ((result == 0) != (stile_diagnostics_count(diagnostics) == 0) || (result == 0) != !!basis)
        abort();
    if (basis)
        check(arena, basis);
    stile_diagnostics_destroy(&diagnostics);
    stile_arena_destroy(&arena);
    return 0;
}
