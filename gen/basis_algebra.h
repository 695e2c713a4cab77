/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The algebra of bases: new ones from old ones (the Kronecker product stands in basis.h).
 *
 * Each function makes a basis in `arena`, leaves its arguments alone, and leaves *out untouched on
 * failure. What it makes of rational bases is rational, and then every entry is right: an entry
 * that overflows is an ARGUMENT error. All may fail for MEMORY.
 */
#ifndef STILE_GEN_BASIS_ALGEBRA_H
#define STILE_GEN_BASIS_ALGEBRA_H

#include "basis.h"
#include "square.h"

/* --- basis_rotate.c: other coordinates for X, W and Y ----------------------------------------- */

/* Invertible matrices: a is m×m, b is k×k, c is n×n. */
typedef struct stile_rotation {
    stile_square a, b, c;
} stile_rotation;

/* The rotation of a basis that changes nothing. */
stile_rotation stile_rotation_identity(const stile_basis *basis);

/*
 * The same operator on X → A·X·B⁻¹, W → B·W·C⁻¹, Y → A·Y·C⁻¹:
 *
 *     U' = U·(A ⊗ B⁻ᵀ)    V' = V·(B ⊗ C⁻ᵀ)    D' = (A⁻¹ ⊗ Cᵀ)·D
 *
 * Exact bases stay exact; of others only orthogonal matrices keep the error. Rotating by R and then
 * by S is rotating by R·S; rotating by the inverses undoes it. The result is rational where the
 * basis and the matrices are. Errors: ARGUMENT (a matrix is singular).
 */
int stile_basis_rotate(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                       const stile_rotation *rotation);

/*
 * Reads a rotation of the basis from a map of the keys A, B and C, each a list of rows, where a
 * missing one is the identity. Returns false after diagnosing what is wrong with it.
 */
bool stile_rotation_read(stile_rotation *out, const stile_basis *basis, const stile_node *map,
                         stile_diagnostics *diagnostics);

/* --- basis_symmetry.c: the symmetries of matrix multiplication -------------------------------- */

/* ⟨m,k,n⟩ → ⟨k,n,m⟩, by trace(X·W·Z) = trace(W·Z·X). Three times is the identity. Keeps error and
 * growth. */
int stile_basis_cycle(stile_basis **out, stile_arena *arena, const stile_basis *basis);

/* ⟨m,k,n⟩ → ⟨n,k,m⟩, by Yᵀ = Wᵀ·Xᵀ. Twice is the identity. Keeps error and growth. */
int stile_basis_transpose(stile_basis **out, stile_arena *arena, const stile_basis *basis);

/* --- basis_sum.c: tiles side by side ---------------------------------------------------------- */

typedef enum stile_axis { STILE_AXIS_M, STILE_AXIS_K, STILE_AXIS_N } stile_axis;

/*
 * Glues two tiles along an axis: ⟨m₁,k,n⟩ ⊕ ⟨m₂,k,n⟩ = ⟨m₁+m₂,k,n⟩, likewise along k (the products
 * are added) and n. Ranks add; so do errors, weighted by mkn. Errors: ARGUMENT (the other sides
 * differ; a side passes STILE_MAX_TILE or the rank STILE_MAX_RANK).
 */
int stile_basis_sum(stile_basis **out, stile_arena *arena, stile_axis axis,
                    const stile_basis *first, const stile_basis *second);

/* --- basis_reduce.c: fewer channels ----------------------------------------------------------- */

/* Leaves out `count` channels, numbered from 0, in any order. Errors: ARGUMENT (one of them does
   not exist or is named twice; none would be left). */
int stile_basis_drop(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                     const int *channels, int count);

/*
 * Chooses `count` channels to drop into `channels`, which has room for them: one by one, each time
 * the one without which the error is least, of equals the first. Errors: ARGUMENT (none would be
 * left).
 */
int stile_basis_least_channels(const stile_basis *basis, int count, int *channels);

/*
 * Merges channels that are parallel in two of their three vectors into one, and leaves out channels
 * that are zero, until there are none: the same operator, of lower rank where that is possible.
 * Doubles count as parallel where they differ by rounding. Errors: ARGUMENT (the operator is zero).
 */
int stile_basis_merge(stile_basis **out, stile_arena *arena, const stile_basis *basis);

/* --- basis_balance.c: even channels ----------------------------------------------------------- */

/*
 * Scales the vectors u, v and d of each channel to norms as equal as can be, their product kept: by
 * powers of two in rational bases, which stay exact. Keeps operator, error and growth.
 */
int stile_basis_balance(stile_basis **out, stile_arena *arena, const stile_basis *basis);

#endif
