/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory. A block's addresses begin with its __shared__ variables, as they turn up, followed
 * by the dynamic part, which ends just before a guard page. All of it is NaN at first.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

enum { PAGE = 4096, SYSTEM_BYTES = 1024 };

/* Of a multiprocessor, what a block may have. */
static unsigned limit(void)
{
    return (machine_setting("STILE_EMULATOR_ARCH", 90, 999) == 80 ? 164 : 228) * 1024 -
           SYSTEM_BYTES;
}

static size_t mapping_bytes(void)
{
    return (STATIC_SHARED + machine->shared_bytes + PAGE - 1) / PAGE * PAGE + PAGE;
}

/* Where the mapping of a block begins. */
static unsigned char *mapping(const block *b)
{
    return (unsigned char *)((uintptr_t)b->shared / PAGE * PAGE);
}

bool block_open_shared(block *b, unsigned dynamic_bytes)
{
    size_t bytes = mapping_bytes();
    if (dynamic_bytes > limit()) {
        machine_failf(NULL, "%u bytes of dynamic shared memory; a block has at most %u",
                      dynamic_bytes, limit());
        return false;
    }
    unsigned char *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    if (mprotect(memory + bytes - PAGE, PAGE, PROT_NONE)) {
        munmap(memory, bytes);
        return false;
    }
    size_t used = (STATIC_SHARED + dynamic_bytes + 15) / 16 * 16;
    b->shared = memory + bytes - PAGE - used;
    memset(b->shared, POISON, used);
    return true;
}

void block_close_shared(block *b)
{
    if (b->shared)
        munmap(mapping(b), mapping_bytes());
    b->shared = NULL;
}

unsigned char *block_shared(block *b, unsigned address, size_t bytes)
{
    size_t end = (size_t)STATIC_SHARED + machine->shared_bytes;
    return address <= end && bytes <= end - address ? b->shared + address : NULL;
}

void *emulator_static_shared(unsigned *used, unsigned *slot, size_t bytes, size_t alignment)
{
    const unsigned dynamic = machine->shared_bytes;
    if (!*slot) { /* the first of all threads to come here; addresses are offset by one */
        size_t start = (*used + alignment - 1) / alignment * alignment;
        if (start + bytes > STATIC_SHARED)
            emulator_fail("more than %d bytes of __shared__ variables", STATIC_SHARED);
        *used = (unsigned)(start + bytes);
        *slot = (unsigned)start + 1;
    }
    if (*used + dynamic > limit())
        emulator_fail(
            "%u bytes of __shared__ variables and %u of dynamic shared memory; a block has "
            "at most %u",
            *used, dynamic, limit());
    return machine_lane()->block->shared + *slot - 1;
}

void *emulator_dynamic_shared(size_t alignment)
{
    if (STATIC_SHARED % alignment)
        emulator_fail("dynamic shared memory aligned to %zu bytes", alignment);
    return machine_lane()->block->shared + STATIC_SHARED;
}

unsigned emulator_shared_address(const void *pointer)
{
    const block *b = machine_lane()->block;
    uintptr_t offset = (uintptr_t)pointer - (uintptr_t)b->shared;
    if (offset > (size_t)STATIC_SHARED + machine->shared_bytes)
        emulator_fail("%p is no address of the block's shared memory", pointer);
    return (unsigned)offset;
}

block *machine_resolve(const lane *l, unsigned *address)
{
    unsigned rank = *address >> RANK_SHIFT;
    const cluster *c = l->block->cluster;
    *address &= (1u << RANK_SHIFT) - 1;
    if (rank > c->size)
        emulator_fail("address 0x%x of block %u, in a cluster of %u", *address, rank - 1, c->size);
    block *b = rank ? c->blocks[rank - 1] : l->block;
    if (!b->live)
        emulator_fail("access to the shared memory of block %u of the cluster, which has ended",
                      b->rank);
    return b;
}

void *emulator_shared(unsigned address, size_t bytes, size_t alignment)
{
    unsigned offset = address;
    block *b = machine_resolve(machine_lane(), &offset);
    unsigned char *memory = block_shared(b, offset, bytes);
    if (!memory)
        emulator_fail("%zu bytes at shared address 0x%x, past the end at 0x%x", bytes, offset,
                      STATIC_SHARED + machine->shared_bytes);
    if (offset % alignment)
        emulator_fail("shared address 0x%x is not a multiple of %zu", offset, alignment);
    return memory;
}

unsigned emulator_mapa(unsigned address, unsigned rank)
{
    if (rank >= machine_lane()->block->cluster->size)
        emulator_fail("mapa to block %u of a cluster of %u", rank,
                      machine_lane()->block->cluster->size);
    return (address & ((1u << RANK_SHIFT) - 1)) | (rank + 1) << RANK_SHIFT;
}
