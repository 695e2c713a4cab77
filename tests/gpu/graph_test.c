/* SPDX-License-Identifier: Apache-2.0 */
/* Runs on streams and from CUDA graphs, and what they cost the host. Exits 77 without a GPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "count_allocations.h"
#include "layer.h"

enum { REPLAYS = 1000, CALLS = 10000, BATCH = 100, PAIRS = 200 };

/* Dense coefficients, which the workspace holds. */
static const char dense_spec[] = "stile: 1\n"
                                 "name: dense\n"
                                 "basis: {random: {tile: [4, 4, 4], rank: 16, seed: 1}}\n"
                                 "precision: {input: bf16, output: f32}\n";

/* What of the driver only this test needs. */
static struct {
    CUresult (*begin)(CUstream stream, int mode);
    CUresult (*end)(CUstream stream, void **graph);
    CUresult (*instantiate)(void **executable, void *graph, unsigned long long flags);
    CUresult (*launch)(void *executable, CUstream stream);
    CUresult (*destroy_graph)(void *graph);
    CUresult (*destroy_executable)(void *executable);
} graphs;

static stile_context *context;
static stile_context_scope scope;

static void find(void *out, const char *name)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    void *symbol = library ? dlsym(library, name) : NULL;
    assert_non_null(symbol);
    memcpy(out, &symbol, sizeof symbol);
}

static int open_device(void **state)
{
    (void)state;
    find(&graphs.begin, "cuStreamBeginCapture_v2");
    find(&graphs.end, "cuStreamEndCapture");
    find(&graphs.instantiate, "cuGraphInstantiateWithFlags");
    find(&graphs.launch, "cuGraphLaunch");
    find(&graphs.destroy_graph, "cuGraphDestroy");
    find(&graphs.destroy_executable, "cuGraphExecDestroy");
    assert_int_equal(stile_context_create(&context, NULL), STILE_OK);
    return stile_context_enter(context, &scope);
}

static int close_device(void **state)
{
    (void)state;
    stile_context_leave(context, &scope);
    stile_context_destroy(&context);
    return 0;
}

static CUstream create_stream(void)
{
    CUstream stream;
    assert_cuda(context->driver->cuStreamCreate(&stream, 1)); /* does not wait for stream 0 */
    return stream;
}

/* Captures one run of a layer. */
static void *capture(const layer *l, CUstream stream)
{
    void *graph, *executable;
    assert_cuda(graphs.begin(stream, 0)); /* the strictest mode: any unsafe call of the process */
    int error = layer_run(l, stream);
    assert_cuda(graphs.end(stream, &graph));
    assert_int_equal(error, STILE_OK);
    assert_cuda(graphs.instantiate(&executable, graph, 0));
    assert_cuda(graphs.destroy_graph(graph));
    return executable;
}

static void a_graph_replays_a_run_on_fresh_inputs(void **state)
{
    (void)state;
    const stile_driver *driver = context->driver;
    layer *l = layer_create(context, layer_spec, 1);
    CUstream stream = create_stream();
    void *graph = capture(l, stream);
    for (int i = 0; i < REPLAYS; i++) {
        layer_next(l);
        assert_cuda(driver->cuMemsetD8(l->device_y, 0xff, LAYER_M * LAYER_N * sizeof(float)));
        assert_cuda(driver->cuCtxSynchronize()); /* stream 0 before this one */
        assert_cuda(graphs.launch(graph, stream));
        assert_cuda(driver->cuStreamSynchronize(stream));
        if (layer_count_wrong(l))
            fail_msg("replay %d: %d entries are wrong", i, layer_count_wrong(l));
    }
    assert_cuda(graphs.destroy_executable(graph));
    assert_cuda(driver->cuStreamDestroy(stream));
    layer_destroy(l);
}

/* Coefficients come from the workspace, which the graph holds by address. */
static void a_graph_of_a_dense_basis_repeats_the_direct_run(void **state)
{
    (void)state;
    static float direct[LAYER_M * LAYER_N], replayed[LAYER_M * LAYER_N];
    const stile_driver *driver = context->driver;
    layer *l = layer_create(context, dense_spec, 2);
    CUstream stream = create_stream();
    void *graph = capture(l, stream);
    for (int i = 0; i < 20; i++) {
        layer_next(l);
        assert_int_equal(layer_run(l, stream), STILE_OK);
        assert_cuda(driver->cuStreamSynchronize(stream));
        assert_cuda(driver->cuMemcpyDtoH(direct, l->device_y, sizeof direct));
        assert_cuda(driver->cuMemsetD8(l->device_y, 0xff, sizeof direct));
        assert_cuda(driver->cuCtxSynchronize());
        assert_cuda(graphs.launch(graph, stream));
        assert_cuda(driver->cuStreamSynchronize(stream));
        assert_cuda(driver->cuMemcpyDtoH(replayed, l->device_y, sizeof replayed));
        assert_memory_equal(direct, replayed, sizeof direct);
        assert_true(direct[0] == direct[0]);
    }
    assert_cuda(graphs.destroy_executable(graph));
    assert_cuda(driver->cuStreamDestroy(stream));
    layer_destroy(l);
}

static void two_streams_run_one_plan_at_once(void **state)
{
    (void)state;
    const stile_driver *driver = context->driver;
    layer *one = layer_create(context, layer_spec, 3), *two = layer_create(context, layer_spec, 4);
    stile_plan *twos_plan = two->plan;
    two->plan = one->plan; /* with operands and workspaces of their own */
    CUstream streams[2] = {create_stream(), create_stream()};
    for (int i = 0; i < PAIRS; i++) {
        assert_int_equal(layer_run(one, streams[0]), STILE_OK);
        assert_int_equal(layer_run(two, streams[1]), STILE_OK);
    }
    assert_cuda(driver->cuCtxSynchronize());
    assert_int_equal(layer_count_wrong(one), 0);
    assert_int_equal(layer_count_wrong(two), 0);
    assert_cuda(driver->cuStreamDestroy(streams[0]));
    assert_cuda(driver->cuStreamDestroy(streams[1]));
    two->plan = twos_plan;
    layer_destroy(one);
    layer_destroy(two);
}

static double microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

/* Runs in batches that the GPU's queue holds, so that only the host is timed. */
static double mean_cost(const layer *l, CUstream stream)
{
    double spent = 0;
    int failures = 0;
    for (int done = 0; done < CALLS; done += BATCH) {
        allocations.counting = true;
        double start = microseconds();
        for (int i = 0; i < BATCH; i++)
            failures += layer_run(l, stream) != STILE_OK;
        spent += microseconds() - start;
        allocations.counting = false;
        assert_cuda(context->driver->cuStreamSynchronize(stream));
    }
    assert_int_equal(failures, 0);
    return spent / CALLS;
}

static void a_run_allocates_nothing_on_host_or_device(void **state)
{
    (void)state;
    static const char *const specs[] = {layer_spec, dense_spec};
    for (int i = 0; i < 2; i++) {
        size_t before, after, total;
        layer *l = layer_create(context, specs[i], 5);
        CUstream stream = create_stream();
        for (int warm = 0; warm < BATCH; warm++)
            assert_int_equal(layer_run(l, stream), STILE_OK);
        assert_cuda(context->driver->cuStreamSynchronize(stream));

        allocations.ours = allocations.drivers = 0;
        assert_cuda(context->driver->cuMemGetInfo(&before, &total));
        double cost = mean_cost(l, stream);
        assert_cuda(context->driver->cuMemGetInfo(&after, &total));
        if (ALLOCATIONS_COUNTED)
            assert_int_equal(allocations.ours, 0);
        assert_int_equal(after, before);
        print_message(
            "stile_run of %s: %.2f us of the host, mean of %d calls; the driver allocated "
            "host memory %d times, stile never\n",
            i ? "a dense basis" : "Strassen", cost, CALLS, allocations.drivers);
        assert_cuda(context->driver->cuStreamDestroy(stream));
        layer_destroy(l);
    }
}

int main(void)
{
    const stile_driver *driver;
    if (stile_driver_get(&driver)) {
        printf("skipped: %s\n", stile_last_error());
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_replays_a_run_on_fresh_inputs),
        cmocka_unit_test(a_graph_of_a_dense_basis_repeats_the_direct_run),
        cmocka_unit_test(two_streams_run_one_plan_at_once),
        cmocka_unit_test(a_run_allocates_nothing_on_host_or_device),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
