/* SPDX-License-Identifier: Apache-2.0 */
/* A launch: its clusters come to the multiprocessors in order, and go when all their threads have.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule.h"

enum { SIGNAL_STACK_BYTES = 64 * 1024, MAX_RESIDENT = 256 };

/* --- blocks --- */

static void free_block(block *b)
{
    if (!b)
        return;
    for (unsigned i = 0; b->lanes && i < b->thread_count; i++)
        free(b->lanes[i].copies);
    wgmma_free(b);
    block_close_shared(b);
    free(b->lanes);
    free(b);
}

static emulator_dim3 unflatten(unsigned index, emulator_dim3 extents)
{
    return (emulator_dim3){index % extents.x, index / extents.x % extents.y,
                           index / extents.x / extents.y};
}

static block *create_block(cluster *c, unsigned rank, unsigned slot, emulator_dim3 index)
{
    launch *m = machine;
    block *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    *b = (block){.cluster = c, .index = index, .rank = rank, .slot = slot};
    b->thread_count = b->live = m->threads;
    b->warp_count = (m->threads + WARP_SIZE - 1) / WARP_SIZE;
    b->lanes = calloc(m->threads, sizeof *b->lanes);
    if (!b->lanes || !block_open_shared(b, m->shared_bytes)) {
        free_block(b);
        return NULL;
    }
    for (unsigned i = 0; i < m->threads; i++) {
        lane *l = &b->lanes[i];
        l->block = b;
        l->warp = &b->warps[i / WARP_SIZE];
        l->warp->block = b;
        l->warp->index = i / WARP_SIZE;
        l->warp->lanes |= 1u << i % WARP_SIZE;
        l->thread = (emulator_thread){
            .thread_index = unflatten(i, m->block_size),
            .block_index = index,
            .block_size = m->block_size,
            .grid_size = m->grid,
            .lane = i % WARP_SIZE,
            .warp = i / WARP_SIZE,
            .cluster_rank = rank,
            .cluster_size = c->size,
            .multiprocessor = slot,
            .multiprocessors = m->slots,
        };
    }
    return b;
}

/* --- clusters --- */

static void free_cluster(cluster *c)
{
    for (unsigned i = 0; i < c->size; i++) {
        if (c->blocks[i])
            machine->resident[c->blocks[i]->slot] = NULL;
        free_block(c->blocks[i]);
    }
    free(c);
}

/* Starts the next cluster in free slots, of which there are enough. */
static bool start_cluster(void)
{
    launch *m = machine;
    const emulator_dim3 shape = m->kernel->cluster;
    const emulator_dim3 clusters = {m->grid.x / shape.x, m->grid.y / shape.y, m->grid.z / shape.z};
    const emulator_dim3 place = unflatten(m->next_cluster, clusters);
    cluster *c = calloc(1, sizeof *c);
    if (!c)
        return false;
    c->size = c->live_blocks = m->cluster_size;
    c->live = m->cluster_size * m->threads;
    unsigned slot = 0;
    for (unsigned rank = 0; rank < c->size; rank++) {
        const emulator_dim3 in = unflatten(rank, shape);
        while (m->resident[slot])
            slot++;
        c->blocks[rank] =
            create_block(c, rank, slot,
                         (emulator_dim3){place.x * shape.x + in.x, place.y * shape.y + in.y,
                                         place.z * shape.z + in.z});
        if (!c->blocks[rank]) {
            free_cluster(c);
            return false;
        }
        m->resident[slot] = c->blocks[rank];
    }
    for (unsigned rank = 0; rank < c->size; rank++) {
        block *b = c->blocks[rank];
        for (unsigned i = 0; i < b->thread_count; i++)
            schedule_lane(&b->lanes[i], b->slot * m->threads + i);
    }
    m->next_cluster++;
    m->live_blocks += c->size;
    return true;
}

static bool cluster_has_ended(void)
{
    for (unsigned slot = 0; slot < machine->slots; slot++) {
        if (machine->resident[slot] && machine->resident[slot]->cluster->live == 0)
            return true;
    }
    return false;
}

/* Takes away the clusters that have ended, with what they left to the copy engines. */
static void end_clusters(void)
{
    launch *m = machine;
    schedule_drain_tasks();
    for (unsigned slot = 0; slot < m->slots; slot++) {
        block *b = m->resident[slot];
        if (b && b->cluster->live == 0) {
            m->live_blocks -= b->cluster->size;
            free_cluster(b->cluster);
        }
    }
}

static void run_clusters(void)
{
    launch *m = machine;
    while (!m->failed && (m->live_blocks || m->next_cluster < m->cluster_count)) {
        while (m->next_cluster < m->cluster_count && m->live_blocks + m->cluster_size <= m->slots) {
            if (!start_cluster()) {
                machine_failf(NULL, "the emulator is out of memory");
                return;
            }
        }
        schedule_until(cluster_has_ended);
        if (!m->failed)
            end_clusters();
    }
}

/* --- faults --- */

static struct sigaction previous[NSIG];
static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
enum { FAULT_COUNT = sizeof faults / sizeof faults[0] };

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (!machine || !machine->current) { /* not a kernel's: as without us, on return */
        sigaction(number, &previous[number], NULL);
        return;
    }
    char place[256] = "";
    if (number == SIGILL || number == SIGTRAP)
        emulator_fail(
            "a check failed: an address that is not aligned, an index outside of an array, or "
            "a trap");
    if (fiber_overflowed(info->si_addr))
        emulator_fail("stack overflow: the emulated thread has 60 KiB for its registers");
    if (!info->si_addr)
        emulator_fail("access to address 0, or one that is not aligned");
    memory_describe(place, sizeof place, info->si_addr);
    emulator_fail("access to %p, %s", info->si_addr, place);
}

static void catch_faults(stack_t *old, void *signal_stack)
{
    stack_t stack = {.ss_sp = signal_stack, .ss_size = SIGNAL_STACK_BYTES};
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    sigaltstack(&stack, old);
    for (int i = 0; i < FAULT_COUNT; i++)
        sigaction(faults[i], &action, &previous[faults[i]]);
}

static void release_faults(const stack_t *old)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        sigaction(faults[i], &previous[faults[i]], NULL);
    sigaltstack(old, NULL);
}

/* --- the launch --- */

static bool fits(launch *m)
{
    const emulator_dim3 c = m->kernel->cluster, g = m->grid;
    if (!g.x || !g.y || !g.z || !m->threads || m->threads > MAX_THREADS)
        machine_failf(NULL, "a launch of %ux%ux%u blocks of %u threads", g.x, g.y, g.z, m->threads);
    else if (m->kernel->max_threads && m->threads > m->kernel->max_threads)
        machine_failf(NULL, "%u threads, but __launch_bounds__ says %u", m->threads,
                      m->kernel->max_threads);
    else if (g.x % c.x || g.y % c.y || g.z % c.z)
        machine_failf(NULL, "a grid of %ux%ux%u blocks is not made of clusters of %ux%ux%u", g.x,
                      g.y, g.z, c.x, c.y, c.z);
    else if (m->cluster_size > m->slots || m->cluster_size > MAX_CLUSTER)
        machine_failf(NULL, "clusters of %u blocks, but room for %u", m->cluster_size, m->slots);
    else
        return true;
    return false;
}

static void run(launch *m)
{
    unsigned resident = m->slots;
    m->queue_capacity = resident * ((m->threads + WARP_SIZE - 1) / WARP_SIZE);
    m->queue = malloc(m->queue_capacity * sizeof(warp *));
    m->resident = calloc(resident, sizeof(block *));
    void *signal_stack = malloc(SIGNAL_STACK_BYTES);
    if (!m->queue || !m->resident || !signal_stack || !fiber_reserve(resident * m->threads)) {
        machine_failf(NULL, "the emulator is out of memory");
    } else {
        stack_t old;
        catch_faults(&old, signal_stack);
        run_clusters();
        release_faults(&old);
    }
    free(signal_stack);
}

bool machine_run(const emulator_kernel *kernel, emulator_dim3 grid, emulator_dim3 block_size,
                 unsigned shared_bytes, void *const *parameters, char *failure, size_t failure_size)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t launches;
    launch m = {
        .kernel = kernel,
        .grid = grid,
        .block_size = block_size,
        .threads = block_size.x * block_size.y * block_size.z,
        .shared_bytes = shared_bytes,
        .parameters = parameters,
        .cluster_size = kernel->cluster.x * kernel->cluster.y * kernel->cluster.z,
    };

    pthread_mutex_lock(&lock);
    machine = &m;
    m.delays = machine_setting("STILE_EMULATOR_DELAYS", 0, 100);
    m.slots = machine_setting("STILE_EMULATOR_SMS", 4, MAX_RESIDENT) *
              machine_setting("STILE_EMULATOR_BLOCKS_PER_SM", 1, 32);
    m.random = (machine_setting("STILE_EMULATOR_SEED", 1, 1u << 31) + UINT64_C(1)) *
                   UINT64_C(0x9e3779b97f4a7c15) ^
               ++launches << 20;
    if (fits(&m)) {
        m.cluster_count = grid.x * grid.y * grid.z / m.cluster_size;
        if (m.slots > grid.x * grid.y * grid.z)
            m.slots = grid.x * grid.y * grid.z;
        run(&m);
    }
    for (unsigned i = 0; i < m.task_count; i++)
        m.tasks[i]->destroy(m.tasks[i]);
    for (unsigned slot = 0; m.resident && slot < m.slots; slot++) {
        if (m.resident[slot])
            free_cluster(m.resident[slot]->cluster);
    }
    free(m.tasks);
    free(m.queue);
    free(m.resident);
    if (m.failed)
        snprintf(failure, failure_size, "%s", m.failure);
    machine = NULL;
    pthread_mutex_unlock(&lock);
    return !m.failed;
}
