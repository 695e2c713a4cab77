/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a spec that a variant may set: one table for their paths, kinds and allowed values,
 * which the loader, its messages and the test of the JSON Schema all go by.
 */
#ifndef STILE_GEN_SPEC_FIELDS_H
#define STILE_GEN_SPEC_FIELDS_H

#include <stdbool.h>

#include "diagnostics.h"
#include "text.h"
#include "yaml_tree.h"

typedef enum stile_field {
    STILE_FIELD_BASIS,
    STILE_FIELD_ROWS,
    STILE_FIELD_INPUT,
    STILE_FIELD_ENCODED,
    STILE_FIELD_PRODUCT,
    STILE_FIELD_ACCUMULATE,
    STILE_FIELD_OUTPUT,
    STILE_FIELD_LAYOUT,
    STILE_FIELD_ENCODE,
    STILE_FIELD_BIAS,
    STILE_FIELD_ACTIVATION,
    STILE_FIELD_RESIDUAL,
    STILE_FIELD_BLOCK,
    STILE_FIELD_REGION,
    STILE_FIELD_STAGES,
    STILE_FIELD_COUNT,
} stile_field;

typedef enum stile_field_kind {
    STILE_FIELD_KIND_BASIS,   /* a basis reference: see spec_basis.c */
    STILE_FIELD_KIND_CHOICE,  /* one of `names` */
    STILE_FIELD_KIND_BOOLEAN, /* true, false */
    STILE_FIELD_KIND_BLOCK,   /* [block_m, block_n, block_k] */
    STILE_FIELD_KIND_INTEGER, /* from `least` to `most` */
} stile_field_kind;

typedef struct stile_field_info {
    const char *path; /* "precision.input": section and key, or the key alone at the top */
    stile_field_kind kind;
    const char *const *names; /* of a choice, NULL-terminated */
    int least, most;          /* of an integer */
} stile_field_info;

/* By stile_field. */
extern const stile_field_info stile_field_table[STILE_FIELD_COUNT];

/* Limits of `schedule`: a block side is 16 times a power of two. */
enum {
    STILE_MIN_BLOCK = 16,
    STILE_MAX_BLOCK = 512,
};

/* Keys at the top of a spec and in each section, NULL-terminated, sorted. */
extern const char *const stile_spec_keys[];
extern const char *const stile_section_names[];

/* The keys of section `section` (an index into stile_section_names) into `keys`, NULL-terminated.
 */
void stile_section_keys(int section, const char *keys[static STILE_FIELD_COUNT + 1]);

/* The field of a path, or STILE_FIELD_COUNT. */
stile_field stile_field_find(const char *path);

/* A field's value as written: all kinds but STILE_FIELD_KIND_BASIS. */
typedef struct stile_field_value {
    int number; /* index of a choice, 0 or 1, an integer */
    int block[3];
} stile_field_value;

bool stile_field_read(stile_diagnostics *diagnostics, stile_field field, const stile_node *node,
                      stile_field_value *out);

/* Appends the value in canonical flow style, "[128, 256, 64]", or without blanks if `compact`. */
void stile_field_print(stile_text *out, stile_field field, const stile_field_value *value,
                       bool compact);

#endif
