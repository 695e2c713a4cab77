/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations and bases in words and as JSON, the same in every command. */
#ifndef STILE_CLI_DESCRIBE_H
#define STILE_CLI_DESCRIBE_H

#include "arena.h"
#include "config.h"
#include "json.h"
#include "table.h"

/* "⟨2,2,2;7⟩" */
const char *stile_base_case_text(stile_arena *arena, const stile_basis *basis);

/* "bf16 → e4m3 → bf16 → bf16": input, encoded, product, output; equal neighbours once. */
const char *stile_precision_text(stile_arena *arena, const stile_precision *precision);

/* "+ bias, silu, + residual"; "" for none. */
const char *stile_epilogue_text(stile_arena *arena, const stile_epilogue *epilogue);

/* "rows: causal (algebraic), full (structural)" without the word "rows". */
const char *stile_coupling_text(stile_arena *arena, const stile_basis_metrics *metrics);

/* One line of `stile check`. */
void stile_describe_config_row(stile_table *table, const stile_config *config);

void stile_describe_config_json(stile_json *json, const char *key, const stile_config *config);

/* Base case and metrics; not the matrices. */
void stile_describe_basis_json(stile_json *json, const char *key, const stile_basis *basis,
                               const stile_basis_metrics *metrics);

#endif
