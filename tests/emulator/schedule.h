/* SPDX-License-Identifier: Apache-2.0 */
/* What starts and ends a launch asks of the scheduler. */
#ifndef STILE_TESTS_EMULATOR_SCHEDULE_H
#define STILE_TESTS_EMULATOR_SCHEDULE_H

#include "machine.h"

/* Makes a lane ready to run from the kernel's beginning, on the stack of that number. */
void schedule_lane(lane *l, unsigned fiber);

/* Runs warps and copies until done() or a failure. */
void schedule_until(bool (*done)(void));

/* Ends all copies that are under way. */
void schedule_drain_tasks(void);

#endif
