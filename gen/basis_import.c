/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_import.h"

#include "fail.h"
#include "yaml_tree.h"

const char *const stile_convention_names[] = {"X,W,Y",   "X,W,Yt",  "X,Wt,Y",   "X,Wt,Yt", "Xt,W,Y",
                                              "Xt,W,Yt", "Xt,Wt,Y", "Xt,Wt,Yt", NULL};

/*
 * Where entry (row, column) of a rows × columns tile stands in a vector that lists the tile, or its
 * transpose, row by row.
 */
static int position(int row, int column, int rows, int columns, bool transposed)
{
    return transposed ? column * rows + row : row * columns + column;
}

/*
 * Copies a factor, of which coefficient `i` of vector `c` is entry c·step + i·stride, to the order
 * of the tile's rows.
 */
static void copy_factor(stile_basis_matrix to, stile_basis_matrix from, int rows, int columns,
                        int rank, bool of_decoder, bool transposed)
{
    const int size = rows * columns;
    const int step = of_decoder ? 1 : size, stride = of_decoder ? rank : 1;
    for (int c = 0; c < rank; c++) {
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                const int target = c * step + (row * columns + column) * stride;
                const int source =
                    c * step + position(row, column, rows, columns, transposed) * stride;
                to.entries[target] = from.entries[source];
                if (from.exact)
                    to.exact[target] = from.exact[source];
            }
        }
    }
}

int stile_basis_under_convention(stile_basis **out, stile_arena *arena, const stile_basis *read,
                                 int convention)
{
    const int m = read->m, k = read->k, n = read->n, rank = read->rank;
    stile_basis *basis =
        stile_basis_create(arena, read->name, m, k, n, rank, stile_basis_is_rational(read));
    if (!basis)
        return stile_fail_memory();
    basis->source = read->source;
    copy_factor(stile_basis_u(basis), stile_basis_u(read), m, k, rank, false,
                convention & STILE_CONVENTION_X_TRANSPOSED);
    copy_factor(stile_basis_v(basis), stile_basis_v(read), k, n, rank, false,
                convention & STILE_CONVENTION_W_TRANSPOSED);
    copy_factor(stile_basis_d(basis), stile_basis_d(read), m, n, rank, true,
                convention & STILE_CONVENTION_Y_TRANSPOSED);
    *out = basis;
    return STILE_OK;
}

int stile_basis_find_convention(int *out, const stile_basis *read, int usual)
{
    int found = -1, error = STILE_OK;
    stile_arena *scratch = stile_arena_create();
    if (!scratch)
        return stile_fail_memory();
    for (int i = 0; i < STILE_CONVENTION_COUNT && found < 0 && !error; i++) {
        const int convention = i ^ usual; /* the usual one first */
        stile_basis *basis;
        stile_basis_metrics metrics;
        error = stile_basis_under_convention(&basis, scratch, read, convention);
        if (!error)
            error = stile_basis_measure(basis, &metrics);
        if (!error && metrics.exact)
            found = convention;
    }
    stile_arena_destroy(&scratch);
    if (!error)
        *out = found;
    return error;
}

int stile_import_source_read(stile_import_source *out, stile_arena *arena, const char *path,
                             stile_diagnostics *diagnostics)
{
    stile_diagnostics *own;
    const char *data;
    size_t size;
    int result = stile_diagnostics_create(&own);
    if (result)
        return result;
    result = stile_yaml_read_file(&data, &size, arena, path, (stile_mark){path, 0, 0}, own);
    result = stile_diagnostics_finish(own, result, diagnostics);
    if (!result)
        *out = (stile_import_source){path, data, size};
    return result;
}
