/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations: one variant of a spec with every default filled in, checked.
 *
 * This is what the rest of the generator and the runtime see of a spec; the YAML is gone.
 */
#ifndef STILE_GEN_CONFIG_H
#define STILE_GEN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stile/spec.h>

#include "arena.h"
#include "basis.h"
#include "text.h"

/* Number formats. */
typedef enum stile_type {
    STILE_TYPE_F32,
    STILE_TYPE_TF32, /* stored in 32 bits */
    STILE_TYPE_F16,
    STILE_TYPE_BF16,
    STILE_TYPE_E4M3,
    STILE_TYPE_E5M2,
} stile_type;

/* "f32", "tf32", …; bytes per element: 4, 4, 2, 2, 1, 1. */
const char *stile_type_name(stile_type type);
int stile_type_size(stile_type type);

/* Whether elements of the type are stored with scales beside them: those of 8 bits. */
bool stile_type_is_scaled(stile_type type);

/* The type of a name; false, with *out untouched, for any other word. */
bool stile_type_parse(stile_type *out, const char *name);

typedef enum stile_rows { STILE_ROWS_ANY, STILE_ROWS_CAUSAL, STILE_ROWS_NONE } stile_rows;
typedef enum stile_weight_layout { STILE_WEIGHT_NK, STILE_WEIGHT_KN } stile_weight_layout;
typedef enum stile_weight_encode {
    STILE_ENCODE_OFFLINE,
    STILE_ENCODE_ONLINE,
    STILE_ENCODE_TRAINED,
} stile_weight_encode;
typedef enum stile_activation {
    STILE_ACTIVATION_NONE,
    STILE_ACTIVATION_RELU,
    STILE_ACTIVATION_GELU, /* x·Φ(x), by erf */
    STILE_ACTIVATION_GELU_TANH,
    STILE_ACTIVATION_SILU,
} stile_activation;

/* What specs call the values of each enumeration, in its order, NULL-terminated. */
extern const char *const stile_rows_names[];
extern const char *const stile_weight_layout_names[];
extern const char *const stile_weight_encode_names[];
extern const char *const stile_activation_names[];

const char *stile_rows_name(stile_rows rows);
const char *stile_weight_layout_name(stile_weight_layout layout);
const char *stile_weight_encode_name(stile_weight_encode encode);
const char *stile_activation_name(stile_activation activation);

typedef struct stile_precision {
    stile_type input, encoded, product, output; /* accumulation is always f32 */
} stile_precision;

typedef struct stile_epilogue {
    bool bias, residual;
    stile_activation activation;
} stile_epilogue;

/* Which templates make the channel GEMM: they also decide how Ŷ lies in memory. */
typedef enum stile_kernel_family {
    STILE_FAMILY_ANY,
    STILE_FAMILY_SM_80,  /* mma.sync and cp.async; Ŷ row by row */
    STILE_FAMILY_SM_90A, /* wgmma and TMA; Ŷ in fragment order */
} stile_kernel_family;

/* How a linear map is applied to tiles: by plain arithmetic, or by tensor cores. */
typedef enum stile_method { STILE_METHOD_ANY, STILE_METHOD_FMA, STILE_METHOD_MMA } stile_method;

/*
 * 0 stands for "not pinned": the generator chooses. Block sizes count channel-GEMM elements. Specs
 * pin block, stages and region; the rest is what tuning chooses besides.
 */
typedef struct stile_schedule {
    int block_m, block_n, block_k;
    int stages;
    stile_kernel_family family;
    int band;                    /* rows of Ŷ_c that blocks running side by side cover */
    stile_method encode, decode; /* of X and Y */
    int region; /* row pairs of a region of the fused kernel; 0: encode, multiply and decode apart */
} stile_schedule;

typedef struct stile_shape {
    int64_t M, K, N;
} stile_shape;

typedef struct stile_config {
    const char *name; /* the variant's */
    const stile_basis *basis;
    stile_basis_metrics metrics; /* of the basis */
    bool sparse;                 /* straight-line code rather than device operands */
    stile_rows rows;
    stile_precision precision;
    stile_weight_layout layout;
    stile_weight_encode encode;
    stile_epilogue epilogue;
    stile_schedule schedule;
    const stile_shape *shapes;
    size_t shape_count;
    const char *basis_text;   /* the basis reference in canonical flow style: "{name: strassen}" */
    const char *spec_name;    /* the name without what the variant adds */
    const char *spec_path;    /* of the file, as the caller named it; NULL where text was parsed */
    const char *variant_text; /* lines of the canonical `variants` section that make this variant
                                 alone, "  weight.encode: [online]\n"; "" where there is none */
} stile_config;

/* A loaded spec; immutable. Everything it points to lives in `arena`. */
struct stile_spec {
    stile_arena *arena;
    const char *name;
    stile_config *variants;
    size_t variant_count;
};

/*
 * The variant called `name`, or with NULL the only one. NULL with the thread's error set (ARGUMENT;
 * the text lists the variants) where there is none or the choice is open.
 */
const stile_config *stile_spec_variant(const stile_spec *spec, const char *name);

/*
 * A copy in `arena` that needs nothing of the spec, without its shapes, which plans have no use
 * for. NULL: memory.
 */
const stile_config *stile_config_copy(stile_arena *arena, const stile_config *config);

/*
 * Appends the canonical spec of one variant: block style, keys sorted (but for `variants`, whose
 * order the variant's name keeps), every default filled in. It loads again as a spec with this
 * variant, of the same name, alone, and prints the same. A basis file stays a reference, relative
 * to the spec's directory.
 */
void stile_config_print(stile_text *out, const stile_config *config);

#endif
