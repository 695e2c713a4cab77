/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each of U, V and D depends on two of the three matrices of a rotation, so its cost for all pairs
 * of candidates is a table, and the sum of three tables is searched for its least triple.
 */
#include "basis_polish.h"

#include <stdlib.h>

#include "basis_factor.h"
#include "fail.h"
#include "straight_line.h"

enum {
    MAX_STEPS = 100,
    SMALL_SIDE = 3,       /* up to which all matrices are candidates, and all at once */
    MAX_CANDIDATES = 160, /* a side of 3 has 145, one of 8 has 113 */
    IMPOSSIBLE = 1 << 28, /* cost of what overflows */
};

static const double SAME_GROWTH = 1e-9;

/* Matrices to try on one side of the tile, the identity first, and their inverses. */
typedef struct candidates {
    int count;
    stile_square matrices[MAX_CANDIDATES], inverses[MAX_CANDIDATES];
} candidates;

/* --- Candidates ------------------------------------------------------------------------------- */

static void add_candidate(candidates *set, int size, const int *entries)
{
    const stile_square square = stile_square_integers(size, entries);
    stile_square inverse;
    if (set->count == MAX_CANDIDATES || stile_square_invert(&inverse, &square, "S"))
        return;
    for (int i = 0; i < size * size; i++) {
        if (inverse.exact[i].den != 1)
            return;
    }
    set->matrices[set->count] = square;
    set->inverses[set->count++] = inverse;
}

/* Column `column` of a matrix of digits −1, 0, 1 as a number, its first entry the highest digit. */
static int column_code(const int *entries, int size, int column)
{
    int code = 0;
    for (int i = 0; i < size; i++)
        code = 3 * code + entries[i * size + column];
    return code;
}

/*
 * All matrices of −1, 0 and 1 with an integer inverse, one for each set of columns: their order and
 * signs permute the entries of tiles and flip their signs, which costs nothing.
 */
static void add_all(candidates *set, int size)
{
    int total = 1, entries[SMALL_SIDE * SMALL_SIDE];
    for (int i = 0; i < size * size; i++)
        total *= 3;
    for (int number = 0; number < total; number++) {
        int rest = number;
        for (int i = 0; i < size * size; i++, rest /= 3)
            entries[i] = rest % 3 - 1;
        bool wanted = true;
        for (int j = 0; j < size && wanted; j++) {
            const int code = column_code(entries, size, j);
            wanted = code > 0 && (j == 0 || code < column_code(entries, size, j - 1));
        }
        if (wanted)
            add_candidate(set, size, entries);
    }
}

/* The identity with one more entry, 1 or −1. */
static void add_transvections(candidates *set, int size)
{
    for (int at = 0; at < size * size; at++) {
        for (int sign = 1; sign >= -1 && at / size != at % size; sign -= 2) {
            int entries[STILE_MAX_TILE * STILE_MAX_TILE] = {0};
            for (int i = 0; i < size; i++)
                entries[i * (size + 1)] = 1;
            entries[at] = sign;
            add_candidate(set, size, entries);
        }
    }
}

static void fill_candidates(candidates *set, int size)
{
    int identity[STILE_MAX_TILE * STILE_MAX_TILE] = {0};
    for (int i = 0; i < size; i++)
        identity[i * (size + 1)] = 1;
    set->count = 0;
    add_candidate(set, size, identity);
    if (size > SMALL_SIDE)
        add_transvections(set, size);
    else if (size > 1)
        add_all(set, size);
}

/* --- Tables ----------------------------------------------------------------------------------- */

/* For factor f and a pair (i, j) of candidates of its two sides, at i·columns + j. */
typedef struct table {
    int rows, columns, rank;
    int *costs;
    double *squares; /* of the norm of each channel */
} table;

static const int row_side[] = {0, 1, 0}, column_side[] = {1, 2, 2};

static int count_cost(stile_basis_matrix matrix, stile_polish_goal goal, int *out)
{
    if (goal == STILE_POLISH_NONZEROS) {
        *out = stile_basis_nonzeros(matrix);
        return STILE_OK;
    }
    stile_arena *scratch = stile_arena_create();
    stile_straight_line *program;
    int error = scratch ? stile_straight_line_compile(&program, scratch, matrix.exact, matrix.rows,
                                                      matrix.columns)
                        : stile_fail_memory();
    if (!error)
        *out = program->addition_count;
    stile_arena_destroy(&scratch);
    return error;
}

static stile_basis_matrix matrix_of(const stile_basis *basis, int f)
{
    return f == 0 ? stile_basis_u(basis) : f == 1 ? stile_basis_v(basis) : stile_basis_d(basis);
}

/* Fills table f; `work` has room for the rotated factor. */
static int fill_table(table *out, stile_arena *arena, const stile_basis *basis, stile_basis *work,
                      int f, const candidates *left, const candidates *right,
                      stile_polish_goal goal)
{
    const stile_basis_factor from = stile_basis_factor_of(basis, f);
    const stile_basis_factor to = stile_basis_factor_of(work, f);
    const size_t pairs = (size_t)(left->count * right->count);
    *out = (table){left->count, right->count, basis->rank, NULL, NULL};
    out->costs = stile_arena_array(arena, pairs, sizeof *out->costs);
    out->squares = stile_arena_array(arena, pairs * (size_t)basis->rank, sizeof *out->squares);
    if (!out->costs || !out->squares)
        return stile_fail_memory();
    for (int i = 0; i < left->count; i++) {
        for (int j = 0; j < right->count; j++) {
            const int at = i * right->count + j;
            const stile_square before =
                f < 2 ? stile_square_transpose(&left->matrices[i]) : left->inverses[i];
            const stile_square after =
                f < 2 ? stile_square_transpose(&right->inverses[j]) : right->matrices[j];
            if (!stile_factor_enclose(&to, &from, &before, &after)) {
                out->costs[at] = IMPOSSIBLE;
                continue;
            }
            stile_basis_round_exact(work);
            const int error = count_cost(matrix_of(work, f), goal, &out->costs[at]);
            if (error)
                return error;
            for (int c = 0; c < basis->rank; c++)
                out->squares[at * basis->rank + c] = stile_factor_dot(&to, c, c);
        }
    }
    return STILE_OK;
}

/* A triple of candidates and what it costs. */
typedef struct triple {
    int index[3];
    int cost;
    double growth; /* times mkn */
} triple;

static triple evaluate(const table tables[3], int a, int b, int c)
{
    const int pair[] = {a * tables[0].columns + b, b * tables[1].columns + c,
                        a * tables[2].columns + c};
    return (triple){{a, b, c},
                    tables[0].costs[pair[0]] + tables[1].costs[pair[1]] + tables[2].costs[pair[2]],
                    0};
}

static double growth_of(const table tables[3], const triple *t)
{
    const int rank = tables[0].rank;
    const double *u = tables[0].squares + (t->index[0] * tables[0].columns + t->index[1]) * rank;
    const double *v = tables[1].squares + (t->index[1] * tables[1].columns + t->index[2]) * rank;
    const double *d = tables[2].squares + (t->index[0] * tables[2].columns + t->index[2]) * rank;
    double sum = 0;
    for (int channel = 0; channel < rank; channel++)
        sum += u[channel] * v[channel] * d[channel];
    return sum;
}

/* The least cost, of equals the least growth, of equals the first: (0, 0, 0) where nothing helps.
 */
static triple find_least(const table tables[3])
{
    triple best = evaluate(tables, 0, 0, 0);
    best.growth = growth_of(tables, &best);
    for (int a = 0; a < tables[0].rows; a++) {
        for (int b = 0; b < tables[0].columns; b++) {
            for (int c = 0; c < tables[1].columns; c++) {
                triple t = evaluate(tables, a, b, c);
                if (t.cost > best.cost || t.cost >= IMPOSSIBLE)
                    continue;
                t.growth = growth_of(tables, &t);
                if (t.cost < best.cost || t.growth < best.growth * (1 - SAME_GROWTH))
                    best = t;
            }
        }
    }
    return best;
}

/* --- Steps ------------------------------------------------------------------------------------ */

/* The best rotation of one step by candidates of these sides; the others stay as they are. */
static int search(triple *out, const stile_basis *basis, const candidates sets[3],
                  const bool sides[3], stile_polish_goal goal)
{
    stile_arena *scratch = stile_arena_create();
    stile_basis *work = scratch ? stile_basis_create(scratch, basis->name, basis->m, basis->k,
                                                     basis->n, basis->rank, true)
                                : NULL;
    candidates *still = scratch ? stile_arena_array(scratch, 3, sizeof *still) : NULL;
    table tables[3];
    int error = work && still ? STILE_OK : stile_fail_memory();
    for (int s = 0; s < 3 && !error; s++) {
        still[s].count = 1;
        still[s].matrices[0] = sets[s].matrices[0];
        still[s].inverses[0] = sets[s].inverses[0];
    }
    for (int f = 0; f < 3 && !error; f++) {
        const int row = row_side[f], column = column_side[f];
        error =
            fill_table(&tables[f], scratch, basis, work, f, sides[row] ? &sets[row] : &still[row],
                       sides[column] ? &sets[column] : &still[column], goal);
    }
    if (!error)
        *out = find_least(tables);
    stile_arena_destroy(&scratch);
    return error;
}

/* The best step: of all sides at once where they are small, else of one side. */
static int find_step(triple *out, const stile_basis *basis, const candidates sets[3],
                     stile_polish_goal goal)
{
    const int largest = basis->m > basis->k ? (basis->m > basis->n ? basis->m : basis->n)
                                            : (basis->k > basis->n ? basis->k : basis->n);
    if (largest <= SMALL_SIDE)
        return search(out, basis, sets, (const bool[]){true, true, true}, goal);
    for (int s = 0; s < 3; s++) {
        triple found;
        const int error = search(&found, basis, sets, (const bool[]){s == 0, s == 1, s == 2}, goal);
        if (error)
            return error;
        if (s == 0 || found.cost < out->cost ||
            (found.cost == out->cost && found.growth < out->growth * (1 - SAME_GROWTH)))
            *out = found;
    }
    return STILE_OK;
}

int stile_basis_polish_sparsity(stile_basis **out, stile_arena *arena, const stile_basis *basis,
                                stile_polish_goal goal)
{
    stile_basis_metrics metrics;
    int error = stile_basis_measure(basis, &metrics);
    if (error)
        return error;
    if (!stile_basis_is_rational(basis) || !metrics.exact)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "'%.64s' is not %s: additions and nonzeros are minimized only for exact "
                          "bases of rationals",
                          basis->name, metrics.exact ? "rational" : "exact");
    candidates *sets = calloc(3, sizeof *sets);
    if (!sets)
        return stile_fail_memory();
    const int sizes[] = {basis->m, basis->k, basis->n};
    for (int s = 0; s < 3; s++)
        fill_candidates(&sets[s], sizes[s]);
    const stile_rotation identity = stile_rotation_identity(basis);
    stile_basis *best;
    error = stile_basis_rotate(&best, arena, basis, &identity);
    for (int i = 0; i < MAX_STEPS && !error; i++) {
        triple step;
        error = find_step(&step, best, sets, goal);
        if (error || !(step.index[0] || step.index[1] || step.index[2]))
            break;
        const stile_rotation rotation = {sets[0].matrices[step.index[0]],
                                         sets[1].matrices[step.index[1]],
                                         sets[2].matrices[step.index[2]]};
        error = stile_basis_rotate(&best, arena, best, &rotation);
    }
    free(sets);
    if (error)
        return error;
    best->name = stile_basis_compose_name(arena, "polish", basis->name);
    best->source = goal == STILE_POLISH_ADDITIONS ? "rotated to the fewest additions"
                                                  : "rotated to the fewest nonzeros";
    if (!best->name)
        return stile_fail_memory();
    *out = best;
    return STILE_OK;
}

int stile_basis_count_cost(const stile_basis *basis, stile_basis_cost *out)
{
    stile_basis_metrics metrics;
    int error = stile_basis_measure(basis, &metrics);
    stile_basis_cost cost = {.additions = stile_basis_is_rational(basis) ? 0 : -1};
    for (int f = 0; f < 3 && !error; f++) {
        int count = 0;
        cost.nonzeros += stile_basis_nonzeros(matrix_of(basis, f));
        if (stile_basis_is_rational(basis))
            error = count_cost(matrix_of(basis, f), STILE_POLISH_ADDITIONS, &count);
        cost.additions += count;
    }
    if (error)
        return error;
    cost.growth = metrics.growth;
    *out = cost;
    return STILE_OK;
}
