/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that build kernels share: everything that a rendering collects on its way. */
#ifndef STILE_GEN_KERNEL_BUILDER_H
#define STILE_GEN_KERNEL_BUILDER_H

#include <assert.h>

#include "kernel.h"
#include "template.h"

enum { STILE_MAX_CONSTANTS = 24 };

typedef struct builder {
    stile_arena *arena;
    const stile_config *config;
    const stile_arch *arch;
    stile_kernel kernel;
    stile_constant constants[STILE_MAX_CONSTANTS];
    size_t constant_count;
    stile_template_program programs[2];
    size_t program_count;
} builder;

static inline void add(builder *b, const char *name, int64_t value, const char *comment)
{
    assert(b->constant_count < STILE_MAX_CONSTANTS);
    b->constants[b->constant_count++] = (stile_constant){name, value, NULL, comment};
}

static inline void add_type(builder *b, const char *name, const char *type, const char *comment)
{
    assert(b->constant_count < STILE_MAX_CONSTANTS);
    b->constants[b->constant_count++] = (stile_constant){name, 0, type, comment};
}

/* The linear map of one kernel: the matrix it applies, from `inputs` to `outputs`. */
typedef struct linear_map {
    stile_basis_matrix matrix;                 /* outputs × inputs */
    int coefficient_rows, coefficient_columns; /* as the dense map keeps them in shared memory */
} linear_map;

/*
 * Declares the map: straight-line code for sparse bases, else coefficients in `*floats` floats of
 * shared memory.
 */
int stile_add_linear_map(builder *b, const linear_map *map, int *floats);

/* That the kernel's dynamic shared memory fits the architecture. */
int stile_check_shared(const builder *b);

/* The class of templates/common/activations.cuh. */
static inline const char *activation_type(stile_activation activation)
{
    switch (activation) {
    case STILE_ACTIVATION_RELU:
        return "Relu";
    case STILE_ACTIVATION_GELU:
        return "Gelu";
    case STILE_ACTIVATION_GELU_TANH:
        return "GeluTanh";
    case STILE_ACTIVATION_SILU:
        return "Silu";
    default:
        return "Identity";
    }
}

/* Compiles an exact matrix to the straight-line program `name`. */
static inline int add_program(builder *b, const char *name, stile_basis_matrix matrix)
{
    stile_straight_line *program;
    int error = stile_straight_line_compile(&program, b->arena, matrix.exact, matrix.rows,
                                            matrix.columns);
    if (error)
        return error;
    assert(b->program_count < sizeof b->programs / sizeof *b->programs);
    b->programs[b->program_count++] = (stile_template_program){name, program};
    return 0;
}

/* kernel_fused.c: encoding of X, channel GEMM and decoding in one. */
int stile_build_fused_kernel(builder *b);

/* kernel_scaled.c: encoders and channel GEMM of encoded elements with scales. */
int stile_build_scaled_kernel(builder *b);

/* kernel_gradient.c: the kernels that only backward plans have. */
int stile_build_gradient_kernel(builder *b);

#endif
