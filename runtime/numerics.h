/* SPDX-License-Identifier: Apache-2.0 */
/* How large the rounding error of an operator should be, and how large it is. */
#ifndef STILE_RUNTIME_NUMERICS_H
#define STILE_RUNTIME_NUMERICS_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

/*
 * Predicted RMS error of Y relative to the RMS of the fp64 operator, N(0,1) inputs:
 *
 *     error² = Φ_x u_x² + Φ_w u_w² + Φ_y u_y² + u_o²
 *
 * where u are the RMS roundings of the encoded (X̂, Ŵ), product and output types and each Φ is the
 * growth divided by the gain, summed over the channels in which that rounding happens: a channel whose
 * encoder only copies (one entry, a power of two) rounds nothing if the encoded type holds the
 * input type.
 */
double stile_predicted_error(const stile_config *config);

typedef struct stile_comparison {
    double relative_rms;    /* ‖y − ref‖ / ‖ref‖ */
    double worst_element;   /* max |y − ref| / (rms of ref), the floor being in the denominator */
    int64_t worst_row, worst_column;
    int64_t nonfinite;      /* elements where exactly one of the two is not finite, or the kinds differ */
    int64_t count;
} stile_comparison;

/* Compares y (of `type`, leading dimension ldy) with ref (doubles, [rows, columns] dense). */
void stile_compare(stile_comparison *out, stile_type type, const void *y, int64_t ldy,
                   const double *ref, int64_t rows, int64_t columns);

#endif
