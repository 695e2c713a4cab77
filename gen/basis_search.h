/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for bases ⟨m,k,n;r⟩ of least error, or exact ones.
 *
 * A search is many starts, and a start is a function of the problem and its index alone: it may run
 * in any thread, be written down half-way and be taken up elsewhere. It goes through alternating
 * least squares while a penalty on growth is lowered, then Newton's method; exact solutions are
 * made sparse and rounded entry by entry. (runtime/search.h runs starts in threads.)
 */
#ifndef STILE_GEN_BASIS_SEARCH_H
#define STILE_GEN_BASIS_SEARCH_H

#include <stdint.h>

#include "basis.h"
#include "text.h"

/* What entries may be. */
typedef enum stile_coefficients {
    STILE_COEFFICIENTS_REAL,     /* doubles */
    STILE_COEFFICIENTS_INTEGER,  /* integers up to 64 */
    STILE_COEFFICIENTS_RATIONAL, /* fractions of denominators up to 4 */
    STILE_COEFFICIENTS_BF16,     /* what the type represents */
    STILE_COEFFICIENTS_E4M3,
} stile_coefficients;

/* From "real", "integer", "rational", "bf16" or "e4m3"; false for anything else. */
bool stile_coefficients_parse(const char *name, stile_coefficients *out);

/* From "any" (STILE_COUPLING_FULL), "causal" or "none"; false for anything else. */
bool stile_search_rows_parse(const char *name, stile_coupling *out);

enum { STILE_SEARCH_MAX_FROM = 16, STILE_SEARCH_MAX_STARTS = 1000000 };

typedef struct stile_search_problem {
    int m, k, n, rank;
    uint64_t seed;
    double growth; /* the most growth allowed, 1e-3 or more; 0: no bound */
    double weight; /* of growth against error where there is no bound; 0: the default */
    bool exact;    /* look for a rational basis with T̂ = T; its starts are random */
    bool random;   /* only random starts, where there is nothing to start from */
    stile_coefficients coefficients;
    /* How rows may be coupled, algebraically (stile_basis_metrics): STILE_COUPLING_FULL for anyhow.
       Structural coupling is no limit worth searching under: there nothing beats dropping channels
       of the classical algorithm. */
    stile_coupling rows;
    const stile_basis *from[STILE_SEARCH_MAX_FROM]; /* of the tile; where starts begin */
    int from_count;                                 /* 0: random and structured starts */
    const stile_basis *support; /* of tile and rank: where it is 0, the result is; NULL: anywhere */
} stile_search_problem;

/*
 * Whether the problem can be searched. Errors: ARGUMENT, with what is wrong.
 */
int stile_search_check(const stile_search_problem *problem);

/* Appends a line that is the same for the same problem only. */
void stile_search_print_problem(stile_text *out, const stile_search_problem *problem);

typedef struct stile_search_start stile_search_start;

/* How good a result is. */
typedef struct stile_search_quality {
    bool feasible; /* keeps the bound of growth, the coefficients, and where asked is exact */
    double error, growth;
} stile_search_quality;

/* Whether `a` is better than `b`: feasible, less error, less growth. */
bool stile_search_is_better(const stile_search_quality *a, const stile_search_quality *b);

/* Begins start `index`. `problem` must outlive it. Errors: MEMORY. */
int stile_search_begin(stile_search_start **out, const stile_search_problem *problem,
                       int64_t index);
void stile_search_end(stile_search_start **start);

/* Goes on for a while: milliseconds for small tiles, up to seconds for ⟨4,4,4⟩. Sets *done once
   there is nothing left to do. Errors: MEMORY. */
int stile_search_advance(stile_search_start *start, bool *done);

/* Makes the best of a start that will not go on, which may be a trifle past the bound of growth. */
void stile_search_cut(stile_search_start *start);

/* What the start has found by now. */
stile_search_quality stile_search_assess(const stile_search_start *start);

/* The same as a basis in `arena`, rational where all entries were rounded to fractions. Errors:
   MEMORY. */
int stile_search_basis(stile_basis **out, stile_arena *arena, const stile_search_start *start);

/* "annealing", "rounding" …: for people. */
const char *stile_search_phase_name(const stile_search_start *start);

/* --- basis_search_state.c --------------------------------------------------------------------- */

/*
 * Appends the state of a start as lines of text; a start that is restored from them goes on as if
 * it had never stopped, to the bit.
 */
void stile_search_save(stile_text *out, const stile_search_start *start);

/*
 * Restores a start from the text at *text, which moves behind it. Errors: SPEC (this is no state of
 * a start of this problem), MEMORY.
 */
int stile_search_restore(stile_search_start **out, const stile_search_problem *problem,
                         const char **text);

#endif
