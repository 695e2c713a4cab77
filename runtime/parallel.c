/* SPDX-License-Identifier: Apache-2.0 */
#include "parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 1024, CPU_SET_SIZE = 1 << 16 };

/* Reads the first line of a small file; false where there is none. */
static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const bool ok = fgets(line, size, file) != NULL;
    fclose(file);
    return ok;
}

/* Cores that a quota of `quota` per `period` microseconds is worth, rounded up; 0: no limit. */
static int cores_of_quota(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    const long long cores = (quota - 1) / period + 1;
    return cores < MAX_THREADS ? (int)cores : 0;
}

/* The quota of the control group as containers see it; 0: none. */
static int quota_cores(void)
{
    char line[128], *end;
    if (read_line("/sys/fs/cgroup/cpu.max", line, sizeof line)) { /* version 2: "max 100000" */
        const long long quota = strtoll(line, &end, 10);
        return end == line ? 0 : cores_of_quota(quota, strtoll(end, NULL, 10));
    }
    if (!read_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", line, sizeof line))
        return 0;
    const long long quota = strtoll(line, NULL, 10);
    if (!read_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us", line, sizeof line))
        return 0;
    return cores_of_quota(quota, strtoll(line, NULL, 10));
}

/* Cores of the affinity mask, which may be larger than cpu_set_t. */
static int affinity_cores(void)
{
    int cores = 1;
    const size_t bytes = CPU_ALLOC_SIZE(CPU_SET_SIZE);
    cpu_set_t *set = CPU_ALLOC(CPU_SET_SIZE);
    if (set && sched_getaffinity(0, bytes, set) == 0)
        cores = CPU_COUNT_S(bytes, set);
    CPU_FREE(set);
    return cores < 1 ? 1 : cores;
}

int stile_core_count(void)
{
    const int cores = affinity_cores(), quota = quota_cores();
    return quota > 0 && quota < cores ? quota : cores;
}

typedef struct loop {
    void (*body)(void *user, int64_t index);
    void *user;
    int64_t count;
    _Atomic int64_t next;
} loop;

static void *work(void *argument)
{
    loop *l = argument;
    for (;;) {
        const int64_t index = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
        if (index >= l->count)
            return NULL;
        l->body(l->user, index);
    }
}

void stile_parallel_for(int threads, int64_t count, void (*body)(void *user, int64_t index),
                        void *user)
{
    if (threads <= 0)
        threads = stile_core_count();
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    if (threads > count)
        threads = (int)count;

    loop l = {.body = body, .user = user, .count = count};
    pthread_t *helpers = threads > 1 ? calloc((size_t)threads - 1, sizeof *helpers) : NULL;
    int started = 0;
    while (helpers && started < threads - 1 &&
           pthread_create(&helpers[started], NULL, work, &l) == 0)
        started++;
    work(&l);
    for (int i = 0; i < started; i++)
        pthread_join(helpers[i], NULL);
    free(helpers);
}
