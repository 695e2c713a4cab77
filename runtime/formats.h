/* SPDX-License-Identifier: Apache-2.0 */
/* Number formats on the host: conversions with one rounding, to nearest even. */
#ifndef STILE_RUNTIME_FORMATS_H
#define STILE_RUNTIME_FORMATS_H

#include <stdint.h>

#include "config.h"

/*
 * From double in a single rounding (never through float). f16, bf16, f32 overflow to Inf, e4m3 and
 * e5m2 saturate; NaN stays NaN. tf32 is a float whose low 13 bits are zero.
 */
uint16_t stile_f16_from_double(double value);
uint16_t stile_bf16_from_double(double value);
uint32_t stile_tf32_from_double(double value);
uint8_t stile_e4m3_from_double(double value);
uint8_t stile_e5m2_from_double(double value);

double stile_f16_to_double(uint16_t bits);
double stile_bf16_to_double(uint16_t bits);
double stile_e4m3_to_double(uint8_t bits);
double stile_e5m2_to_double(uint8_t bits);

/* Element `index` of an array of `type`. */
double stile_load_element(stile_type type, const void *array, int64_t index);
void stile_store_element(stile_type type, void *array, int64_t index, double value);

/* RMS of the relative rounding error of a type on N(0,1) data: 1.66e-3 for bf16 (DESIGN, numerics). */
double stile_type_unit_roundoff_rms(stile_type type);

#endif
