/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "parallel.h"

enum { COUNT = 10000 };

typedef struct visits {
    _Atomic int each[COUNT];
    _Atomic int64_t sum;
} visits;

static void visit(void *user, int64_t index)
{
    visits *v = user;
    atomic_fetch_add(&v->each[index], 1);
    atomic_fetch_add(&v->sum, index);
}

static void every_item_is_visited_once(void **state)
{
    (void)state;
    static visits v;
    const int threads[] = {0, 1, 2, 7, 100, 100000};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        memset(&v, 0, sizeof v);
        stile_parallel_for(threads[t], COUNT, visit, &v);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(v.each[i], 1);
        assert_int_equal(v.sum, (int64_t)COUNT * (COUNT - 1) / 2);
    }
}

static void no_items_no_calls(void **state)
{
    (void)state;
    static visits v;
    stile_parallel_for(4, 0, visit, &v);
    stile_parallel_for(4, -1, visit, &v);
    assert_int_equal(v.sum, 0);
    assert_int_equal(v.each[0], 0);
}

typedef struct order {
    int64_t expected;
    int mistakes;
} order;

static void follow(void *user, int64_t index)
{
    order *o = user;
    o->mistakes += index != o->expected++;
}

static void one_thread_goes_in_order(void **state)
{
    (void)state;
    order o = {0};
    stile_parallel_for(1, 1000, follow, &o);
    assert_int_equal(o.expected, 1000);
    assert_int_equal(o.mistakes, 0);
}

static void meet(void *user, int64_t index)
{
    (void)index;
    pthread_barrier_wait(user);
}

/* Each item waits for the other: one thread alone would never finish. */
static void items_run_at_the_same_time(void **state)
{
    (void)state;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 3);
    stile_parallel_for(3, 3, meet, &barrier);
    pthread_barrier_destroy(&barrier);
}

static void the_affinity_mask_limits_the_cores(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_true(stile_core_count() >= 1);
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return; /* more cores than cpu_set_t holds */
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &one);
            break;
        }
    }
    assert_true(stile_core_count() <= CPU_COUNT(&all));
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(stile_core_count(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_visited_once),
        cmocka_unit_test(no_items_no_calls),
        cmocka_unit_test(one_thread_goes_in_order),
        cmocka_unit_test(items_run_at_the_same_time),
        cmocka_unit_test(the_affinity_mask_limits_the_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
