/* SPDX-License-Identifier: Apache-2.0 */
#include "basis.h"

#include <stddef.h>
#include <string.h>

#include "fail.h"

/*
 * A published algorithm as its paper prints it. Product c is p<c>, the product of a signed sum of
 * entries of the X tile and one of entries of the W tile; an output is a signed sum of products.
 * Rows, columns and products count from 1. Outputs are in row-major order.
 */
typedef struct product {
    const char *x, *w;
} product;

typedef struct algorithm {
    const char *name, *source;
    int m, k, n, rank;
    const product *products;
    const char *const *outputs;
} algorithm;

/* V. Strassen, "Gaussian elimination is not optimal", Numerische Mathematik 13 (1969) 354–356. */
static const product strassen_products[] = {
    {"x11 + x22", "w11 + w22"}, /* p1 */
    {"x21 + x22", "w11"},       /* p2 */
    {"x11", "w12 - w22"},       /* p3 */
    {"x22", "-w11 + w21"},      /* p4 */
    {"x11 + x12", "w22"},       /* p5 */
    {"-x11 + x21", "w11 + w12"}, /* p6 */
    {"x12 - x22", "w21 + w22"}, /* p7 */
};
static const char *const strassen_outputs[] = {
    "p1 + p4 - p5 + p7", "p3 + p5",
    "p2 + p4", "p1 - p2 + p3 + p6",
};

/*
 * S. Winograd's variant of Strassen's algorithm, 15 additions when subexpressions are shared:
 * P. C. Fischer, R. L. Probert, "Efficient procedures for using matrix algorithms", ICALP 1974, and
 * D. E. Knuth, The Art of Computer Programming 2, 4.6.4. Numbered as in J.-G. Dumas, C. Pernet,
 * W. Zhou, "Memory efficient scheduling of Strassen-Winograd's matrix multiplication algorithm",
 * ISSAC 2009: s1 = x21 + x22, s2 = s1 - x11, s3 = x11 - x21, s4 = x12 - s2; t1 = w12 - w11,
 * t2 = w22 - t1, t3 = w22 - w12, t4 = t2 - w21.
 */
static const product winograd_products[] = {
    {"x11", "w11"},                          /* p1 */
    {"x12", "w21"},                          /* p2 */
    {"x11 + x12 - x21 - x22", "w22"},        /* p3 = s4 w22 */
    {"x22", "w11 - w12 - w21 + w22"},        /* p4 = x22 t4 */
    {"x21 + x22", "-w11 + w12"},             /* p5 = s1 t1 */
    {"-x11 + x21 + x22", "w11 - w12 + w22"}, /* p6 = s2 t2 */
    {"x11 - x21", "-w12 + w22"},             /* p7 = s3 t3 */
};
static const char *const winograd_outputs[] = {
    "p1 + p2", "p1 + p3 + p5 + p6",
    "p1 - p4 + p6 + p7", "p1 + p5 + p6 + p7",
};

/*
 * J. D. Laderman, "A noncommutative algorithm for multiplying 3×3 matrices using 23
 * multiplications", Bulletin of the American Mathematical Society 82 (1976) 126–128.
 */
static const product laderman_products[] = {
    {"x11 + x12 + x13 - x21 - x22 - x32 - x33", "w22"},        /* p1 */
    {"x11 - x21", "-w12 + w22"},                               /* p2 */
    {"x22", "-w11 + w12 + w21 - w22 - w23 - w31 + w33"},       /* p3 */
    {"-x11 + x21 + x22", "w11 - w12 + w22"},                   /* p4 */
    {"x21 + x22", "-w11 + w12"},                               /* p5 */
    {"x11", "w11"},                                            /* p6 */
    {"-x11 + x31 + x32", "w11 - w13 + w23"},                   /* p7 */
    {"-x11 + x31", "w13 - w23"},                               /* p8 */
    {"x31 + x32", "-w11 + w13"},                               /* p9 */
    {"x11 + x12 + x13 - x22 - x23 - x31 - x32", "w23"},        /* p10 */
    {"x32", "-w11 + w13 + w21 - w22 - w23 - w31 + w32"},       /* p11 */
    {"-x13 + x32 + x33", "w22 + w31 - w32"},                   /* p12 */
    {"x13 - x33", "w22 - w32"},                                /* p13 */
    {"x13", "w31"},                                            /* p14 */
    {"x32 + x33", "-w31 + w32"},                               /* p15 */
    {"-x13 + x22 + x23", "w23 + w31 - w33"},                   /* p16 */
    {"x13 - x23", "w23 - w33"},                                /* p17 */
    {"x22 + x23", "-w31 + w33"},                               /* p18 */
    {"x12", "w21"},                                            /* p19 */
    {"x23", "w32"},                                            /* p20 */
    {"x21", "w13"},                                            /* p21 */
    {"x31", "w12"},                                            /* p22 */
    {"x33", "w33"},                                            /* p23 */
};
static const char *const laderman_outputs[] = {
    "p6 + p14 + p19",
    "p1 + p4 + p5 + p6 + p12 + p14 + p15",
    "p6 + p7 + p9 + p10 + p14 + p16 + p18",
    "p2 + p3 + p4 + p6 + p14 + p16 + p17",
    "p2 + p4 + p5 + p6 + p20",
    "p14 + p16 + p17 + p18 + p21",
    "p6 + p7 + p8 + p11 + p12 + p13 + p14",
    "p12 + p13 + p14 + p15 + p22",
    "p6 + p7 + p8 + p9 + p23",
};

static const algorithm algorithms[] = {
    {"strassen", "V. Strassen, 1969", 2, 2, 2, 7, strassen_products, strassen_outputs},
    {"winograd", "S. Winograd's variant of Strassen's algorithm, 15 additions", 2, 2, 2, 7,
     winograd_products, winograd_outputs},
    {"laderman", "J. D. Laderman, 1976", 3, 3, 3, 23, laderman_products, laderman_outputs},
};

enum { ALGORITHM_COUNT = sizeof algorithms / sizeof *algorithms };

/*
 * Reads a signed sum of variables "<letter><digits>", all of one letter, and sets entries[index] to
 * ±1 for each. The digits are a number from 1 (columns == 0) or the row and the column of a matrix
 * of `columns` columns, one digit each. False where the table is wrong.
 */
static bool read_sum(stile_rational *entries, int count, int columns, const char *text)
{
    int sign = 1;
    char letter = '\0';
    for (const char *c = text; *c;) {
        if (*c == ' ') {
            c++;
        } else if (*c == '+' || *c == '-') {
            sign = *c++ == '-' ? -1 : 1;
        } else {
            int number = 0;
            if (letter && *c != letter)
                return false;
            letter = *c++;
            while (*c >= '0' && *c <= '9')
                number = number * 10 + (*c++ - '0');
            const int index = columns ? (number / 10 - 1) * columns + number % 10 - 1 : number - 1;
            if (index < 0 || index >= count || entries[index].num != 0)
                return false;
            entries[index].num = sign;
        }
    }
    return letter != '\0';
}

static int build(stile_basis **out, stile_arena *arena, const algorithm *table)
{
    const int m = table->m, k = table->k, n = table->n, rank = table->rank;
    stile_basis *basis = stile_basis_create(arena, table->name, m, k, n, rank, true);
    if (!basis)
        return stile_fail_memory();
    basis->source = table->source;

    bool good = true;
    for (int c = 0; c < rank; c++) {
        const product *p = &table->products[c];
        good = good && read_sum(basis->u_exact + c * m * k, m * k, k, p->x);
        good = good && read_sum(basis->v_exact + c * k * n, k * n, n, p->w);
    }
    for (int i = 0; i < m * n; i++)
        good = good && read_sum(basis->d_exact + i * rank, rank, 0, table->outputs[i]);
    if (!good)
        return stile_fail(STILE_ERROR_INTERNAL, "the table of basis '%s' is wrong", table->name);
    stile_basis_round_exact(basis);
    *out = basis;
    return STILE_OK;
}

int stile_basis_named(stile_basis **out, stile_arena *arena, const char *name)
{
    for (int i = 0; i < ALGORITHM_COUNT; i++) {
        if (!strcmp(name, algorithms[i].name))
            return build(out, arena, &algorithms[i]);
    }
    *out = NULL;
    return STILE_OK;
}

const char *const *stile_basis_names(void)
{
    static const char *const names[] = {"strassen", "winograd", "laderman", NULL};
    _Static_assert(sizeof names / sizeof *names == ALGORITHM_COUNT + 1, "one name per algorithm");
    return names;
}

int stile_basis_classical(stile_basis **out, stile_arena *arena, int m, int k, int n)
{
    if (m < 1 || k < 1 || n < 1 || m > STILE_MAX_TILE || k > STILE_MAX_TILE || n > STILE_MAX_TILE)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "a tile of %dx%dx%d cannot work: each side must be from 1 to %d", m, k, n,
                          STILE_MAX_TILE);
    const int rank = m * k * n;
    const char *name = stile_arena_printf(arena, "classical(%d,%d,%d)", m, k, n);
    stile_basis *basis = name ? stile_basis_create(arena, name, m, k, n, rank, true) : NULL;
    if (!basis)
        return stile_fail_memory();
    basis->source = "the definition of the matrix product";
    for (int a = 0, c = 0; a < m; a++) {
        for (int b = 0; b < k; b++) {
            for (int d = 0; d < n; d++, c++) {
                basis->u_exact[c * m * k + a * k + b] = STILE_RATIONAL_ONE;
                basis->v_exact[c * k * n + b * n + d] = STILE_RATIONAL_ONE;
                basis->d_exact[(a * n + d) * rank + c] = STILE_RATIONAL_ONE;
            }
        }
    }
    stile_basis_round_exact(basis);
    *out = basis;
    return STILE_OK;
}
