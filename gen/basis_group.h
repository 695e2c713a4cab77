/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bases from finite groups: H. Cohn, C. Umans, "A group-theoretic approach to fast matrix
 * multiplication", FOCS 2003.
 *
 * Three subsets S, T, U of a group G, of m, k and n elements, place a tile of X in the group algebra
 * R[G], entry (a,b) at s_a⁻¹·t_b, and one of W, entry (b,d) at t_b⁻¹·u_d. In the product of the two
 * the products X[a,b]·W[b,d] of an entry of Y meet at s_a⁻¹·u_d; where S, T and U have the triple
 * product property nothing else does. The product in R[G] takes fewer multiplications in the
 * coordinates of the real irreducible representations: that is the basis. It becomes an inexact one
 * of lower rank where S, T and U fall short of the property ("relaxed"), and where channels are left
 * out ("truncated"). Both are decoded as well as can be, by least squares.
 */
#ifndef STILE_GEN_BASIS_GROUP_H
#define STILE_GEN_BASIS_GROUP_H

#include "basis.h"

enum { STILE_MAX_GROUP = 64 }; /* elements */

/* --- basis_group.c: groups -------------------------------------------------------------------- */

/* A group and its real Fourier transform. The elements are 0 … order − 1, and 0 is the identity. */
typedef struct stile_group {
    const char *name;
    int order;
    bool abelian;
    uint8_t product[STILE_MAX_GROUP][STILE_MAX_GROUP], inverse[STILE_MAX_GROUP];
    /*
     * The product in R[G] with `rank` multiplications: x·y = C·(A·x ∘ B·y)/order. A and B are
     * rank × order, C is order × rank, all row-major.
     */
    int rank;
    bool rational; /* the entries are multiples of 1/4, exactly */
    double *a, *b, *c;
} stile_group;

/*
 * "Z7", "D4" (of order 8), "S3", "S4", "A4", "Q8" (quaternions), or a direct product of these:
 * "Z2xZ4", "Z2^3", "D4xZ2". Errors: ARGUMENT (another name, or more than STILE_MAX_GROUP elements),
 * MEMORY.
 */
int stile_group_create(stile_group **out, stile_arena *arena, const char *name);

/* Groups worth trying, NULL-terminated, by order. */
const char *const *stile_group_names(void);

/* --- basis_group_triple.c: subsets ------------------------------------------------------------ */

/* S, T and U: different elements each. */
typedef struct stile_triple {
    int sizes[3]; /* m, k, n */
    uint8_t elements[3][STILE_MAX_TILE];
} stile_triple;

/*
 * The triple product property: s's⁻¹·t't⁻¹·u'u⁻¹ = 1 for s, s' in S, t, t' in T and u, u' in U only
 * where s = s', t = t' and u = u'.
 */
bool stile_triple_has_property(const stile_group *group, const stile_triple *triple);

typedef struct stile_triples {
    stile_triple *items;
    int count;
    bool complete; /* all there are, but for translations of S, T and U, were looked at */
} stile_triples;

/*
 * Triples of the sizes m, k and n that have the property, up to `limit`; each of S, T and U has the
 * identity, which only leaves out translations. The search ends after a bounded number of steps.
 * Errors: MEMORY.
 */
int stile_triples_exact(stile_triples *out, stile_arena *arena, const stile_group *group,
                        const int sizes[3], int limit);

/*
 * Triples of small stile_placement_error, up to `limit`, the best ones first and few of each error:
 * by exchanging elements one by one from many starts, drawn by `seed`, or where there are not many
 * by looking at all. Errors: MEMORY.
 */
int stile_triples_relaxed(stile_triples *out, stile_arena *arena, const stile_group *group,
                          const int sizes[3], int limit, uint64_t seed);

/* --- basis_group_placement.c: tiles in the algebra -------------------------------------------- */

enum { STILE_MAX_PLACES = STILE_MAX_TILE * STILE_MAX_TILE };

/* Where each entry of a tile of X and of W goes, row by row, and with which sign. */
typedef struct stile_placement {
    int m, k, n;
    uint8_t x[STILE_MAX_PLACES], w[STILE_MAX_PLACES];
    int8_t x_signs[STILE_MAX_PLACES], w_signs[STILE_MAX_PLACES]; /* 1 or −1 */
} stile_placement;

/* Entry (a,b) of X at s_a⁻¹·t_b, entry (b,d) of W at t_b⁻¹·u_d, all signs 1. */
stile_placement stile_placement_of_triple(const stile_group *group, const stile_triple *triple);

/*
 * The error where each entry of Y is read, times the best factor, from that one element of the
 * product where it is best. Of N products that meet there, P of them with the sign 1 or −1 that the
 * k products of the entry have in excess, P/N of them is the best factor, which leaves 1 − P²/(N·k)
 * of the entry. For a triple this is zero just where it has the property.
 */
double stile_placement_error(const stile_group *group, const stile_placement *placement);

/*
 * The basis of a placement with all channels, read as stile_placement_error says. It is rational
 * where the group is, and exact where the placement is that of a triple that has the property.
 * Errors: ARGUMENT (more than STILE_MAX_RANK channels), MEMORY.
 */
int stile_basis_of_placement(stile_basis **out, stile_arena *arena, const stile_group *group,
                             const stile_placement *placement);

/* --- basis_group_decode.c: the best decoder of given encoders --------------------------------- */

/* Channels in an order such that the error with the first ones alone is small. */
typedef struct stile_channel_chain {
    int count;
    int channels[STILE_MAX_RANK];
    double errors[STILE_MAX_RANK + 1]; /* with the first 0, 1, … count channels, decoded at best */
} stile_channel_chain;

/*
 * Orders the channels of the encoders U and V of a basis (its D is not read): `grown` adds the one
 * that helps most, again and again until none helps; `shrunk` has the same channels, dropped one by
 * one, each time the one without which the error is least. Errors: MEMORY.
 */
int stile_basis_chains(const stile_basis *basis, stile_channel_chain *grown,
                       stile_channel_chain *shrunk);

/*
 * The basis of `count` of the channels of U and V with the D of least error, which solves
 * (UUᵀ ∘ VVᵀ)·Dᵀ = Σ_b U[·,(a,b)]·V[·,(b,d)]. Rational where the encoders are and a D of small
 * fractions solves it exactly. The channels must be independent, as those of a chain are. Errors:
 * ARGUMENT (they are not), MEMORY.
 */
int stile_basis_decoded(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                        const int *channels, int count);

/* --- basis_group_curve.c: the best that a group can do ---------------------------------------- */

/* What bases may be made of a group; both may be. */
typedef enum stile_group_freedom {
    STILE_GROUP_RELAXED = 1,   /* subsets without the triple product property */
    STILE_GROUP_TRUNCATED = 2, /* channels left out though they matter */
} stile_group_freedom;

/* The best basis found of a rank. */
typedef struct stile_group_choice {
    double error;
    int count; /* of channels, up to the rank; 0: none was found */
    const int *channels;
    const stile_placement *placement;
} stile_group_choice;

typedef struct stile_group_curve {
    const stile_group *group;
    int m, k, n;
    int max_rank;                /* that of the group */
    stile_group_choice *choices; /* numbered by rank, from 0 to max_rank; never worse as it grows */
    int exact_rank;              /* the least one of an exact basis found; 0: none */
    bool has_property;           /* triples with the triple product property were found */
    bool complete;               /* else there are none: the search for them ended */
} stile_group_curve;

/*
 * Looks for the bases of a group with tiles of m×k×n. `freedom` is a set of stile_group_freedom; 0
 * makes exact ones only. The result depends on the arguments alone. Errors: ARGUMENT (the tile),
 * MEMORY.
 */
int stile_group_curve_find(stile_group_curve *out, stile_arena *arena, const stile_group *group,
                           int m, int k, int n, unsigned freedom, uint64_t seed);

/*
 * Improves the basis of one rank by moving single entries and turning their signs, `tries` times,
 * from the placement found and from random ones: no longer a triple, but a product in R[G] of fewer
 * points than it takes, as convolutions are used in Y. Uffenheimer, O. Weinstein, "(Approximate)
 * matrix multiplication via convolutions", arXiv 2510.22193. Errors: MEMORY.
 */
int stile_group_curve_improve(stile_group_curve *curve, stile_arena *arena, int rank, int tries,
                              uint64_t seed);

/* The basis of a curve of up to `rank` products. Errors: ARGUMENT (there is none), MEMORY. */
int stile_group_curve_basis(stile_basis **out, stile_arena *arena, const stile_group_curve *curve,
                            int rank);

#endif
