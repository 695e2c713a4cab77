/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator costs on a shape, counted from its algebra: FLOP, bytes, memory. Counts are
 * doubles: they pass 64 bits for shapes that are still legal.
 */
#ifndef STILE_RUNTIME_COST_H
#define STILE_RUNTIME_COST_H

#include <stdbool.h>

#include "config.h"
#include "kernel.h"
#include "reference.h"

typedef struct stile_kernel_cost {
    stile_kernel_role role;
    bool per_call; /* false: once per weight */
    double flops;  /* additions of a sparse basis after sharing, 2 per coefficient of a dense one */
    double bytes_read, bytes_written; /* each array once, padding included */
} stile_kernel_cost;

typedef struct stile_cost {
    stile_tiling tiling;
    double limit;       /* mkn/r: the most the operator can gain over dense */
    double dense_flops; /* 2·M·K·N */
    double mma_flops; /* of the channel GEMMs, whole tiles: 2·r·⌈M/m⌉·⌈K/k⌉·⌈N/n⌉ */
    double dense_bytes;                        /* X, W, Y of a dense product */
    double dense_weight_bytes, weight_bytes;   /* W; Ŵ without its padding: r/(kn) of that */
    double workspace_bytes;                    /* X̂, Ŷ, and Ŵ where it is encoded online */
    int additions_x, additions_w, additions_y; /* per tile, after sharing; sparse bases, else 0 */
    stile_kernel_cost kernels[STILE_KERNEL_ROLE_COUNT];
    int kernel_count;
} stile_cost;

/* `rows_per_group` as in stile_plan_params. Errors: MEMORY. */
int stile_cost_count(stile_cost *out, const stile_config *config, const stile_shape *shape,
                     int64_t rows_per_group);

/* The same without the additions of sparse bases, which take time to find: they count as 0. */
void stile_cost_count_sizes(stile_cost *out, const stile_config *config, const stile_shape *shape,
                            int64_t rows_per_group);

#endif
