/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_import_factors.h"

#include <float.h>
#include <math.h>

#include "fail.h"
#include "number.h"

bool stile_factors_find_tile(int out[3], const int64_t sizes[3])
{
    for (int m = 1; m <= STILE_MAX_TILE; m++) {
        for (int k = 1; k <= STILE_MAX_TILE; k++) {
            for (int n = 1; n <= STILE_MAX_TILE; n++) {
                if (m * k == sizes[0] && k * n == sizes[1] && m * n == sizes[2]) {
                    out[0] = m;
                    out[1] = k;
                    out[2] = n;
                    return true;
                }
            }
        }
    }
    return false;
}

int stile_factors_create(stile_factors *out, stile_arena *arena, const int64_t sizes[3],
                         int64_t rank, stile_mark mark, stile_diagnostics *diagnostics)
{
    int tile[3];
    if (rank < 1 || rank > STILE_MAX_RANK)
        return stile_diagnose(diagnostics, mark, STILE_CODE_BASIS_LIMIT,
                              "the rank is %lld, but ranks go from 1 to %d", (long long)rank,
                              STILE_MAX_RANK);
    if (!stile_factors_find_tile(tile, sizes))
        return stile_diagnose(
            diagnostics, mark, STILE_CODE_IMPORT_SIZES,
            "vectors of %lld, %lld and %lld coefficients fit no tile: they must be m*k, k*n and "
            "m*n long, with m, k and n from 1 to %d",
            (long long)sizes[0], (long long)sizes[1], (long long)sizes[2], STILE_MAX_TILE);
    stile_basis *basis = stile_basis_create(arena, "", tile[0], tile[1], tile[2], (int)rank, true);
    if (!basis)
        return stile_fail_memory();
    basis->source = "";
    *out = (stile_factors){.basis = basis, .rational = true, .diagnostics = diagnostics};
    for (int i = 0; i < 3; i++)
        out->sizes[i] = (int)sizes[i];
    return STILE_OK;
}

bool stile_factors_set(stile_factors *factors, int factor, int channel, int index, const char *text,
                       stile_mark mark)
{
    stile_basis *basis = factors->basis;
    stile_rational fraction = STILE_RATIONAL_ZERO;
    double value;
    bool exact;
    if (!stile_rational_parse(text, &fraction, &exact, &value)) {
        stile_diagnose(
            factors->diagnostics, mark, STILE_CODE_BAD_NUMBER,
            "a coefficient must be an integer, a fraction p/q, a decimal or a hex float, "
            "not %s",
            stile_quote(text).text);
        return false;
    }
    if (fabs(value) > (double)FLT_MAX) {
        stile_diagnose(factors->diagnostics, mark, STILE_CODE_OUT_OF_RANGE,
                       "a coefficient is too large for f32, in which kernels hold it: %s",
                       stile_quote(text).text);
        return false;
    }
    /* A spelling such as 1e-1 counts as the 0.1 that basis files have for it. */
    if (!exact) {
        char shortest[32];
        double same;
        stile_format_double(shortest, value);
        stile_rational_parse(shortest, &fraction, &exact, &same);
    }
    const stile_basis_matrix matrix = factor == 0   ? stile_basis_u(basis)
                                      : factor == 1 ? stile_basis_v(basis)
                                                    : stile_basis_d(basis);
    const int at =
        factor == 2 ? index * basis->rank + channel : channel * factors->sizes[factor] + index;
    factors->rational &= exact;
    matrix.entries[at] = value;
    matrix.exact[at] = fraction;
    return true;
}

stile_basis *stile_factors_finish(stile_factors *factors)
{
    stile_basis *basis = factors->basis;
    if (factors->rational)
        stile_basis_round_exact(basis);
    else
        basis->u_exact = basis->v_exact = basis->d_exact = NULL;
    return basis;
}

int stile_factors_read(stile_basis **out, stile_arena *arena, stile_factors_reader read, void *user,
                       stile_diagnostics *diagnostics)
{
    stile_diagnostics *own;
    stile_basis *basis;
    int result = stile_diagnostics_create(&own);
    if (result)
        return result;
    result = read(&basis, arena, user, own);
    if (stile_diagnostics_failed(own))
        result = stile_fail_memory();
    else if (!result && stile_diagnostics_reported(own))
        result = STILE_ERROR_SPEC;
    result = stile_diagnostics_finish(own, result, diagnostics);
    if (!result)
        *out = basis;
    return result;
}
