/* SPDX-License-Identifier: Apache-2.0 */
/* What a tuning session has measured so far, on disk beside the kernels (tune_file.h). */
#ifndef STILE_RUNTIME_TUNE_STATE_H
#define STILE_RUNTIME_TUNE_STATE_H

#include "tune.h"

/*
 * Where a session's state is kept: its name hashes all that its measurements depend on, so another
 * spec, shape, GPU, driver or set of candidates never finds it.
 */
typedef struct stile_tune_state {
    int root; /* -1: nowhere */
    char name[40];
} stile_tune_state;

/* Names the state of a session; `environment`: GPU, driver and the like. Errors: MEMORY. */
int stile_tune_state_open(stile_tune_state *out, int root, const stile_config *config,
                          const stile_tune_params *params, const char *environment,
                          const stile_tune_candidate *candidates, int count);

/* Fills in what was measured; returns how many candidates were. A damaged file counts as none. */
int stile_tune_state_read(const stile_tune_state *state, stile_tune_candidate *candidates,
                          int count);

/* Returns 0 or an errno value. */
int stile_tune_state_write(const stile_tune_state *state, const stile_tune_candidate *candidates,
                           int count);
void stile_tune_state_remove(const stile_tune_state *state);

#endif
