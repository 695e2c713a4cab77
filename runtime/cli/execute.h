/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a plan on host arrays, on either kind of device. */
#ifndef STILE_CLI_EXECUTE_H
#define STILE_CLI_EXECUTE_H

#include <stile/stile.h>

#include "operand_files.h"

/*
 * Computes Y, dense [M, N] in the output type, from host operands: copies to the device where there
 * is one, encodes the weights, runs once. *milliseconds: the run itself.
 * Errors: those of running a plan.
 */
int stile_execute(const stile_plan *plan, const stile_operand_files *operands, void *y,
                  double *milliseconds);

#endif
