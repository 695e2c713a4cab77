/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two optimizers of a search. For its files.
 *
 * Both minimize error + weight · growth over the entries of a point that are not held. The penalty
 * is the noise that rounding X̂, Ŵ and Ŷ adds, weight being the square of its relative size. Seen
 * from one factor it is a ridge on the normal equations, so that it also keeps them from becoming
 * singular.
 */
#ifndef STILE_GEN_BASIS_SEARCH_OPTIMIZER_H
#define STILE_GEN_BASIS_SEARCH_OPTIMIZER_H

#include "basis_search_point.h"

typedef struct stile_search_optimizer {
    double damping; /* of Newton's method; set to 0 to begin anew from another point */
    double raise;   /* by how much the next failure raises it */

    /* Springs that draw entries to aims: Σ pull·(x − aim)²/mkn joins the objective of Newton's
       method. Arrays of the shape of a point, not owned; NULL: none. */
    const double *pull, *aim;

    /* Room for one step, of no meaning between two. */
    double *grams[3], *seen[3][STILE_MAX_TILE], *both; /* see basis_search_grams.c */
    double *normal, *reduced;                          /* stride × stride, as those */
    double *gradient, *slope, *step, *row;             /* of the shape of a point */
    double *mixed[3]; /* second derivatives of one channel: see the newton file */
    double *residual;
    stile_search_point trial;
    /* Of basis_search_krylov.c: vectors of the shape of a point, matrices by class of rows. */
    double *krylov[5], *blocks[3][STILE_MAX_TILE], *inverses[3][STILE_MAX_TILE],
        *pairs[3][STILE_MAX_TILE];
    int *variables; /* where entries that are not held stand in the array of a point */
    double *hessian, *factor;
    size_t dimension; /* for which the last two have room */
} stile_search_optimizer;

/* For points of this tile and stride. Errors: MEMORY. */
int stile_search_optimizer_create(stile_search_optimizer *out, const stile_search_point *point);
void stile_search_optimizer_destroy(stile_search_optimizer *optimizer);

/* --- basis_search_grams.c --------------------------------------------------------------------- */

/* Fills grams, seen and both; uses `normal`. */
void stile_search_make_grams(stile_search_optimizer *optimizer, const stile_search_point *point);

/* How many rows of factor f, one after the other, share their normal matrix. */
int stile_search_class_rows(const stile_search_point *point, int f);

/* Adds rows of the normal matrix of a row of factor f to `out`, `count` of them from `first` on. */
void stile_search_add_normal(const stile_search_optimizer *optimizer,
                             const stile_search_point *point, int f, int row, int first, int count,
                             double *out);

/* The matrix through which row i of factor f meets row j of factor g, but for a factor. */
const double *stile_search_pair_gram(const stile_search_optimizer *optimizer,
                                     const stile_search_point *point, int f, int i, int g, int j,
                                     double *scale);

/* What the penalty, were its weight 1, adds to the diagonal of a normal matrix of factor f. */
double stile_search_ridge(const stile_search_optimizer *optimizer, const stile_search_point *point,
                          int f, int channel);

/* --- basis_search_sweep.c --------------------------------------------------------------------- */

/*
 * Alternating least squares: solves for U, then V, then D, the others kept. False where that broke
 * down (an entry is not finite).
 */
bool stile_search_sweep(stile_search_optimizer *optimizer, stile_search_point *point,
                        double weight);

/* Solves for one factor alone. */
bool stile_search_solve_factor(stile_search_optimizer *optimizer, stile_search_point *point, int f,
                               double weight);

/* --- basis_search_krylov.c -------------------------------------------------------------------- */

/* After grams and `mixed` are made: returns the mean of the Hessian's diagonal. */
double stile_search_krylov_begin(stile_search_optimizer *optimizer, const stile_search_point *point,
                                 double weight);

/* Makes the preconditioner for the Hessian plus `shift`; false where that is not positive. */
bool stile_search_krylov_precondition(stile_search_optimizer *optimizer,
                                      const stile_search_point *point, double shift);

/*
 * x ← an approximate solution of (Hessian + shift)·y = x, over the `count` variables: the rest is
 * smaller by `tolerance`, or `most` steps were taken, or the curvature along one was not positive.
 */
void stile_search_krylov_solve(stile_search_optimizer *optimizer, const stile_search_point *point,
                               double weight, double shift, int count, double tolerance, int most,
                               double *x);

/* xᵀ·Hessian·x */
double stile_search_krylov_curvature(stile_search_optimizer *optimizer,
                                     const stile_search_point *point, double weight, int count,
                                     const double *x);

/* --- basis_search_newton.c -------------------------------------------------------------------- */

typedef enum stile_newton_outcome {
    STILE_NEWTON_MOVED,
    STILE_NEWTON_CONVERGED, /* no step improves any more */
    STILE_NEWTON_FAILED,    /* memory ran out: stile_last_error() says so */
} stile_newton_outcome;

/* What a step minimizes, and what is known of the point it starts from. */
typedef struct stile_search_goal {
    double weight; /* of growth */
    double bound;  /* of growth: each step adapts the weight to end there; 0: none */
    bool gauss;    /* leave out the second derivatives of T̂: better far from a solution, and the
                      same near an exact one */
    double error, growth; /* of the point, before and after a step; set error to −1: unknown */
} stile_search_goal;

/*
 * One step of Newton's method on all factors at once, damped as Levenberg and Marquardt do.
 */
stile_newton_outcome stile_search_newton(stile_search_optimizer *optimizer,
                                         stile_search_point *point, stile_search_goal *goal);

#endif
