/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <stile/error.h>

#include "basis.h"
#include "straight_line.h"

static int setup(void **state)
{
    *state = stile_arena_create();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    stile_arena *arena = *state;
    stile_arena_destroy(&arena);
    return 0;
}

static stile_straight_line *compile(stile_arena *arena, stile_basis_matrix matrix)
{
    stile_straight_line *program = NULL;
    assert_int_equal(stile_straight_line_compile(&program, arena, matrix.exact, matrix.rows,
                                                 matrix.columns),
                     STILE_OK);
    assert_int_equal(program->input_count, matrix.columns);
    assert_int_equal(program->output_count, matrix.rows);
    assert_int_equal(program->step_count, program->addition_count + program->output_count);
    return program;
}

/* form += coefficient · value's form, over the inputs. */
static void accumulate(stile_rational *form, stile_term term, const stile_rational *forms,
                       int inputs)
{
    assert_int_not_equal(term.coefficient.num, 0);
    for (int i = 0; i < inputs; i++) {
        stile_rational product;
        assert_true(stile_rational_mul(&product, term.coefficient,
                                       forms[(size_t)term.value * (size_t)inputs + (size_t)i]));
        assert_true(stile_rational_add(&form[i], form[i], product));
    }
}

/*
 * Runs the program on linear forms instead of numbers: value j is the row of its coefficients. Each
 * output must come once, and be the row of the matrix, exactly; no value may be used before it is
 * made.
 */
static void assert_computes(const stile_straight_line *program, const stile_rational *matrix)
{
    const int inputs = program->input_count;
    const size_t width = (size_t)inputs;
    const size_t values = width + (size_t)program->addition_count;
    stile_rational *forms = malloc((values + 1) * width * sizeof *forms);
    bool *seen = calloc((size_t)program->output_count + 1, sizeof *seen);
    assert_non_null(forms);
    assert_non_null(seen);
    for (size_t i = 0; i < (values + 1) * width; i++)
        forms[i] = STILE_RATIONAL_ZERO;
    for (size_t i = 0; i < width; i++)
        forms[i * width + i] = STILE_RATIONAL_ONE;

    int made = inputs, outputs = 0;
    stile_rational *output = forms + values * width;
    for (int i = 0; i < program->step_count; i++) {
        const stile_step *step = &program->steps[i];
        if (step->output < 0) {
            assert_int_equal(step->term_count, 2);
            assert_true(step->a.value < made && step->b.value < made);
            accumulate(forms + (size_t)made * width, step->a, forms, inputs);
            accumulate(forms + (size_t)made * width, step->b, forms, inputs);
            made++;
            continue;
        }
        assert_true(step->output < program->output_count && !seen[step->output]);
        assert_true(step->term_count == 0 || step->term_count == 1);
        seen[step->output] = true;
        outputs++;
        for (int j = 0; j < inputs; j++)
            output[j] = STILE_RATIONAL_ZERO;
        if (step->term_count) {
            assert_true(step->a.value < made);
            accumulate(output, step->a, forms, inputs);
        }
        for (int j = 0; j < inputs; j++)
            assert_true(
                stile_rational_equal(output[j], matrix[(size_t)step->output * width + (size_t)j]));
    }
    assert_int_equal(made, values);
    assert_int_equal(outputs, program->output_count);
    free(seen);
    free(forms);
}

static int additions(stile_arena *arena, stile_basis_matrix matrix)
{
    const stile_straight_line *program = compile(arena, matrix);
    assert_computes(program, matrix.exact);
    return program->addition_count;
}

static stile_basis *named(stile_arena *arena, const char *name)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_named(&basis, arena, name), STILE_OK);
    assert_non_null(basis);
    return basis;
}

static stile_basis *kron(stile_arena *arena, const stile_basis *outer, const stile_basis *inner)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_basis_kron(&basis, arena, outer, inner), STILE_OK);
    return basis;
}

static void winograd_takes_fifteen_additions(void **state)
{
    const stile_basis *basis = named(*state, "winograd");
    assert_int_equal(additions(*state, stile_basis_u(basis)), 4);
    assert_int_equal(additions(*state, stile_basis_v(basis)), 4);
    assert_int_equal(additions(*state, stile_basis_d(basis)), 7);
}

static void strassen_takes_eighteen_additions(void **state)
{
    const stile_basis *basis = named(*state, "strassen");
    assert_int_equal(additions(*state, stile_basis_u(basis)), 5);
    assert_int_equal(additions(*state, stile_basis_v(basis)), 5);
    assert_int_equal(additions(*state, stile_basis_d(basis)), 8);
}

/* Level by level, Winograd's form takes 4·4 + 7·4 = 44 additions to encode and 77 to decode. */
static void products_share_as_well_as_level_by_level(void **state)
{
    const stile_basis *winograd = named(*state, "winograd");
    const stile_basis *square = kron(*state, winograd, winograd);
    assert_true(additions(*state, stile_basis_u(square)) <= 44);
    assert_true(additions(*state, stile_basis_v(square)) <= 44);
    assert_true(additions(*state, stile_basis_d(square)) <= 77);
}

static void every_known_basis_is_computed(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    stile_basis *classical;
    assert_int_equal(stile_basis_classical(&classical, *state, 8, 8, 8), STILE_OK);
    const stile_basis *square = kron(*state, strassen, strassen);
    const stile_basis *bases[] = {named(*state, "laderman"), square,
                                  kron(*state, square, strassen), classical};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        const stile_basis_matrix matrices[] = {stile_basis_u(bases[i]), stile_basis_v(bases[i]),
                                               stile_basis_d(bases[i])};
        for (int j = 0; j < 3; j++) {
            const int naive = stile_basis_nonzeros(matrices[j]) - matrices[j].rows;
            assert_true(additions(*state, matrices[j]) <= naive);
        }
    }
}

/* A matrix of small integers or fractions, row by row, as rationals. */
static stile_basis_matrix matrix_of(stile_arena *arena, int rows, int columns, const int *entries)
{
    const size_t count = (size_t)rows * (size_t)columns;
    stile_rational *exact = stile_arena_array(arena, count, sizeof *exact);
    for (size_t i = 0; i < count; i++)
        exact[i] = (stile_rational){entries[i], 1};
    return (stile_basis_matrix){rows, columns, NULL, exact};
}

static void copies_and_zeros_need_no_addition(void **state)
{
    const int entries[] = {
        0, 0, 0, /* zero */
        0, 1, 0, /* a copy */
        0, 1, 0, /* again */
        0, 0, -3, /* a multiple */
    };
    const stile_basis_matrix matrix = matrix_of(*state, 4, 3, entries);
    const stile_straight_line *program = compile(*state, matrix);
    assert_computes(program, matrix.exact);
    assert_int_equal(program->addition_count, 0);
    assert_int_equal(program->steps[0].output, 0);
    assert_int_equal(program->steps[0].term_count, 0);
}

static void a_one_by_one_matrix_works(void **state)
{
    assert_int_equal(additions(*state, matrix_of(*state, 1, 1, (int[]){0})), 0);
    assert_int_equal(additions(*state, matrix_of(*state, 1, 1, (int[]){1})), 0);
    assert_int_equal(additions(*state, matrix_of(*state, 1, 1, (int[]){-5})), 0);
}

static void rows_that_are_multiples_are_computed_once(void **state)
{
    const int entries[] = {
        1,  2,  3,  -4, /**/
        -1, -2, -3, 4,  /**/
        3,  6,  9,  -12, /**/
        1,  2,  3,  -4, /**/
    };
    assert_int_equal(additions(*state, matrix_of(*state, 4, 4, entries)), 3);
}

static void the_factor_of_a_pair_may_differ(void **state)
{
    /* x + y in the first two rows, twice that with z in the third. */
    const int entries[] = {
        1, 1, 0, /**/
        1, 1, 1, /**/
        2, 2, 5, /**/
    };
    assert_int_equal(additions(*state, matrix_of(*state, 3, 3, entries)), 3);
    /* x + y and x − y are different pairs. */
    assert_int_equal(additions(*state, matrix_of(*state, 2, 2, (int[]){1, 1, 1, -1})), 2);
}

/* So that small integers stay exact on the device. */
static void integers_stay_integers(void **state)
{
    const int entries[] = {
        3, 2, 0,  1, /**/
        6, 4, 1,  0, /**/
        9, 6, -1, 2, /**/
        3, 2, 1,  1, /**/
        4, 6, 2,  0, /**/
    };
    const stile_basis_matrix matrix = matrix_of(*state, 5, 4, entries);
    const stile_straight_line *program = compile(*state, matrix);
    assert_computes(program, matrix.exact);
    for (int i = 0; i < program->step_count; i++) {
        const stile_step *step = &program->steps[i];
        assert_int_equal(step->a.coefficient.den, 1);
        if (step->term_count == 2)
            assert_int_equal(step->b.coefficient.den, 1);
    }
}

/* Coefficients whose ratios overflow are summed as they stand. */
static void huge_coefficients_do_not_overflow(void **state)
{
    stile_rational entries[] = {
        {INT64_MAX, 1}, {1, INT64_MAX}, {INT64_MAX - 1, INT64_MAX}, {1, 1},
        {INT64_MAX, 1}, {1, INT64_MAX}, {INT64_MAX - 1, INT64_MAX}, {-1, 1},
    };
    const stile_basis_matrix matrix = {2, 4, NULL, entries};
    const stile_straight_line *program = compile(*state, matrix);
    assert_true(program->addition_count >= 4 && program->addition_count <= 6);
}

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int below(uint64_t *state, int limit)
{
    return (int)(next(state) % (uint64_t)limit);
}

/* Rows are often copies, multiples and sums of others, so that there is something to share. */
static stile_basis_matrix random_matrix(stile_arena *arena, uint64_t *random)
{
    const int rows = 1 + below(random, 12), columns = 1 + below(random, 12);
    const int fill = 1 + below(random, 10), kind = below(random, 3);
    const size_t count = (size_t)rows * (size_t)columns;
    stile_rational *exact = stile_arena_array(arena, count, sizeof *exact);
    for (int i = 0; i < rows; i++) {
        const bool dependent = i > 0 && below(random, 3) == 0;
        const stile_rational *source = exact + (dependent ? below(random, i) : 0) * columns;
        const int factor = below(random, 2) ? -1 : 1 + below(random, 3);
        for (int j = 0; j < columns; j++) {
            stile_rational *entry = &exact[i * columns + j];
            *entry = STILE_RATIONAL_ZERO;
            if (dependent && below(random, 5))
                assert_true(stile_rational_mul(entry, source[j], (stile_rational){factor, 1}));
            else if (below(random, 10) < fill)
                assert_true(stile_rational_make(
                    entry, kind == 0 ? 1 - 2 * below(random, 2) : below(random, 13) - 6,
                    kind == 2 ? 1 + below(random, 6) : 1));
        }
    }
    return (stile_basis_matrix){rows, columns, NULL, exact};
}

static void random_matrices_are_computed_exactly(void **state)
{
    uint64_t random = 20250312;
    for (int i = 0; i < 3000; i++) {
        const stile_basis_matrix matrix = random_matrix(*state, &random);
        int naive = 0;
        for (int row = 0; row < matrix.rows; row++) {
            int terms = 0;
            for (int j = 0; j < matrix.columns; j++)
                terms += matrix.exact[row * matrix.columns + j].num != 0;
            naive += terms ? terms - 1 : 0;
        }
        assert_true(additions(*state, matrix) <= naive);
    }
}

static void programs_are_deterministic(void **state)
{
    const stile_basis *winograd = named(*state, "winograd");
    const stile_basis_matrix matrix = stile_basis_d(kron(*state, winograd, winograd));
    const stile_straight_line *a = compile(*state, matrix), *b = compile(*state, matrix);
    assert_int_equal(a->step_count, b->step_count);
    for (int i = 0; i < a->step_count; i++) {
        assert_int_equal(a->steps[i].output, b->steps[i].output);
        assert_int_equal(a->steps[i].a.value, b->steps[i].a.value);
        assert_int_equal(a->steps[i].b.value, b->steps[i].b.value);
        assert_true(stile_rational_equal(a->steps[i].a.coefficient, b->steps[i].a.coefficient));
    }
}

/* An output comes right after the value it is, or first of all if it is an input or zero. */
static void outputs_come_as_early_as_they_can(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    const stile_basis *square = kron(*state, strassen, strassen);
    const stile_basis_matrix matrices[] = {stile_basis_u(square), stile_basis_d(square)};
    for (int i = 0; i < 2; i++) {
        const stile_straight_line *program = compile(*state, matrices[i]);
        int made = program->input_count;
        for (int j = 0; j < program->step_count; j++) {
            const stile_step *step = &program->steps[j];
            if (step->output < 0)
                made++;
            else if (step->a.value < program->input_count)
                assert_int_equal(made, program->input_count);
            else
                assert_int_equal(step->a.value, made - 1);
        }
    }
}

/* Values that are made and still needed, at the worst moment. */
static int most_live(const stile_straight_line *program)
{
    const int inputs = program->input_count;
    int *last = calloc((size_t)(inputs + program->addition_count), sizeof *last);
    assert_non_null(last);
    for (int i = 0; i < program->step_count; i++) {
        const stile_step *step = &program->steps[i];
        if (step->term_count > 0)
            last[step->a.value] = i;
        if (step->term_count > 1)
            last[step->b.value] = i;
    }
    int most = 0, made = inputs;
    for (int i = 0; i < program->step_count; i++) {
        made += program->steps[i].output < 0;
        int live = 0;
        for (int value = 0; value < made; value++)
            live += last[value] > i;
        most = live > most ? live : most;
    }
    free(last);
    return most;
}

/* Registers are what a thread of an encoder has least of. */
static void few_values_are_live_at_once(void **state)
{
    const stile_basis *strassen = named(*state, "strassen");
    const stile_basis *square = kron(*state, strassen, strassen);
    assert_true(most_live(compile(*state, stile_basis_u(strassen))) <= 6);
    assert_true(most_live(compile(*state, stile_basis_u(square))) <= 26);
    assert_true(most_live(compile(*state, stile_basis_d(square))) <= 62);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(winograd_takes_fifteen_additions),
        TEST(strassen_takes_eighteen_additions),
        TEST(products_share_as_well_as_level_by_level),
        TEST(every_known_basis_is_computed),
        TEST(copies_and_zeros_need_no_addition),
        TEST(a_one_by_one_matrix_works),
        TEST(rows_that_are_multiples_are_computed_once),
        TEST(the_factor_of_a_pair_may_differ),
        TEST(integers_stay_integers),
        TEST(huge_coefficients_do_not_overflow),
        TEST(random_matrices_are_computed_exactly),
        TEST(programs_are_deterministic),
        TEST(outputs_come_as_early_as_they_can),
        TEST(few_values_are_live_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
