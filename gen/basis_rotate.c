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
        if (!stile_factor_enclose(&to, &from, left[f], right[f]))
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
