/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_factor.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "fail.h"

enum { MAX_NAME = 200 }; /* bytes of a composed name: long chains must not pile up names */

stile_basis_factor stile_basis_factor_of(const stile_basis *basis, int index)
{
    const int rank = basis->rank;
    if (index == 0)
        return (stile_basis_factor){basis->m, basis->k, rank,          basis->m * basis->k,
                                    1,        basis->u, basis->u_exact};
    if (index == 1)
        return (stile_basis_factor){basis->k, basis->n, rank,          basis->k * basis->n,
                                    1,        basis->v, basis->v_exact};
    return (stile_basis_factor){basis->m, basis->n, rank, 1, rank, basis->d, basis->d_exact};
}

void stile_factor_copy(const stile_basis_factor *to, int to_at, const stile_basis_factor *from,
                       int from_at)
{
    to->entries[to_at] = from->entries[from_at];
    if (to->exact)
        to->exact[to_at] = from->exact[from_at];
}

double stile_factor_dot(const stile_basis_factor *factor, int channel, int other)
{
    double sum = 0;
    for (int i = 0; i < factor->rows * factor->columns; i++)
        sum += factor->entries[stile_factor_at(factor, channel, i)] *
               factor->entries[stile_factor_at(factor, other, i)];
    return sum;
}

const char *stile_basis_compose_name(stile_arena *arena, const char *what, const char *name)
{
    if (strlen(name) > MAX_NAME)
        name = "...";
    return stile_arena_printf(arena, "%s(%s)", what, name);
}

int stile_basis_finish(stile_basis *basis)
{
    if (stile_basis_is_rational(basis))
        stile_basis_round_exact(basis);
    for (int f = 0; f < 3; f++) {
        const stile_basis_factor factor = stile_basis_factor_of(basis, f);
        for (int i = 0; i < basis->rank * factor.rows * factor.columns; i++) {
            if (!(fabs(factor.entries[i]) <= (double)FLT_MAX))
                return stile_fail(STILE_ERROR_ARGUMENT,
                                  "an entry of %.64s is too large for f32, in which kernels hold "
                                  "it: balance the basis, or use smaller factors",
                                  basis->name);
        }
    }
    return STILE_OK;
}
