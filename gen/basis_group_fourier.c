/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_group_blocks.h"

#include "fail.h"

/* --- Products in one block -------------------------------------------------------------------- */

/*
 * How two elements x and y of a block are multiplied, D·(U·x ∘ V·y), and how the coefficient of an
 * element g of the group is read from the block of a product: by the trace of the product with
 * ρ(g⁻¹), times the dimension of the representation. `form` is that as a bilinear form.
 */
typedef struct algorithm {
    int size, rank;
    const double *u, *v; /* rank × size */
    const double *d;     /* size × rank */
    const double *form;  /* size × size */
} algorithm;

static const double real_uv[] = {1}, real_d[] = {1}, real_form[] = {1};

/* Karatsuba's three products: xx', yy' and (x + y)(x' + y'). */
static const double complex_uv[] = {1, 0, 0, 1, 1, 1};
static const double complex_d[] = {1, -1, 0, -1, -1, 1};
static const double complex_form[] = {2, 0, 0, -2};

/* xx', yy' and (x − y)(x' − y'): polynomials at 0, infinity and −1. */
static const double eisenstein_uv[] = {1, 0, 0, 1, 1, -1};
static const double eisenstein_d[] = {1, -1, 0, 1, 0, -1};
static const double eisenstein_form[] = {2, -1, -1, -1};

/* Eight products, which suffice: T. D. Howell, J.-C. Lafon, "The complexity of the quaternion
   product", Cornell University, TR 75-245, 1975. */
static const double quaternion_u[] = {
    0, 0,  -1, 1, /* w - z */
    1, 1,  0,  0, /* x + y */
    1, -1, 0,  0, /* x - y */
    0, 0,  1,  1, /* z + w */
    0, -1, 0,  1, /* w - y */
    0, 1,  0,  1, /* w + y */
    1, 0,  1,  0, /* x + z */
    1, 0,  -1, 0, /* x - z */
};
static const double quaternion_v[] = {
    0, 0,  1,  -1, /* z - w */
    1, 1,  0,  0,  /* x + y */
    0, 0,  1,  1,  /* z + w */
    1, -1, 0,  0,  /* x - y */
    0, 1,  -1, 0,  /* y - z */
    0, 1,  1,  0,  /* y + z */
    1, 0,  0,  -1, /* x - w */
    1, 0,  0,  1,  /* x + w */
};
static const double quaternion_d[] = {
    1, 0, 0, 0, .5, -.5, .5,  .5,  /* 1 */
    0, 1, 0, 0, .5, -.5, -.5, -.5, /* i */
    0, 0, 1, 0, .5, .5,  .5,  -.5, /* j */
    0, 0, 0, 1, .5, .5,  -.5, .5,  /* k */
};
static const double quaternion_form[] = {
    4, 0, 0, 0, /**/ 0, -4, 0, 0, /**/ 0, 0, -4, 0, /**/ 0, 0, 0, -4,
};

/* tr(PQ) = Σ P_ij·Q_ji, times the dimension. */
static const double matrix2_form[] = {
    2, 0, 0, 0, /**/ 0, 0, 2, 0, /**/ 0, 2, 0, 0, /**/ 0, 0, 0, 2,
};
static const double matrix3_form[] = {
    3, 0, 0, 0, 0, 0, 0, 0, 0, /* 11 */
    0, 0, 0, 3, 0, 0, 0, 0, 0, /* 12 */
    0, 0, 0, 0, 0, 0, 3, 0, 0, /* 13 */
    0, 3, 0, 0, 0, 0, 0, 0, 0, /* 21 */
    0, 0, 0, 0, 3, 0, 0, 0, 0, /* 22 */
    0, 0, 0, 0, 0, 0, 0, 3, 0, /* 23 */
    0, 0, 3, 0, 0, 0, 0, 0, 0, /* 31 */
    0, 0, 0, 0, 0, 3, 0, 0, 0, /* 32 */
    0, 0, 0, 0, 0, 0, 0, 0, 3, /* 33 */
};

int stile_block_size(stile_block_kind kind)
{
    static const int sizes[] = {1, 2, 2, 4, 9, 4};
    return sizes[kind];
}

/* 2×2 and 3×3 matrices are multiplied as the catalogue does it. */
static int matrix_algorithm(algorithm *out, stile_arena *arena, const char *name, int size,
                            const double *form)
{
    stile_basis *basis = NULL;
    const int error = stile_basis_named(&basis, arena, name);
    if (!error)
        *out = (algorithm){size, basis->rank, basis->u, basis->v, basis->d, form};
    return error;
}

static int algorithm_of(algorithm *out, stile_arena *arena, stile_block_kind kind)
{
    switch (kind) {
    case STILE_BLOCK_REAL:
        *out = (algorithm){1, 1, real_uv, real_uv, real_d, real_form};
        return STILE_OK;
    case STILE_BLOCK_COMPLEX:
        *out = (algorithm){2, 3, complex_uv, complex_uv, complex_d, complex_form};
        return STILE_OK;
    case STILE_BLOCK_EISENSTEIN:
        *out = (algorithm){2, 3, eisenstein_uv, eisenstein_uv, eisenstein_d, eisenstein_form};
        return STILE_OK;
    case STILE_BLOCK_QUATERNION:
        *out = (algorithm){4, 8, quaternion_u, quaternion_v, quaternion_d, quaternion_form};
        return STILE_OK;
    case STILE_BLOCK_MATRIX2:
        return matrix_algorithm(out, arena, "strassen", 4, matrix2_form);
    default:
        return matrix_algorithm(out, arena, "laderman", 9, matrix3_form);
    }
}

/* --- All blocks ------------------------------------------------------------------------------- */

/* The channels of one block from `first` on. */
static void add_block(stile_group *group, const stile_block *block, const algorithm *way, int first)
{
    const int order = group->order, size = way->size;
    for (int c = 0; c < way->rank; c++) {
        for (int g = 0; g < order; g++) {
            const double *there = block->values + g * size;
            const double *back = block->values + group->inverse[g] * size;
            double a = 0, b = 0, read = 0;
            for (int i = 0; i < size; i++) {
                a += way->u[c * size + i] * there[i];
                b += way->v[c * size + i] * there[i];
                for (int j = 0; j < size; j++)
                    read += back[i] * way->form[i * size + j] * way->d[j * way->rank + c];
            }
            group->a[(first + c) * order + g] = a;
            group->b[(first + c) * order + g] = b;
            group->c[g * group->rank + first + c] = read;
        }
    }
}

int stile_group_transform(stile_group *group, stile_arena *arena, const stile_block *blocks,
                          int count)
{
    algorithm ways[STILE_BLOCK_QUATERNION + 1];
    bool rational = true;
    int rank = 0;
    for (int kind = 0; kind <= STILE_BLOCK_QUATERNION; kind++) {
        const int error = algorithm_of(&ways[kind], arena, (stile_block_kind)kind);
        if (error)
            return error;
    }
    for (int i = 0; i < count; i++) {
        rank += ways[blocks[i].kind].rank;
        rational &= blocks[i].integral;
    }
    group->rank = rank;
    group->rational = rational;
    group->a = stile_arena_array(arena, (size_t)(rank * group->order), sizeof *group->a);
    group->b = stile_arena_array(arena, (size_t)(rank * group->order), sizeof *group->b);
    group->c = stile_arena_array(arena, (size_t)(rank * group->order), sizeof *group->c);
    if (!group->a || !group->b || !group->c)
        return stile_fail_memory();
    for (int i = 0, first = 0; i < count; first += ways[blocks[i].kind].rank, i++)
        add_block(group, &blocks[i], &ways[blocks[i].kind], first);
    return STILE_OK;
}
