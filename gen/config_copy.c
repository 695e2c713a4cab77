/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <string.h>

static void *copy_array(stile_arena *arena, const void *array, size_t count, size_t size)
{
    void *copy = stile_arena_array(arena, count, size);
    if (copy)
        memcpy(copy, array, count * size);
    return copy;
}

/* `string` may be NULL: then it is no failure to copy nothing. */
static bool copy_text(const char **out, stile_arena *arena, const char *string)
{
    *out = string ? stile_arena_strdup(arena, string) : NULL;
    return *out || !string;
}

const stile_config *stile_config_copy(stile_arena *arena, const stile_config *config)
{
    const stile_basis *from = config->basis;
    size_t u = (size_t)from->rank * from->m * from->k;
    size_t v = (size_t)from->rank * from->k * from->n;
    size_t d = (size_t)from->rank * from->m * from->n;

    stile_config *copy = stile_arena_alloc(arena, sizeof *copy);
    stile_basis *basis = stile_arena_alloc(arena, sizeof *basis);
    if (!copy || !basis)
        return NULL;
    *copy = *config;
    *basis = *from;
    copy->basis = basis;
    copy->shapes = NULL;
    copy->shape_count = 0;
    bool complete = copy_text(&copy->name, arena, config->name) &&
                    copy_text(&copy->basis_text, arena, config->basis_text) &&
                    copy_text(&copy->spec_name, arena, config->spec_name) &&
                    copy_text(&copy->spec_path, arena, config->spec_path) &&
                    copy_text(&copy->variant_text, arena, config->variant_text) &&
                    copy_text(&basis->name, arena, from->name) &&
                    copy_text(&basis->source, arena, from->source);
    basis->u = copy_array(arena, from->u, u, sizeof *basis->u);
    basis->v = copy_array(arena, from->v, v, sizeof *basis->v);
    basis->d = copy_array(arena, from->d, d, sizeof *basis->d);
    complete = complete && basis->u && basis->v && basis->d;
    if (stile_basis_is_rational(from)) {
        basis->u_exact = copy_array(arena, from->u_exact, u, sizeof *basis->u_exact);
        basis->v_exact = copy_array(arena, from->v_exact, v, sizeof *basis->v_exact);
        basis->d_exact = copy_array(arena, from->d_exact, d, sizeof *basis->d_exact);
        complete = complete && basis->u_exact && basis->v_exact && basis->d_exact;
    }
    return complete ? copy : NULL;
}
