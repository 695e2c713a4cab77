/* SPDX-License-Identifier: Apache-2.0 */
/* Exact rational numbers of 64-bit parts. Every operation reports overflow instead of wrapping. */
#ifndef STILE_GEN_RATIONAL_H
#define STILE_GEN_RATIONAL_H

#include <stdbool.h>
#include <stdint.h>

/* num/den in lowest terms, den > 0; zero is 0/1. */
typedef struct stile_rational {
    int64_t num, den;
} stile_rational;

static const stile_rational STILE_RATIONAL_ZERO = {0, 1};
static const stile_rational STILE_RATIONAL_ONE = {1, 1};

/* False, with *out untouched, where den is 0 or the result does not fit. */
bool stile_rational_make(stile_rational *out, int64_t num, int64_t den);
bool stile_rational_add(stile_rational *out, stile_rational a, stile_rational b);
bool stile_rational_sub(stile_rational *out, stile_rational a, stile_rational b);
bool stile_rational_mul(stile_rational *out, stile_rational a, stile_rational b);
bool stile_rational_div(stile_rational *out, stile_rational a, stile_rational b);

bool stile_rational_equal(stile_rational a, stile_rational b);
double stile_rational_to_double(stile_rational a);

/*
 * Parses an entry of a basis file: integer, "p/q", decimal or hex float. `*exact` says whether the
 * value is in `*out`: it is where numerator and denominator are up to 2^20 each. `*value` is always
 * set. False on anything else, non-finite values included.
 */
bool stile_rational_parse(const char *text, stile_rational *out, bool *exact, double *value);

/* "3", "-1/2". */
void stile_rational_format(char out[static 48], stile_rational a);

#endif
