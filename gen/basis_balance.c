/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_algebra.h"

#include <math.h>

#include "basis_factor.h"
#include "fail.h"

/* Three exponents that sum to zero. */
typedef struct exponents {
    int of[3];
} exponents;

/*
 * The powers of two that bring the three squared norms nearest to each other: least sum of squared
 * logarithms about their mean; of equals the one that changes least.
 */
static exponents choose_exponents(const double squares[3])
{
    double logs[3], mean = 0, least = HUGE_VAL;
    for (int f = 0; f < 3; f++) {
        logs[f] = log2(squares[f]) / 2;
        mean += logs[f] / 3;
    }
    /* The real optimum lies between neighbours of these. */
    const int u = (int)floor(mean - logs[0]), v = (int)floor(mean - logs[1]);
    exponents best = {{0, 0, 0}};
    int changed = 0;
    for (int i = 0; i < 16; i++) {
        exponents full = {{u - 1 + i / 4, v - 1 + i % 4, 0}};
        full.of[2] = -full.of[0] - full.of[1];
        double spread = 0;
        int change = 0;
        for (int f = 0; f < 3; f++) {
            const double distance = logs[f] + full.of[f] - mean;
            spread += distance * distance;
            change += full.of[f] < 0 ? -full.of[f] : full.of[f];
        }
        /* Logarithms come with rounding errors: what differs by them alone is equal. */
        if (spread < least - 1e-9 || (spread < least + 1e-9 && change < changed)) {
            least = spread < least ? spread : least;
            best = full;
            changed = change;
        }
    }
    return best;
}

/* entries of a channel · 2^exponent; false: overflow. */
static bool scale_by_power(const stile_basis_factor *factor, int channel, int exponent)
{
    if (exponent < -62 || exponent > 62)
        return false;
    const stile_rational power = {exponent > 0 ? INT64_C(1) << exponent : 1,
                                  exponent < 0 ? INT64_C(1) << -exponent : 1};
    for (int i = 0; i < factor->rows * factor->columns; i++) {
        stile_rational *entry = &factor->exact[stile_factor_at(factor, channel, i)];
        if (!stile_rational_mul(entry, *entry, power))
            return false;
    }
    return true;
}

static bool balance_channel(const stile_basis_factor factors[3], int channel)
{
    double squares[3];
    for (int f = 0; f < 3; f++) {
        squares[f] = stile_factor_dot(&factors[f], channel, channel);
        if (!(squares[f] > 0) || !isfinite(squares[f]))
            return true; /* a zero channel has no balance */
    }
    if (factors[0].exact) {
        const exponents powers = choose_exponents(squares);
        for (int f = 0; f < 3; f++) {
            if (!scale_by_power(&factors[f], channel, powers.of[f]))
                return false;
        }
        return true;
    }
    const double mean = cbrt(sqrt(squares[0])) * cbrt(sqrt(squares[1])) * cbrt(sqrt(squares[2]));
    for (int f = 0; f < 3; f++) {
        const double scale = mean / sqrt(squares[f]);
        for (int i = 0; i < factors[f].rows * factors[f].columns; i++)
            factors[f].entries[stile_factor_at(&factors[f], channel, i)] *= scale;
    }
    return true;
}

int stile_basis_balance(stile_basis **out, stile_arena *arena, const stile_basis *basis)
{
    const char *name = stile_basis_compose_name(arena, "balance", basis->name);
    stile_basis *balanced = name ? stile_basis_create(arena, name, basis->m, basis->k, basis->n,
                                                      basis->rank, stile_basis_is_rational(basis))
                                 : NULL;
    if (!balanced)
        return stile_fail_memory();
    balanced->source = basis->source;
    stile_basis_factor factors[3];
    for (int f = 0; f < 3; f++) {
        const stile_basis_factor from = stile_basis_factor_of(basis, f);
        factors[f] = stile_basis_factor_of(balanced, f);
        for (int i = 0; i < from.rank * from.rows * from.columns; i++)
            stile_factor_copy(&factors[f], i, &from, i);
    }
    for (int c = 0; c < basis->rank; c++) {
        if (!balance_channel(factors, c))
            return stile_fail(STILE_ERROR_ARGUMENT,
                              "an entry of '%.64s' overflows as channel %d is balanced: use "
                              "smaller numerators and denominators",
                              basis->name, c);
    }
    const int error = stile_basis_finish(balanced);
    if (!error)
        *out = balanced;
    return error;
}
