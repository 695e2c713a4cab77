/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that uses stile from outside: it computes a linear layer, Y = X · Wᵀ + bias, with
 * weights that it encodes once, directly and from a CUDA graph, and checks every result.
 *
 * Build it where stile is installed:
 *
 *     cc -std=gnu11 -O2 host.c device.c -o host $(pkg-config --cflags --libs stile)
 *
 * and run it on the first GPU, or on the CPU device:
 *
 *     ./host linear.yaml
 *     ./host linear.yaml cpu
 *
 * On a GPU the first run compiles the kernels; then it starts a second process, which finds them in
 * the kernel cache. A machine that must not compile loads a bundle instead:
 *
 *     stile build linear.yaml --arch sm_90a -o linear.stile
 *     STILE_JIT=off ./host linear.yaml cuda linear.stile
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <stile/stile.h>

#include "device.h"

/* The shape: sizes need be no multiples of anything. */
enum { M = 500, K = 384, N = 300, REPLAYS = 3 };

/* Ends the program with the details that stile keeps for this thread. */
static void check(int error, const char *what)
{
    if (error) {
        fprintf(stderr, "%s: %s: %s\n", what, stile_error_string(error), stile_last_error());
        exit(1);
    }
}

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e3 + now.tv_nsec * 1e-6;
}

/* --- data --------------------------------------------------------------------------------------
 */

/* Numbers of about unit size, from a generator that any will do for. */
static float next_number(void)
{
    static uint32_t state = 1;
    float sum = -2;
    for (int i = 0; i < 4; i++) {
        state = state * 1664525u + 1013904223u;
        sum += (float)(state >> 8) / (1 << 24);
    }
    return sum;
}

/* bfloat16 is the upper half of a float; this rounds to nearest, ties to even. */
static uint16_t to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float from_bf16(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static void fill_bf16(uint16_t *out, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = to_bf16(next_number());
}

/* What the layer computes, on the host and in double precision; X and W are as stored. */
typedef struct layer {
    uint16_t x[M * K], w[N * K];
    float bias[N], y[M * N];
} layer;

/* Compares Y with a plain loop: the square of the relative error over the whole matrix. */
static double squared_error(const layer *l)
{
    double error = 0, size = 0;
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            double sum = l->bias[j];
            for (int k = 0; k < K; k++)
                sum += (double)from_bf16(l->x[i * K + k]) * from_bf16(l->w[j * K + k]);
            error += (l->y[i * N + j] - sum) * (l->y[i * N + j] - sum);
            size += sum * sum;
        }
    }
    return error / size;
}

/* Strassen in bfloat16 is off by about 0.5 %; ten times that would be a fault. NaN fails, too. */
static void judge(const layer *l, const char *what)
{
    double error = squared_error(l);
    bool good = error < 0.05 * 0.05;
    printf("%s: %s (squared relative error %.1e)\n", what, good ? "right" : "WRONG", error);
    if (!good)
        exit(1);
}

/* --- steps -------------------------------------------------------------------------------------
 */

/* 1. Specs are text; all that is wrong with one comes back at once, with positions. */
static stile_spec *load_spec(const char *path)
{
    stile_spec *spec = NULL;
    stile_diagnostics *diagnostics = NULL;
    check(stile_diagnostics_create(&diagnostics), "diagnostics");
    int error = stile_spec_load(&spec, path, diagnostics);
    for (size_t i = 0; i < stile_diagnostics_count(diagnostics); i++)
        fprintf(stderr, "%s\n", stile_diagnostics_get(diagnostics, i)->text);
    check(error, path);
    stile_diagnostics_destroy(&diagnostics);
    return spec;
}

static void print_log(void *user, stile_log_level level, const char *message)
{
    (void)user;
    if (level <= STILE_LOG_WARNING)
        fprintf(stderr, "stile: %s\n", message);
}

/* 2. A context is a device with its kernel cache and its bundles. One serves the whole process. */
static stile_context *open_context(bool cpu, const char *bundle)
{
    stile_context *context = NULL;
    stile_context_params params = {.device = cpu ? STILE_DEVICE_CPU : 0, .log = print_log};
    check(stile_context_create(&context, &params), "context");
    if (bundle)
        check(stile_context_load_bundle(context, bundle), "bundle");
    const char *arch = stile_context_arch(context);
    printf("device: %s%s%s\n", stile_context_device_name(context), arch ? ", " : "",
           arch ? arch : "");
    return context;
}

/* 3. A plan is everything that can be done before there is data: kernels compiled and loaded. */
static stile_plan *make_plan(stile_context *context, const stile_spec *spec)
{
    stile_plan *plan = NULL;
    stile_plan_params params = {.op = STILE_OP_FORWARD, .M = M, .K = K, .N = N};
    double start = milliseconds();
    check(stile_plan_create(&plan, context, spec, &params), "plan");
    double end = milliseconds();

    stile_plan_info info;
    stile_cache_counters counters;
    check(stile_plan_get_info(&info, plan), "plan info");
    check(stile_context_cache_counters(&counters, context), "cache counters");
    printf(
        "plan: %s, tile %dx%dx%d, %d products, made in %.1f ms (%d kernels compiled, %d from the "
        "cache)\n",
        info.variant, info.m, info.k, info.n, info.rank, end - start, (int)counters.compiles,
        (int)counters.hits);

    /* This program writes bfloat16 and reads floats; the spec on the command line may disagree. */
    if (strcmp(info.input, "bf16") != 0 || strcmp(info.output, "f32") != 0 ||
        strcmp(info.weight_layout, "nk") != 0 || strcmp(info.weight_encode, "offline") != 0 ||
        !info.bias || info.residual || strcmp(info.activation, "none") != 0) {
        fprintf(stderr, "%s is not the layer that this program computes\n", info.variant);
        exit(1);
    }
    return plan;
}

/* 4. What lives on the device. stile allocates none of it. */
typedef struct buffers {
    void *x, *w, *w_encoded, *bias, *y, *workspace;
} buffers;

static buffers allocate(const stile_plan *plan)
{
    return (buffers){
        .x = device_alloc(M * K * sizeof(uint16_t)),
        .w = device_alloc(N * K * sizeof(uint16_t)),
        .w_encoded = device_alloc(stile_plan_weight_size(plan)),
        .bias = device_alloc(N * sizeof(float)),
        .y = device_alloc(M * N * sizeof(float)),
        .workspace = device_alloc(stile_plan_workspace_size(plan)),
    };
}

static void release(buffers *b)
{
    void *all[] = {b->x, b->w, b->w_encoded, b->bias, b->y, b->workspace};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        device_free(all[i]);
}

/* 5. Once per model: encode the weights. W itself is not needed after that. */
static void encode(const stile_plan *plan, const layer *l, const buffers *b, void *stream)
{
    device_upload(b->w, l->w, sizeof l->w);
    device_upload(b->bias, l->bias, sizeof l->bias);
    check(stile_workspace_init(plan, b->workspace, stream), "workspace");
    check(stile_encode_weight(plan, b->w, b->w_encoded, b->workspace, stream), "encode");
    device_stream_wait(stream);
}

/* 6. Once per batch: run. The call only puts work on the stream. */
static void run(const stile_plan *plan, const buffers *b, void *stream)
{
    stile_operands operands = {.x = b->x, .w = b->w_encoded, .y = b->y, .bias = b->bias};
    check(stile_run(plan, &operands, b->workspace, stream), "run");
}

static void next_batch(layer *l, const buffers *b)
{
    fill_bf16(l->x, M * K);
    device_upload(b->x, l->x, sizeof l->x);
}

static void fetch(layer *l, const buffers *b, void *stream)
{
    device_stream_wait(stream);
    device_download(l->y, b->y, sizeof l->y);
}

/* 7. Or run from a graph: captured once, replayed with whatever the buffers hold then. */
static void replay(const stile_plan *plan, layer *l, const buffers *b, void *stream)
{
    device_capture_begin(stream);
    run(plan, b, stream);
    void *graph = device_capture_end(stream);
    for (int i = 0; i < REPLAYS; i++) {
        next_batch(l, b);
        device_graph_launch(graph, stream);
        fetch(l, b, stream);
        judge(l, "replay of a CUDA graph");
    }
    device_graph_destroy(graph);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s SPEC.yaml [cuda|cpu [BUNDLE.stile|- [again]]]\n", argv[0]);
        return 2;
    }
    bool cpu = argc > 2 && strcmp(argv[2], "cpu") == 0;
    const char *bundle = argc > 3 && strcmp(argv[3], "-") != 0 ? argv[3] : NULL;
    bool again = argc > 4;

    stile_spec *spec = load_spec(argv[1]);
    stile_context *context = open_context(cpu, bundle);
    stile_plan *plan = make_plan(context, spec);
    stile_spec_destroy(&spec); /* the plan does not need it any more */

    device_open(cpu);
    void *stream = device_stream_create();
    layer *l = malloc(sizeof *l);
    check(l ? 0 : STILE_ERROR_MEMORY, "layer");
    fill_bf16(l->w, N * K);
    for (int i = 0; i < N; i++)
        l->bias[i] = next_number();

    buffers b = allocate(plan);
    encode(plan, l, &b, stream);
    next_batch(l, &b);
    run(plan, &b, stream);
    fetch(l, &b, stream);
    judge(l, "run on a stream");
    if (!cpu)
        replay(plan, l, &b, stream);

    /* In reverse order: plans before their context. */
    release(&b);
    free(l);
    device_stream_destroy(stream);
    stile_plan_destroy(&plan);
    stile_context_destroy(&context);
    device_close();

    if (!again) {
        printf("\nagain, in a new process:\n");
        fflush(stdout);
        execl("/proc/self/exe", argv[0], argv[1], cpu ? "cpu" : "cuda", bundle ? bundle : "-",
              "again", (char *)NULL);
        perror("exec");
        return 1;
    }
    return 0;
}
