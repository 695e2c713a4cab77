/* SPDX-License-Identifier: Apache-2.0 */
/* What a loaded spec tells programs that evaluate or train the operator themselves. */
#include "config.h"
#include "fail.h"

int stile_spec_get_operator(stile_spec_operator *out, const stile_spec *spec, const char *variant)
{
    if (!out || !spec)
        return stile_fail(STILE_ERROR_ARGUMENT, "%s is NULL", out ? "the spec" : "out");
    const stile_config *config = stile_spec_variant(spec, variant);
    if (!config)
        return STILE_ERROR_ARGUMENT;
    const stile_basis *basis = config->basis;
    *out = (stile_spec_operator){
        .basis = basis->name,
        .m = basis->m,
        .k = basis->k,
        .n = basis->n,
        .rank = basis->rank,
        .u = basis->u,
        .v = basis->v,
        .d = basis->d,
        .exact = config->metrics.exact,
        .rows = stile_rows_name(config->rows),
        .bias = config->epilogue.bias,
        .residual = config->epilogue.residual,
        .activation = stile_activation_name(config->epilogue.activation),
    };
    return 0;
}
