/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_search_optimizer.h"

#include <stdlib.h>

#include "fail.h"

int stile_search_optimizer_create(stile_search_optimizer *out, const stile_search_point *point)
{
    const size_t stride = (size_t)point->stride, size = stile_search_point_size(point);
    stile_search_optimizer o = {0};
    bool ok = stile_search_point_create(&o.trial, point->m, point->k, point->n, point->rank,
                                        point->stride) == STILE_OK;
    for (int f = 0; f < 3; f++) {
        const size_t pairs = (size_t)(point->sizes[(f + 1) % 3] * point->sizes[(f + 2) % 3]);
        o.grams[f] = malloc(stride * stride * sizeof *o.grams[f]);
        o.mixed[f] = malloc(pairs * stride * sizeof *o.mixed[f]);
        ok = ok && o.grams[f] && o.mixed[f];
    }
    for (int a = 0; a < point->m && point->rows != STILE_COUPLING_FULL; a++) {
        for (int f = 0; f < 3; f += 2) {
            o.seen[f][a] = malloc(stride * stride * sizeof *o.seen[f][a]);
            ok = ok && o.seen[f][a];
        }
    }
    for (int f = 0; f < 3; f++) {
        const int classes = point->sizes[f] / stile_search_class_rows(point, f);
        for (int class = 0; class < classes; class ++) {
            o.blocks[f][class] = malloc(stride * stride * sizeof *o.blocks[f][class]);
            o.inverses[f][class] = malloc(stride * stride * sizeof *o.inverses[f][class]);
            o.pairs[f][class] = malloc(stride * stride * sizeof *o.pairs[f][class]);
            ok = ok && o.blocks[f][class] && o.inverses[f][class] && o.pairs[f][class];
        }
    }
    for (int i = 0; i < 5; i++) {
        o.krylov[i] = malloc(size * sizeof *o.krylov[i]);
        ok = ok && o.krylov[i];
    }
    o.both = malloc(stride * stride * sizeof *o.both);
    o.normal = malloc(stride * stride * sizeof *o.normal);
    o.reduced = malloc(stride * stride * sizeof *o.reduced);
    o.gradient = malloc(size * sizeof *o.gradient);
    o.slope = malloc(size * sizeof *o.slope);
    o.step = malloc(size * sizeof *o.step);
    o.row = malloc(size * sizeof *o.row);
    o.residual = malloc(stile_search_residual_scratch(point) * sizeof *o.residual);
    o.variables = malloc(size * sizeof *o.variables);
    if (!ok || !o.both || !o.normal || !o.reduced || !o.gradient || !o.slope || !o.step || !o.row ||
        !o.residual || !o.variables) {
        stile_search_optimizer_destroy(&o);
        return stile_fail_memory();
    }
    *out = o;
    return STILE_OK;
}

void stile_search_optimizer_destroy(stile_search_optimizer *optimizer)
{
    for (int f = 0; f < 3; f++) {
        free(optimizer->grams[f]);
        free(optimizer->mixed[f]);
    }
    for (int i = 0; i < 5; i++)
        free(optimizer->krylov[i]);
    for (int a = 0; a < STILE_MAX_TILE; a++) {
        for (int f = 0; f < 3; f++) {
            free(optimizer->blocks[f][a]);
            free(optimizer->inverses[f][a]);
            free(optimizer->pairs[f][a]);
        }
        free(optimizer->seen[0][a]);
        free(optimizer->seen[2][a]);
    }
    free(optimizer->both);
    free(optimizer->normal);
    free(optimizer->reduced);
    free(optimizer->gradient);
    free(optimizer->slope);
    free(optimizer->step);
    free(optimizer->row);
    free(optimizer->residual);
    free(optimizer->variables);
    free(optimizer->hessian);
    free(optimizer->factor);
    stile_search_point_destroy(&optimizer->trial);
    *optimizer = (stile_search_optimizer){0};
}
