/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bases that are the same to the bit on every machine: normal deviates are (generator.h), and
 * everything else is + − × ÷ and sqrt, which IEEE 754 rounds correctly, in a fixed order. (The build
 * turns contraction to FMA off.)
 */
#include "basis.h"

#include <math.h>

#include "fail.h"
#include "generator.h"

/* The inner product of two vectors of `count` entries, `stride` apart. */
static double dot(const double *a, const double *b, int count, int stride)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += a[i * stride] * b[i * stride];
    return sum;
}

/* ‖T̂‖²_F = Σ_c Σ_c' (u_c·u_c')(v_c·v_c')(d_c·d_c'), which needs no T̂. */
static double tensor_squares(const stile_basis *basis)
{
    const int mk = basis->m * basis->k, kn = basis->k * basis->n, mn = basis->m * basis->n;
    double sum = 0;
    for (int c = 0; c < basis->rank; c++) {
        for (int e = 0; e <= c; e++) {
            const double product = dot(basis->u + c * mk, basis->u + e * mk, mk, 1) *
                                   dot(basis->v + c * kn, basis->v + e * kn, kn, 1) *
                                   dot(basis->d + c, basis->d + e, mn, basis->rank);
            sum += e < c ? 2 * product : product;
        }
    }
    return sum;
}

/* Scales, then rounds to float, so that device operands hold the entries exactly. */
static void scale(double *values, int count, double factor)
{
    for (int i = 0; i < count; i++)
        values[i] = (float)(values[i] * factor);
}

static void fill(stile_generator *g, stile_basis_matrix matrix)
{
    const int count = matrix.rows * matrix.columns;
    for (int i = 0; i < count; i++)
        matrix.entries[i] = stile_generator_normal(g);
}

int stile_basis_random(stile_basis **out, stile_arena *arena, int m, int k, int n, int rank,
                       uint64_t seed)
{
    if (m < 1 || k < 1 || n < 1 || m > STILE_MAX_TILE || k > STILE_MAX_TILE || n > STILE_MAX_TILE)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "a tile of %dx%dx%d cannot work: each side must be from 1 to %d", m, k, n,
                          STILE_MAX_TILE);
    if (rank < 1 || rank > STILE_MAX_RANK)
        return stile_fail(STILE_ERROR_ARGUMENT, "rank %d cannot work: it must be from 1 to %d",
                          rank, STILE_MAX_RANK);
    const int u_count = rank * m * k, v_count = rank * k * n, d_count = m * n * rank;
    const char *name = stile_arena_printf(arena, "random(%d,%d,%d;%d;%llu)", m, k, n, rank,
                                          (unsigned long long)seed);
    stile_basis *basis = name ? stile_basis_create(arena, name, m, k, n, rank, false) : NULL;
    if (!basis)
        return stile_fail_memory();
    basis->source = "independent normal entries, scaled to unit gain";

    stile_generator g = {seed};
    fill(&g, stile_basis_u(basis));
    fill(&g, stile_basis_v(basis));
    fill(&g, stile_basis_d(basis));

    /* A channel of X̂ has variance ‖u_c‖²: 1 on average over channels. Likewise Ŵ. */
    scale(basis->u, u_count, sqrt(rank / dot(basis->u, basis->u, u_count, 1)));
    scale(basis->v, v_count, sqrt(rank / dot(basis->v, basis->v, v_count, 1)));
    scale(basis->d, d_count, sqrt(m * k * n / tensor_squares(basis)));
    *out = basis;
    return STILE_OK;
}
