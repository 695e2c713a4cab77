/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs next: warps in an order that the seed decides, the copy engines between them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule.h"

enum {
    TURNS = 16,           /* of a warp in a row, at most */
    DELAY = 100,          /* turns of warps */
    SLOW_DELAY = 5000,    /* the same, of the slow ones */
    SLOW_WARPS = 8,       /* one in so many is slow */
    SLOW_CLUSTERS = 4,    /* all warps of one in so many are */
    TASK_DELAY = 64,      /* turns, of a copy */
    IDLE_PER_LANE = 1000, /* vain polls of each lane that make a deadlock */
    MAX_TIMEOUTS = 3,     /* of waits at an mbarrier, when nothing else can run */
};

launch *machine;
const emulator_thread *emulator_current;

lane *machine_lane(void)
{
    return machine->current;
}

void machine_progress(void)
{
    machine->idle = 0;
    machine->timeouts = 0;
}

/* xorshift64* */
unsigned machine_random(unsigned below)
{
    uint64_t x = machine->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    machine->random = x;
    return (unsigned)(((x * UINT64_C(0x2545f4914f6cdd1d) >> 32) * below) >> 32);
}

unsigned machine_setting(const char *name, unsigned otherwise, unsigned most)
{
    const char *text = getenv(name);
    char *end;
    unsigned long value = text && *text ? strtoul(text, &end, 10) : otherwise;
    if (value <= most && !(text && *text && *end))
        return (unsigned)value;
    fprintf(stderr, "emulator: %s is \"%s\", not a number up to %u; taking %u\n", name, text, most,
            otherwise);
    return otherwise;
}

/* --- failures --- */

void machine_failf(const lane *l, const char *format, ...)
{
    if (machine->failed)
        return;
    int size = snprintf(machine->failure, sizeof machine->failure, "%s: ", machine->kernel->name);
    if (l)
        size += snprintf(machine->failure + size, sizeof machine->failure - (size_t)size,
                         "block (%u,%u,%u) thread (%u,%u,%u): ", l->thread.block_index.x,
                         l->thread.block_index.y, l->thread.block_index.z, l->thread.thread_index.x,
                         l->thread.thread_index.y, l->thread.thread_index.z);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(machine->failure + size, sizeof machine->failure - (size_t)size, format, arguments);
    va_end(arguments);
    machine->failed = true;
}

void emulator_fail(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    machine_failf(machine->current, "%s", text);
    for (;;)
        fiber_switch(&machine->current->stack_pointer, machine->scheduler);
}

/* --- lanes --- */

static void enqueue(warp *w)
{
    if (w->queued)
        return;
    w->queued = true;
    machine->queue[machine->queued++] = w; /* there is room for all resident warps */
}

void machine_wake(lane *l)
{
    l->waits = RUNS;
    l->warp->runnable |= 1u << l->thread.lane;
    enqueue(l->warp);
}

void machine_wait(wait_kind kind)
{
    lane *l = machine->current;
    l->waits = kind;
    l->warp->runnable &= ~(1u << l->thread.lane);
    fiber_switch(&l->stack_pointer, machine->scheduler);
}

void emulator_poll(void)
{
    machine->idle++;
    fiber_switch(&machine->current->stack_pointer, machine->scheduler);
}

void emulator_polled(const void *address, uint64_t value)
{
    lane *l = machine->current;
    if (l->polled_address != address || l->polled_value != value)
        machine_progress();
    l->polled_address = address;
    l->polled_value = value;
}

void emulator_wrote(void)
{
    machine_progress();
}

uint64_t emulator_clock(void)
{
    return machine->tick * 32;
}

/* Where the fiber of a lane begins. */
static void enter(void)
{
    machine->kernel->run(machine->parameters);
    lane *l = machine->current;
    l->waits = HAS_EXITED;
    l->warp->runnable &= ~(1u << l->thread.lane);
    l->warp->exited |= 1u << l->thread.lane;
    machine_progress();
    machine_lane_exits(l);
    fiber_switch(&l->stack_pointer, machine->scheduler);
    abort(); /* nobody resumes it */
}

void schedule_lane(lane *l, unsigned fiber)
{
    if (l->thread.lane == 0) {
        cluster *c = l->block->cluster;
        if (l->thread.warp == 0 && l->block->rank == 0)
            c->slow = machine_random(SLOW_CLUSTERS) == 0;
        l->warp->slow = c->slow || machine_random(SLOW_WARPS) == 0;
    }
    l->stack_pointer = fiber_prepare(fiber, enter);
    machine_wake(l);
}

/* --- the copy engines --- */

void machine_add_task(engine_task *task)
{
    launch *m = machine;
    if (task && m->task_count == m->task_capacity) {
        unsigned capacity = m->task_capacity ? 2 * m->task_capacity : 64;
        engine_task **tasks = realloc(m->tasks, capacity * sizeof *tasks);
        if (!tasks) {
            task->destroy(task);
            task = NULL;
        } else {
            m->tasks = tasks;
            m->task_capacity = capacity;
        }
    }
    if (!task)
        emulator_fail("the emulator is out of memory");
    task->ready_at = m->tick + machine_random(1 + TASK_DELAY * m->delays);
    m->tasks[m->task_count++] = task;
    machine_progress();
}

/* Runs one task, of those whose time has come unless `any`. */
static bool run_task(bool any)
{
    launch *m = machine;
    if (!m->task_count)
        return false;
    unsigned first = machine_random(m->task_count);
    for (unsigned i = 0; i < m->task_count; i++) {
        unsigned chosen = (first + i) % m->task_count;
        engine_task *task = m->tasks[chosen];
        if (!any && task->ready_at > m->tick)
            continue;
        m->tasks[chosen] = m->tasks[--m->task_count];
        task->act(task);
        task->destroy(task);
        machine_progress();
        return true;
    }
    return false;
}

void schedule_drain_tasks(void)
{
    while (!machine->failed && run_task(true))
        ;
}

/* --- warps --- */

/* A warp that is awake, if a few tries find one. */
static warp *take_warp(void)
{
    launch *m = machine;
    unsigned chosen = machine_random(m->queued);
    for (int i = 0; i < 8 && m->queue[chosen]->asleep_until > m->tick; i++)
        chosen = machine_random(m->queued);
    warp *w = m->queue[chosen];
    m->queue[chosen] = m->queue[--m->queued];
    return w; /* still marked as queued: it comes back by itself */
}

static void run_warp(warp *w)
{
    launch *m = machine;
    const unsigned first_lane = w->index * WARP_SIZE;
    for (unsigned turns = 1 + machine_random(TURNS); turns && w->runnable && !m->failed; turns--) {
        unsigned first = machine_random(WARP_SIZE);
        for (unsigned i = 0; i < WARP_SIZE && !m->failed; i++) {
            unsigned lane_index = (first + i) % WARP_SIZE;
            if (!(w->runnable >> lane_index & 1))
                continue;
            lane *l = &w->block->lanes[first_lane + lane_index];
            m->current = l;
            emulator_current = &l->thread;
            fiber_switch(&m->scheduler, l->stack_pointer);
        }
    }
    m->current = NULL;
    m->tick++;
    w->queued = false;
    if (w->runnable) {
        if (machine_random(100) < m->delays)
            w->asleep_until = m->tick + machine_random(w->slow ? SLOW_DELAY : DELAY);
        enqueue(w);
    }
}

/* --- deadlocks --- */

static void describe_wait(char *text, size_t size, const lane *l)
{
    switch (l->waits) {
    case RUNS:
        snprintf(text, size, "poll %p, which stays %llu", l->polled_address,
                 (unsigned long long)l->polled_value);
        break;
    case WAITS_FOR_WARP:
        snprintf(text, size, "wait in %s", l->warp->contributions[l->thread.lane].operation);
        break;
    case WAITS_AT_BARRIER: {
        const block_barrier *b = &l->block->barriers[l->wait_address];
        snprintf(text, size, "wait at barrier %u: %u of %u threads came", l->wait_address,
                 b->arrived, b->expected ? b->expected : l->block->live);
        break;
    }
    case WAITS_FOR_CLUSTER:
        snprintf(text, size, "wait at the cluster's barrier: %u of %u threads came",
                 l->block->cluster->arrived, l->block->cluster->live);
        break;
    case WAITS_AT_MBARRIER: {
        char state[160];
        mbarrier_describe(state, sizeof state, l->block, l->wait_address);
        snprintf(text, size, "wait for parity %u of the mbarrier at 0x%x: %s", l->wait_parity,
                 l->wait_address, state);
        break;
    }
    case WAITS_FOR_WGMMA:
        snprintf(text, size, "wait for a wgmma group that not all of the warpgroup committed");
        break;
    case HAS_EXITED:
        snprintf(text, size, "have ended");
    }
}

static void append_block(char *text, size_t size, const block *b)
{
    for (unsigned i = 0; i < b->thread_count;) {
        char reason[256], other[256];
        describe_wait(reason, sizeof reason, &b->lanes[i]);
        unsigned last = i;
        for (; last + 1 < b->thread_count; last++) {
            describe_wait(other, sizeof other, &b->lanes[last + 1]);
            if (strcmp(reason, other) != 0)
                break;
        }
        size_t used = strlen(text);
        snprintf(text + used, size - used, "\n  block (%u,%u,%u) threads %u-%u %s", b->index.x,
                 b->index.y, b->index.z, i, last, reason);
        i = last + 1;
    }
}

static void fail_deadlock(const char *why)
{
    char text[3500] = "";
    for (unsigned slot = 0; slot < machine->slots; slot++) {
        if (machine->resident[slot])
            append_block(text, sizeof text, machine->resident[slot]);
    }
    machine_failf(NULL, "deadlock: %s%s", why, text);
}

/* Nothing can run: lets what waits at mbarriers time out, which may have something else to do. */
static void time_out(void)
{
    launch *m = machine;
    bool woke = false;
    if (m->timeouts++ < MAX_TIMEOUTS) {
        for (unsigned slot = 0; slot < m->slots; slot++) {
            for (unsigned i = 0; m->resident[slot] && i < m->resident[slot]->thread_count; i++) {
                lane *l = &m->resident[slot]->lanes[i];
                if (l->waits == WAITS_AT_MBARRIER) {
                    machine_wake(l);
                    woke = true;
                }
            }
        }
    }
    if (!woke)
        fail_deadlock("no thread can go on");
}

static void step(void)
{
    launch *m = machine;
    while (machine_random(3) == 0 && !m->failed && run_task(false))
        ;
    if (m->failed)
        return;
    if (m->queued)
        run_warp(take_warp());
    else if (!run_task(true))
        time_out();
    if (!m->failed && m->idle > (uint64_t)IDLE_PER_LANE * m->slots * m->threads) {
        if (run_task(true))
            return;
        fail_deadlock("the threads that run only poll");
    }
}

void schedule_until(bool (*done)(void))
{
    while (!machine->failed && !done())
        step();
}
