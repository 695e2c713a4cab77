/* SPDX-License-Identifier: Apache-2.0 */
/* Bases as they are named on the command line. */
#ifndef STILE_CLI_BASIS_INPUT_H
#define STILE_CLI_BASIS_INPUT_H

#include <stile/spec.h>

#include "arena.h"
#include "basis.h"
#include "command.h"

extern const stile_command stile_command_basis_list, stile_command_basis_show,
    stile_command_basis_check, stile_command_basis_kron, stile_command_basis_import,
    stile_command_basis_export;

/*
 * The basis that `word` names: a name of the catalogue, "classical:m,k,n",
 * "random:m,k,n;rank;seed", a basis file, or a spec (whose variant --variant chooses, where the
 * command has that option). It lives in `arena`, or in *spec where that is set: destroy it last.
 * Prints what is wrong; returns an exit code.
 */
int stile_input_basis(const stile_arguments *arguments, const char *word, stile_arena *arena,
                      const stile_basis **out, stile_spec **spec);

/* The sides m, k and n that --tile m,k,n gives, which must be there. False after printing what is
   wrong. */
bool stile_input_tile(const stile_arguments *arguments, int tile[3]);

/* Loads a basis file, printing its diagnostics. Returns an exit code. */
int stile_input_basis_file(const char *path, stile_arena *arena, stile_basis **out);

/*
 * Ends a load: prints the diagnostics, or why it failed where there are none, and destroys the list,
 * which may be NULL. Returns an exit code.
 */
int stile_report_diagnostics(int error, stile_diagnostics **diagnostics);

#endif
