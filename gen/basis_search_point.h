/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a search stands: the factors of a basis as the optimizers want them. For the files of the
 * search.
 *
 * Factor 0 is U, 1 is V, 2 is D. Here a factor has a row for each entry of a channel's vector and a
 * column for each channel, so that loops over channels are contiguous.
 */
#ifndef STILE_GEN_BASIS_SEARCH_POINT_H
#define STILE_GEN_BASIS_SEARCH_POINT_H

#include <stddef.h>

#include "basis.h"

typedef struct stile_search_point {
    int m, k, n, rank;
    stile_coupling rows;    /* that T̂ may have; FULL: any */
    double leak;            /* what errors weigh where it may have none */
    int stride;             /* of rows: room for `rank` channels or more, zeros past the rank */
    int sizes[3];           /* rows of a factor: mk, kn, mn */
    double *x[3];           /* one after the other in one array, which x[0] owns */
    unsigned char *held[3]; /* likewise: entries that no optimizer may change */
} stile_search_point;

/* A point of zeros with room for `capacity` channels. Errors: MEMORY. */
int stile_search_point_create(stile_search_point *out, int m, int k, int n, int rank, int capacity);
void stile_search_point_destroy(stile_search_point *point);

/* Numbers in the array of all factors. */
size_t stile_search_point_size(const stile_search_point *point);

/* The numbers of `from`, its rank and what it holds; both have the same tile and stride. */
void stile_search_point_copy(stile_search_point *to, const stile_search_point *from);

/* From and to a basis of the same tile and rank; `to` is one of doubles. */
void stile_search_point_load(stile_search_point *point, const stile_basis *basis);
void stile_search_point_store(const stile_search_point *point, stile_basis *basis);

/* Takes channel `channel` out; the last one takes its place. */
void stile_search_point_drop(stile_search_point *point, int channel);

/* Scales the three vectors of each channel to equal norms, where no entry of them but zeros is
 * held.
 */
void stile_search_point_balance(stile_search_point *point);

/* The weight of errors from a row of the X tile to one of the Y tile. */
static inline double stile_search_row_weight(const stile_search_point *point, int from, int to)
{
    const bool allowed = from == to || (from < to && point->rows != STILE_COUPLING_NONE) ||
                         point->rows == STILE_COUPLING_FULL;
    return allowed ? 1 : point->leak;
}

/*
 * Contracts T with the two other factors: out, of the shape of factor f, has in column c the
 * derivative of ⟨T, T̂⟩ by the vector of channel c.
 */
void stile_search_contract(const stile_search_point *point, int f, double *out);

/*
 * ‖T − T̂‖²/(mkn), weighted by rows, from the entries of T̂ themselves, hence right to the last
 * digits where it is near 0. `scratch` has room for stile_search_residual_scratch(point) doubles.
 */
double stile_search_error(const stile_search_point *point, double *scratch);
size_t stile_search_residual_scratch(const stile_search_point *point);

/* The largest entry of T̂ where the coupling of rows allows none, as part of the largest of all. */
double stile_search_leakage(const stile_search_point *point, double *scratch);

/* Φ of basis.h. */
double stile_search_growth(const stile_search_point *point);

#endif
