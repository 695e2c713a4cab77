/* SPDX-License-Identifier: Apache-2.0 */
/* A start of a search from inside. For the files of the search. */
#ifndef STILE_GEN_BASIS_SEARCH_START_H
#define STILE_GEN_BASIS_SEARCH_START_H

#include "basis_search.h"
#include "basis_search_optimizer.h"
#include "generator.h"

typedef enum stile_search_phase {
    STILE_SEARCH_ANNEAL, /* alternating least squares, the weight falling */
    STILE_SEARCH_REDUCE, /* dropping channels one by one */
    STILE_SEARCH_SETTLE, /* Newton's method */
    STILE_SEARCH_SPARSE, /* sparsifying an exact solution */
    STILE_SEARCH_ROUND,  /* holding entries at allowed numbers, one by one */
    STILE_SEARCH_DONE,
    STILE_SEARCH_PHASES,
} stile_search_phase;

/* All that a start is made of. What is not plain numbers is listed in basis_search_state.c. */
struct stile_search_start {
    const stile_search_problem *problem;
    int64_t index;
    stile_generator random;
    stile_search_phase phase;
    int step;      /* within the phase */
    int attempt;   /* at rounding an exact solution */
    int level;     /* of the numbers that rounding aims at: later ones are less simple */
    int failures;  /* of rounding, in this attempt */
    double weight; /* of growth, now */
    bool varied;   /* perturbed: choices are made at random too */
    bool rounded;  /* every entry is one of the coefficients that are asked for */
    double last;   /* the objective some steps ago, to see whether it still falls */
    stile_search_goal goal;
    stile_search_optimizer optimizer;
    stile_search_point point;
    stile_search_point settled; /* before rounding */
    stile_search_point kept;    /* before the entry that was held last */
    unsigned char *refused;     /* by entry: bits of the numbers that could not be held */
    double *pull, *aim;         /* of the optimizer */
};

/* --- basis_search_begin.c: the point of departure --------------------------------------------- */

/* Makes the point of a new start and sets its phase. Errors: MEMORY. */
int stile_search_depart(stile_search_start *start);

/* Holds entries at zero where the support of the problem says so. */
void stile_search_apply_support(stile_search_start *start);

/* The most channels that a start of the problem may pass through. */
int stile_search_capacity(const stile_search_problem *problem);

/* --- basis_search_round.c --------------------------------------------------------------------- */

/* Goes on with the phases SPARSE and ROUND. Errors: MEMORY. */
int stile_search_sparsify(stile_search_start *start);
int stile_search_round(stile_search_start *start);

/* Whether entries shall be fractions of a basis that need not be exact. */
static inline bool stile_search_wants_fractions(const stile_search_problem *problem)
{
    return !problem->exact && (problem->coefficients == STILE_COEFFICIENTS_INTEGER ||
                               problem->coefficients == STILE_COEFFICIENTS_RATIONAL);
}

/* Begins to round: at an exact solution by making it sparse. */
void stile_search_begin_rounding(stile_search_start *start);

/* --- basis_search.c --------------------------------------------------------------------------- */

/* Room for a start, its point empty. Errors: MEMORY. */
int stile_search_allocate(stile_search_start **out, const stile_search_problem *problem,
                          int64_t index);

/* Whether a point is exact, but for rounding. */
static inline bool stile_search_is_solved(double error)
{
    return error < 1e-24;
}

#endif
