/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_algebra.h"

#include "basis_factor.h"
#include "fail.h"

/* Puts the channels of `from` behind `channel`, their entries in a larger tile at (row, column). */
static void place(const stile_basis_factor *to, const stile_basis_factor *from, int channel,
                  int row, int column)
{
    for (int c = 0; c < from->rank; c++) {
        for (int i = 0; i < from->rows * from->columns; i++) {
            const int entry = (row + i / from->columns) * to->columns + column + i % from->columns;
            stile_factor_copy(to, stile_factor_at(to, channel + c, entry), from,
                              stile_factor_at(from, c, i));
        }
    }
}

int stile_basis_sum(stile_basis **out, stile_arena *arena, stile_axis axis,
                    const stile_basis *first, const stile_basis *second)
{
    static const char letters[] = "mkn";
    const int one[] = {first->m, first->k, first->n};
    const int two[] = {second->m, second->k, second->n};
    int sides[3], offset[] = {0, 0, 0};
    for (int i = 0; i < 3; i++) {
        if (i != (int)axis && one[i] != two[i])
            return stile_fail(STILE_ERROR_ARGUMENT,
                              "tiles of %dx%dx%d and %dx%dx%d cannot be glued along %c: their "
                              "sides %c must agree",
                              one[0], one[1], one[2], two[0], two[1], two[2], letters[axis],
                              letters[i]);
        sides[i] = i == (int)axis ? one[i] + two[i] : one[i];
    }
    offset[axis] = one[axis];
    const int rank = first->rank + second->rank;
    if (sides[axis] > STILE_MAX_TILE || rank > STILE_MAX_RANK)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the sum of '%.64s' and '%.64s' has tiles of %dx%dx%d and rank %d: sides "
                          "may be up to %d, ranks up to %d",
                          first->name, second->name, sides[0], sides[1], sides[2], rank,
                          STILE_MAX_TILE, STILE_MAX_RANK);

    const bool exact = stile_basis_is_rational(first) && stile_basis_is_rational(second);
    const char what[] = {'s', 'u', 'm', '_', letters[axis], '\0'};
    const char *both = stile_arena_printf(arena, "%s,%s", first->name, second->name);
    const char *name = both ? stile_basis_compose_name(arena, what, both) : NULL;
    stile_basis *sum =
        name ? stile_basis_create(arena, name, sides[0], sides[1], sides[2], rank, exact) : NULL;
    if (!sum)
        return stile_fail_memory();
    sum->source = "a direct sum";
    static const int rows[] = {STILE_AXIS_M, STILE_AXIS_K, STILE_AXIS_M};
    static const int columns[] = {STILE_AXIS_K, STILE_AXIS_N, STILE_AXIS_N};
    for (int f = 0; f < 3; f++) {
        const stile_basis_factor to = stile_basis_factor_of(sum, f);
        const stile_basis_factor upper = stile_basis_factor_of(first, f);
        const stile_basis_factor lower = stile_basis_factor_of(second, f);
        place(&to, &upper, 0, 0, 0);
        place(&to, &lower, first->rank, offset[rows[f]], offset[columns[f]]);
    }
    *out = sum;
    return STILE_OK;
}
