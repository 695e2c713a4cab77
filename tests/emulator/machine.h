/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the emulated GPU. One OS thread runs all threads of all resident blocks as fibers,
 * so that a seed repeats a run to the bit; a fiber gives way where its kernel waits, polls, or
 * ends.
 */
#ifndef STILE_TESTS_EMULATOR_MACHINE_H
#define STILE_TESTS_EMULATOR_MACHINE_H

#include <stdbool.h>

#include "emulator.h"

enum {
    WARP_SIZE = 32,
    MAX_THREADS = 1024,
    MAX_WARPS = MAX_THREADS / WARP_SIZE,
    MAX_CLUSTER = 16,
    BARRIER_COUNT = 16,
    STATIC_SHARED = 16 * 1024, /* addresses of __shared__ variables; the dynamic part follows */
    RANK_SHIFT = 24,           /* of a shared address: 0, or one more than a block of the cluster */
    POISON = 0xff,             /* NaN in every format */
};

typedef struct block block;
typedef struct warp warp;
typedef struct lane lane;
typedef struct cluster cluster;
typedef struct wgmma_queue wgmma_queue;

/* What a lane waits for. */
typedef enum wait_kind {
    RUNS,
    WAITS_FOR_WARP,
    WAITS_AT_BARRIER, /* wait_address: its number */
    WAITS_FOR_CLUSTER,
    WAITS_AT_MBARRIER, /* wait_address, wait_parity */
    WAITS_FOR_WGMMA,   /* wait_parity: groups that may be pending */
    HAS_EXITED,
} wait_kind;

/* A copy that cp.async began. */
typedef struct thread_copy {
    unsigned to, bytes, valid;
    const void *from;
    unsigned group;
} thread_copy;

struct lane {
    emulator_thread thread; /* first: emulator_current points to it */
    block *block;
    warp *warp;
    void *stack_pointer; /* while it does not run */
    wait_kind waits;
    unsigned wait_address, wait_parity;
    const void *polled_address;
    uint64_t polled_value;
    unsigned cluster_phase; /* at the arrival */
    bool cluster_arrived;
    thread_copy *copies;
    unsigned copy_count, copy_capacity, copy_group;
    unsigned bulk_group;
    unsigned wgmma_issued, wgmma_committed;
    bool wgmma_fenced;
};

/* What a lane brought to an operation of its warp. */
typedef struct contribution {
    const char *operation;
    unsigned mask;
    void *argument;
} contribution;

struct warp {
    block *block;
    unsigned index, lanes; /* lanes: bits of those that exist */
    unsigned runnable, exited, collecting;
    bool queued, slow;
    uint64_t asleep_until;
    contribution contributions[WARP_SIZE];
};

typedef struct block_barrier {
    unsigned arrived, expected; /* threads */
} block_barrier;

struct block {
    cluster *cluster;
    emulator_dim3 index;
    unsigned rank, slot;
    unsigned thread_count, warp_count, live;
    lane *lanes;
    warp warps[MAX_WARPS];
    block_barrier barriers[BARRIER_COUNT];
    unsigned char *shared; /* address 0 */
    wgmma_queue *wgmma[MAX_WARPS / 4];
};

struct cluster {
    unsigned size, live, live_blocks, arrived, phase;
    bool slow;
    block *blocks[MAX_CLUSTER];
};

/* Something that the copy engines will do some time. */
typedef struct engine_task {
    void (*act)(struct engine_task *task);
    void (*destroy)(struct engine_task *task);
    const char *name;
    uint64_t ready_at;
} engine_task;

typedef struct launch {
    const emulator_kernel *kernel;
    emulator_dim3 grid, block_size;
    unsigned threads, shared_bytes; /* of a block; shared_bytes: dynamic */
    void *const *parameters;
    unsigned cluster_size, cluster_count, next_cluster, live_blocks;
    block **resident; /* by slot; NULL: free */
    unsigned slots;
    warp **queue; /* that have runnable lanes */
    unsigned queued, queue_capacity;
    engine_task **tasks;
    unsigned task_count, task_capacity;
    uint64_t tick, idle, random;
    unsigned delays, timeouts;
    lane *current;
    void *scheduler; /* stack pointer */
    bool failed;
    char failure[4096];
} launch;

/* The launch that runs; one at a time. */
extern launch *machine;

/* Runs a kernel to its end. Returns whether it came there, else writes why not. */
bool machine_run(const emulator_kernel *kernel, emulator_dim3 grid, emulator_dim3 block_size,
                 unsigned shared_bytes, void *const *parameters, char *failure,
                 size_t failure_size);

/* --- schedule.c --- */

lane *machine_lane(void); /* that runs */
void machine_wait(wait_kind kind);
void machine_wake(lane *l);
void machine_progress(void); /* something happened: no deadlock yet */
unsigned machine_random(unsigned below);
/* A number from the environment, or `otherwise`. */
unsigned machine_setting(const char *name, unsigned otherwise, unsigned most);
void machine_failf(const lane *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes the task over; false: out of memory, and the launch fails. */
void machine_add_task(engine_task *task);

/* --- groups.c --- */

typedef void collective_action(void *const *arguments, unsigned mask);
/* The last of the lanes in `mask` to come calls act with what all of them brought. */
void machine_collect(const char *operation, unsigned mask, void *argument, collective_action *act);
void machine_lane_exits(lane *l); /* counts it at the barriers that expect it */

/* --- shared.c --- */

bool block_open_shared(block *b, unsigned dynamic_bytes);
void block_close_shared(block *b);
/* Like emulator_shared, for a block and without a thread: NULL where it is outside. */
unsigned char *block_shared(block *b, unsigned address, size_t bytes);
/* The block that an address means, and the rest of the address. */
block *machine_resolve(const lane *l, unsigned *address);

/* --- mbarrier.c --- */

/* Counts bytes that the engine copied; false where the barrier is misused, with the text in the
 * launch. */
bool mbarrier_complete(block *b, unsigned address, unsigned bytes);
bool mbarrier_arrive_for(block *b, unsigned address, unsigned arrivals);
void mbarrier_describe(char *text, size_t size, const block *b, unsigned address);

/* --- wgmma.c --- */

void wgmma_free(block *b);

/* --- fiber.c --- */

/* `count` stacks, each ready to call entry(); NULL: out of memory. Kept from launch to launch. */
bool fiber_reserve(unsigned count);
void *fiber_prepare(unsigned index, void (*entry)(void));
void fiber_switch(void **save, void *load);
/* Whether an address lies just below a stack. */
bool fiber_overflowed(const void *address);

/* --- memory.c: global memory --- */

void *memory_allocate(size_t bytes);
bool memory_free(void *pointer);
/* What lies at or near an address, for messages. */
void memory_describe(char *text, size_t size, const void *address);

#endif
