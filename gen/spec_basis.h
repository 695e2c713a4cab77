/* SPDX-License-Identifier: Apache-2.0 */
/* Basis references of a spec, {name: …}, {file: …}, {kron: …} …, and the bases they mean. */
#ifndef STILE_GEN_SPEC_BASIS_H
#define STILE_GEN_SPEC_BASIS_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "basis.h"
#include "diagnostics.h"
#include "text.h"
#include "yaml_tree.h"

enum {
    STILE_MAX_KRON_DEPTH = 8,
    STILE_MAX_KRON_FACTORS = 16,
    STILE_MAX_COEFFICIENTS = 1 << 22, /* of all bases of a spec together */
};

/* A reference resolved. */
typedef struct stile_spec_basis {
    const stile_basis *basis;
    stile_basis_metrics metrics; /* after stile_spec_basis_measure */
    bool measured;
    const char *text;         /* canonical flow style: "{kron: [strassen, winograd]}" */
    const char *compact_text; /* the same without blanks, for names of variants */
} stile_spec_basis;

typedef struct stile_basis_resolver {
    stile_arena *arena;   /* bases and their texts */
    stile_arena *scratch; /* what the resolver itself remembers */
    stile_diagnostics *diagnostics;
    const char *directory; /* where relative paths start, "" or ending in '/'; NULL forbids files */
    size_t coefficients;   /* of the bases made so far */
    struct stile_basis_in_file *files; /* those read so far */
    int error; /* STILE_ERROR_MEMORY or INTERNAL where a failure was not the spec's fault */
} stile_basis_resolver;

/* Resolves a reference. False where something is wrong: diagnosed, or in resolver->error. */
bool stile_basis_resolve(stile_basis_resolver *resolver, const stile_node *node,
                         stile_spec_basis *out);

/* Fills in the metrics, once: not for a spec that is refused anyway. Errors: MEMORY. */
int stile_spec_basis_measure(stile_spec_basis *basis);

/* The ways to give a basis, NULL-terminated: the keys of a reference; and those of `random`. */
extern const char *const stile_basis_forms[];
extern const char *const stile_random_basis_keys[];

#endif
