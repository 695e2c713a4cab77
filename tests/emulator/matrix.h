/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of numbers as the tensor cores read them. */
#ifndef STILE_TESTS_EMULATOR_MATRIX_H
#define STILE_TESTS_EMULATOR_MATRIX_H

#include "emulator.h"

unsigned format_bytes(emulator_format format);

/* The numbers in `size` bytes. */
void format_unpack(float *out, const void *bytes, unsigned size, emulator_format format);

#endif
