/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_group.h"

#include <stdlib.h>
#include <string.h>

#include "basis_factor.h"
#include "fail.h"

stile_placement stile_placement_of_triple(const stile_group *group, const stile_triple *triple)
{
    const uint8_t *s = triple->elements[0], *t = triple->elements[1], *u = triple->elements[2];
    stile_placement out = {triple->sizes[0], triple->sizes[1], triple->sizes[2]};
    for (int i = 0; i < out.m * out.k; i++)
        out.x[i] = group->product[group->inverse[s[i / out.k]]][t[i % out.k]];
    for (int i = 0; i < out.k * out.n; i++)
        out.w[i] = group->product[group->inverse[t[i / out.n]]][u[i % out.n]];
    memset(out.x_signs, 1, sizeof out.x_signs);
    memset(out.w_signs, 1, sizeof out.w_signs);
    return out;
}

/* How an entry of Y is read. */
typedef struct reading {
    int element;
    int wanted, met; /* products there: those of the entry, by their signs, and all */
} reading;

static double quality(int wanted, int met)
{
    return met ? (double)(wanted * wanted) / met : 0;
}

/* How many products of an entry of X and one of W meet at each element. */
static void count_products(const stile_group *group, const stile_placement *p, int *met)
{
    memset(met, 0, (size_t)group->order * sizeof *met);
    for (int i = 0; i < p->m * p->k; i++) {
        for (int j = 0; j < p->k * p->n; j++)
            met[group->product[p->x[i]][p->w[j]]]++;
    }
}

/* The best reading of entry i of Y, of equals the one that was met first. */
static reading read_entry(const stile_group *group, const stile_placement *p, const int *met, int i)
{
    int places[STILE_MAX_TILE] = {0}, wanted[STILE_MAX_GROUP] = {0};
    for (int b = 0; b < p->k; b++) {
        const int x = i / p->n * p->k + b, w = b * p->n + i % p->n;
        places[b] = group->product[p->x[x]][p->w[w]];
        wanted[places[b]] += p->x_signs[x] * p->w_signs[w];
    }
    reading best = {places[0], wanted[places[0]], met[places[0]]};
    for (int b = 1; b < p->k; b++) {
        const int g = places[b];
        if (quality(wanted[g], met[g]) > quality(best.wanted, best.met))
            best = (reading){g, wanted[g], met[g]};
    }
    return best;
}

double stile_placement_error(const stile_group *group, const stile_placement *placement)
{
    int met[STILE_MAX_GROUP];
    double kept = 0;
    count_products(group, placement, met);
    for (int i = 0; i < placement->m * placement->n; i++) {
        const reading read = read_entry(group, placement, met, i);
        kept += quality(read.wanted, read.met);
    }
    const double error = 1 - kept / (placement->m * placement->k * placement->n);
    return error > 0x1p-40 ? error : 0;
}

/* Sets an entry to `quarters`, a multiple of 1/4, times num/den. */
static bool set_entry(const stile_basis_factor *factor, int at, double quarters, int64_t num,
                      int64_t den)
{
    factor->entries[at] = quarters * (double)num / (double)den;
    return !factor->exact ||
           stile_rational_make(&factor->exact[at], (int64_t)(quarters * 4) * num, 4 * den);
}

/* One entry of a tile in all channels; `values` are those of its element, `step` apart. */
static bool set_channels(const stile_basis_factor *factor, int entry, const double *values,
                         int step, int64_t num, int64_t den)
{
    bool good = true;
    for (int c = 0; c < factor->rank && good; c++)
        good = set_entry(factor, stile_factor_at(factor, c, entry), values[c * step], num, den);
    return good;
}

int stile_basis_of_placement(stile_basis **out, stile_arena *arena, const stile_group *group,
                             const stile_placement *placement)
{
    const int m = placement->m, k = placement->k, n = placement->n, order = group->order;
    if (group->rank > STILE_MAX_RANK)
        return stile_fail(STILE_ERROR_ARGUMENT, "the algebra of %.64s takes %d products: up to %d",
                          group->name, group->rank, STILE_MAX_RANK);
    const char *name = stile_arena_printf(arena, "group_%s", group->name);
    stile_basis *basis =
        name ? stile_basis_create(arena, name, m, k, n, group->rank, group->rational) : NULL;
    if (!basis)
        return stile_fail_memory();
    basis->source = "the product in the algebra of a group";
    const stile_basis_factor u = stile_basis_factor_of(basis, 0);
    const stile_basis_factor v = stile_basis_factor_of(basis, 1);
    const stile_basis_factor d = stile_basis_factor_of(basis, 2);
    bool good = true;
    for (int i = 0; i < m * k && good; i++)
        good = set_channels(&u, i, group->a + placement->x[i], order, placement->x_signs[i], 1);
    for (int i = 0; i < k * n && good; i++)
        good = set_channels(&v, i, group->b + placement->w[i], order, placement->w_signs[i], 1);
    int met[STILE_MAX_GROUP];
    count_products(group, placement, met);
    for (int i = 0; i < m * n && good; i++) {
        const reading read = read_entry(group, placement, met, i);
        good = set_channels(&d, i, group->c + read.element * group->rank, 1, read.wanted,
                            (int64_t)read.met * order);
    }
    if (!good)
        return stile_fail(STILE_ERROR_INTERNAL, "the transform of %.64s is wrong", group->name);
    if (group->rational)
        stile_basis_round_exact(basis);
    *out = basis;
    return STILE_OK;
}
