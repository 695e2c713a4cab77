/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_algebra.h"

#include "basis_factor.h"
#include "fail.h"
#include "reader.h"

stile_rotation stile_rotation_identity(const stile_basis *basis)
{
    return (stile_rotation){stile_square_identity(basis->m), stile_square_identity(basis->k),
                            stile_square_identity(basis->n)};
}

/* Each channel of `from` between two matrices: left · channel · right. False: overflow. */
static bool enclose(const stile_basis_factor *to, const stile_basis_factor *from,
                    const stile_square *left, const stile_square *right)
{
    const int rows = from->rows, columns = from->columns;
    for (int c = 0; c < from->rank; c++) {
        double product[STILE_MAX_TILE * STILE_MAX_TILE];
        stile_rational exact[STILE_MAX_TILE * STILE_MAX_TILE], term;
        for (int i = 0; i < rows * columns; i++) {
            product[i] = 0;
            exact[i] = STILE_RATIONAL_ZERO;
            for (int l = 0; l < rows; l++) {
                const int in_left = i / columns * rows + l;
                const int at = stile_factor_at(from, c, l * columns + i % columns);
                product[i] += left->entries[in_left] * from->entries[at];
                if (to->exact && left->exact[in_left].num &&
                    (!stile_rational_mul(&term, left->exact[in_left], from->exact[at]) ||
                     !stile_rational_add(&exact[i], exact[i], term)))
                    return false;
            }
        }
        for (int i = 0; i < rows * columns; i++) {
            double sum = 0;
            stile_rational exact_sum = STILE_RATIONAL_ZERO;
            for (int l = 0; l < columns; l++) {
                const int at = i / columns * columns + l, in_right = l * columns + i % columns;
                sum += product[at] * right->entries[in_right];
                if (to->exact && right->exact[in_right].num &&
                    (!stile_rational_mul(&term, exact[at], right->exact[in_right]) ||
                     !stile_rational_add(&exact_sum, exact_sum, term)))
                    return false;
            }
            to->entries[stile_factor_at(to, c, i)] = sum;
            if (to->exact)
                to->exact[stile_factor_at(to, c, i)] = exact_sum;
        }
    }
    return true;
}

int stile_basis_rotate(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                       const stile_rotation *rotation)
{
    stile_square inverse_a, inverse_b, inverse_c;
    int error = stile_square_invert(&inverse_a, &rotation->a, "A");
    if (!error)
        error = stile_square_invert(&inverse_b, &rotation->b, "B");
    if (!error)
        error = stile_square_invert(&inverse_c, &rotation->c, "C");
    if (error)
        return error;
    const bool exact = stile_basis_is_rational(basis) && rotation->a.rational &&
                       rotation->b.rational && rotation->c.rational;
    const char *name = stile_basis_compose_name(arena, "rotate", basis->name);
    stile_basis *rotated =
        name ? stile_basis_create(arena, name, basis->m, basis->k, basis->n, basis->rank, exact)
             : NULL;
    if (!rotated)
        return stile_fail_memory();
    rotated->source = "a rotation";

    const stile_square transposed_a = stile_square_transpose(&rotation->a);
    const stile_square transposed_b = stile_square_transpose(&rotation->b);
    const stile_square after_u = stile_square_transpose(&inverse_b);
    const stile_square after_v = stile_square_transpose(&inverse_c);
    const stile_square *const left[] = {&transposed_a, &transposed_b, &inverse_a};
    const stile_square *const right[] = {&after_u, &after_v, &rotation->c};
    for (int f = 0; f < 3; f++) {
        const stile_basis_factor to = stile_basis_factor_of(rotated, f);
        const stile_basis_factor from = stile_basis_factor_of(basis, f);
        if (!enclose(&to, &from, left[f], right[f]))
            return stile_fail(STILE_ERROR_ARGUMENT,
                              "an entry of '%.64s' overflows as it is rotated: use smaller "
                              "numerators and denominators",
                              basis->name);
    }
    error = stile_basis_finish(rotated);
    if (!error)
        *out = rotated;
    return error;
}

bool stile_rotation_read(stile_rotation *out, const stile_basis *basis, const stile_node *map,
                         stile_diagnostics *diagnostics)
{
    static const char *const keys[] = {"A", "B", "C", NULL};
    stile_rotation rotation = stile_rotation_identity(basis);
    stile_square *const matrices[] = {&rotation.a, &rotation.b, &rotation.c};
    if (!stile_read_kind(diagnostics, map, "a rotation", STILE_NODE_MAP))
        return false;
    bool good = stile_read_keys(diagnostics, map, keys);
    for (int i = 0; i < 3; i++) {
        const stile_node *node = stile_node_get(map, keys[i]);
        if (node)
            good &= stile_square_read(matrices[i], matrices[i]->size, node, keys[i], diagnostics);
    }
    if (good)
        *out = rotation;
    return good;
}
