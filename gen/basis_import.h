/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bases from the files of other programs.
 *
 * Such a file holds three factors: `rank` vectors each of m·k, k·n and m·n coefficients, for the
 * tiles of X, W and Y. Whether a vector lists the entries of a tile or of its transpose, row by
 * row, is a convention that files do not state. It is named here by what the factors belong to:
 * "X,W,Y" as in basis files, "X,W,Yt" where the last one makes Yᵀ, … "Xt,Wt,Yt" (all column by
 * column). Exactness tells which one holds: square tiles have no basis that two make exact (for
 * tiles that are vectors some conventions mean the same), so it is found, never guessed.
 *
 * The readers below leave the coefficients in the order of the file, as if it were "X,W,Y". They
 * bound all sizes (tiles, rank, bytes) before memory is used and append every error to
 * `diagnostics`, which may be NULL. Errors: SPEC, IO, MEMORY.
 */
#ifndef STILE_GEN_BASIS_IMPORT_H
#define STILE_GEN_BASIS_IMPORT_H

#include "arena.h"
#include "basis.h"
#include "diagnostics.h"

/* Bits of a convention: the factors that belong to transposes. */
enum {
    STILE_CONVENTION_Y_TRANSPOSED = 1,
    STILE_CONVENTION_W_TRANSPOSED = 2,
    STILE_CONVENTION_X_TRANSPOSED = 4,
    STILE_CONVENTION_COUNT = 8,
};

/* "X,W,Y", "X,W,Yt", …: by convention, NULL-terminated. */
extern const char *const stile_convention_names[];

/* The basis, in `arena`, that the coefficients of `read` mean under a convention. Errors: MEMORY.
 */
int stile_basis_under_convention(stile_basis **out, stile_arena *arena, const stile_basis *read,
                                 int convention);

/*
 * The convention that makes `read` exact into *out, `usual` if it is one of several; -1 where none
 * does. Errors: MEMORY.
 */
int stile_basis_find_convention(int *out, const stile_basis *read, int usual);

/* A text or a whole file in memory; `file` names it in marks. */
typedef struct stile_import_source {
    const char *file;
    const char *data;
    size_t size;
} stile_import_source;

/* Reads a file of at most 4 MiB into the arena, where `path` must live too. */
int stile_import_source_read(stile_import_source *out, stile_arena *arena, const char *path,
                             stile_diagnostics *diagnostics);

/*
 * Sparse matrices of plinopt (.sms): L (rank × m·k), R (rank × k·n) and P (m·n × rank). Usually
 * X,W,Y. Name and source are those of comments, as stile_basis_export_sms leaves them, else "".
 */
int stile_basis_import_sms(stile_basis **out, stile_arena *arena,
                           const stile_import_source files[3], stile_diagnostics *diagnostics);

/*
 * JSON: an object with n (m, k, n), m (the rank) and u, v, w: lists of `rank` vectors of numbers,
 * or strings such as "1/2"; other keys mean nothing. Usually X,W,Yt. Name and source are those of
 * the keys, else "".
 */
int stile_basis_import_json(stile_basis **out, stile_arena *arena, const stile_import_source *file,
                            stile_diagnostics *diagnostics);

/*
 * NumPy: an array (3, size, rank) as .npy, or in an .npz as the array `entry` (NULL: the only one);
 * or an .npz with the arrays u, v, w, each (size, rank), or each (rank, size) where only that fits.
 * Integers and floats, never Python objects. Usually X,W,Yt.
 */
int stile_basis_import_numpy(stile_basis **out, stile_arena *arena, const stile_import_source *file,
                             const char *entry, stile_diagnostics *diagnostics);

#endif
