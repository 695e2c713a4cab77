/* SPDX-License-Identifier: Apache-2.0 */
/* What commands are given: specs, variants, shapes, architectures, devices. */
#ifndef STILE_CLI_INPUTS_H
#define STILE_CLI_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stile/stile.h>

#include "arch.h"
#include "arena.h"
#include "command.h"
#include "config.h"
#include "json.h"

/*
 * Loads a spec, printing every diagnostic on stderr; into `json` (may be NULL), an open object,
 * they also go as "ok" and "errors". Returns an exit code.
 */
int stile_input_spec(stile_spec **out, const char *path, stile_json *json);

/*
 * Loads every operand as a spec, before anything else is done, so that all that is wrong shows at
 * once; --variant must name a variant of each. (*out)[i] is NULL where operand i is bad. Returns
 * the worst exit code; *out is to be freed in any case, by stile_input_specs_free.
 */
int stile_input_specs(stile_spec ***out, const stile_arguments *arguments);
void stile_input_specs_free(stile_spec ***specs, const stile_arguments *arguments);

/*
 * Calls visit(user, config) for each variant of a spec, or only for the one that --variant names.
 * Prints what is wrong with the name. Returns the worst exit code.
 */
int stile_each_variant(const stile_arguments *arguments, const char *path, const stile_spec *spec,
                       int (*visit)(void *user, const stile_config *config), void *user);

/* The variant that --variant names, or the only one; NULL after printing why. */
const stile_config *stile_input_variant(const stile_arguments *arguments, const char *path,
                                        const stile_spec *spec);

/*
 * The shapes of --shape "MxKxN[,MxKxN…]" in `arena`; without the option those of `config` (may be
 * NULL). Prints what is wrong and returns false where the text is no list of shapes.
 */
bool stile_input_shapes(const stile_arguments *arguments, const stile_config *config,
                        stile_arena *arena, const stile_shape **out, size_t *count);

/* --rows-per-group, 0 where it is not given; each M must be a multiple. Prints what is wrong. */
bool stile_input_rows_per_group(const stile_arguments *arguments, const stile_shape *shapes,
                                size_t count, int64_t *out);

/*
 * Whether --shape and --rows-per-group make sense, with each other too, whatever the spec; for
 * commands that look at them only after long work. Prints what is wrong.
 */
bool stile_input_check_shapes(const stile_arguments *arguments);

/* --arch, or `fallback`. Returns an exit code after printing what is wrong. */
int stile_input_arch(const stile_arguments *arguments, const char *fallback, stile_arch *out);

/*
 * The context of --device auto|cuda[:i]|cpu. *automatic is set where the choice was ours; then a
 * missing driver or GPU means the CPU, with one line that says so. Returns an exit code.
 */
int stile_input_context(const stile_arguments *arguments, const char *fallback, stile_context **out,
                        bool *automatic);

/*
 * The log of commands on stderr: stile_print_log prints the levels up to the one in `user`, which
 * stile_log_user takes from $STILE_LOG: warnings and errors where it says nothing.
 */
void stile_print_log(void *user, stile_log_level level, const char *message);
void *stile_log_user(void);

/* "8192×2048×5632" into the arena. */
const char *stile_shape_text(stile_arena *arena, const stile_shape *shape);

/* "GPU 0 (NVIDIA H200, sm_90a)" or "CPU (16 threads)". */
const char *stile_context_text(stile_arena *arena, const stile_context *context);

#endif
