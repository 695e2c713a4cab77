/* SPDX-License-Identifier: Apache-2.0 */
/* Several contexts, devices and threads in one process. Exits 77 without a GPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "layer.h"
#include "scratch.h"

enum { THREADS = 16, ROUNDS = 20, MAX_DEVICES = 8 };

static stile_context *create_context(int device, const char *cache)
{
    stile_context *context = NULL;
    stile_context_params params = {.device = device, .cache_dir = cache};
    if (stile_context_create(&context, &params))
        fail_msg("%s", stile_last_error());
    return context;
}

/* Everything a host does with a layer; the number of wrong entries. */
static int use_layer(stile_context *context, unsigned seed, int rounds)
{
    stile_context_scope scope;
    assert_int_equal(stile_context_enter(context, &scope), STILE_OK);
    layer *l = layer_create(context, layer_spec, seed);
    CUstream stream;
    assert_cuda(l->driver->cuStreamCreate(&stream, 1));
    int wrong = 0;
    for (int i = 0; i < rounds; i++) {
        layer_next(l);
        wrong += layer_run(l, stream) != STILE_OK;
        assert_cuda(l->driver->cuStreamSynchronize(stream));
        wrong += layer_count_wrong(l);
    }
    assert_cuda(l->driver->cuStreamDestroy(stream));
    layer_destroy(l);
    stile_context_leave(context, &scope);
    return wrong;
}

static void contexts_on_one_device_live_side_by_side(void **state)
{
    (void)state;
    stile_context *one = create_context(0, NULL), *two = create_context(0, NULL);
    assert_int_equal(use_layer(one, 1, 2), 0);
    assert_int_equal(use_layer(two, 2, 2), 0);
    stile_context_destroy(&one); /* the primary CUDA context outlives it: `two` holds it */
    assert_int_equal(use_layer(two, 3, 2), 0);
    stile_context_destroy(&two);
}

/* With a CUDA context of the caller's own current, and with none. */
static void the_current_cuda_context_is_the_callers(void **state)
{
    (void)state;
    const stile_driver *driver;
    CUresult (*create)(CUcontext *, unsigned, CUdevice);
    CUresult (*destroy)(CUcontext);
    CUcontext callers = NULL, current = NULL;
    CUdevice device;
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    void *symbols[] = {dlsym(library, "cuCtxCreate_v2"), dlsym(library, "cuCtxDestroy_v2")};
    assert_true(symbols[0] && symbols[1]);
    memcpy(&create, &symbols[0], sizeof create);
    memcpy(&destroy, &symbols[1], sizeof destroy);
    assert_int_equal(stile_driver_get(&driver), STILE_OK);
    assert_cuda(driver->cuDeviceGet(&device, 0));
    for (int with = 0; with < 2; with++) {
        if (with)
            assert_cuda(create(&callers, 0, device)); /* becomes current */
        stile_context *context = create_context(0, NULL);
        assert_int_equal(use_layer(context, 4, 1), 0);
        stile_spec *spec = NULL;
        stile_plan *plan = NULL;
        stile_plan_params params = {.M = 8, .K = 8, .N = 8};
        assert_int_equal(stile_spec_parse(&spec, layer_spec, strlen(layer_spec), NULL, NULL), 0);
        assert_int_equal(stile_plan_create(&plan, context, spec, &params), STILE_OK);
        assert_cuda(driver->cuCtxGetCurrent(&current));
        assert_ptr_equal(current, callers);
        stile_plan_destroy(&plan);
        stile_spec_destroy(&spec);
        stile_context_destroy(&context);
        assert_cuda(driver->cuCtxGetCurrent(&current));
        assert_ptr_equal(current, callers);
    }
    assert_cuda(destroy(callers));
}

typedef struct worker {
    stile_context *context;
    unsigned seed;
    int wrong;
} worker;

static void *work(void *user)
{
    worker *w = user;
    w->wrong = use_layer(w->context, w->seed, ROUNDS);
    return NULL;
}

static void run_workers(worker *workers, int count)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < count; i++)
        assert_int_equal(workers[i].wrong, 0);
}

static void sixteen_threads_share_one_context(void **state)
{
    (void)state;
    stile_context *context = create_context(0, NULL);
    worker workers[THREADS];
    for (int i = 0; i < THREADS; i++)
        workers[i] = (worker){.context = context, .seed = 100u + (unsigned)i};
    run_workers(workers, THREADS);
    stile_context_destroy(&context);
}

/* One thread and context for each; with a single GPU there is nothing to see. */
static void all_devices_run_at_once(void **state)
{
    (void)state;
    const stile_driver *driver;
    int count = 0;
    assert_int_equal(stile_driver_get(&driver), STILE_OK);
    assert_cuda(driver->cuDeviceGetCount(&count));
    count = count < MAX_DEVICES ? count : MAX_DEVICES;
    print_message("%d device%s\n", count, count == 1 ? "" : "s");
    worker workers[MAX_DEVICES];
    for (int i = 0; i < count; i++)
        workers[i] = (worker){.context = create_context(i, NULL), .seed = 200u + (unsigned)i};
    run_workers(workers, count);
    for (int i = 0; i < count; i++)
        stile_context_destroy(&workers[i].context);
}

static bool nvrtc_is_mapped(void)
{
    char line[1024];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        found = found || strstr(line, "libnvrtc");
    fclose(maps);
    return found;
}

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

/* In a process of its own: a CUDA context does not survive a fork, and NVRTC stays once loaded. */
static int make_plan(const char *cache, const char *temperature)
{
    stile_context *context = create_context(0, cache);
    stile_spec *spec = NULL;
    stile_plan *plan = NULL;
    stile_plan_params params = {.M = LAYER_M, .K = LAYER_K, .N = LAYER_N};
    assert_int_equal(stile_spec_parse(&spec, layer_spec, strlen(layer_spec), NULL, NULL), STILE_OK);
    double start = milliseconds();
    assert_int_equal(stile_plan_create(&plan, context, spec, &params), STILE_OK);
    double end = milliseconds();
    printf("a %s plan of Strassen, four kernels: %.1f ms, NVRTC %s\n", temperature, end - start,
           nvrtc_is_mapped() ? "loaded" : "not loaded");
    stile_plan_destroy(&plan);
    stile_spec_destroy(&spec);
    stile_context_destroy(&context);
    return nvrtc_is_mapped();
}

static int run_child(const char *program, const char *cache, const char *temperature)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl(program, program, cache, temperature, (char *)NULL);
        _exit(126);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_warm_plan_loads_no_compiler(void **state)
{
    (void)state;
    scratch folder;
    scratch_create(&folder);
    assert_int_equal(run_child("/proc/self/exe", folder.path, "cold"), 1);
    assert_int_equal(run_child("/proc/self/exe", folder.path, "warm"), 0);
    scratch_remove(&folder);
}

int main(int argc, char **argv)
{
    const stile_driver *driver;
    if (stile_driver_get(&driver)) {
        printf("skipped: %s\n", stile_last_error());
        return SKIPPED;
    }
    if (argc > 2) {
        become_child();
        return make_plan(argv[1], argv[2]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_warm_plan_loads_no_compiler),
        cmocka_unit_test(contexts_on_one_device_live_side_by_side),
        cmocka_unit_test(the_current_cuda_context_is_the_callers),
        cmocka_unit_test(sixteen_threads_share_one_context),
        cmocka_unit_test(all_devices_run_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
