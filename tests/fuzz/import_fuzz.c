/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the readers of other programs' bases, one a program: STILE_FUZZ_FORMAT is 's' for .sms
 * (the three files parted by the byte '|'), 'j' for JSON, 'n' for NumPy. No bytes may crash a
 * reader, and whatever loads comes back the same, to the bit, through basis files, .sms and JSON.
 * See tests/fuzz/meson.build for how to run it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "basis_export.h"
#include "basis_file.h"
#include "basis_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same_matrix(stile_basis_matrix a, stile_basis_matrix b)
{
    const size_t count = (size_t)(a.rows * a.columns);
    if (a.rows != b.rows || a.columns != b.columns || !a.exact != !b.exact ||
        memcmp(a.entries, b.entries, count * sizeof *a.entries) != 0 ||
        (a.exact && memcmp(a.exact, b.exact, count * sizeof *a.exact) != 0))
        abort();
}

static void check_same(const stile_basis *a, const stile_basis *b)
{
    check_same_matrix(stile_basis_u(a), stile_basis_u(b));
    check_same_matrix(stile_basis_v(a), stile_basis_v(b));
    check_same_matrix(stile_basis_d(a), stile_basis_d(b));
}

static void check_basis_file(stile_arena *arena, const stile_basis *basis)
{
    stile_text text = {0};
    stile_basis *again;
    stile_basis_file_print(&text, basis);
    if (stile_basis_file_parse(&again, arena, "t", text.data, text.size, NULL))
        abort();
    check_same(basis, again);
    stile_text_free(&text);
}

static void check_sms(stile_arena *arena, const stile_basis *basis)
{
    stile_text texts[3] = {{0}};
    stile_import_source sources[3];
    stile_basis *again;
    for (int i = 0; i < 3; i++) {
        stile_basis_export_sms(&texts[i], basis, i);
        sources[i] = (stile_import_source){"t", texts[i].data, texts[i].size};
    }
    if (stile_basis_import_sms(&again, arena, sources, NULL))
        abort();
    check_same(basis, again);
    for (int i = 0; i < 3; i++)
        stile_text_free(&texts[i]);
}

static void check_json(stile_arena *arena, const stile_basis *basis)
{
    stile_text text = {0};
    stile_basis *again, *mine;
    stile_basis_export_json(&text, basis);
    const stile_import_source source = {"t", text.data, text.size};
    if (stile_basis_import_json(&again, arena, &source, NULL) ||
        stile_basis_under_convention(&mine, arena, again, STILE_CONVENTION_Y_TRANSPOSED))
        abort();
    check_same(basis, mine);
    stile_text_free(&text);
}

static int import(stile_basis **out, stile_arena *arena, const char *data, size_t size,
                  stile_diagnostics *diagnostics)
{
    stile_import_source sources[3];
    for (int i = 0; i < 3; i++) {
        const char *end = STILE_FUZZ_FORMAT == 's' && i < 2 ? memchr(data, '|', size) : NULL;
        const size_t length = end ? (size_t)(end - data) : size;
        sources[i] = (stile_import_source){"t", data, length};
        data += end ? length + 1 : 0;
        size -= end ? length + 1 : 0;
    }
    if (STILE_FUZZ_FORMAT == 's')
        return stile_basis_import_sms(out, arena, sources, diagnostics);
    if (STILE_FUZZ_FORMAT == 'j')
        return stile_basis_import_json(out, arena, sources, diagnostics);
    return stile_basis_import_numpy(out, arena, sources, NULL, diagnostics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stile_basis *basis = NULL;
    stile_diagnostics *diagnostics;
    stile_arena *arena = stile_arena_create();
    if (!arena || stile_diagnostics_create(&diagnostics))
        abort();
    const int result = import(&basis, arena, (const char *)data, size, diagnostics);
    if ((result == 0) != (stile_diagnostics_count(diagnostics) == 0) || (result == 0) != !!basis)
        abort();
    if (basis) {
        basis->name = *basis->name ? basis->name : "t";
        check_basis_file(arena, basis);
        check_sms(arena, basis);
        check_json(arena, basis);
    }
    stile_diagnostics_destroy(&diagnostics);
    stile_arena_destroy(&arena);
    return 0;
}
