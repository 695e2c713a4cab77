/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that make a basis of others: what they share. */
#ifndef STILE_CLI_BASIS_TRANSFORM_H
#define STILE_CLI_BASIS_TRANSFORM_H

#include "arena.h"
#include "basis.h"
#include "command.h"

enum { STILE_MAX_BASIS_OPERANDS = 16 };

extern const stile_command stile_command_basis_rotate, stile_command_basis_transpose,
    stile_command_basis_cycle, stile_command_basis_sum, stile_command_basis_drop,
    stile_command_basis_merge, stile_command_basis_balance, stile_command_basis_polish,
    stile_command_basis_group, stile_command_basis_search;

/* Makes *out of the operands, in `arena`. Prints what is wrong; returns an exit code. */
typedef int (*stile_basis_transform)(const stile_arguments *arguments, stile_arena *arena,
                                     const stile_basis *const *operands, const stile_basis **out);

/*
 * The whole command: loads all operands, transforms them, writes the result as a basis file to
 * --output or stdout, and says on stderr what it is like. Returns an exit code.
 */
int stile_transform_bases(const stile_arguments *arguments, stile_basis_transform transform);

/* The options of every such command. */
#define STILE_OPTION_BASIS_OUTPUT                                                                  \
    {                                                                                              \
        "output", 'o', "FILE", "the basis file to write; default: stdout"                          \
    }

#endif
