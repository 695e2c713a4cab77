/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_algebra.h"

#include "basis_factor.h"
#include "fail.h"

/* Copies channels; where `transposed`, each as its transpose. */
static void copy_factor(const stile_basis_factor *to, const stile_basis_factor *from,
                        bool transposed)
{
    for (int c = 0; c < from->rank; c++) {
        for (int i = 0; i < from->rows * from->columns; i++) {
            const int row = i / from->columns, column = i % from->columns;
            const int entry = transposed ? column * from->rows + row : i;
            stile_factor_copy(to, stile_factor_at(to, c, entry), from, stile_factor_at(from, c, i));
        }
    }
}

/* The basis whose factor f is factor from[f] of another, transposed or not. */
static int permute(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                   const char *what, const int sides[3], const int from[3],
                   const bool transposed[3])
{
    const char *name = stile_basis_compose_name(arena, what, basis->name);
    stile_basis *result = name ? stile_basis_create(arena, name, sides[0], sides[1], sides[2],
                                                    basis->rank, stile_basis_is_rational(basis))
                               : NULL;
    if (!result)
        return stile_fail_memory();
    result->source = basis->source;
    for (int f = 0; f < 3; f++) {
        const stile_basis_factor target = stile_basis_factor_of(result, f);
        const stile_basis_factor source = stile_basis_factor_of(basis, from[f]);
        copy_factor(&target, &source, transposed[f]);
    }
    *out = result;
    return STILE_OK;
}

/*
 * In trace(X·W·Z), Z is n×m and channel c has the coefficients d_cᵀ for it. W takes the place of X,
 * Z that of W, X that of Z: its coefficients u_c become the transposed decoder.
 */
int stile_basis_cycle(stile_basis **out, stile_arena *arena, const stile_basis *basis)
{
    const int sides[] = {basis->k, basis->n, basis->m}, from[] = {1, 2, 0};
    return permute(out, arena, basis, "cycle", sides, from, (const bool[]){false, true, true});
}

int stile_basis_transpose(stile_basis **out, stile_arena *arena, const stile_basis *basis)
{
    const int sides[] = {basis->n, basis->k, basis->m}, from[] = {1, 0, 2};
    return permute(out, arena, basis, "transpose", sides, from, (const bool[]){true, true, true});
}
