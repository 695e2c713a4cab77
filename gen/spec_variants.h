/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a spec's fields, and the `variants` section, which lists several for some of them. */
#ifndef STILE_GEN_SPEC_VARIANTS_H
#define STILE_GEN_SPEC_VARIANTS_H

#include <stdbool.h>
#include <stddef.h>

#include "spec_basis.h"
#include "spec_fields.h"

enum { STILE_MAX_VARIANTS = 4096 };

/* What one field is set to. */
typedef struct stile_setting {
    const stile_node *node; /* where; NULL where the spec leaves the field to its default */
    bool good;              /* false where the node is in error: the value means nothing */
    stile_field_value value;
    stile_spec_basis *basis; /* of STILE_FIELD_BASIS */
} stile_setting;

/* Reads a setting; false where it is in error, which `out` says too. */
bool stile_setting_read(stile_setting *out, stile_basis_resolver *resolver, stile_field field,
                        const stile_node *node);

/* Appends the value in canonical flow style; `compact`: as in names of variants. */
void stile_setting_print(stile_text *out, stile_field field, const stile_setting *setting,
                         bool compact);

/* One line of the variants section: a field and its values. */
typedef struct stile_variant_axis {
    stile_field field;
    size_t count;
    stile_setting *settings;
} stile_variant_axis;

typedef struct stile_variant_space {
    stile_variant_axis axes[STILE_FIELD_COUNT];
    size_t axis_count;
    size_t count; /* of variants: the product of the axes' counts, 1 without axes */
} stile_variant_space;

/* Reads the section, or with a NULL node makes the space of one variant. False: in error. */
bool stile_variants_read(stile_variant_space *out, stile_basis_resolver *resolver,
                         const stile_node *node);

/*
 * Overrides `settings` (one for each field) with those of variant `index`; the last axis varies
 * fastest. `varied` tells which fields come from the section.
 */
void stile_variants_apply(const stile_variant_space *space, size_t index, stile_setting *settings,
                          bool *varied);

/* "base/key=value,key=value", and the canonical section that makes this variant alone ("" if none).
 */
void stile_variants_print(const stile_variant_space *space, const stile_setting *settings,
                          const char *base, stile_text *name, stile_text *section);

#endif
