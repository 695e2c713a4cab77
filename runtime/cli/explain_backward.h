/* SPDX-License-Identifier: Apache-2.0 */
/* The part of `stile explain` about the backward pass. */
#ifndef STILE_CLI_EXPLAIN_BACKWARD_H
#define STILE_CLI_EXPLAIN_BACKWARD_H

#include "config.h"
#include "json.h"

/* A table of all steps of a plan of all gradients, and what each operation costs alone. */
int stile_explain_backward(stile_text *out, stile_arena *arena, const stile_config *config,
                           const stile_shape *shape, int64_t rows_per_group);

/* The member "backward" with the same. Errors of both: MEMORY. */
int stile_explain_backward_json(stile_json *json, const stile_config *config,
                                const stile_shape *shape, int64_t rows_per_group);

#endif
