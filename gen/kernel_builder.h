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
    stile_template_program program; /* used where its name is not NULL */
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

/* kernel_gradient.c: the kernels that only backward plans have. */
int stile_build_gradient_kernel(builder *b);

#endif
