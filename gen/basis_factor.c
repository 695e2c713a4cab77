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

bool stile_factor_enclose(const stile_basis_factor *to, const stile_basis_factor *from,
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
