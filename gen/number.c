/* SPDX-License-Identifier: Apache-2.0 */
#include "number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Replaces the decimal point of the current locale by '.'. */
static void unlocalize(char *text)
{
    const char *point = localeconv()->decimal_point;
    char *found = strcmp(point, ".") ? strstr(text, point) : NULL;
    if (!found)
        return;
    size_t length = strlen(point);
    *found = '.';
    memmove(found + 1, found + length, strlen(found + length) + 1);
}

/* strtod of a text with '.' under any locale; sets *end as strtod does. */
static double parse(const char *text, bool *complete)
{
    char local[512];
    const char *point = localeconv()->decimal_point;
    const char *dot = strchr(text, '.');
    size_t length = strlen(text), point_length = strlen(point);
    if (length + point_length >= sizeof local) {
        *complete = false;
        return 0;
    }
    if (dot) {
        size_t before = (size_t)(dot - text);
        memcpy(local, text, before);
        memcpy(local + before, point, point_length);
        strcpy(local + before + point_length, dot + 1);
    } else {
        strcpy(local, text);
    }
    char *end;
    double value = strtod(local, &end);
    *complete = *end == '\0' && end != local;
    return value;
}

bool stile_parse_int64(const char *text, int64_t *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno)
        return false;
    *out = value;
    return true;
}

bool stile_parse_double(const char *text, double *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    const char *allowed = hex ? "0123456789abcdefABCDEFxXpP.+-" : "0123456789.eE+-";
    if (!*text || strspn(text, allowed) != strlen(text))
        return false;
    bool complete;
    double value = parse(text, &complete);
    if (!complete || !isfinite(value))
        return false;
    *out = value;
    return true;
}

void stile_format_double(char out[static 32], double value)
{
    if (!isfinite(value)) {
        strcpy(out, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        double back;
        snprintf(out, 32, "%.*g", digits, value);
        unlocalize(out);
        if (stile_parse_double(out, &back) && back == value)
            return;
    }
}

void stile_format_rounded(char out[static 32], double value, int digits)
{
    if (!isfinite(value)) {
        stile_format_double(out, value);
        return;
    }
    snprintf(out, 32, "%.*g", digits, value);
    unlocalize(out);
}

void stile_format_hex(char out[static 32], double value)
{
    if (!isfinite(value)) {
        stile_format_double(out, value);
        return;
    }
    snprintf(out, 32, "%a", value);
    unlocalize(out);
}
