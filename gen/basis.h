/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bases ⟨m,k,n;r⟩: the three coefficient matrices of a bilinear operator on tiles.
 *
 * U (rank × m·k) encodes tiles of X, V (rank × k·n) tiles of W, D (m·n × rank) decodes. Row-major;
 * entry (a,b) of an m×k tile is column a·k+b of U; row a·n+d of D gives entry (a,d) of the Y tile.
 */
#ifndef STILE_GEN_BASIS_H
#define STILE_GEN_BASIS_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "rational.h"

enum { STILE_MAX_TILE = 8, STILE_MAX_RANK = 512 };

typedef struct stile_basis {
    const char *name;   /* "strassen", "kron(strassen,winograd)", "random(4,4,4;16;1)", a file's */
    const char *source; /* where it comes from, for people; "" if unknown */
    int m, k, n, rank;
    double *u, *v, *d;
    /* The same entries exactly; NULL unless every entry of U, V and D is a stile_rational. */
    stile_rational *u_exact, *v_exact, *d_exact;
} stile_basis;

/* An all-zero basis with room for its matrices (and exact ones if asked); NULL: memory. */
stile_basis *stile_basis_create(stile_arena *arena, const char *name, int m, int k, int n, int rank,
                                bool exact);

static inline bool stile_basis_is_rational(const stile_basis *basis)
{
    return basis->u_exact != NULL;
}

/* One of the three matrices, row-major; `exact` is NULL where the basis is not rational. */
typedef struct stile_basis_matrix {
    int rows, columns;
    double *entries;
    stile_rational *exact;
} stile_basis_matrix;

stile_basis_matrix stile_basis_u(const stile_basis *basis);
stile_basis_matrix stile_basis_v(const stile_basis *basis);
stile_basis_matrix stile_basis_d(const stile_basis *basis);

int stile_basis_nonzeros(stile_basis_matrix matrix);

/* Sets every double of a rational basis from its exact entry. */
void stile_basis_round_exact(stile_basis *basis);

/*
 * Whether the basis becomes straight-line code rather than device operands: it is rational, and at
 * most half of all entries of U, V and D are non-zero.
 */
bool stile_basis_is_sparse(const stile_basis *basis);

/* --- basis_catalogue.c: bases by construction ------------------------------------------------- */

/*
 * The classical algorithm, rank m·k·n, channels ordered by (a, b, d).
 * Errors: ARGUMENT (a side is not in 1 … STILE_MAX_TILE), MEMORY.
 */
int stile_basis_classical(stile_basis **out, stile_arena *arena, int m, int k, int n);

/*
 * "strassen", "winograd" or "laderman"; *out is NULL (and the result 0) for an unknown name.
 * Errors: MEMORY.
 */
int stile_basis_named(stile_basis **out, stile_arena *arena, const char *name);

/* The catalogue's names, NULL-terminated, in a fixed order. */
const char *const *stile_basis_names(void);

/*
 * Dense N(0,1) entries from `seed` (the same everywhere, to the bit), scaled to unit gain: encoded
 * tiles of iid unit-variance inputs have unit variance on average over channels, and so has the
 * output relative to true matrix multiplication (‖T̂‖²_F = m·k·n).
 */
int stile_basis_random(stile_basis **out, stile_arena *arena, int m, int k, int n, int rank,
                       uint64_t seed);

/* --- basis_algebra.c -------------------------------------------------------------------------- */

/*
 * The Kronecker product: tile sizes and ranks multiply; `outer` indexes blocks, `inner` entries.
 * Errors: ARGUMENT where the result passes STILE_MAX_TILE or STILE_MAX_RANK, or an exact entry
 * overflows; MEMORY.
 */
int stile_basis_kron(stile_basis **out, stile_arena *arena, const stile_basis *outer,
                     const stile_basis *inner);

/* --- basis_metrics.c -------------------------------------------------------------------------- */

/* Which rows of a Y tile depend on which rows of the X tile. Ordered from strict to loose. */
typedef enum stile_coupling {
    STILE_COUPLING_NONE,   /* row a' on row a' alone */
    STILE_COUPLING_CAUSAL, /* row a' on rows a <= a' */
    STILE_COUPLING_FULL,
} stile_coupling;

typedef struct stile_basis_metrics {
    /* T̂ = T: proved in integers where the basis is rational and its common denominators leave room
       in 128 bits, else to 1e-9 per entry. */
    bool exact;
    double error;  /* ‖T − T̂‖²_F / (mkn) */
    double growth; /* Φ = Σ_c ‖u_c‖²‖v_c‖²‖d_c‖² / (mkn) */
    double gain;   /* ‖T̂‖²_F / (mkn): 1 for exact bases */
    stile_coupling structural, algebraic;
    int nonzeros_u, nonzeros_v, nonzeros_d;
} stile_basis_metrics;

/* Errors: MEMORY. */
int stile_basis_measure(const stile_basis *basis, stile_basis_metrics *out);

/*
 * T̂[(a,b),(b',d),(a',d')] = Σ_c U[c,(a,b)] V[c,(b',d)] D[(a',d'),c] into `out`, mk·kn·mn entries
 * in that order.
 */
void stile_basis_tensor(const stile_basis *basis, double *out);

/* "none", "causal", "full". */
const char *stile_coupling_name(stile_coupling coupling);

#endif
