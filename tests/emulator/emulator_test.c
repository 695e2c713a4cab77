/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated GPU against plain definitions of its instructions, and that it catches broken rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "compile.h"
#include "driver.h"
#include "emulator.h"
#include "fail.h"
#include "formats.h"

enum { LAUNCH_FAILED = 719, SKIPPED = 77 };

static const stile_driver *driver;
static CUcontext context;
static CUresult (*reset)(CUdevice device);

/* An entry point of the driver that the runtime does not use. */
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
    assert_int_equal(stile_driver_get(&driver), STILE_OK);
    assert_int_equal(driver->cuDevicePrimaryCtxRetain(&context, 0), 0);
    assert_int_equal(driver->cuCtxPushCurrent(context), 0);
    find(&reset, "cuDevicePrimaryCtxReset_v2");
    return 0;
}

/* --- kernels --- */

static char *read_kernels(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/emulator/kernels/%s.cu", getenv("STILE_TEST_SOURCE"),
             name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    return text;
}

/* What is compiled once for all tests. */
static struct {
    const char *name;
    stile_cubin cubin;
} compiled[8];

static const stile_cubin *compile(const char *name)
{
    stile_arch arch;
    int i = 0;
    while (compiled[i].name && strcmp(compiled[i].name, name) != 0)
        i++;
    if (compiled[i].name)
        return &compiled[i].cubin;
    char *source = read_kernels(name);
    assert_int_equal(stile_arch_parse(&arch, "sm_90a"), STILE_OK);
    if (stile_compile(&compiled[i].cubin, name, source, &arch))
        fail_msg("%s", stile_last_error());
    compiled[i].name = name;
    free(source);
    return &compiled[i].cubin;
}

static CUmodule load(const char *name)
{
    CUmodule module;
    assert_int_equal(driver->cuModuleLoadData(&module, compile(name)->data), 0);
    return module;
}

static int close_device(void **state)
{
    CUcontext ours;
    (void)state;
    for (int i = 0; compiled[i].name; i++)
        stile_cubin_free(&compiled[i].cubin);
    return driver->cuCtxPopCurrent(&ours);
}

static CUresult launch(CUmodule module, const char *name, unsigned blocks, unsigned threads,
                       unsigned shared_bytes, void **parameters)
{
    CUfunction function;
    assert_int_equal(driver->cuModuleGetFunction(&function, module, name), 0);
    return driver->cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, shared_bytes, NULL,
                                  parameters, NULL);
}

/* Device memory with a copy of `bytes`; on the emulated GPU the host may touch it, too. */
static void *upload(const void *bytes, size_t size)
{
    CUdeviceptr pointer;
    assert_int_equal(driver->cuMemAlloc(&pointer, size), 0);
    if (bytes)
        assert_int_equal(driver->cuMemcpyHtoD(pointer, bytes, size), 0);
    return (void *)(uintptr_t)pointer;
}

static void release(void *memory)
{
    assert_int_equal(driver->cuMemFree((CUdeviceptr)(uintptr_t)memory), 0);
}

/* --- numbers --- */

/* The same integers on every run. */
static int next_integer(unsigned *seed, int least, int most)
{
    *seed = *seed * 1664525u + 1013904223u;
    return least + (int)(*seed >> 16) % (most - least + 1);
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void conversions_round_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        const float exact = emulator_from_bits(EMULATOR_F16, bits);
        if (isnan(exact))
            continue;
        assert_int_equal(emulator_f16(exact), bits);
        /* The neighbours, and the halves on the way there. */
        const float next = emulator_from_bits(EMULATOR_F16, bits + 1);
        const float half = exact + (next - exact) / 2;
        const float values[] = {half, nextafterf(half, exact), nextafterf(half, next)};
        for (int i = 0; i < 3 && isfinite(next); i++)
            assert_int_equal(emulator_f16(values[i]), stile_f16_from_double(values[i]));
    }
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 0x7ffd) {
        const float value = float_of((uint32_t)bits);
        if (!isnan(value)) {
            assert_int_equal(emulator_bf16(value), stile_bf16_from_double(value));
            assert_int_equal(emulator_f16(value), stile_f16_from_double(value));
        }
    }
    assert_int_equal(emulator_bf16(float_of(0x3f808000)), 0x3f80); /* ties to even */
    assert_int_equal(emulator_bf16(float_of(0x3f818000)), 0x3f82);
    assert_true(isnan(emulator_from_bits(EMULATOR_BF16, emulator_bf16(NAN))));
    assert_true(isnan(emulator_from_bits(EMULATOR_F16, emulator_f16(NAN))));
}

static void small_floats_are_those_of_their_definitions(void **state)
{
    (void)state;
    assert_true(emulator_from_bits(EMULATOR_E4M3, 0x7e) == 448);
    assert_true(isnan(emulator_from_bits(EMULATOR_E4M3, 0x7f)));
    assert_true(emulator_from_bits(EMULATOR_E4M3, 0x01) == 0x1p-9f);
    assert_true(emulator_from_bits(EMULATOR_E4M3, 0xb8) == -1);
    assert_true(emulator_from_bits(EMULATOR_E5M2, 0x7b) == 57344);
    assert_true(isinf(emulator_from_bits(EMULATOR_E5M2, 0x7c)));
    assert_true(emulator_from_bits(EMULATOR_E5M2, 0x01) == 0x1p-16f);
    assert_true(emulator_from_bits(EMULATOR_TF32, 0x3f801fff) == 1); /* 13 bits are not looked at */
}

/* --- matrices --- */

/* A small integer's bits in the format of `kernel`, and how many of them a 32-bit word holds. */
static uint32_t encode(const char *kernel, int value)
{
    const float number = (float)value;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    if (strcmp(kernel, "mma_tf32") == 0)
        return bits;
    return strcmp(kernel, "mma_f16") == 0 ? stile_f16_from_double(value) : bits >> 16;
}

static void mma_is_the_product_of_its_fragments(void **state)
{
    (void)state;
    static const char *const names[] = {"mma_bf16", "mma_f16", "mma_tf32"};
    CUmodule module = load("mma");
    for (int kind = 0; kind < 3; kind++) {
        const int per_word = kind == 2 ? 1 : 2, inner = 8 * per_word;
        unsigned seed = 1;
        int a[16][16], b[8][16];
        uint32_t a_words[16][8] = {0}, b_words[8][8] = {0};
        float d[16][8];
        for (int i = 0; i < 16 * inner; i++) {
            const int row = i / inner, k = i % inner;
            a[row][k] = next_integer(&seed, -9, 9);
            a_words[row][k / per_word] |= encode(names[kind], a[row][k]) << 16 * (k % per_word);
        }
        for (int i = 0; i < 8 * inner; i++) {
            const int column = i / inner, k = i % inner;
            b[column][k] = next_integer(&seed, -9, 9);
            b_words[column][k / per_word] |= encode(names[kind], b[column][k])
                                             << 16 * (k % per_word);
        }
        for (int i = 0; i < 128; i++)
            d[i / 8][i % 8] = (float)i;

        void *device_a = upload(a_words, sizeof a_words),
             *device_b = upload(b_words, sizeof b_words);
        float(*device_d)[8] = upload(d, sizeof d);
        void *parameters[] = {&device_a, &device_b, &device_d};
        assert_int_equal(launch(module, names[kind], 1, 32, 0, parameters), 0);
        for (int row = 0; row < 16; row++) {
            for (int column = 0; column < 8; column++) {
                int sum = row * 8 + column;
                for (int k = 0; k < inner; k++)
                    sum += a[row][k] * b[column][k];
                assert_true(device_d[row][column] == (float)sum);
            }
        }
        release(device_a);
        release(device_b);
        release(device_d);
    }
    assert_int_equal(driver->cuModuleUnload(module), 0);
}

static void ldmatrix_spreads_rows_or_columns_over_lanes(void **state)
{
    (void)state;
    uint16_t in[4][8][8];
    for (int i = 0; i < 256; i++)
        in[i / 64][i / 8 % 8][i % 8] = (uint16_t)i;
    CUmodule module = load("mma");
    void *device_in = upload(in, sizeof in);
    uint16_t(*out)[8][8] = upload(NULL, sizeof in);
    void *parameters[] = {&device_in, &out};
    assert_int_equal(launch(module, "ldmatrix_plain", 1, 32, 0, parameters), 0);
    for (int i = 0; i < 256; i++)
        assert_int_equal(out[i / 64][i / 8 % 8][i % 8], in[i / 64][i / 8 % 8][i % 8]);
    assert_int_equal(launch(module, "ldmatrix_transposed", 1, 32, 0, parameters), 0);
    for (int i = 0; i < 256; i++)
        assert_int_equal(out[i / 64][i / 8 % 8][i % 8], in[i / 64][i % 8][i / 8 % 8]);
    release(device_in);
    release(out);
    assert_int_equal(driver->cuModuleUnload(module), 0);
}

/* --- copies and products of Hopper --- */

enum { ROWS = 90, COLUMNS = 21, INNER = 100, PITCH = 104, BOX_M = 64, BOX_N = 16, BOX_K = 64 };

typedef struct multiply_params {
    _Alignas(64) unsigned char x[128];
    _Alignas(64) unsigned char w[128];
    float *out;
    int k, row, column;
} multiply_params;

static void encode_map(void *out, void *matrix, uint64_t rows, uint32_t box_rows)
{
    enum { BF16 = 9, SWIZZLE_128B = 3 };
    const uint64_t extents[2] = {INNER, rows}, stride = PITCH * sizeof(uint16_t);
    const uint32_t box[2] = {BOX_K, box_rows}, steps[2] = {1, 1};
    assert_int_equal(driver->cuTensorMapEncodeTiled(out, BF16, 2, matrix, extents, &stride, box,
                                                    steps, 0, SWIZZLE_128B, 0, 0),
                     0);
}

static void fill_matrix(uint16_t (*out)[PITCH], int rows, unsigned seed)
{
    for (int row = 0; row < rows; row++) {
        for (int k = 0; k < PITCH; k++) /* NaN where the map does not reach */
            out[row][k] = k < INNER ? stile_bf16_from_double(next_integer(&seed, -9, 9)) : 0x7fff;
    }
}

static float entry(uint16_t (*matrix)[PITCH], int rows, int row, int k)
{
    return row < rows && k < INNER ? emulator_from_bits(EMULATOR_BF16, matrix[row][k]) : 0;
}

static void wgmma_multiplies_swizzled_boxes_with_tails(void **state)
{
    (void)state;
    static uint16_t x[ROWS][PITCH], w[COLUMNS][PITCH];
    fill_matrix(x, ROWS, 1);
    fill_matrix(w, COLUMNS, 2);
    void *device_x = upload(x, sizeof x), *device_w = upload(w, sizeof w);
    float(*out)[BOX_N] = upload(NULL, BOX_M * BOX_N * sizeof(float));
    CUmodule module = load("wgmma");
    multiply_params params = {.out = &out[0][0]};
    encode_map(params.x, device_x, ROWS, BOX_M);
    encode_map(params.w, device_w, COLUMNS, BOX_N);
    for (int corner = 0; corner < 16; corner++) {
        params.k = corner & 1 ? BOX_K : 0;
        params.row = corner & 2 ? BOX_M : 0;
        params.column = corner & 4 ? BOX_N : 0;
        void *parameters[] = {&params};
        const char *kernel = corner & 8 ? "multiply_registers" : "multiply";
        assert_int_equal(launch(module, kernel, 1, 128, (BOX_M + BOX_N) * 128, parameters), 0);
        for (int row = 0; row < BOX_M; row++) {
            for (int column = 0; column < BOX_N; column++) {
                float sum = 0;
                for (int k = params.k; k < params.k + BOX_K; k++)
                    sum += entry(x, ROWS, params.row + row, k) *
                           entry(w, COLUMNS, params.column + column, k);
                assert_true(out[row][column] == sum);
            }
        }
    }
    assert_int_equal(driver->cuModuleUnload(module), 0);
    release(device_x);
    release(device_w);
    release(out);
}

static void a_tensor_map_that_the_hardware_refuses_is_refused(void **state)
{
    (void)state;
    enum { BF16 = 9, SWIZZLE_128B = 3 };
    _Alignas(64) unsigned char map[128];
    void *memory = upload(NULL, 4096);
    const uint64_t extents[2] = {8, 8}, stride = 16, odd_stride = 24;
    const uint32_t box[2] = {64, 8}, wide[2] = {72, 8}, steps[2] = {1, 1};
    const struct {
        void *address;
        const uint64_t *stride;
        const uint32_t *box;
        bool good;
    } cases[] = {{memory, &stride, box, true},
                 {(char *)memory + 8, &stride, box, false},
                 {memory, &odd_stride, box, false},
                 {memory, &stride, wide, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(driver->cuTensorMapEncodeTiled(map, BF16, 2, cases[i].address, extents,
                                                        cases[i].stride, cases[i].box, steps, 0,
                                                        SWIZZLE_128B, 0, 0) == 0,
                         cases[i].good);
    release(memory);
}

static void blocks_of_a_cluster_write_to_each_other(void **state)
{
    (void)state;
    enum { BLOCKS = 64 };
    CUmodule module = load("cluster");
    const unsigned zero = 0;
    unsigned *out = upload(NULL, BLOCKS * sizeof(unsigned)), *count = upload(&zero, sizeof zero);
    void *parameters[] = {&out, &count};
    assert_int_equal(launch(module, "exchange", BLOCKS, 1, 0, parameters), 0);
    for (unsigned i = 0; i < BLOCKS; i++)
        assert_int_equal(out[i], i ^ 1);
    assert_int_equal(*count, BLOCKS);
    assert_int_equal(driver->cuModuleUnload(module), 0);
    release(out);
    release(count);
}

/* --- single instructions --- */

/* Runs a kernel of instructions.cu with `words` of input; returns its output, zero at first. */
static uint32_t *run_instruction(const char *kernel, unsigned threads, const void *in, size_t bytes)
{
    enum { OUT_BYTES = 1024 };
    CUmodule module = load("instructions");
    void *device_in = upload(in, bytes);
    uint32_t *out = upload(NULL, OUT_BYTES);
    memset(out, 0, OUT_BYTES);
    void *parameters[] = {&device_in, &out};
    assert_int_equal(launch(module, kernel, 1, threads, 0, parameters), 0);
    assert_int_equal(driver->cuModuleUnload(module), 0);
    release(device_in);
    return out;
}

static void stmatrix_undoes_ldmatrix(void **state)
{
    (void)state;
    uint16_t in[4][8][8];
    for (int i = 0; i < 256; i++)
        in[i / 64][i / 8 % 8][i % 8] = (uint16_t)i;
    uint16_t(*plain)[8][8] = (void *)run_instruction("stmatrix_plain", 32, in, sizeof in);
    assert_memory_equal(plain, in, sizeof in);
    uint16_t(*transposed)[8][8] = (void *)run_instruction("stmatrix_transposed", 32, in, sizeof in);
    for (int i = 0; i < 256; i++)
        assert_int_equal(transposed[i / 64][i / 8 % 8][i % 8], in[i / 64][i % 8][i / 8 % 8]);
    release(plain);
    release(transposed);
}

static void bulk_copies_go_there_and_back(void **state)
{
    (void)state;
    uint32_t in[16];
    for (uint32_t i = 0; i < 16; i++)
        in[i] = 100 + i;
    uint32_t *out = run_instruction("bulk_copies", 1, in, sizeof in);
    assert_memory_equal(out, in, sizeof in);
    assert_int_equal(out[16], in[15]);
    release(out);
}

static void a_tensor_store_leaves_out_what_is_outside(void **state)
{
    (void)state;
    enum { FLOAT32 = 7, STORE_ROWS = 6, STORE_COLUMNS = 10, STORE_PITCH = 12 };
    _Alignas(64) unsigned char map[128];
    static const float zeros[STORE_ROWS + 1][STORE_PITCH];
    float(*out)[STORE_PITCH] = upload(zeros, sizeof zeros);
    const uint64_t extents[2] = {STORE_COLUMNS, STORE_ROWS}, stride = sizeof *out;
    const uint32_t box[2] = {8, 4}, steps[2] = {1, 1};
    int x = 4, y = 3;
    assert_int_equal(driver->cuTensorMapEncodeTiled(map, FLOAT32, 2, out, extents, &stride, box,
                                                    steps, 0, 0, 0, 0),
                     0);
    CUmodule module = load("instructions");
    void *parameters[] = {map, &x, &y};
    assert_int_equal(launch(module, "tensor_store", 1, 1, 128, parameters), 0);
    for (int row = 0; row <= STORE_ROWS; row++) {
        for (int column = 0; column < STORE_PITCH; column++) {
            const bool inside =
                row >= y && row < STORE_ROWS && column >= x && column < STORE_COLUMNS;
            assert_true(out[row][column] == (inside ? (row - y) * 8 + column - x : 0));
        }
    }
    assert_int_equal(driver->cuModuleUnload(module), 0);
    release(out);
}

static void a_short_copy_is_filled_with_zeros(void **state)
{
    (void)state;
    static const uint32_t in[4] = {7, 8, 9, 10}, expected[4] = {7};
    uint32_t *out = run_instruction("copies_at_a_barrier", 1, in, sizeof in);
    assert_memory_equal(out, expected, sizeof expected);
    release(out);
}

static void atomics_return_what_was_there(void **state)
{
    (void)state;
    static const uint32_t expected[7] = {1, 0, 5, 9, 11, 2, 2};
    uint32_t *out = run_instruction("atomics", 1, expected, sizeof expected);
    assert_memory_equal(out, expected, sizeof expected);
    release(out);
}

static void registers_are_packed_and_predicates_guard(void **state)
{
    (void)state;
    static const uint32_t in[2] = {3, 4};
    uint32_t *out = run_instruction("registers", 32, in, sizeof in);
    for (int i = 0; i < 32; i++)
        assert_int_equal(out[i], i == 0);
    assert_int_equal(out[32], 3);
    assert_int_equal(out[33], 4);
    assert_int_equal(out[34], 4);
    assert_int_equal(out[35], 1);
    assert_true(float_of(out[36]) == 1.5f);
    release(out);
}

static void named_barriers_order_two_warps(void **state)
{
    (void)state;
    static const uint32_t in[4] = {1000, 2000, 3000, 4000};
    uint32_t *out = run_instruction("named_barriers", 64, in, sizeof in);
    for (uint32_t i = 0; i < 128; i++)
        assert_int_equal(out[i], in[i / 32] + i % 32);
    release(out);
}

/* --- graphs --- */

static void a_captured_launch_runs_with_its_graph(void **state)
{
    (void)state;
    CUresult (*begin)(CUstream, int), (*end)(CUstream, void **),
        (*instantiate)(void **, void *, uint64_t);
    CUresult (*run)(void *, CUstream), (*destroy)(void *);
    find(&begin, "cuStreamBeginCapture_v2");
    find(&end, "cuStreamEndCapture");
    find(&instantiate, "cuGraphInstantiateWithFlags");
    find(&run, "cuGraphLaunch");
    find(&destroy, "cuGraphDestroy");

    CUmodule module = load("rules");
    CUfunction function;
    CUstream stream;
    void *graph, *executable;
    const float values[8] = {1, 2, 3, 4};
    float *memory = upload(values, sizeof values), *pointer = memory;
    void *parameters[] = {&pointer};
    assert_int_equal(driver->cuModuleGetFunction(&function, module, "copies_and_waits"), 0);
    assert_int_equal(driver->cuStreamCreate(&stream, 0), 0);
    assert_int_equal(begin(stream, 0), 0);
    assert_int_equal(
        driver->cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, parameters, NULL), 0);
    assert_int_equal(end(stream, &graph), 0);
    pointer = NULL; /* the graph has the parameters of the capture */
    assert_true(memory[4] == 0);
    assert_int_equal(instantiate(&executable, graph, 0), 0);
    assert_int_equal(destroy(graph), 0);
    for (int i = 5; i < 8; i++) {
        memory[3] = (float)i;
        assert_int_equal(run(executable, stream), 0);
        assert_true(memory[4] == (float)i);
    }
    assert_int_equal(destroy(executable), 0);
    assert_int_equal(driver->cuStreamDestroy(stream), 0);
    assert_int_equal(driver->cuModuleUnload(module), 0);
    release(memory);
}

/* --- rules --- */

static void a_copy_is_there_once_it_was_waited_for(void **state)
{
    (void)state;
    CUmodule module = load("rules");
    const float values[8] = {1, 2, 3, 4};
    float *memory = upload(values, sizeof values);
    void *parameters[] = {&memory};
    assert_int_equal(launch(module, "copies_and_waits", 1, 1, 0, parameters), 0);
    assert_true(memory[4] == 4);
    assert_int_equal(launch(module, "copies_without_a_wait", 1, 1, 0, parameters), 0);
    assert_true(isnan(memory[4]));
    assert_int_equal(launch(module, "reads_uninitialised_shared_memory", 1, 1, 0, parameters), 0);
    assert_true(isnan(memory[4]));
    assert_int_equal(driver->cuModuleUnload(module), 0);
    release(memory);
}

static void broken_rules_fail_the_launch_and_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *kernel, *text;
    } rules[] = {
        {"half_of_the_threads_meet", "threads 0-31 wait at barrier 1: 32 of 64 threads came"},
        {"lanes_part", "while lane"},
        {"polls_for_ever", "the threads that run only poll"},
        {"arrives_too_often", "1 more than are missing"},
        {"uses_a_barrier_that_is_none", "no initialised mbarrier"},
        {"writes_past_the_end", "bytes past an allocation of 4096"},
        {"reads_what_is_not_aligned", "not aligned"},
        {"reads_past_a_local_array", "an index outside of an array"},
        {"leaves_its_peer", "which has ended"},
    };
    CUmodule module = load("rules");
    float *memory = upload(NULL, 4096);
    void *parameters[] = {&memory};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const char *text = "";
        memset(memory, 0, 4096);
        memory[5] = 4;
        assert_int_equal(launch(module, rules[i].kernel, 2, 64, 0, parameters), LAUNCH_FAILED);
        assert_int_equal(driver->cuCtxSynchronize(),
                         LAUNCH_FAILED); /* until the end of the context */
        driver->cuGetErrorString(LAUNCH_FAILED, &text);
        if (!strstr(text, rules[i].text) || !strstr(text, rules[i].kernel))
            fail_msg("%s fails with \"%s\", not with \"%s\"", rules[i].kernel, text, rules[i].text);
        assert_int_equal(reset(0), 0);
    }
    assert_int_equal(driver->cuModuleUnload(module), 0);
    release(memory);
}

static void an_unknown_instruction_is_an_error_that_names_it(void **state)
{
    (void)state;
    static const char source[] =
        "extern \"C\" __global__ void f() { asm(\"frobnicate.u32 %0;\" :: \"r\"(1)); }";
    stile_arch arch;
    stile_cubin cubin = {0};
    assert_int_equal(stile_arch_parse(&arch, "sm_80"), STILE_OK);
    assert_int_equal(stile_compile(&cubin, "f", source, &arch), STILE_ERROR_COMPILE);
    assert_non_null(strstr(stile_last_error(), "frobnicate.u32 is not emulated"));
    stile_cubin_free(&cubin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversions_round_to_nearest_even),
        cmocka_unit_test(small_floats_are_those_of_their_definitions),
        cmocka_unit_test(mma_is_the_product_of_its_fragments),
        cmocka_unit_test(ldmatrix_spreads_rows_or_columns_over_lanes),
        cmocka_unit_test(wgmma_multiplies_swizzled_boxes_with_tails),
        cmocka_unit_test(a_tensor_map_that_the_hardware_refuses_is_refused),
        cmocka_unit_test(blocks_of_a_cluster_write_to_each_other),
        cmocka_unit_test(stmatrix_undoes_ldmatrix),
        cmocka_unit_test(bulk_copies_go_there_and_back),
        cmocka_unit_test(a_tensor_store_leaves_out_what_is_outside),
        cmocka_unit_test(a_short_copy_is_filled_with_zeros),
        cmocka_unit_test(atomics_return_what_was_there),
        cmocka_unit_test(registers_are_packed_and_predicates_guard),
        cmocka_unit_test(named_barriers_order_two_warps),
        cmocka_unit_test(a_captured_launch_runs_with_its_graph),
        cmocka_unit_test(a_copy_is_there_once_it_was_waited_for),
        cmocka_unit_test(broken_rules_fail_the_launch_and_say_why),
        cmocka_unit_test(an_unknown_instruction_is_an_error_that_names_it),
    };
    const char *compiler = getenv("STILE_EMULATOR_CXX");
    if (!compiler || !*compiler) {
        puts("no C++ compiler, which would compile the kernels for the emulated GPU");
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, open_device, close_device);
}
