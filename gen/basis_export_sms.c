/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "basis_export.h"
#include "number.h"

/* Whether an entry must be written: -0 is an entry too. */
static bool is_entry(stile_basis_matrix matrix, int at)
{
    return matrix.entries[at] != 0 || signbit(matrix.entries[at]);
}

void stile_basis_export_sms(stile_text *out, const stile_basis *basis, int factor)
{
    const stile_basis_matrix matrix = factor == 0   ? stile_basis_u(basis)
                                      : factor == 1 ? stile_basis_v(basis)
                                                    : stile_basis_d(basis);
    stile_text_appendf(out, "%d %d R\n", matrix.rows, matrix.columns);
    for (int i = 0; i < matrix.rows; i++) {
        for (int j = 0; j < matrix.columns; j++) {
            const int at = i * matrix.columns + j;
            char entry[48];
            if (!is_entry(matrix, at))
                continue;
            if (matrix.exact)
                stile_rational_format(entry, matrix.exact[at]);
            else
                stile_format_double(entry, matrix.entries[at]);
            stile_text_appendf(out, "%d %d %s\n", i + 1, j + 1, entry);
        }
    }
    stile_text_append(out, "0 0 0\n");
    if (*basis->name)
        stile_text_appendf(out, "# name: %s\n", basis->name);
    if (basis->source && *basis->source)
        stile_text_appendf(out, "# source: %s\n", basis->source);
}
