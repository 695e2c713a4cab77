/* SPDX-License-Identifier: Apache-2.0 */
#include "square.h"

#include <float.h>
#include <math.h>

#include "fail.h"
#include "reader.h"

/* Pivots below this part of the largest entry of the matrix count as zero, for doubles. */
static const double SMALLEST_PIVOT = 1e-12;

stile_square stile_square_identity(int size)
{
    stile_square out = {.size = size, .rational = true};
    for (int i = 0; i < size * size; i++) {
        const bool diagonal = i % (size + 1) == 0;
        out.exact[i] = diagonal ? STILE_RATIONAL_ONE : STILE_RATIONAL_ZERO;
        out.entries[i] = diagonal;
    }
    return out;
}

stile_square stile_square_integers(int size, const int *entries)
{
    stile_square out = {.size = size, .rational = true};
    for (int i = 0; i < size * size; i++) {
        out.exact[i] = (stile_rational){entries[i], 1};
        out.entries[i] = entries[i];
    }
    return out;
}

stile_square stile_square_transpose(const stile_square *a)
{
    stile_square out = {.size = a->size, .rational = a->rational};
    for (int i = 0; i < a->size; i++) {
        for (int j = 0; j < a->size; j++) {
            out.entries[j * a->size + i] = a->entries[i * a->size + j];
            out.exact[j * a->size + i] = a->exact[i * a->size + j];
        }
    }
    return out;
}

bool stile_square_multiply(stile_square *out, const stile_square *a, const stile_square *b)
{
    const int size = a->size;
    stile_square product = {.size = size, .rational = a->rational && b->rational};
    for (int at = 0; at < size * size; at++) {
        const int i = at / size, j = at % size;
        stile_rational sum = STILE_RATIONAL_ZERO, term;
        for (int l = 0; l < size; l++) {
            const int left = i * size + l, right = l * size + j;
            product.entries[at] += a->entries[left] * b->entries[right];
            if (product.rational && (!stile_rational_mul(&term, a->exact[left], b->exact[right]) ||
                                     !stile_rational_add(&sum, sum, term)))
                return false;
        }
        product.exact[at] = sum;
        if (product.rational)
            product.entries[at] = stile_rational_to_double(sum);
    }
    *out = product;
    return true;
}

/* --- Inversion: Gauss and Jordan's elimination of [a | inverse] ------------------------------- */

static void swap_rows(stile_square *a, int i, int j)
{
    for (int column = 0; i != j && column < a->size; column++) {
        const int first = i * a->size + column, second = j * a->size + column;
        const double entry = a->entries[first];
        const stile_rational exact = a->exact[first];
        a->entries[first] = a->entries[second];
        a->exact[first] = a->exact[second];
        a->entries[second] = entry;
        a->exact[second] = exact;
    }
}

/* Row i divided by `divisor`; false: overflow. */
static bool divide_row(stile_square *a, int i, double divisor, stile_rational exact)
{
    for (int at = i * a->size; at < (i + 1) * a->size; at++) {
        a->entries[at] /= divisor;
        if (a->rational && !stile_rational_div(&a->exact[at], a->exact[at], exact))
            return false;
    }
    return true;
}

/* Row i less `factor` times row j; false: overflow. */
static bool subtract_row(stile_square *a, int i, int j, double factor, stile_rational exact)
{
    for (int column = 0; column < a->size; column++) {
        const int to = i * a->size + column, from = j * a->size + column;
        stile_rational term;
        a->entries[to] -= factor * a->entries[from];
        if (a->rational && (!stile_rational_mul(&term, exact, a->exact[from]) ||
                            !stile_rational_sub(&a->exact[to], a->exact[to], term)))
            return false;
    }
    return true;
}

/* The row from `column` on with the largest entry in that column: exactly zero only if all are. */
static int find_pivot(const stile_square *a, int column)
{
    int best = column;
    for (int i = column + 1; i < a->size; i++) {
        if (fabs(a->entries[i * a->size + column]) > fabs(a->entries[best * a->size + column]))
            best = i;
    }
    return best;
}

static void round_exact(stile_square *a)
{
    for (int i = 0; a->rational && i < a->size * a->size; i++)
        a->entries[i] = stile_rational_to_double(a->exact[i]);
}

int stile_square_invert(stile_square *out, const stile_square *a, const char *name)
{
    stile_square rest = *a, inverse = stile_square_identity(a->size);
    inverse.rational = a->rational;
    double largest = 0;
    for (int i = 0; i < a->size * a->size; i++)
        largest = fmax(largest, fabs(a->entries[i]));
    for (int column = 0; column < a->size; column++) {
        round_exact(&rest);
        const int pivot = find_pivot(&rest, column);
        const int at = pivot * a->size + column;
        if (a->rational ? !rest.exact[at].num
                        : !(fabs(rest.entries[at]) > SMALLEST_PIVOT * largest))
            return stile_fail(STILE_ERROR_ARGUMENT,
                              "matrix %s is singular: a rotation needs matrices that have an "
                              "inverse",
                              name);
        swap_rows(&rest, pivot, column);
        swap_rows(&inverse, pivot, column);
        const double divisor = rest.entries[column * a->size + column];
        const stile_rational exact = rest.exact[column * a->size + column];
        bool fits = divide_row(&rest, column, divisor, exact) &&
                    divide_row(&inverse, column, divisor, exact);
        for (int i = 0; fits && i < a->size; i++) {
            const double factor = rest.entries[i * a->size + column];
            const stile_rational exact_factor = rest.exact[i * a->size + column];
            if (i != column)
                fits = subtract_row(&rest, i, column, factor, exact_factor) &&
                       subtract_row(&inverse, i, column, factor, exact_factor);
        }
        if (!fits)
            return stile_fail(STILE_ERROR_ARGUMENT,
                              "an entry of the inverse of matrix %s overflows: use smaller "
                              "numerators and denominators",
                              name);
    }
    round_exact(&inverse);
    *out = inverse;
    return STILE_OK;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static bool read_row(stile_square *out, int row, const stile_node *node, const char *name,
                     stile_diagnostics *diagnostics)
{
    if (!stile_read_kind(diagnostics, node, name, STILE_NODE_LIST))
        return false;
    if (node->count != (size_t)out->size) {
        stile_diagnose(diagnostics, node->mark, STILE_CODE_BAD_LENGTH,
                       "row %d of %s has %zu entries but must have %d", row + 1, name, node->count,
                       out->size);
        return false;
    }
    for (int j = 0; j < out->size; j++) {
        const int at = row * out->size + j;
        const stile_node *entry = node->items[j];
        bool exact = false;
        if (!stile_read_kind(diagnostics, entry, name, STILE_NODE_SCALAR))
            return false;
        if (!stile_rational_parse(entry->text, &out->exact[at], &exact, &out->entries[at]) ||
            fabs(out->entries[at]) > (double)FLT_MAX) {
            stile_report_number(diagnostics, entry, name,
                                "an integer, a fraction p/q, a decimal or a hex float");
            return false;
        }
        out->rational &= exact;
    }
    return true;
}

bool stile_square_read(stile_square *out, int size, const stile_node *node, const char *name,
                       stile_diagnostics *diagnostics)
{
    stile_square read = stile_square_identity(size);
    if (!stile_read_kind(diagnostics, node, name, STILE_NODE_LIST))
        return false;
    if (node->count != (size_t)size) {
        stile_diagnose(diagnostics, node->mark, STILE_CODE_BAD_LENGTH,
                       "%s has %zu rows but must have %d, a side of the tile", name, node->count,
                       size);
        return false;
    }
    for (int i = 0; i < size; i++) {
        if (!read_row(&read, i, node->items[i], name, diagnostics))
            return false;
    }
    round_exact(&read);
    *out = read;
    return true;
}
