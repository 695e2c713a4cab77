/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer on a GPU for tests: a plan, its buffers, and integer data on which Strassen's algorithm
 * is exact, so that results are compared to the bit. Include after <cmocka.h>.
 */
#ifndef STILE_TESTS_GPU_LAYER_H
#define STILE_TESTS_GPU_LAYER_H

#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "formats.h"

enum { LAYER_M = 64, LAYER_K = 96, LAYER_N = 72, SKIPPED = 77 };

/* Sums of two of these fit bf16, products and sums of products fit f32. */
static const char layer_spec[] = "stile: 1\n"
                                 "name: layer\n"
                                 "basis: {name: strassen}\n"
                                 "precision: {input: bf16, product: f32, output: f32}\n";

typedef struct layer {
    stile_context *context;
    const stile_driver *driver;
    stile_plan *plan;
    unsigned seed;
    uint16_t x[LAYER_M * LAYER_K], w[LAYER_N * LAYER_K]; /* bf16 */
    CUdeviceptr device_x, device_w, device_w_hat, device_y, workspace;
} layer;

#define assert_cuda(call) assert_int_equal((call), 0)

static inline void layer_fill(layer *l, uint16_t *out, int count)
{
    for (int i = 0; i < count; i++) {
        l->seed = l->seed * 1664525u + 1013904223u;
        out[i] = stile_bf16_from_double((int)(l->seed >> 16) % 17 - 8);
    }
}

/* New X, on the device when this returns. The context must be current, as in all that follows. */
static inline void layer_next(layer *l)
{
    layer_fill(l, l->x, LAYER_M * LAYER_K);
    assert_cuda(l->driver->cuMemcpyHtoD(l->device_x, l->x, sizeof l->x));
    assert_cuda(l->driver->cuCtxSynchronize()); /* the last part of a copy may be under way still */
}

static inline void *layer_pointer(CUdeviceptr pointer)
{
    return (void *)(uintptr_t)pointer;
}

static inline int layer_run(const layer *l, stile_stream stream)
{
    stile_operands operands = {
        .x = layer_pointer(l->device_x),
        .w = layer_pointer(l->device_w_hat),
        .y = layer_pointer(l->device_y),
    };
    return stile_run(l->plan, &operands, layer_pointer(l->workspace), stream);
}

/* Entries of Y that are not X · Wᵀ. The stream must have been waited for. */
static inline int layer_count_wrong(const layer *l)
{
    float y[LAYER_M * LAYER_N];
    int wrong = 0;
    assert_cuda(l->driver->cuMemcpyDtoH(y, l->device_y, sizeof y));
    for (int i = 0; i < LAYER_M; i++) {
        for (int j = 0; j < LAYER_N; j++) {
            double sum = 0;
            for (int k = 0; k < LAYER_K; k++)
                sum += stile_load_element(STILE_TYPE_BF16, l->x, i * LAYER_K + k) *
                       stile_load_element(STILE_TYPE_BF16, l->w, j * LAYER_K + k);
            wrong += y[i * LAYER_N + j] != sum;
        }
    }
    return wrong;
}

/* A plan of `text` on `context`, with weights encoded and X filled. */
static inline layer *layer_create(stile_context *context, const char *text, unsigned seed)
{
    stile_spec *spec = NULL;
    stile_plan_params params = {.M = LAYER_M, .K = LAYER_K, .N = LAYER_N};
    layer *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->context = context;
    l->driver = context->driver;
    l->seed = seed;
    assert_int_equal(stile_spec_parse(&spec, text, strlen(text), NULL, NULL), STILE_OK);
    if (stile_plan_create(&l->plan, context, spec, &params))
        fail_msg("%s", stile_last_error());
    stile_spec_destroy(&spec);

    const stile_driver *driver = l->driver;
    assert_cuda(driver->cuMemAlloc(&l->device_x, sizeof l->x));
    assert_cuda(driver->cuMemAlloc(&l->device_w, sizeof l->w));
    assert_cuda(driver->cuMemAlloc(&l->device_w_hat, stile_plan_weight_size(l->plan)));
    assert_cuda(driver->cuMemAlloc(&l->device_y, LAYER_M * LAYER_N * sizeof(float)));
    assert_cuda(driver->cuMemsetD8(l->device_y, 0xff, LAYER_M * LAYER_N * sizeof(float)));
    assert_cuda(driver->cuMemAlloc(&l->workspace, stile_plan_workspace_size(l->plan)));
    layer_fill(l, l->w, LAYER_N * LAYER_K);
    assert_cuda(driver->cuMemcpyHtoD(l->device_w, l->w, sizeof l->w));
    layer_next(l);
    void *workspace = layer_pointer(l->workspace);
    assert_int_equal(stile_workspace_init(l->plan, workspace, NULL), STILE_OK);
    assert_int_equal(stile_encode_weight(l->plan, layer_pointer(l->device_w),
                                         layer_pointer(l->device_w_hat), workspace, NULL),
                     STILE_OK);
    assert_cuda(driver->cuCtxSynchronize());
    return l;
}

static inline void layer_destroy(layer *l)
{
    const CUdeviceptr all[] = {l->device_x, l->device_w, l->device_w_hat, l->device_y,
                               l->workspace};
    assert_cuda(l->driver->cuCtxSynchronize());
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_cuda(l->driver->cuMemFree(all[i]));
    stile_plan_destroy(&l->plan);
    free(l);
}

#endif
