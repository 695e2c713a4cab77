/* SPDX-License-Identifier: Apache-2.0 */
#include "basis.h"

#include <math.h>
#include <string.h>

#include "fail.h"

enum { MAX_NAME = 200 }; /* bytes of a composed name: long products must not pile up names */

/* What stands between the parentheses of "kron(…)"; the name itself of anything else. */
static void factors_of(const char *name, const char **start, int *length)
{
    const char prefix[] = "kron(";
    const size_t size = strlen(name), skip = sizeof prefix - 1;
    const bool composed = size > skip && !strncmp(name, prefix, skip) && name[size - 1] == ')';
    *start = composed ? name + skip : name;
    *length = (int)(composed ? size - skip - 1 : size);
}

/* The product is associative, so nested products are named as one. */
static const char *kron_name(stile_arena *arena, const char *outer, const char *inner)
{
    const char *first, *second;
    int first_length, second_length;
    factors_of(outer, &first, &first_length);
    factors_of(inner, &second, &second_length);
    if (first_length > MAX_NAME || second_length > MAX_NAME ||
        first_length + second_length > MAX_NAME)
        return "kron(...)";
    return stile_arena_printf(arena, "kron(%.*s,%.*s)", first_length, first, second_length, second);
}

/* The shape of a vector that is a matrix in row-major order. */
typedef struct shape {
    int rows, columns;
} shape;

/* Where entry j of a matrix of shape `inner` lands inside block i of a matrix of such blocks. */
static int block_entry(int i, shape outer, int j, shape inner)
{
    const int row = i / outer.columns * inner.rows + j / inner.columns;
    const int column = i % outer.columns * inner.columns + j % inner.columns;
    return row * outer.columns * inner.columns + column;
}

/*
 * out = outer ⊗ inner, whose rows and columns are vectors of matrices of the given shapes. False
 * where an entry overflows.
 */
static bool multiply(stile_basis_matrix out, stile_basis_matrix outer, shape outer_row,
                     shape outer_column, stile_basis_matrix inner, shape inner_row,
                     shape inner_column)
{
    for (int i = 0; i < outer.rows * outer.columns; i++) {
        const int outer_i = i / outer.columns, outer_j = i % outer.columns;
        for (int j = 0; j < inner.rows * inner.columns; j++) {
            const int inner_i = j / inner.columns, inner_j = j % inner.columns;
            const int index = block_entry(outer_i, outer_row, inner_i, inner_row) * out.columns +
                              block_entry(outer_j, outer_column, inner_j, inner_column);
            out.entries[index] = outer.entries[i] * inner.entries[j];
            if (!isfinite(out.entries[index]))
                return false;
            if (out.exact && !stile_rational_mul(&out.exact[index], outer.exact[i], inner.exact[j]))
                return false;
        }
    }
    return true;
}

int stile_basis_kron(stile_basis **out, stile_arena *arena, const stile_basis *outer,
                     const stile_basis *inner)
{
    const int m = outer->m * inner->m, k = outer->k * inner->k, n = outer->n * inner->n;
    const int rank = outer->rank * inner->rank;
    if (m > STILE_MAX_TILE || k > STILE_MAX_TILE || n > STILE_MAX_TILE || rank > STILE_MAX_RANK)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "the Kronecker product of '%.64s' and '%.64s' has tiles of %dx%dx%d and "
                          "rank %d: sides may be up to %d, ranks up to %d",
                          outer->name, inner->name, m, k, n, rank, STILE_MAX_TILE, STILE_MAX_RANK);
    const bool exact = stile_basis_is_rational(outer) && stile_basis_is_rational(inner);
    const char *name = kron_name(arena, outer->name, inner->name);
    stile_basis *basis = name ? stile_basis_create(arena, name, m, k, n, rank, exact) : NULL;
    if (!basis)
        return stile_fail_memory();
    basis->source = "a Kronecker product";

    /* A channel of the product is a pair of channels: a column of a column vector of columns. */
    const shape channels = {outer->rank, 1}, inner_channels = {inner->rank, 1};
    const shape x = {outer->m, outer->k}, inner_x = {inner->m, inner->k};
    const shape w = {outer->k, outer->n}, inner_w = {inner->k, inner->n};
    const shape y = {outer->m, outer->n}, inner_y = {inner->m, inner->n};
    if (!multiply(stile_basis_u(basis), stile_basis_u(outer), channels, x, stile_basis_u(inner),
                  inner_channels, inner_x) ||
        !multiply(stile_basis_v(basis), stile_basis_v(outer), channels, w, stile_basis_v(inner),
                  inner_channels, inner_w) ||
        !multiply(stile_basis_d(basis), stile_basis_d(outer), y, channels, stile_basis_d(inner),
                  inner_y, inner_channels))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "an entry of the Kronecker product of '%.64s' and '%.64s' overflows: use "
                          "smaller numerators and denominators",
                          outer->name, inner->name);
    if (exact)
        stile_basis_round_exact(basis);
    *out = basis;
    return STILE_OK;
}
