/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Basis files: a basis as YAML.
 *
 *     basis: 1              # schema version
 *     name: strassen
 *     tile: [2, 2, 2]       # m, k, n
 *     rank: 7
 *     source: "..."         # optional
 *     U: [[1, 0, 0, 1], …]  # rank rows of m·k
 *     V: …                  # rank rows of k·n
 *     D: …                  # m·n rows of rank
 *
 * Entries are integers, fractions p/q, decimals or hex floats within the range of f32, in which
 * kernels hold them. The basis is rational where every entry is a stile_rational, else one of
 * doubles.
 */
#ifndef STILE_GEN_BASIS_FILE_H
#define STILE_GEN_BASIS_FILE_H

#include "arena.h"
#include "basis.h"
#include "diagnostics.h"
#include "text.h"

/*
 * Loads a basis file; the basis lives in `arena`. `diagnostics` may be NULL, else every error is
 * appended. Errors: SPEC, IO, MEMORY.
 */
int stile_basis_file_load(stile_basis **out, stile_arena *arena, const char *path,
                          stile_diagnostics *diagnostics);

/* The same from `size` bytes of text, called `file` in marks. Errors: SPEC, MEMORY. */
int stile_basis_file_parse(stile_basis **out, stile_arena *arena, const char *file,
                           const char *text, size_t size, stile_diagnostics *diagnostics);

/*
 * The same for a file that another one names: what cannot be read is diagnosed at `mark`, and
 * `diagnostics`, not NULL, is the loader's own list.
 */
int stile_basis_file_read(stile_basis **out, stile_arena *arena, const char *path, stile_mark mark,
                          stile_diagnostics *diagnostics);

/*
 * Appends the basis as a file that reads back with the same coefficients, bit for bit: rational
 * ones as fractions, doubles as the shortest decimals that mean them.
 */
void stile_basis_file_print(stile_text *out, const stile_basis *basis);

#endif
