/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the algebra of bases share. Include after cmocka.h. */
#ifndef STILE_TESTS_GEN_BASES_H
#define STILE_TESTS_GEN_BASES_H

#include <stile/error.h>

#include "basis_algebra.h"

static inline int setup(void **state)
{
    *state = stile_arena_create();
    return *state ? 0 : -1;
}

static inline int teardown(void **state)
{
    stile_arena *arena = *state;
    stile_arena_destroy(&arena);
    return 0;
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static inline stile_basis *named(stile_arena *arena, const char *name)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_named(&basis, arena, name), STILE_OK);
    assert_non_null(basis);
    return basis;
}

static inline stile_basis *classical(stile_arena *arena, int m, int k, int n)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_classical(&basis, arena, m, k, n), STILE_OK);
    return basis;
}

static inline stile_basis *random_basis(stile_arena *arena, int m, int k, int n, int rank)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_random(&basis, arena, m, k, n, rank, 1), STILE_OK);
    return basis;
}

static inline stile_basis *rotate(stile_arena *arena, const stile_basis *basis,
                                  const stile_rotation *rotation)
{
    stile_basis *rotated = NULL;
    assert_int_equal(stile_basis_rotate(&rotated, arena, basis, rotation), STILE_OK);
    return rotated;
}

static inline stile_basis_metrics measure(const stile_basis *basis)
{
    stile_basis_metrics metrics;
    assert_int_equal(stile_basis_measure(basis, &metrics), STILE_OK);
    return metrics;
}

/* A number of a sequence (Knuth's MMIX generator), from 0 to below − 1. */
static inline int draw(uint64_t *seed, int below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((*seed >> 33) % (uint64_t)below);
}

/* A unit triangular matrix of small fractions with its rows in random order: never singular. */
static inline stile_square random_square(uint64_t *seed, int size)
{
    int place[STILE_MAX_TILE];
    for (int i = 0; i < size; i++) {
        const int j = draw(seed, i + 1);
        place[i] = i;
        place[i] = place[j];
        place[j] = i;
    }
    stile_square square = stile_square_identity(size);
    for (int i = 0; i < size; i++) {
        for (int j = 0; j < size; j++) {
            const int at = place[i] * size + j;
            stile_rational entry = i == j ? STILE_RATIONAL_ONE : STILE_RATIONAL_ZERO;
            if (j > i)
                stile_rational_make(&entry, draw(seed, 5) - 2, 1 + draw(seed, 2));
            square.exact[at] = entry;
            square.entries[at] = stile_rational_to_double(entry);
        }
    }
    return square;
}

static inline stile_rotation random_rotation(uint64_t *seed, const stile_basis *basis)
{
    stile_rotation rotation;
    rotation.a = random_square(seed, basis->m);
    rotation.b = random_square(seed, basis->k);
    rotation.c = random_square(seed, basis->n);
    return rotation;
}

/* One of four shapes, exact and rational, in random coordinates. */
static inline stile_basis *random_exact_basis(stile_arena *arena, uint64_t *seed)
{
    stile_basis *const bases[] = {named(arena, "strassen"), named(arena, "laderman"),
                                  classical(arena, 1, 2, 3), classical(arena, 2, 3, 1)};
    const stile_basis *basis = bases[draw(seed, 4)];
    const stile_rotation rotation = random_rotation(seed, basis);
    return rotate(arena, basis, &rotation);
}

static inline void assert_same_matrix(stile_basis_matrix a, stile_basis_matrix b)
{
    assert_int_equal(a.rows, b.rows);
    assert_int_equal(a.columns, b.columns);
    assert_true(!a.exact == !b.exact);
    for (int i = 0; i < a.rows * a.columns; i++) {
        assert_true(a.entries[i] == b.entries[i]);
        assert_true(!a.exact || stile_rational_equal(a.exact[i], b.exact[i]));
    }
}

/* To the bit. */
static inline void assert_same_entries(const stile_basis *a, const stile_basis *b)
{
    assert_same_matrix(stile_basis_u(a), stile_basis_u(b));
    assert_same_matrix(stile_basis_v(a), stile_basis_v(b));
    assert_same_matrix(stile_basis_d(a), stile_basis_d(b));
}

static inline void assert_near(double a, double b, double tolerance)
{
    if (!(a - b <= tolerance && b - a <= tolerance))
        fail_msg("%.17g is not near %.17g", a, b);
}

/* Whether two bases are the same operator: their tensors agree. */
static inline void assert_same_operator(stile_arena *arena, const stile_basis *a,
                                        const stile_basis *b)
{
    assert_int_equal(a->m, b->m);
    assert_int_equal(a->k, b->k);
    assert_int_equal(a->n, b->n);
    const int side = a->m * a->k * a->n, size = side * side;
    double *first = stile_arena_array(arena, (size_t)size, sizeof *first);
    double *second = stile_arena_array(arena, (size_t)size, sizeof *second);
    assert_non_null(first);
    assert_non_null(second);
    stile_basis_tensor(a, first);
    stile_basis_tensor(b, second);
    for (int i = 0; i < size; i++)
        assert_near(first[i], second[i], 1e-9);
}

#endif
