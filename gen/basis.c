/* SPDX-License-Identifier: Apache-2.0 */
#include "basis.h"

/* `count` zeros. */
static stile_rational *exact_zeros(stile_arena *arena, int count)
{
    stile_rational *entries = stile_arena_array(arena, (size_t)count, sizeof *entries);
    for (int i = 0; entries && i < count; i++)
        entries[i] = STILE_RATIONAL_ZERO;
    return entries;
}

stile_basis *stile_basis_create(stile_arena *arena, const char *name, int m, int k, int n, int rank,
                                bool exact)
{
    stile_basis *basis = stile_arena_alloc(arena, sizeof *basis);
    if (!basis)
        return NULL;
    basis->name = stile_arena_strdup(arena, name);
    basis->source = "";
    basis->m = m;
    basis->k = k;
    basis->n = n;
    basis->rank = rank;

    const stile_basis_matrix u = stile_basis_u(basis);
    const stile_basis_matrix v = stile_basis_v(basis);
    const stile_basis_matrix d = stile_basis_d(basis);
    basis->u = stile_arena_array(arena, (size_t)(u.rows * u.columns), sizeof *basis->u);
    basis->v = stile_arena_array(arena, (size_t)(v.rows * v.columns), sizeof *basis->v);
    basis->d = stile_arena_array(arena, (size_t)(d.rows * d.columns), sizeof *basis->d);
    if (!basis->name || !basis->u || !basis->v || !basis->d)
        return NULL;
    if (exact) {
        basis->u_exact = exact_zeros(arena, u.rows * u.columns);
        basis->v_exact = exact_zeros(arena, v.rows * v.columns);
        basis->d_exact = exact_zeros(arena, d.rows * d.columns);
        if (!basis->u_exact || !basis->v_exact || !basis->d_exact)
            return NULL;
    }
    return basis;
}

stile_basis_matrix stile_basis_u(const stile_basis *basis)
{
    return (stile_basis_matrix){basis->rank, basis->m * basis->k, basis->u, basis->u_exact};
}

stile_basis_matrix stile_basis_v(const stile_basis *basis)
{
    return (stile_basis_matrix){basis->rank, basis->k * basis->n, basis->v, basis->v_exact};
}

stile_basis_matrix stile_basis_d(const stile_basis *basis)
{
    return (stile_basis_matrix){basis->m * basis->n, basis->rank, basis->d, basis->d_exact};
}

int stile_basis_nonzeros(stile_basis_matrix matrix)
{
    int count = 0;
    for (int i = 0; i < matrix.rows * matrix.columns; i++)
        count += matrix.entries[i] != 0;
    return count;
}

bool stile_basis_is_sparse(const stile_basis *basis)
{
    const stile_basis_matrix matrices[] = {stile_basis_u(basis), stile_basis_v(basis),
                                           stile_basis_d(basis)};
    int nonzeros = 0, entries = 0;
    for (int i = 0; i < 3; i++) {
        nonzeros += stile_basis_nonzeros(matrices[i]);
        entries += matrices[i].rows * matrices[i].columns;
    }
    return stile_basis_is_rational(basis) && 2 * nonzeros <= entries;
}

static void round_matrix(stile_basis_matrix matrix)
{
    for (int i = 0; i < matrix.rows * matrix.columns; i++)
        matrix.entries[i] = stile_rational_to_double(matrix.exact[i]);
}

void stile_basis_round_exact(stile_basis *basis)
{
    round_matrix(stile_basis_u(basis));
    round_matrix(stile_basis_v(basis));
    round_matrix(stile_basis_d(basis));
}
