/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polishing: the best basis in the orbit of rotations, for one purpose. No random choice takes
 * part: the result is a function of the basis.
 */
#ifndef STILE_GEN_BASIS_POLISH_H
#define STILE_GEN_BASIS_POLISH_H

#include "basis_algebra.h"

/* What a polish trades: growth, and where the basis is rational additions after sharing. */
typedef struct stile_basis_cost {
    double growth;
    int additions; /* of U, V and D as straight-line code; −1 where the basis is not rational */
    int nonzeros;
} stile_basis_cost;

/* Errors: MEMORY. */
int stile_basis_count_cost(const stile_basis *basis, stile_basis_cost *out);

/*
 * Minimises growth over all rotations. Growth depends on A, B and C through A·Aᵀ, B·Bᵀ and C·Cᵀ
 * alone, and is convex along the geodesics of positive definite matrices (there every squared norm
 * is a sum of exponentials), so the minimum that descent finds is the least there is. Where an
 * integer rotation (see below) reaches it too, a rational basis stays rational; a basis that has
 * no more growth than the least is returned as it is. Otherwise the entries are doubles, balanced.
 *
 * Only orthogonal rotations keep the error of inexact bases: those are refused. Errors: ARGUMENT,
 * MEMORY.
 */
int stile_basis_polish_growth(stile_basis **out, stile_arena *arena, const stile_basis *basis);

typedef enum stile_polish_goal { STILE_POLISH_ADDITIONS, STILE_POLISH_NONZEROS } stile_polish_goal;

/*
 * Minimises additions or nonzeros over integer rotations of determinant ±1 whose entries, at each
 * step, are −1, 0 or 1: steps go on as long as they improve. Of equals the one with the least
 * growth is taken. Errors: ARGUMENT (the basis is not rational, or not exact), MEMORY.
 */
int stile_basis_polish_sparsity(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                                stile_polish_goal goal);

#endif
