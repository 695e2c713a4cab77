/* SPDX-License-Identifier: Apache-2.0 */
#include "rational.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "number.h"

enum { MAX_EXACT = 1 << 20 }; /* of a parsed numerator or denominator */

typedef __int128 wide;
#define WIDE_MAX ((wide)(~(unsigned __int128)0 >> 1))

/* Of magnitudes. Small ones, the usual case, take the fast way: 128-bit division is a slow call. */
static wide gcd(wide a, wide b)
{
    while (b > INT64_MAX) {
        const wide rest = a % b;
        a = b;
        b = rest;
    }
    if (b == 0)
        return a;
    int64_t small = (int64_t)b, rest = (int64_t)(a > INT64_MAX ? a % b : (int64_t)a % small);
    while (rest) {
        const int64_t next = small % rest;
        small = rest;
        rest = next;
    }
    return small;
}

/* Parts up to 2^126 in magnitude, or 2^127 − 1 for a sum: negating them cannot overflow. */
static bool reduce(stile_rational *out, wide num, wide den)
{
    if (den == 0)
        return false;
    if (den < 0) {
        num = -num;
        den = -den;
    }
    const wide divisor = gcd(num < 0 ? -num : num, den);
    if (divisor != 1) {
        num /= divisor;
        den /= divisor;
    }
    if (num > INT64_MAX || num < -INT64_MAX || den > INT64_MAX)
        return false;
    *out = (stile_rational){(int64_t)num, (int64_t)den};
    return true;
}

bool stile_rational_make(stile_rational *out, int64_t num, int64_t den)
{
    return reduce(out, num, den);
}

bool stile_rational_add(stile_rational *out, stile_rational a, stile_rational b)
{
    wide left = (wide)a.num * b.den, right = (wide)b.num * a.den, sum;
    if (__builtin_add_overflow(left, right, &sum) || sum < -WIDE_MAX)
        return false;
    return reduce(out, sum, (wide)a.den * b.den);
}

bool stile_rational_sub(stile_rational *out, stile_rational a, stile_rational b)
{
    return stile_rational_add(out, a, (stile_rational){-b.num, b.den});
}

bool stile_rational_mul(stile_rational *out, stile_rational a, stile_rational b)
{
    return reduce(out, (wide)a.num * b.num, (wide)a.den * b.den);
}

bool stile_rational_div(stile_rational *out, stile_rational a, stile_rational b)
{
    return reduce(out, (wide)a.num * b.den, (wide)a.den * b.num);
}

bool stile_rational_equal(stile_rational a, stile_rational b)
{
    return a.num == b.num && a.den == b.den;
}

double stile_rational_to_double(stile_rational a)
{
    return (double)a.num / (double)a.den;
}

static bool has_small_parts(stile_rational a)
{
    return a.num <= MAX_EXACT && a.num >= -MAX_EXACT && a.den <= MAX_EXACT;
}

/* The double as a fraction of small parts, if it is one. */
static bool from_dyadic(stile_rational *out, double value)
{
    double den = 1;
    while (den <= MAX_EXACT && value * den != floor(value * den))
        den *= 2;
    if (den > MAX_EXACT || fabs(value * den) > MAX_EXACT)
        return false;
    return stile_rational_make(out, (int64_t)(value * den), (int64_t)den);
}

/* *value · 10, or false where it would leave room for no further digit. */
static bool times_ten(int64_t *value)
{
    if (*value > INT64_MAX / 100)
        return false;
    *value *= 10;
    return true;
}

/* A well-formed decimal "[-]123.456[e-7]" as a fraction of small parts, if it is one. */
static bool from_decimal(stile_rational *out, const char *text)
{
    int64_t num = 0, den = 1, exponent = 0;
    const bool negative = *text == '-';
    bool point = false;
    for (const char *c = text + (*text == '-' || *text == '+'); *c; c++) {
        if (*c == 'e' || *c == 'E') {
            if (!stile_parse_int64(c + 1, &exponent) || exponent < -20 || exponent > 20)
                return false;
            break;
        }
        if (*c == '.') {
            point = true;
            continue;
        }
        if (*c < '0' || *c > '9' || !times_ten(&num) || (point && !times_ten(&den)))
            return false;
        num += *c - '0';
    }
    for (; exponent; exponent += exponent < 0 ? 1 : -1) {
        if (!times_ten(exponent < 0 ? &den : &num))
            return false;
    }
    stile_rational value;
    if (!stile_rational_make(&value, negative ? -num : num, den))
        return false;
    if (!has_small_parts(value))
        return false;
    *out = value;
    return true;
}

bool stile_rational_parse(const char *text, stile_rational *out, bool *exact, double *value)
{
    const char *slash = strchr(text, '/');
    if (slash) {
        char first[24];
        int64_t num, den;
        size_t length = (size_t)(slash - text);
        stile_rational fraction;
        if (length >= sizeof first)
            return false;
        memcpy(first, text, length);
        first[length] = '\0';
        if (!stile_parse_int64(first, &num) || !stile_parse_int64(slash + 1, &den) || den <= 0 ||
            !stile_rational_make(&fraction, num, den))
            return false;
        *value = (double)num / (double)den;
        *exact = has_small_parts(fraction);
        if (*exact)
            *out = fraction;
        return true;
    }
    double parsed;
    if (!stile_parse_double(text, &parsed))
        return false;
    *value = parsed;
    *exact = from_decimal(out, text) || from_dyadic(out, parsed);
    return true;
}

void stile_rational_format(char out[static 48], stile_rational a)
{
    if (a.den == 1)
        snprintf(out, 48, "%lld", (long long)a.num);
    else
        snprintf(out, 48, "%lld/%lld", (long long)a.num, (long long)a.den);
}
