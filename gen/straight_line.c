/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three passes over a system of linear forms, the rows of the matrix:
 *
 *  1. share: while some pair p·x + q·y occurs in two rows or more, up to a factor, make it a value
 *     and put that value in its place (C. Paar, "Optimized arithmetic for Reed-Solomon encoders",
 *     ISIT 1997; here with coefficients).
 *  2. sum: what is left of each row becomes a chain of additions.
 *  3. schedule: order the additions so that outputs come early, and number the values that way.
 *
 * Each addition merges two terms of a row into one, so there are at most as many as non-zeros.
 */
#include "straight_line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* A value made of two older ones. */
typedef struct node {
    stile_term a, b;
} node;

/* What is left of a row: terms in ascending order of values. It never grows. */
typedef struct form {
    int count;
    stile_term *terms;
} form;

/* p·x + q·y: integers without a common factor, p > 0, x < y. */
typedef struct pair {
    int count; /* of rows it occurs in, when last counted */
    int x, y;
    int64_t p, q;
} pair;

/*
 * Pairs that may be shared, most frequent first. Only the newest value adds terms to rows, so the
 * count of a pair never grows once it is here: it is enough to count again at the top.
 */
typedef struct heap {
    int count, capacity;
    pair *pairs;
} heap;

typedef struct linear_system {
    stile_arena *arena; /* for the time of the compilation */
    int rows, inputs;
    int values; /* inputs and nodes so far */
    int words;  /* of a set of rows */
    form *forms;
    uint64_t *holders; /* by value: the set of rows that have a term of it */
    node *nodes;       /* by value − inputs */
    heap heap;
    pair *found; /* room for as many pairs as there are terms */
} linear_system;

/* --- sets of rows ----------------------------------------------------------------------------- */

static uint64_t *set_at(const linear_system *s, uint64_t *sets, int index)
{
    return sets + (size_t)index * (size_t)s->words;
}

static void flip(uint64_t *set, int row)
{
    set[row / 64] ^= UINT64_C(1) << row % 64;
}

/* The first row from `row` on that is in both sets; s->rows where there is none. */
static int next_common(const linear_system *s, const uint64_t *a, const uint64_t *b, int row)
{
    for (int word = row / 64; word < s->words; word++) {
        uint64_t both = a[word] & b[word];
        if (word == row / 64)
            both &= ~UINT64_C(0) << row % 64;
        if (both)
            return 64 * word + __builtin_ctzll(both);
    }
    return s->rows;
}

/* --- heap ------------------------------------------------------------------------------------- */

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_forms(const pair *a, const pair *b)
{
    int order = compare(a->x, b->x);
    if (!order)
        order = compare(a->y, b->y);
    if (!order)
        order = compare(a->p, b->p);
    return order ? order : compare(a->q, b->q);
}

/* The most frequent first, then the one with the newest value. Total: it leaves no choice open. */
static bool comes_before(const pair *a, const pair *b)
{
    if (a->count != b->count)
        return a->count > b->count;
    return a->y != b->y ? a->y > b->y : compare_forms(a, b) < 0;
}

static bool heap_push(heap *h, pair item)
{
    if (h->count == h->capacity) {
        const int capacity = h->capacity ? 2 * h->capacity : 256;
        pair *pairs = realloc(h->pairs, (size_t)capacity * sizeof *pairs);
        if (!pairs)
            return false;
        h->pairs = pairs;
        h->capacity = capacity;
    }
    int i = h->count++;
    for (; i > 0 && comes_before(&item, &h->pairs[(i - 1) / 2]); i = (i - 1) / 2)
        h->pairs[i] = h->pairs[(i - 1) / 2];
    h->pairs[i] = item;
    return true;
}

static pair heap_pop(heap *h)
{
    const pair top = h->pairs[0], item = h->pairs[--h->count];
    int i = 0;
    for (int child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && comes_before(&h->pairs[child + 1], &h->pairs[child]))
            child++;
        if (!comes_before(&h->pairs[child], &item))
            break;
        h->pairs[i] = h->pairs[child];
    }
    h->pairs[i] = item;
    return top;
}

/* --- sharing ---------------------------------------------------------------------------------- */

/* Where `value` stands in a row, or NULL. */
static stile_term *find_term(const form *row, int value)
{
    int low = 0, high = row->count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (row->terms[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < row->count && row->terms[low].value == value ? &row->terms[low] : NULL;
}

static void remove_term(form *row, stile_term *term)
{
    const size_t after = (size_t)(row->terms + row->count - (term + 1));
    memmove(term, term + 1, after * sizeof *term);
    row->count--;
}

/* The pair two terms make, and the factor they have in front of it. False where that overflows. */
static bool make_pair(pair *out, stile_rational *factor, const stile_term *x, const stile_term *y)
{
    stile_rational ratio;
    if (!stile_rational_div(&ratio, y->coefficient, x->coefficient) ||
        !stile_rational_div(factor, x->coefficient, (stile_rational){ratio.den, 1}))
        return false;
    *out = (pair){1, x->value, y->value, ratio.den, ratio.num};
    return true;
}

/* Whether a row holds the pair, and with what factor. */
static bool holds(const form *row, const pair *wanted, stile_rational *factor)
{
    const stile_term *x = find_term(row, wanted->x), *y = find_term(row, wanted->y);
    pair found;
    return x && y && make_pair(&found, factor, x, y) && !compare_forms(&found, wanted);
}

static int count_rows(const linear_system *s, const pair *wanted)
{
    const uint64_t *x = set_at(s, s->holders, wanted->x), *y = set_at(s, s->holders, wanted->y);
    int count = 0;
    stile_rational factor;
    for (int row = 0; (row = next_common(s, x, y, row)) < s->rows; row++)
        count += holds(&s->forms[row], wanted, &factor);
    return count;
}

static int compare_for_sort(const void *a, const void *b)
{
    return compare_forms(a, b);
}

/* Pushes the pairs of `value` and another one from `first` on that occur in two rows or more. */
static bool push_pairs(linear_system *s, int value, int first)
{
    const uint64_t *in = set_at(s, s->holders, value);
    int count = 0;
    for (int i = 0; (i = next_common(s, in, in, i)) < s->rows; i++) {
        const form *row = &s->forms[i];
        const stile_term *own = find_term(row, value);
        for (int j = 0; j < row->count; j++) {
            const stile_term *other = &row->terms[j];
            stile_rational factor;
            if (other->value < first || other == own)
                continue;
            if (other < own ? make_pair(&s->found[count], &factor, other, own)
                            : make_pair(&s->found[count], &factor, own, other))
                count++;
        }
    }
    qsort(s->found, (size_t)count, sizeof *s->found, compare_for_sort);
    for (int i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && !compare_forms(&s->found[i], &s->found[end]);)
            end++;
        s->found[i].count = end - i;
        if (end - i >= 2 && !heap_push(&s->heap, s->found[i]))
            return false;
    }
    return true;
}

static void make_node(linear_system *s, stile_term a, stile_term b)
{
    s->nodes[s->values++ - s->inputs] = (node){a, b};
}

/* Makes the pair a value and puts it in place of its two terms in each row that holds them. */
static bool replace_pair(linear_system *s, const pair *shared)
{
    uint64_t *x = set_at(s, s->holders, shared->x), *y = set_at(s, s->holders, shared->y);
    const int value = s->values;
    make_node(s, (stile_term){{shared->p, 1}, shared->x}, (stile_term){{shared->q, 1}, shared->y});
    for (int i = 0; (i = next_common(s, x, y, i)) < s->rows; i++) {
        form *row = &s->forms[i];
        stile_rational factor;
        if (!holds(row, shared, &factor))
            continue;
        remove_term(row, find_term(row, shared->x));
        remove_term(row, find_term(row, shared->y));
        row->terms[row->count++] = (stile_term){factor, value}; /* the largest: still in order */
        flip(x, i);
        flip(y, i);
        flip(set_at(s, s->holders, value), i);
    }
    return push_pairs(s, value, 0);
}

static bool share(linear_system *s)
{
    for (int value = 0; value < s->inputs; value++) {
        if (!push_pairs(s, value, value + 1))
            return false;
    }
    while (s->heap.count) {
        pair top = heap_pop(&s->heap);
        const int count = count_rows(s, &top);
        const bool current = count == top.count;
        top.count = count;
        if (count >= 2 && !(current ? replace_pair(s, &top) : heap_push(&s->heap, top)))
            return false;
    }
    return true;
}

/* Leaves at most one term in each row. */
static void sum(linear_system *s)
{
    for (int i = 0; i < s->rows; i++) {
        form *row = &s->forms[i];
        if (row->count < 2)
            continue;
        stile_term total = row->terms[0];
        for (int j = 1; j < row->count; j++) {
            make_node(s, total, row->terms[j]);
            total = (stile_term){{1, 1}, s->values - 1};
        }
        row->terms[0] = total;
        row->count = 1;
    }
}

/* Reads the matrix into rows of terms. */
static bool load(linear_system *s, const stile_rational *matrix)
{
    size_t terms = 0;
    for (size_t i = 0; i < (size_t)s->rows * (size_t)s->inputs; i++)
        terms += matrix[i].num != 0;
    const size_t most_values = (size_t)s->inputs + terms;
    s->forms = stile_arena_array(s->arena, (size_t)s->rows, sizeof *s->forms);
    s->words = s->rows / 64 + 1;
    s->holders = stile_arena_array(s->arena, most_values * (size_t)s->words, sizeof *s->holders);
    s->nodes = stile_arena_array(s->arena, terms, sizeof *s->nodes);
    s->found = stile_arena_array(s->arena, terms, sizeof *s->found);
    stile_term *term = stile_arena_array(s->arena, terms, sizeof *term);
    if (!s->forms || !s->holders || !s->nodes || !s->found || !term)
        return false;

    for (int i = 0; i < s->rows; i++) {
        s->forms[i].terms = term;
        for (int j = 0; j < s->inputs; j++) {
            const stile_rational coefficient = matrix[(size_t)i * (size_t)s->inputs + (size_t)j];
            if (!coefficient.num)
                continue;
            *term++ = (stile_term){coefficient, j};
            flip(set_at(s, s->holders, j), i);
        }
        s->forms[i].count = (int)(term - s->forms[i].terms);
    }
    return true;
}

/* --- schedule --------------------------------------------------------------------------------- */

/*
 * Picks the output that lacks the fewest values, makes them, and so on. An output comes right after
 * the last value it lacks.
 */
typedef struct schedule {
    const linear_system *s;
    stile_straight_line *program;
    uint64_t *users; /* by node: the set of rows that need it */
    int *lacks;      /* by row: nodes to make; −1 once it is out */
    int *registers;  /* by node: how many its tree needs at once (Sethi and Ullman) */
    int *numbers;    /* by value: its number in the program, −1 until it is made */
    int made;        /* nodes so far */
} schedule;

static stile_term renumber(const schedule *plan, stile_term term)
{
    term.value = plan->numbers[term.value];
    return term;
}

static void emit_output(schedule *plan, int row)
{
    const form *root = &plan->s->forms[row];
    stile_step step = {.output = row, .term_count = root->count};
    if (root->count)
        step.a = renumber(plan, root->terms[0]);
    plan->program->steps[plan->program->step_count++] = step;
    plan->lacks[row] = -1;
}

static void emit_node(schedule *plan, int index)
{
    const node *made = &plan->s->nodes[index];
    plan->program->steps[plan->program->step_count++] = (stile_step){
        .output = -1, .term_count = 2, .a = renumber(plan, made->a), .b = renumber(plan, made->b)};
    plan->numbers[plan->s->inputs + index] = plan->s->inputs + plan->made++;
    const uint64_t *users = set_at(plan->s, plan->users, index);
    for (int row = 0; (row = next_common(plan->s, users, users, row)) < plan->s->rows; row++) {
        if (--plan->lacks[row] == 0)
            emit_output(plan, row);
    }
}

/* How many registers it takes to make a value. */
static int registers_of(const schedule *plan, int value)
{
    return value < plan->s->inputs ? 0 : plan->registers[value - plan->s->inputs];
}

static void find_registers(schedule *plan)
{
    for (int i = 0; i < plan->s->values - plan->s->inputs; i++) {
        const int a = registers_of(plan, plan->s->nodes[i].a.value);
        const int b = registers_of(plan, plan->s->nodes[i].b.value);
        plan->registers[i] = a == b ? a + 1 : a > b ? a : b;
    }
}

/* Makes a value and first what it needs. No deeper than a row has terms. */
static void visit(schedule *plan, int value)
{
    if (plan->numbers[value] >= 0)
        return;
    const int index = value - plan->s->inputs;
    const int a = plan->s->nodes[index].a.value, b = plan->s->nodes[index].b.value;
    const bool a_first = registers_of(plan, a) >= registers_of(plan, b);
    visit(plan, a_first ? a : b);
    visit(plan, a_first ? b : a);
    emit_node(plan, index);
}

/* Every node is younger than its operands, so one pass from the youngest finds all users. */
static void find_users(schedule *plan)
{
    const linear_system *s = plan->s;
    for (int row = 0; row < s->rows; row++) {
        const form *root = &s->forms[row];
        if (root->count && root->terms[0].value >= s->inputs)
            flip(set_at(s, plan->users, root->terms[0].value - s->inputs), row);
    }
    for (int i = s->values - s->inputs - 1; i >= 0; i--) {
        const uint64_t *users = set_at(s, plan->users, i);
        const int operands[] = {s->nodes[i].a.value, s->nodes[i].b.value};
        for (int j = 0; j < 2; j++) {
            for (int word = 0; operands[j] >= s->inputs && word < s->words; word++)
                set_at(s, plan->users, operands[j] - s->inputs)[word] |= users[word];
        }
        for (int row = 0; (row = next_common(s, users, users, row)) < s->rows; row++)
            plan->lacks[row]++;
    }
}

/* The row to finish next, or −1. */
static int next_row(const schedule *plan)
{
    int best = -1;
    for (int row = 0; row < plan->s->rows; row++) {
        if (plan->lacks[row] >= 0 && (best < 0 || plan->lacks[row] < plan->lacks[best]))
            best = row;
    }
    return best;
}

/* Fills the steps of a program that has room for them. */
static bool run_schedule(const linear_system *s, stile_straight_line *program)
{
    const size_t nodes = (size_t)(s->values - s->inputs);
    schedule plan = {.s = s, .program = program};
    plan.users = stile_arena_array(s->arena, nodes * (size_t)s->words, sizeof *plan.users);
    plan.lacks = stile_arena_array(s->arena, (size_t)s->rows, sizeof *plan.lacks);
    plan.registers = stile_arena_array(s->arena, nodes, sizeof *plan.registers);
    plan.numbers = stile_arena_array(s->arena, (size_t)s->values, sizeof *plan.numbers);
    if (!plan.users || !plan.lacks || !plan.registers || !plan.numbers)
        return false;
    for (int value = 0; value < s->values; value++)
        plan.numbers[value] = value < s->inputs ? value : -1;
    find_registers(&plan);
    find_users(&plan);
    for (int row; (row = next_row(&plan)) >= 0;) {
        if (plan.lacks[row])
            visit(&plan, s->forms[row].terms[0].value);
        else
            emit_output(&plan, row);
    }
    return true;
}

int stile_straight_line_compile(stile_straight_line **out, stile_arena *arena,
                                const stile_rational *matrix, int rows, int columns)
{
    int error = STILE_OK;
    linear_system s = {
        .arena = stile_arena_create(), .rows = rows, .inputs = columns, .values = columns};
    if (!s.arena || !load(&s, matrix) || !share(&s)) {
        error = stile_fail_memory();
        goto done;
    }
    sum(&s);

    stile_straight_line *program = stile_arena_alloc(arena, sizeof *program);
    const int additions = s.values - s.inputs;
    stile_step *steps = stile_arena_array(arena, (size_t)(additions + rows), sizeof *steps);
    if (!program || !steps) {
        error = stile_fail_memory();
        goto done;
    }
    *program = (stile_straight_line){
        .input_count = columns, .output_count = rows, .addition_count = additions, .steps = steps};
    if (!run_schedule(&s, program)) {
        error = stile_fail_memory();
        goto done;
    }
    *out = program;

done:
    free(s.heap.pairs);
    stile_arena_destroy(&s.arena);
    return error;
}
