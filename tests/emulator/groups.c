/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait for each other: in a warp, a block, a cluster. */
#include <string.h>

#include "machine.h"

/* --- warps --- */

static void check_contributions(const warp *w, const contribution *mine, unsigned others)
{
    for (unsigned i = 0; i < WARP_SIZE; i++) {
        const contribution *other = &w->contributions[i];
        if (!(others >> i & 1))
            continue;
        if (strcmp(other->operation, mine->operation) != 0)
            emulator_fail("%s, while lane %u of the warp is at %s", mine->operation, i,
                          other->operation);
        if (other->mask != mine->mask)
            emulator_fail("%s with mask 0x%08x, while lane %u has 0x%08x", mine->operation,
                          mine->mask, i, other->mask);
    }
}

void machine_collect(const char *operation, unsigned mask, void *argument, collective_action *act)
{
    lane *l = machine_lane();
    warp *w = l->warp;
    const unsigned bit = 1u << l->thread.lane;
    const contribution mine = {operation, mask, argument};

    if (!(mask & bit) || mask & ~w->lanes)
        emulator_fail("%s with mask 0x%08x by lane %u of a warp that has 0x%08x", operation, mask,
                      l->thread.lane, w->lanes);
    if (mask & w->exited)
        emulator_fail("%s with mask 0x%08x, of which 0x%08x have ended", operation, mask,
                      mask & w->exited);
    check_contributions(w, &mine, mask & w->collecting);
    w->contributions[l->thread.lane] = mine;
    w->collecting |= bit;
    if (mask & ~w->collecting) {
        machine_wait(WAITS_FOR_WARP);
        return;
    }

    void *arguments[WARP_SIZE] = {NULL};
    for (unsigned i = 0; i < WARP_SIZE; i++) {
        if (mask >> i & 1)
            arguments[i] = w->contributions[i].argument;
    }
    if (act)
        act(arguments, mask);
    w->collecting &= ~mask;
    for (unsigned i = 0; i < WARP_SIZE; i++) {
        if ((mask & ~bit) >> i & 1)
            machine_wake(&w->block->lanes[w->index * WARP_SIZE + i]);
    }
    machine_progress();
}

void emulator_sync_warp(unsigned mask)
{
    machine_collect("__syncwarp", mask, NULL, NULL);
}

typedef struct exchange {
    uint64_t value, *all;
} exchange;

static void share(void *const *arguments, unsigned mask)
{
    uint64_t all[WARP_SIZE] = {0};
    for (unsigned i = 0; i < WARP_SIZE; i++) {
        if (mask >> i & 1)
            all[i] = ((const exchange *)arguments[i])->value;
    }
    for (unsigned i = 0; i < WARP_SIZE; i++) {
        if (mask >> i & 1)
            memcpy(((exchange *)arguments[i])->all, all, sizeof all);
    }
}

void emulator_exchange(unsigned mask, uint64_t value, uint64_t all[32])
{
    exchange mine = {value, all};
    machine_collect("a shuffle or a vote", mask, &mine, share);
}

/* Which lanes run together is not told anywhere: this one alone is a right answer. */
unsigned emulator_active_mask(void)
{
    return 1u << machine_lane()->thread.lane;
}

/* --- blocks --- */

static void open_barrier(block *b, unsigned number)
{
    b->barriers[number] = (block_barrier){0};
    for (unsigned i = 0; i < b->thread_count; i++) {
        lane *l = &b->lanes[i];
        if (l->waits == WAITS_AT_BARRIER && l->wait_address == number)
            machine_wake(l);
    }
    machine_progress();
}

void emulator_barrier(unsigned number, unsigned count, int wait)
{
    lane *l = machine_lane();
    block *b = l->block;
    if (number >= BARRIER_COUNT || count % WARP_SIZE || count > MAX_THREADS)
        emulator_fail("barrier %u of %u threads: there are 16, for multiples of 32 threads", number,
                      count);
    if (count > b->thread_count)
        emulator_fail("barrier %u expects %u threads of a block of %u", number, count,
                      b->thread_count);
    block_barrier *barrier = &b->barriers[number];
    if (barrier->arrived && barrier->expected != count)
        emulator_fail("barrier %u expects %u threads here, %u elsewhere", number, count,
                      barrier->expected);
    barrier->expected = count;
    barrier->arrived++;
    machine_progress();
    l->wait_address = number;
    if (barrier->arrived == (count ? count : b->live))
        open_barrier(b, number);
    else if (wait)
        machine_wait(WAITS_AT_BARRIER);
}

/* --- clusters --- */

static void open_cluster(cluster *c)
{
    c->phase++;
    c->arrived = 0;
    for (unsigned rank = 0; rank < c->size; rank++) {
        for (unsigned i = 0; i < c->blocks[rank]->thread_count; i++) {
            lane *l = &c->blocks[rank]->lanes[i];
            if (l->waits == WAITS_FOR_CLUSTER)
                machine_wake(l);
        }
    }
    machine_progress();
}

void emulator_cluster_arrive(void)
{
    lane *l = machine_lane();
    cluster *c = l->block->cluster;
    if (l->cluster_arrived)
        emulator_fail("barrier.cluster.arrive twice without a wait");
    l->cluster_arrived = true;
    l->cluster_phase = c->phase;
    if (++c->arrived == c->live)
        open_cluster(c);
}

void emulator_cluster_wait(void)
{
    lane *l = machine_lane();
    if (!l->cluster_arrived)
        emulator_fail("barrier.cluster.wait without an arrive");
    l->cluster_arrived = false;
    if (l->cluster_phase == l->block->cluster->phase)
        machine_wait(WAITS_FOR_CLUSTER);
}

/* --- exits --- */

void machine_lane_exits(lane *l)
{
    block *b = l->block;
    cluster *c = b->cluster;
    const warp *w = l->warp;
    for (unsigned i = 0; i < WARP_SIZE; i++) {
        if (w->collecting >> i & 1 && w->contributions[i].mask >> l->thread.lane & 1) {
            machine_failf(l, "ends while lane %u of its warp waits for it in %s", i,
                          w->contributions[i].operation);
            return;
        }
    }
    b->live--;
    if (b->live == 0)
        c->live_blocks--;
    for (unsigned i = 0; i < BARRIER_COUNT && b->live; i++) {
        const block_barrier *barrier = &b->barriers[i];
        if (barrier->arrived && barrier->expected == 0 && barrier->arrived == b->live)
            open_barrier(b, i);
    }
    c->live--;
    if (l->cluster_arrived && l->cluster_phase == c->phase)
        c->arrived--; /* it will not be there when the others come */
    if (c->live && c->arrived == c->live)
        open_cluster(c);
}
