/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies in the background of a thread (cp.async). They happen when they are waited for, no sooner;
 * until then their destination holds NaN.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

void emulator_copy_async(unsigned to, const void *from, unsigned bytes, unsigned valid)
{
    lane *l = machine_lane();
    if ((bytes != 4 && bytes != 8 && bytes != 16) || valid > bytes)
        emulator_fail("cp.async of %u bytes, %u of them from memory", bytes, valid);
    if ((uintptr_t)from % bytes)
        emulator_fail("cp.async from %p, which is not a multiple of %u", from, bytes);
    memset(emulator_shared(to, bytes, bytes), POISON, bytes);
    if (l->copy_count == l->copy_capacity) {
        unsigned capacity = l->copy_capacity ? 2 * l->copy_capacity : 32;
        thread_copy *copies = realloc(l->copies, capacity * sizeof *copies);
        if (!copies)
            emulator_fail("the emulator is out of memory");
        l->copies = copies;
        l->copy_capacity = capacity;
    }
    l->copies[l->copy_count++] = (thread_copy){to, bytes, valid, from, l->copy_group};
}

void emulator_copy_commit(void)
{
    machine_lane()->copy_group++;
}

/* Does the copies of groups before `end`. */
static void copy_until(lane *l, unsigned end)
{
    unsigned count = 0;
    for (; count < l->copy_count && (int)(l->copies[count].group - end) < 0; count++) {
        const thread_copy *c = &l->copies[count];
        unsigned char *to = emulator_shared(c->to, c->bytes, c->bytes);
        memcpy(to, c->from, c->valid);
        memset(to + c->valid, 0, c->bytes - c->valid);
    }
    l->copy_count -= count;
    memmove(l->copies, l->copies + count, l->copy_count * sizeof *l->copies);
    machine_progress();
}

void emulator_copy_wait(unsigned pending)
{
    lane *l = machine_lane();
    if (l->copy_count)
        copy_until(l, l->copy_group - (pending < l->copy_group ? pending : l->copy_group));
}

/* --- arrival at a barrier --- */

typedef struct arrival_task {
    engine_task task; /* first */
    block *block;
    thread_copy *copies;
    unsigned count, barrier;
} arrival_task;

static void arrive(engine_task *task)
{
    arrival_task *t = (arrival_task *)task;
    for (unsigned i = 0; i < t->count; i++) {
        const thread_copy *c = &t->copies[i];
        unsigned char *to = block_shared(t->block, c->to, c->bytes);
        memcpy(to, c->from, c->valid);
        memset(to + c->valid, 0, c->bytes - c->valid);
    }
    mbarrier_arrive_for(t->block, t->barrier, 1);
}

static void destroy(engine_task *task)
{
    free(((arrival_task *)task)->copies);
    free(task);
}

void emulator_copy_arrive(unsigned barrier, int counted)
{
    lane *l = machine_lane();
    arrival_task *t = calloc(1, sizeof *t);
    if (!counted)
        emulator_fail("cp.async.mbarrier.arrive without .noinc, which is not emulated");
    if (t) {
        *t = (arrival_task){
            {arrive, destroy, "cp.async", 0}, l->block, l->copies, l->copy_count, barrier};
        l->copies = NULL;
        l->copy_count = l->copy_capacity = 0;
    }
    machine_add_task((engine_task *)t);
}
