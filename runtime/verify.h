/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification: an operator as a device computes it against the operator in fp64, on random
 * problems with tails, groups, padded rows and poisoned memory.
 */
#ifndef STILE_RUNTIME_VERIFY_H
#define STILE_RUNTIME_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stile/stile.h>

#include "config.h"
#include "numerics.h"

/* One problem. */
typedef struct stile_verify_case {
    int64_t M, K, N;
    int64_t rows_per_group;         /* 0: one group */
    int pad_x, pad_w, pad_y, pad_r; /* elements between rows */
    int offset;                     /* elements by which X, W, Y … start off alignment */
    bool integers;                  /* small integers, to be met to the bit */
    bool nan;                       /* one element of X is NaN: it may spoil its tiles only */
    uint64_t seed;
    stile_op op; /* what the plan computes; any combination of the backward operations */
    bool keep_z; /* forward: Z is written and judged, too; false where there is no activation */
} stile_verify_case;

typedef struct stile_verify_result {
    bool applies; /* false: the spec has no integer case, or is for gradients, which have none (the
                     rest is unset) */
    bool passed;
    double predicted;             /* error allowed: twice this, normwise; 0 for integers */
    stile_comparison to_operator; /* Y against the fp64 operator; of backward operations, the
                                     gradient with the largest error for its prediction */
    bool has_truth;               /* dense W exists, and no NaN was planted */
    stile_comparison to_truth;    /* Y against true matrix multiplication, fp64 */
    char failure[200];            /* why it did not pass; "" where it did */
} stile_verify_result;

/*
 * Runs one case on the context's device. On a GPU also: guard bands around every buffer stay
 * intact, padding of Y is not written, inputs are not changed, and a second run gives the same
 * bits. On the CPU: the fast reference is compared with direct contraction with T̂, and the device's
 * result must be the reference rounded once.
 *
 * A failed check is a result, not an error. Errors: those of making and running a plan.
 */
int stile_verify_run(stile_verify_result *out, stile_context *context, const stile_spec *spec,
                     const stile_config *config, const stile_verify_case *c);

/* Notes why a case failed; the first reason stays. */
__attribute__((format(printf, 2, 3))) void stile_verify_fail(stile_verify_result *result,
                                                             const char *format, ...);

/* verify_backward.c: stile_verify_run for c->op != STILE_OP_FORWARD. */
int stile_verify_run_backward(stile_verify_result *out, stile_context *context,
                              const stile_spec *spec, const stile_config *config,
                              const stile_verify_case *c);

/*
 * Built-in cases: single elements, single tiles, tails of every kind, groups, misaligned pointers,
 * a NaN, integers. `index` from 0; false past the last. Those for the CPU are smaller.
 */
bool stile_verify_standard_case(stile_verify_case *out, const stile_config *config, bool cpu,
                                int index);

/* Case `index` of a random series: the same for the same seed on every machine. */
stile_verify_case stile_verify_random_case(bool cpu, uint64_t seed, int index);

#endif
