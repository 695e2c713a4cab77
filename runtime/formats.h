/* SPDX-License-Identifier: Apache-2.0 */
/* Number formats on the host: conversions with one rounding, to nearest even. */
#ifndef STILE_RUNTIME_FORMATS_H
#define STILE_RUNTIME_FORMATS_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

/*
 * From double in a single rounding (never through float). f16, bf16, tf32 overflow to Inf, e4m3 and
 * e5m2 saturate, Inf included; NaN stays NaN. tf32 is a float whose low 13 bits are zero.
 */
uint16_t stile_f16_from_double(double value);
uint16_t stile_bf16_from_double(double value);
uint32_t stile_tf32_from_double(double value);
uint8_t stile_e4m3_from_double(double value);
uint8_t stile_e5m2_from_double(double value);

/* Element `index` of an array of `type`, which need not be aligned. */
double stile_load_element(stile_type type, const void *array, int64_t index);
void stile_store_element(stile_type type, void *array, int64_t index, double value);

/* Elements [index, index + count) of such an array. */
void stile_load_elements(stile_type type, const void *array, int64_t index, int64_t count,
                         double *out);

/* `value` rounded once to `type`. */
double stile_round_to_type(stile_type type, double value);

/* Whether every value of `inner` is one of `outer`: storing it there rounds nothing. */
bool stile_type_holds(stile_type outer, stile_type inner);

/*
 * RMS of the rounding error of a type relative to the RMS of N(0,1) data: 0.4247·2^-p for p bits of
 * significand, 1.66e-3 for bf16.
 *
 * Rounding |x| in [2^e, 2^(e+1)) is off by up to half of 2^(e+1-p), in the mean square by
 * 4^(e+1-p)/12. Over the binades that makes u² = 4^-p/3 · E[4^e]/E[x²] = 4^-p/3 · 0.541.
 */
double stile_type_unit_roundoff_rms(stile_type type);

#endif
