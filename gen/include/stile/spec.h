/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Specs: what to compute and how precisely, read from YAML and checked.
 *
 * A spec is immutable once loaded and may be shared between threads. It holds the base
 * configuration and, where the file has a `variants` section, the cartesian product of its entries.
 */
#ifndef STILE_SPEC_H
#define STILE_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include <stile/diagnostics.h>
#include <stile/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stile_spec stile_spec;

/*
 * Loads and checks a spec file and the basis files it names (relative to the file that names them).
 * `diagnostics` may be NULL; else every error found is appended to it.
 * Errors: SPEC (stile_last_error() holds the first diagnostic), IO, MEMORY.
 */
STILE_API int stile_spec_load(stile_spec **out, const char *path, stile_diagnostics *diagnostics);

/*
 * The same from `size` bytes of text (need not end in NUL). Relative basis paths start at
 * `base_dir`; with NULL, naming a file is an error, so untrusted text reads nothing from disk.
 */
STILE_API int stile_spec_parse(stile_spec **out, const char *text, size_t size,
                               const char *base_dir, stile_diagnostics *diagnostics);

/* Destroys *spec and sets it to NULL; NULL is allowed. Plans made from it stay valid. */
STILE_API void stile_spec_destroy(stile_spec **spec);

/* The spec's name. */
STILE_API const char *stile_spec_name(const stile_spec *spec);

/* Number of variants; a spec without a `variants` section has one, named as the spec. */
STILE_API size_t stile_spec_variant_count(const stile_spec *spec);

/* The name of variant `index`, "base/key=value[,key=value...]", or NULL past the end. */
STILE_API const char *stile_spec_variant_name(const stile_spec *spec, size_t index);

/* What a variant of a spec computes, for programs that evaluate, train or convert it themselves. */
typedef struct stile_spec_operator {
    const char *basis;       /* the name of its basis */
    int m, k, n, rank;       /* the base case ⟨m,k,n;r⟩ */
    const double *u, *v, *d; /* coefficients, row-major: U rank × mk, V rank × kn, D mn × rank */
    bool exact;              /* whether with W encoded by V it is matrix multiplication */
    const char *rows;        /* the coupling the spec allows: "any", "causal" or "none" */
    bool bias, residual;     /* what is added behind the operator */
    const char *activation;  /* "none", "relu", "gelu", "gelu_tanh" or "silu" */
} stile_spec_operator;

/*
 * Fills in *out for the variant of this name; with NULL for the only one. What it points to belongs
 * to the spec and lives as long as it.
 * Errors: ARGUMENT (NULL, no such variant, or several and none named: the text lists them).
 */
STILE_API int stile_spec_get_operator(stile_spec_operator *out, const stile_spec *spec,
                                      const char *variant);

#ifdef __cplusplus
}
#endif
#endif
