/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers that are the same to the bit on every machine: no function takes part whose last
 * bit may differ from one libm to the next.
 */
#ifndef STILE_GEN_GENERATOR_H
#define STILE_GEN_GENERATOR_H

#include <stdint.h>

/* Start with any state: it is the seed. A value: it owns nothing. */
typedef struct stile_generator {
    uint64_t state;
} stile_generator;

/* 64 well-mixed bits. */
uint64_t stile_generator_next(stile_generator *g);

/* Uniform on [0, 1): a multiple of 2^-53. */
double stile_generator_uniform(stile_generator *g);

/* Standard normal, within ±8, never zero. */
double stile_generator_normal(stile_generator *g);

#endif
