/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text, exactly and without the locale. */
#ifndef STILE_GEN_NUMBER_H
#define STILE_GEN_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Parses all of `text` as a decimal integer; false on anything else or overflow. */
bool stile_parse_int64(const char *text, int64_t *out);

/*
 * Parses all of `text` as a decimal ("-0.25", "1e-3") or hex float ("0x1.8p-3"). False on anything
 * else, on infinities and NaN, and where the value overflows a double.
 */
bool stile_parse_double(const char *text, double *out);

/* The shortest decimal that reads back as `value` ("0.1", "-2", "1e-30", "nan", "inf"). */
void stile_format_double(char out[static 32], double value);

/* `value` rounded to `digits` significant digits, for tables and messages ("0.688", "1.7e-03"). */
void stile_format_rounded(char out[static 32], double value, int digits);

/* The exact hex float ("0x1.555556p-2", no trailing zeros), a C literal of type double. */
void stile_format_hex(char out[static 32], double value);

#endif
