/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Barriers in shared memory that count arrivals and bytes. Their 64 bits hold, from below: 20 of
 * the arrivals that a phase takes, 20 of those that are missing, 21 of the bytes that are missing
 * (signed), the phase, and two that no poison has.
 */
#include <stdio.h>
#include <string.h>

#include "machine.h"

enum { COUNT_BITS = 20, BYTE_BITS = 21, MAX_COUNT = (1 << COUNT_BITS) - 1, MAX_BYTES = MAX_COUNT };
enum { MISSING_SHIFT = COUNT_BITS, BYTE_SHIFT = 2 * COUNT_BITS, PHASE_SHIFT = 61, MARK_SHIFT = 62 };
enum { MARK = 1 };

typedef struct state {
    unsigned arrivals, missing, phase;
    int bytes;
} state;

static uint64_t pack(state s)
{
    return (uint64_t)s.arrivals | (uint64_t)s.missing << MISSING_SHIFT |
           ((uint64_t)(unsigned)s.bytes & ((1u << BYTE_BITS) - 1)) << BYTE_SHIFT |
           (uint64_t)s.phase << PHASE_SHIFT | (uint64_t)MARK << MARK_SHIFT;
}

static state unpack(uint64_t bits)
{
    unsigned bytes = bits >> BYTE_SHIFT & ((1u << BYTE_BITS) - 1);
    return (state){
        .arrivals = bits & MAX_COUNT,
        .missing = bits >> MISSING_SHIFT & MAX_COUNT,
        .phase = bits >> PHASE_SHIFT & 1,
        .bytes = (int)bytes - (bytes >> (BYTE_BITS - 1) ? 1 << BYTE_BITS : 0),
    };
}

/* The barrier's bits, or NULL and a failure. */
static bool load(state *out, block *b, unsigned address)
{
    const unsigned char *memory = address % 8 ? NULL : block_shared(b, address, 8);
    uint64_t bits = 0;
    if (memory)
        memcpy(&bits, memory, sizeof bits);
    if (bits >> MARK_SHIFT != MARK) {
        machine_failf(machine->current, "no initialised mbarrier at 0x%x of block (%u,%u,%u)",
                      address, b->index.x, b->index.y, b->index.z);
        return false;
    }
    *out = unpack(bits);
    return true;
}

static void store(block *b, unsigned address, state s)
{
    const uint64_t bits = pack(s);
    memcpy(block_shared(b, address, 8), &bits, sizeof bits);
}

void mbarrier_describe(char *text, size_t size, const block *b, unsigned address)
{
    const unsigned char *memory = block_shared((block *)b, address, 8);
    uint64_t bits = 0;
    if (memory)
        memcpy(&bits, memory, sizeof bits);
    const state s = unpack(bits);
    snprintf(text, size, "%u of %u arrivals and %d bytes are missing of its phase %u", s.missing,
             s.arrivals, s.bytes, s.phase);
}

static void wake_waiting(block *b, unsigned address)
{
    for (unsigned i = 0; i < b->thread_count; i++) {
        lane *l = &b->lanes[i];
        if (l->waits == WAITS_AT_MBARRIER && l->wait_address == address)
            machine_wake(l);
    }
}

/* Takes `arrivals` and `bytes` (which may be negative: expected) from what is missing. */
static bool advance(block *b, unsigned address, unsigned arrivals, int bytes)
{
    state s;
    if (!b->live) {
        machine_failf(machine->current, "an mbarrier of block (%u,%u,%u), which has ended, is used",
                      b->index.x, b->index.y, b->index.z);
        return false;
    }
    if (!load(&s, b, address))
        return false;
    if (arrivals > s.missing) {
        machine_failf(
            machine->current,
            "%u arrivals at the mbarrier at 0x%x of block (%u,%u,%u), %u more than are missing "
            "of the phase, which waits for %d bytes",
            arrivals, address, b->index.x, b->index.y, b->index.z, arrivals - s.missing, s.bytes);
        return false;
    }
    s.missing -= arrivals;
    s.bytes -= bytes;
    if (s.bytes > MAX_BYTES || s.bytes < -MAX_BYTES) {
        machine_failf(machine->current, "the mbarrier at 0x%x counts %d bytes, past its range",
                      address, s.bytes);
        return false;
    }
    if (s.missing == 0 && s.bytes == 0) {
        s.phase ^= 1;
        s.missing = s.arrivals;
        wake_waiting(b, address);
    }
    store(b, address, s);
    machine_progress();
    return true;
}

bool mbarrier_complete(block *b, unsigned address, unsigned bytes)
{
    return advance(b, address, 0, (int)bytes);
}

bool mbarrier_arrive_for(block *b, unsigned address, unsigned arrivals)
{
    return advance(b, address, arrivals, 0);
}

/* Gives up the thread after a failure that has its text already. */
static void check(bool good)
{
    if (!good)
        emulator_fail("mbarrier");
}

void emulator_mbarrier_init(unsigned barrier, unsigned arrivals)
{
    emulator_shared(barrier, 8, 8);
    if (barrier >> RANK_SHIFT || arrivals < 1 || arrivals > MAX_COUNT)
        emulator_fail("mbarrier.init at 0x%x with %u arrivals", barrier, arrivals);
    store(machine_lane()->block, barrier, (state){.arrivals = arrivals, .missing = arrivals});
}

void emulator_mbarrier_invalidate(unsigned barrier)
{
    memset(emulator_shared(barrier, 8, 8), POISON, 8);
}

uint64_t emulator_mbarrier_arrive(unsigned barrier, unsigned arrivals, unsigned bytes)
{
    block *b = machine_resolve(machine_lane(), &barrier);
    state s = {0};
    check(load(&s, b, barrier));
    if (bytes > MAX_BYTES || arrivals < 1)
        emulator_fail("mbarrier.arrive with %u arrivals and %u bytes", arrivals, bytes);
    check(advance(b, barrier, 0, -(int)bytes) && advance(b, barrier, arrivals, 0));
    return (uint64_t)s.phase << PHASE_SHIFT;
}

void emulator_mbarrier_expect(unsigned barrier, unsigned bytes)
{
    block *b = machine_resolve(machine_lane(), &barrier);
    if (bytes > MAX_BYTES)
        emulator_fail("mbarrier.expect_tx of %u bytes", bytes);
    check(advance(b, barrier, 0, -(int)bytes));
}

void emulator_mbarrier_complete(unsigned barrier, unsigned bytes)
{
    block *b = machine_resolve(machine_lane(), &barrier);
    check(advance(b, barrier, 0, (int)bytes));
}

int emulator_mbarrier_test(unsigned barrier, unsigned parity, int wait)
{
    lane *l = machine_lane();
    block *b = l->block;
    state s = {0};
    if (barrier >> RANK_SHIFT) /* mapped, but waiting is for a block's own */
        b = machine_resolve(l, &barrier);
    if (b != l->block)
        emulator_fail("a wait at the mbarrier of another block");
    if (parity > 1)
        emulator_fail("parity %u of an mbarrier's phase", parity);
    check(load(&s, b, barrier));
    if (s.phase != parity)
        return 1;
    if (wait) {
        l->wait_address = barrier;
        l->wait_parity = parity;
        machine_wait(WAITS_AT_MBARRIER);
    } else {
        emulator_poll();
    }
    check(load(&s, b, barrier));
    return s.phase != parity;
}
