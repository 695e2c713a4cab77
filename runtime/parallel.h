/* SPDX-License-Identifier: Apache-2.0 */
/* Loops over threads. */
#ifndef STILE_RUNTIME_PARALLEL_H
#define STILE_RUNTIME_PARALLEL_H

#include <stdint.h>

/* Cores this process may use, by its affinity mask and its control group's quota; at least 1. */
int stile_core_count(void);

/*
 * Calls body(user, i) once for each i in [0, count), on up to `threads` threads (0: one per core),
 * the caller's included. Items are handed out in order. Falls back to fewer threads where some
 * cannot be started.
 */
void stile_parallel_for(int threads, int64_t count, void (*body)(void *user, int64_t index),
                        void *user);

#endif
