/* SPDX-License-Identifier: Apache-2.0 */
#include "basis_group.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "basis_group_blocks.h"
#include "fail.h"

enum { MAX_FACTORS = 6, MAX_BLOCKS = STILE_MAX_GROUP };

/* --- Angles ----------------------------------------------------------------------------------- */

/*
 * The cosine and sine of part/whole of a turn, 0 <= part < whole, the same to the bit on every
 * machine: angles up to 1/8 of a turn by Taylor's series, the others by symmetry.
 */
static void turn(int part, int whole, double *cosine, double *sine)
{
    const bool below = 2 * part > whole;
    if (below)
        part = whole - part;
    const bool left = 4 * part > whole;
    if (left) {
        part = whole - 2 * part;
        whole *= 2;
    }
    const bool steep = 8 * part > whole;
    if (steep) {
        part = whole - 4 * part;
        whole *= 4;
    }
    const double angle = 0x1.921fb54442d18p+2 * part / whole;
    double sums[2] = {0, 0}, term = 1;
    for (int i = 0; i < 24; i++) {
        sums[i % 2] += i % 4 < 2 ? term : -term;
        term *= angle / (i + 1);
    }
    *cosine = left ? -sums[steep] : sums[steep];
    *sine = below ? -sums[!steep] : sums[!steep];
}

/* --- Building one group ----------------------------------------------------------------------- */

typedef struct builder {
    stile_arena *arena;
    stile_group *group;
    stile_block blocks[MAX_BLOCKS];
    int block_count;
    bool failed; /* memory ran out */
} builder;

/* The values of a new block, to be filled in. */
static double *add_block(builder *build, stile_block_kind kind, bool integral)
{
    const size_t size = (size_t)(build->group->order * stile_block_size(kind));
    double *values = stile_arena_array(build->arena, size, sizeof *values);
    if (values)
        build->blocks[build->block_count++] = (stile_block){kind, integral, values};
    else
        build->failed = true;
    return values;
}

static void set_inverses(stile_group *group)
{
    group->abelian = true;
    for (int g = 0; g < group->order; g++) {
        for (int h = 0; h < group->order; h++) {
            if (group->product[g][h] == 0)
                group->inverse[g] = (uint8_t)h;
            group->abelian &= group->product[g][h] == group->product[h][g];
        }
    }
}

/* Elements of Z_a × Z_b × …: digits, the first one the least. */
static void digits_of(int element, const int *moduli, int count, int *digits)
{
    for (int i = 0; i < count; i++) {
        digits[i] = element % moduli[i];
        element /= moduli[i];
    }
}

static int greatest_common_divisor(int a, int b)
{
    while (b) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* One real character, or one complex character for itself and its conjugate. */
static void add_character(builder *build, const int *exponents, int whole)
{
    static const double sixths[6][2] = {{1, 0}, {1, 1}, {0, 1}, {-1, 0}, {-1, -1}, {0, -1}};
    const int order = build->group->order;
    int common = whole;
    for (int g = 0; g < order; g++)
        common = greatest_common_divisor(common, exponents[g]);
    const int roots = whole / common; /* the values are all the roots of unity of this order */
    const bool thirds = roots == 3 || roots == 6;
    const stile_block_kind kind = roots <= 2 ? STILE_BLOCK_REAL
                                  : thirds   ? STILE_BLOCK_EISENSTEIN
                                             : STILE_BLOCK_COMPLEX;
    double *values = add_block(build, kind, roots <= 4 || thirds);
    for (int g = 0; values && g < order; g++) {
        if (kind == STILE_BLOCK_REAL)
            values[g] = exponents[g] ? -1 : 1;
        else if (thirds)
            memcpy(values + 2 * g, sixths[6 * exponents[g] / whole], sizeof sixths[0]);
        else
            turn(exponents[g], whole, &values[2 * g], &values[2 * g + 1]);
    }
}

/* Z_a × Z_b × … */
static void build_abelian(builder *build, const int *moduli, int count)
{
    stile_group *group = build->group;
    int whole = 1, left[MAX_FACTORS], right[MAX_FACTORS];
    for (int i = 0; i < count; i++)
        whole *= moduli[i] / greatest_common_divisor(whole, moduli[i]);
    for (int g = 0; g < group->order; g++) {
        digits_of(g, moduli, count, left);
        for (int h = 0; h < group->order; h++) {
            int sum = 0;
            digits_of(h, moduli, count, right);
            for (int i = count - 1; i >= 0; i--)
                sum = sum * moduli[i] + (left[i] + right[i]) % moduli[i];
            group->product[g][h] = (uint8_t)sum;
        }
    }
    set_inverses(group);
    /* Characters are numbered as the elements are, and conjugates are inverses. */
    for (int f = 0; f < group->order; f++) {
        int exponents[STILE_MAX_GROUP];
        if (group->inverse[f] < f)
            continue;
        digits_of(f, moduli, count, left);
        for (int g = 0; g < group->order; g++) {
            exponents[g] = 0;
            digits_of(g, moduli, count, right);
            for (int i = 0; i < count; i++)
                exponents[g] += left[i] * right[i] * (whole / moduli[i]);
            exponents[g] %= whole;
        }
        add_character(build, exponents, whole);
    }
}

/* out = a·b of 2×2 or 3×3 matrices. */
static void multiply_matrices(double *out, const double *a, const double *b, int size)
{
    for (int i = 0; i < size * size; i++) {
        out[i] = 0;
        for (int l = 0; l < size; l++)
            out[i] += a[i / size * size + l] * b[l * size + i % size];
    }
}

/* out = the rotation by part/n of a turn, 0 <= part < n. */
static void rotate_plane(double out[4], int part, int n)
{
    turn(part, n, &out[0], &out[2]);
    out[1] = -out[2];
    out[3] = out[0];
}

/*
 * A representation of the symmetries of the n-gon in the plane: r turns by part/n of a turn, s
 * reflects. It is one of integers where the rotation maps a lattice to itself.
 */
static void add_plane(builder *build, int part, int n)
{
    static const double lattice[7][4] = {
        [3] = {0, -1, 1, -1}, [4] = {0, -1, 1, 0}, [6] = {1, -1, 1, 0}};
    static const double swap[4] = {0, 1, 1, 0}, mirror[4] = {1, 0, 0, -1};
    const int order = n / greatest_common_divisor(part, n); /* of the rotation */
    const bool integral = order == 3 || order == 4 || order == 6;
    double *values = add_block(build, STILE_BLOCK_MATRIX2, integral);
    for (int j = 0; values && j < n; j++) {
        double *matrix = values + 4 * j;
        if (!integral)
            rotate_plane(matrix, j * part % n, n);
        else if (j)
            multiply_matrices(matrix, matrix - 4, lattice[order], 2);
        else
            matrix[0] = matrix[3] = 1;
        multiply_matrices(matrix + 4 * n, matrix, integral && order != 4 ? swap : mirror, 2);
    }
}

/* The symmetries of the n-gon: element j + n·e is r^j·s^e. */
static void build_dihedral(builder *build, int n)
{
    stile_group *group = build->group;
    for (int g = 0; g < 2 * n; g++) {
        for (int h = 0; h < 2 * n; h++) {
            const int turned = g < n ? g + h % n : g + n - h % n;
            group->product[g][h] = (uint8_t)(turned % n + n * ((g / n) ^ (h / n)));
        }
    }
    set_inverses(group);
    for (int i = 0; i < (n % 2 ? 2 : 4); i++) {
        double *values = add_block(build, STILE_BLOCK_REAL, true);
        for (int g = 0; values && g < 2 * n; g++)
            values[g] = ((i & 1) * (g / n) + (i >> 1) * (g % n)) % 2 ? -1 : 1;
    }
    for (int part = 1; 2 * part < n; part++)
        add_plane(build, part, n);
}

/* Element 2·unit + sign: 1, −1, i, −i, j, −j, k, −k. */
static void build_quaternions(builder *build)
{
    stile_group *group = build->group;
    for (int g = 0; g < 8; g++) {
        for (int h = 0; h < 8; h++) {
            const int x = g / 2, y = h / 2;
            /* i² = −1, and j·i = −k, k·j = −i, i·k = −j */
            const bool negative = x && y && (x == y || x == y % 3 + 1);
            group->product[g][h] = (uint8_t)(2 * (x ^ y) + ((g ^ h ^ negative) & 1));
        }
    }
    set_inverses(group);
    for (int i = 0; i < 4; i++) { /* 1, and −1 on all units but one */
        double *values = add_block(build, STILE_BLOCK_REAL, true);
        for (int g = 0; values && g < 8; g++)
            values[g] = i && g / 2 && g / 2 != i ? -1 : 1;
    }
    double *values = add_block(build, STILE_BLOCK_QUATERNION, true);
    for (int g = 0; values && g < 8; g++)
        values[4 * g + g / 2] = g % 2 ? -1 : 1;
}

/*
 * The rotations of the cube, which are S₄, as signed permutation matrices of determinant 1, or
 * those of them whose permutation is even, which are A₄: the rotations of the tetrahedron.
 */
static void build_rotations(builder *build, bool even_only)
{
    static const int permutations[6][3] = {{0, 1, 2}, {1, 2, 0}, {2, 0, 1},
                                           {1, 0, 2}, {0, 2, 1}, {2, 1, 0}};
    /* S₃ on the vectors of R³ whose entries add to 0; Z₃ as powers of ω. */
    static const double plane[6][4] = {{1, 0, 0, 1},  {-1, 1, -1, 0}, {0, -1, 1, -1},
                                       {-1, 1, 0, 1}, {1, 0, 1, -1},  {0, -1, -1, 0}};
    static const double thirds[3][2] = {{1, 0}, {0, 1}, {-1, -1}};
    stile_group *group = build->group;
    double matrices[24][9] = {{0}}, product[9];
    int parts[24], count = 0;
    for (int p = 0; p < (even_only ? 3 : 6); p++) {
        for (int signs = 0; signs < 8; signs++) {
            const bool odd = (signs ^ signs >> 1 ^ signs >> 2) & 1;
            if (odd != (p >= 3))
                continue;
            for (int i = 0; i < 3; i++)
                matrices[count][3 * i + permutations[p][i]] = signs >> i & 1 ? -1 : 1;
            parts[count++] = p;
        }
    }
    for (int g = 0; g < count; g++) {
        for (int h = 0, f = 0; h < count; h++, f = 0) {
            multiply_matrices(product, matrices[g], matrices[h], 3);
            while (memcmp(product, matrices[f], sizeof product) && f < count - 1)
                f++;
            group->product[g][h] = (uint8_t)f;
        }
    }
    set_inverses(group);

    /* The permutation says what is a representation of S₃ or Z₃. */
    double *one = add_block(build, STILE_BLOCK_REAL, true);
    double *other = add_block(build, even_only ? STILE_BLOCK_EISENSTEIN : STILE_BLOCK_REAL, true);
    double *two = even_only ? NULL : add_block(build, STILE_BLOCK_MATRIX2, true);
    double *three = add_block(build, STILE_BLOCK_MATRIX3, true);
    double *mirrored = even_only ? NULL : add_block(build, STILE_BLOCK_MATRIX3, true);
    for (int g = 0; !build->failed && g < count; g++) {
        one[g] = 1;
        memcpy(three + 9 * g, matrices[g], sizeof matrices[0]);
        if (even_only) {
            memcpy(other + 2 * g, thirds[parts[g]], sizeof thirds[0]);
            continue;
        }
        other[g] = parts[g] < 3 ? 1 : -1;
        memcpy(two + 4 * g, plane[parts[g]], sizeof plane[0]);
        for (int i = 0; i < 9; i++)
            mirrored[9 * g + i] = other[g] * matrices[g][i];
    }
}

/* --- Direct products -------------------------------------------------------------------------- */

/* out = first ⊗ second, of the shapes given. */
static void multiply_outer(double *out, const double *first, const double *second, int rows,
                           int columns, int second_rows, int second_columns)
{
    for (int i = 0; i < rows * second_rows; i++) {
        for (int j = 0; j < columns * second_columns; j++)
            *out++ = first[i / second_rows * columns + j / second_columns] *
                     second[i % second_rows * second_columns + j % second_columns];
    }
}

static int multiply_groups(stile_group **out, stile_arena *arena, const stile_group *first,
                           const stile_group *second)
{
    stile_group *both = stile_arena_alloc(arena, sizeof *both);
    if (!both)
        return stile_fail_memory();
    const int size = second->order;
    both->order = first->order * size;
    both->rank = first->rank * second->rank;
    both->rational = first->rational && second->rational;
    for (int g = 0; g < both->order; g++) {
        for (int h = 0; h < both->order; h++)
            both->product[g][h] = (uint8_t)(first->product[g / size][h / size] * size +
                                            second->product[g % size][h % size]);
    }
    set_inverses(both);
    double **const to[] = {&both->a, &both->b, &both->c};
    const double *const left[] = {first->a, first->b, first->c};
    const double *const right[] = {second->a, second->b, second->c};
    for (int i = 0; i < 3; i++) {
        *to[i] = stile_arena_array(arena, (size_t)(both->order * both->rank), sizeof **to[i]);
        if (!*to[i])
            return stile_fail_memory();
        if (i < 2)
            multiply_outer(*to[i], left[i], right[i], first->rank, first->order, second->rank,
                           second->order);
        else
            multiply_outer(*to[i], left[i], right[i], first->order, first->rank, second->order,
                           second->rank);
    }
    *out = both;
    return STILE_OK;
}

/* --- Names ------------------------------------------------------------------------------------ */

/* The factors of a direct product: all that are cyclic, and the others. */
typedef struct factor_list {
    int moduli[MAX_FACTORS], cyclic_count;
    struct {
        char letter;
        int number;
    } others[MAX_FACTORS];
    int other_count;
    int order; /* of the product */
} factor_list;

/* A number of up to three digits; −1 where there is none. */
static int read_number(const char **text)
{
    int number = 0, digits = 0;
    for (; isdigit((unsigned char)**text) && digits < 3; digits++)
        number = 10 * number + *(*text)++ - '0';
    return digits ? number : -1;
}

/* The order of the group of a letter and a number; 0: there is none of that name. */
static int order_of(char letter, int number)
{
    if (letter == 'Z')
        return number >= 1 ? number : 0;
    if (letter == 'D')
        return number >= 3 ? 2 * number : 0;
    if (letter == 'S')
        return number == 3 ? 6 : number == 4 ? 24 : 0;
    if (letter == 'A')
        return number == 4 ? 12 : 0;
    return letter == 'Q' && number == 8 ? 8 : 0;
}

/* False where `name` is none. The order may be any then, and past STILE_MAX_GROUP. */
static bool read_name(factor_list *list, const char *name)
{
    *list = (factor_list){.order = 1};
    for (const char *c = name;; c++) {
        const char letter = *c;
        c += letter != '\0';
        const int number = read_number(&c), order = order_of(letter, number);
        int power = 1;
        if (*c == '^') {
            c++;
            power = read_number(&c);
        }
        if (!order || power < 1)
            return false;
        for (; power; power--) {
            list->order *= order;
            if (list->order > STILE_MAX_GROUP)
                return true;
            if (order == 1)
                continue;
            if (letter == 'Z') {
                list->moduli[list->cyclic_count++] = number;
            } else {
                list->others[list->other_count].letter = letter;
                list->others[list->other_count++].number = number;
            }
        }
        if (!*c)
            return true;
        if (*c != 'x')
            return false;
    }
}

/* Starts a group of one factor. */
static int begin(builder *build, stile_arena *arena, int order)
{
    *build = (builder){.arena = arena, .group = stile_arena_alloc(arena, sizeof *build->group)};
    if (!build->group)
        return stile_fail_memory();
    build->group->order = order;
    return STILE_OK;
}

static int end(builder *build)
{
    if (build->failed)
        return stile_fail_memory();
    return stile_group_transform(build->group, build->arena, build->blocks, build->block_count);
}

static int create_factor(stile_group **out, stile_arena *arena, char letter, int number)
{
    builder build;
    int error = begin(&build, arena, order_of(letter, number));
    if (error)
        return error;
    if (letter == 'Q')
        build_quaternions(&build);
    else if (letter == 'A' || (letter == 'S' && number == 4))
        build_rotations(&build, letter == 'A');
    else
        build_dihedral(&build, number); /* S₃ is D₃ */
    error = end(&build);
    if (!error)
        *out = build.group;
    return error;
}

int stile_group_create(stile_group **out, stile_arena *arena, const char *name)
{
    factor_list list;
    if (!read_name(&list, name))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "'%.64s' names no group that is known here: use Z<n>, D<n> (the "
                          "symmetries of the n-gon), S3, S4, A4, Q8, and products such as Z2xZ4, "
                          "Z2^3 or D4xZ2",
                          name);
    if (list.order > STILE_MAX_GROUP)
        return stile_fail(STILE_ERROR_ARGUMENT, "the group %.64s is too large: up to %d elements",
                          name, STILE_MAX_GROUP);
    builder build;
    int order = 1;
    for (int i = 0; i < list.cyclic_count; i++)
        order *= list.moduli[i];
    int error = begin(&build, arena, order);
    if (error)
        return error;
    build_abelian(&build, list.moduli, list.cyclic_count);
    error = end(&build);
    stile_group *group = build.group;
    for (int i = 0; i < list.other_count && !error; i++) {
        stile_group *factor = NULL;
        error = create_factor(&factor, arena, list.others[i].letter, list.others[i].number);
        if (!error)
            error = multiply_groups(&group, arena, group, factor);
    }
    if (error)
        return error;
    group->name = stile_arena_strdup(arena, name);
    if (!group->name)
        return stile_fail_memory();
    *out = group;
    return STILE_OK;
}

const char *const *stile_group_names(void)
{
    static const char *const names[] = {
        "Z4",    "Z2^2",    "Z5",    "Z6",    "S3",      "Z7",      "Z8",    "Z2xZ4", "Z2^3",
        "D4",    "Q8",      "Z9",    "Z3^2",  "Z10",     "D5",      "Z11",   "Z12",   "A4",
        "D6",    "Z13",     "Z14",   "Z15",   "Z16",     "Z4^2",    "Z2^4",  "D8",    "D4xZ2",
        "Q8xZ2", "Z3xZ6",   "Z24",   "D12",   "S4",      "A4xZ2",   "S3xZ4", "D6xZ2", "Z3^3",
        "Z32",   "Z2^5",    "D8xZ2", "D4xZ4", "D4xZ2^2", "Q8xZ2^2", "S3^2",  "S3xD4", "S3xQ8",
        "S4xZ2", "D6xZ2^2", "Z64",   "Z4^3",  "Z2^6",    "D4xZ2^3", "D4^2",  NULL};
    return names;
}
