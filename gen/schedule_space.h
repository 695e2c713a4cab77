/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedules that a configuration may have on an architecture: what tuning chooses from, and
 * their text.
 */
#ifndef STILE_GEN_SCHEDULE_SPACE_H
#define STILE_GEN_SCHEDULE_SPACE_H

#include "schedule.h"
#include "text.h"

/*
 * Every schedule that agrees with what the spec pins and works on `arch`, all fields set, in
 * `arena`. The first is the one that is taken by rule; the others follow in an order that depends
 * on the tables of this module alone. Two schedules whose kernels are the same are one. Errors:
 * those of stile_gemm_schedule_choose where not even the first works; MEMORY.
 */
int stile_schedule_space(const stile_schedule **out, int *count, stile_arena *arena,
                         const stile_config *config, const stile_arch *arch);

/* The schedule that is taken by rule, as stile_schedule_space gives it first. Errors: as above. */
int stile_schedule_by_rule(stile_schedule *out, const stile_config *config, const stile_arch *arch);

/*
 * Fills in what `schedule` leaves open, by rule, as rendering with it would. Errors: those of
 * stile_gemm_schedule_choose where it does not work; ARGUMENT also where a method or band cannot be
 * had, or the spec pins something else.
 */
int stile_schedule_complete(stile_schedule *out, const stile_config *config, const stile_arch *arch,
                            const stile_schedule *schedule);

bool stile_schedule_equal(const stile_schedule *a, const stile_schedule *b);

/*
 * In how many respects two schedules differ: the block with its family and stages, the region, the
 * band, how X is encoded, how Y is decoded (which need not be another respect where families
 * differ).
 */
int stile_schedule_distance(const stile_schedule *a, const stile_schedule *b);

/* Whether kernels of both schedules do the same arithmetic, and so give the same bits. */
bool stile_schedule_same_arithmetic(const stile_schedule *a, const stile_schedule *b);

/* "sm_90a 128x256x64 stages 4 band 2048 encode mma decode fma": what is open is left out. */
void stile_schedule_print(stile_text *out, const stile_schedule *schedule);

/* Reads all of such a text; false on anything else. */
bool stile_schedule_parse(stile_schedule *out, const char *text);

#endif
