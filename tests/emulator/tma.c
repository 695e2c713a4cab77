/* SPDX-License-Identifier: Apache-2.0 */
/* The copy engines of Hopper: boxes of tensors and runs of bytes, at a time of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "tensor_map.h"

typedef struct bulk_task {
    engine_task task; /* first */
    tensor_map map;   /* rank 0: a run of bytes */
    int position[TENSOR_MAP_RANK];
    unsigned char *memory; /* of a run, in global memory */
    block *block;          /* that issued it */
    lane *lane;            /* stores: whose groups it belongs to; NULL: a load */
    unsigned group;
    unsigned shared, bytes, barrier;
    unsigned short blocks; /* of the cluster, that receive it */
} bulk_task;

/* --- boxes --- */

static unsigned swizzle(unsigned address, unsigned shift)
{
    return address ^ (address >> 7 & ((1u << shift) - 1)) << 4;
}

static unsigned box_bytes(const tensor_map *map)
{
    unsigned bytes = map->element_bytes;
    for (unsigned i = 0; i < map->rank; i++)
        bytes *= map->box[i];
    return bytes;
}

/* Where element number `index` of the box lies in global memory; NULL: outside of the tensor. */
static unsigned char *locate(const tensor_map *map, const int *position, unsigned index)
{
    uint64_t offset = 0;
    for (unsigned i = 0; i < map->rank; i++) {
        int64_t place = (int64_t)position[i] + index % map->box[i];
        index /= map->box[i];
        if (place < 0 || (uint64_t)place >= map->extents[i])
            return NULL;
        offset += (uint64_t)place * map->strides[i];
    }
    return (unsigned char *)(uintptr_t)(map->address + offset);
}

/* One element after the other, between the box in shared memory and the tensor. */
static void move_box(unsigned char *base, unsigned address, const bulk_task *t, bool load)
{
    const tensor_map *map = &t->map;
    const unsigned element = map->element_bytes, count = box_bytes(map) / element;
    for (unsigned i = 0; i < count; i++) {
        unsigned char *shared = base + swizzle(address + i * element, map->swizzle_shift);
        unsigned char *memory = locate(map, t->position, i);
        if (load && memory)
            memcpy(shared, memory, element);
        else if (load)
            memset(shared, map->fill_nan ? POISON : 0, element);
        else if (memory)
            memcpy(memory, shared, element);
    }
}

/* --- what the engines do --- */

static void load(engine_task *task)
{
    const bulk_task *t = (const bulk_task *)task;
    for (unsigned rank = 0; rank < t->block->cluster->size; rank++) {
        block *b = t->block->cluster->blocks[rank];
        if (!(t->blocks >> rank & 1))
            continue;
        if (!b->live) {
            machine_failf(NULL, "a copy reaches block (%u,%u,%u) after it has ended", b->index.x,
                          b->index.y, b->index.z);
            return;
        }
        if (t->map.rank)
            move_box(b->shared, t->shared, t, true);
        else
            memcpy(b->shared + t->shared, t->memory, t->bytes);
        if (!mbarrier_complete(b, t->barrier, t->bytes))
            return;
    }
}

static void store(engine_task *task)
{
    const bulk_task *t = (const bulk_task *)task;
    if (!t->block->live) {
        machine_failf(NULL, "block (%u,%u,%u) ended before a bulk store had read its shared memory",
                      t->block->index.x, t->block->index.y, t->block->index.z);
        return;
    }
    if (t->map.rank)
        move_box(t->block->shared, t->shared, t, false);
    else
        memcpy(t->memory, t->block->shared + t->shared, t->bytes);
}

static void destroy(engine_task *task)
{
    free(task);
}

/* --- what threads issue --- */

static bulk_task *create_task(void (*act)(engine_task *task), const char *name)
{
    bulk_task *t = calloc(1, sizeof *t);
    if (!t)
        emulator_fail("the emulator is out of memory");
    t->task = (engine_task){act, destroy, name, 0};
    t->block = machine_lane()->block;
    return t;
}

/* Describes a box, once it is checked against the map and shared memory. */
static void set_box(bulk_task *t, const void *map, unsigned rank, const int *position,
                    unsigned shared)
{
    memcpy(&t->map, map, sizeof t->map);
    const bool good = t->map.mark == TENSOR_MAP_MARK && t->map.rank == rank;
    const unsigned bytes = good ? box_bytes(&t->map) : 0;
    const unsigned alignment = t->map.swizzle_shift ? 128u << t->map.swizzle_shift : 128;
    if (!good) {
        free(t);
        emulator_fail("a tensor copy with no tensor map of rank %u", rank);
    }
    if (shared % 128 || (t->map.swizzle_shift && shared % alignment)) {
        free(t);
        emulator_fail("a tensor copy at shared address 0x%x, which is not a multiple of %u", shared,
                      alignment);
    }
    emulator_shared(shared, bytes, 128);
    memcpy(t->position, position, rank * sizeof *position);
    t->shared = shared;
    t->bytes = bytes;
}

/* Fills the destinations with NaN, then leaves the load to the engines. */
static void issue_load(bulk_task *t, unsigned barrier, unsigned short blocks)
{
    const cluster *c = t->block->cluster;
    t->barrier = barrier;
    t->blocks = blocks ? blocks : (unsigned short)(1u << t->block->rank);
    if (t->blocks >> c->size) {
        free(t);
        emulator_fail("a multicast to blocks 0x%x of a cluster of %u", blocks, c->size);
    }
    for (unsigned rank = 0; rank < c->size; rank++) {
        if (t->blocks >> rank & 1)
            memset(c->blocks[rank]->shared + t->shared, POISON, t->bytes);
    }
    machine_add_task(&t->task);
}

void emulator_tensor_load(unsigned to, const void *map, unsigned barrier, unsigned rank,
                          const int *position, unsigned short blocks)
{
    bulk_task *t = create_task(load, "tensor load");
    set_box(t, map, rank, position, to);
    emulator_shared(barrier, 8, 8);
    issue_load(t, barrier, blocks);
}

static void check_run(const void *memory, unsigned shared, unsigned bytes)
{
    if ((uintptr_t)memory % 16 || bytes % 16)
        emulator_fail("a bulk copy of %u bytes at %p: both must be multiples of 16", bytes, memory);
    emulator_shared(shared, bytes, 16);
}

void emulator_bulk_load(unsigned to, const void *from, unsigned bytes, unsigned barrier,
                        unsigned short blocks)
{
    check_run(from, to, bytes);
    emulator_shared(barrier, 8, 8);
    bulk_task *t = create_task(load, "bulk load");
    t->memory = (unsigned char *)(uintptr_t)from;
    t->shared = to;
    t->bytes = bytes;
    issue_load(t, barrier, blocks);
}

/* --- st.async --- */

typedef struct word_task {
    engine_task task; /* first */
    block *block;
    unsigned to, bytes, barrier;
    unsigned char value[16];
} word_task;

static void store_word(engine_task *task)
{
    const word_task *t = (const word_task *)task;
    if (mbarrier_complete(t->block, t->barrier, t->bytes))
        memcpy(block_shared(t->block, t->to, t->bytes), t->value, t->bytes);
}

void emulator_store_async(unsigned to, const void *value, unsigned bytes, unsigned barrier)
{
    lane *l = machine_lane();
    memset(emulator_shared(to, bytes, bytes), POISON, bytes);
    emulator_shared(barrier, 8, 8);
    word_task *t = calloc(1, sizeof *t);
    if (!t)
        emulator_fail("the emulator is out of memory");
    t->task = (engine_task){store_word, destroy, "st.async", 0};
    t->block = machine_resolve(l, &to);
    t->to = to;
    t->bytes = bytes;
    memcpy(t->value, value, bytes);
    if (machine_resolve(l, &barrier) != t->block) {
        free(t);
        emulator_fail("st.async to one block with the mbarrier of another");
    }
    t->barrier = barrier;
    machine_add_task(&t->task);
}

/* --- stores --- */

static void issue_store(bulk_task *t)
{
    t->lane = machine_lane();
    t->group = t->lane->bulk_group;
    machine_add_task(&t->task);
}

void emulator_tensor_store(const void *map, unsigned from, unsigned rank, const int *position)
{
    bulk_task *t = create_task(store, "tensor store");
    set_box(t, map, rank, position, from);
    issue_store(t);
}

void emulator_bulk_store(void *to, unsigned from, unsigned bytes)
{
    check_run(to, from, bytes);
    bulk_task *t = create_task(store, "bulk store");
    t->memory = to;
    t->shared = from;
    t->bytes = bytes;
    issue_store(t);
}

void emulator_bulk_commit(void)
{
    machine_lane()->bulk_group++;
}

/* Does this thread's stores of the groups waited for. Reading and writing are one step here. */
void emulator_bulk_wait(unsigned pending, int read)
{
    (void)read;
    launch *m = machine;
    lane *l = machine_lane();
    if (pending >= l->bulk_group)
        return;
    for (unsigned i = 0; i < m->task_count;) {
        engine_task *task = m->tasks[i];
        const bulk_task *t = (const bulk_task *)task;
        if (task->act != store || t->lane != l || t->group >= l->bulk_group - pending) {
            i++;
            continue;
        }
        m->tasks[i] = m->tasks[--m->task_count];
        task->act(task);
        task->destroy(task);
    }
    machine_progress();
}
