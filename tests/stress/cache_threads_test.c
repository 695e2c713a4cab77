/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads on one cache that is far too small for what they ask of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "cache_evict.h"
#include "cache_index.h"
#include "cache_stats.h"
#include "cache_testing.h"

enum { THREADS = 16, SOURCES = 24, GETS = 100, ROOM = 8 * 5000 };

typedef struct problem {
    stile_cache *caches[2]; /* two contexts of one process on one directory */
    char sources[SOURCES][64];
    stile_cubin expected[SOURCES];
} problem;

typedef struct worker {
    problem *p;
    int index, wrong;
} worker;

static void *work(void *user)
{
    worker *w = user;
    unsigned state = (unsigned)w->index * 7919u + 1;
    for (int i = 0; i < GETS; i++) {
        state = state * 1103515245u + 12345u;
        int s = (int)(state >> 16) % SOURCES;
        stile_cubin cubin;
        stile_cache *cache = w->p->caches[(w->index + i) & 1];
        if (stile_cache_get(cache, &cubin, "k", w->p->sources[s], &sm_90)) {
            w->wrong++;
            continue;
        }
        const stile_cubin *expected = &w->p->expected[s];
        if (cubin.size != expected->size || memcmp(cubin.data, expected->data, cubin.size) != 0)
            w->wrong++;
        stile_cubin_free(&cubin);
    }
    return NULL;
}

static void fill(problem *p)
{
    stile_cache *memory = open_cache("/proc/nowhere", NULL);
    assert_null(stile_cache_directory(memory));
    for (int i = 0; i < SOURCES; i++) {
        snprintf(p->sources[i], sizeof p->sources[i], "/* source %d */\n", i);
        p->expected[i] = get(memory, p->sources[i], &sm_90);
    }
    stile_cache_close(&memory);
}

static void threads_get_what_they_ask_for_while_entries_are_evicted(void **state)
{
    const scratch *folder = *state;
    static problem p;
    worker workers[THREADS];
    pthread_t threads[THREADS];
    fill(&p);
    char room[32];
    snprintf(room, sizeof room, "%d", ROOM);
    setenv("STILE_CACHE_SIZE", room, 1);
    recorder log = {0};
    for (int i = 0; i < 2; i++)
        p.caches[i] = open_cache(folder->path, &log);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.p = &p, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    assert_int_equal(log.warnings, 0);

    /* Nothing went uncounted, in the process or in the directory. */
    stile_cache_counters sum = {0};
    for (int i = 0; i < 2; i++) {
        stile_cache_counters counters = stile_cache_count(p.caches[i]);
        stile_cache_counters_add(&sum, &counters);
        stile_cache_close(&p.caches[i]);
    }
    assert_int_equal(sum.hits + sum.misses, THREADS * GETS);
    assert_int_equal(sum.compiles, sum.misses);
    assert_int_equal(sum.damaged, 0);
    assert_true(sum.evictions > 0);
    char path[128];
    snprintf(path, sizeof path, "%s/v1", folder->path);
    int root = open(path, O_RDONLY | O_DIRECTORY);
    stile_cache_stats stats;
    assert_int_equal(stile_cache_stats_read(root, &stats), 0);
    assert_memory_equal(&stats.counters, &sum, sizeof sum);

    /* It is within its bounds, and no leavings are about. */
    stile_cache_index index;
    assert_int_equal(stile_cache_index_read(&index, root), 0);
    assert_true(index.count > 0 && index.bytes <= ROOM);
    snprintf(path, sizeof path, "%s/v1/sm_90", folder->path);
    assert_int_equal(count_names(path), index.count);
    snprintf(path, sizeof path, "%s/v1/locks", folder->path);
    assert_int_equal(count_names(path), 0);
    stile_cache_index_free(&index);
    close(root);
    for (int i = 0; i < SOURCES; i++)
        stile_cubin_free(&p.expected[i]);
}

int main(void)
{
    setenv("STILE_NVRTC", getenv("STILE_FAKE_NVRTC"), 1);
    const struct CMUnitTest tests[] = {
        TEST(threads_get_what_they_ask_for_while_entries_are_evicted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
