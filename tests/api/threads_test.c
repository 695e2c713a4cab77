/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads on one context of the CPU device, with the public headers and the library alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stile/stile.h>

enum { THREADS = 16, ROUNDS = 6, LARGEST = 40 };

static const char spec_text[] =
    "stile: 1\n"
    "name: shared\n"
    "basis: {name: strassen}\n"
    "precision: {input: f32, encoded: tf32, product: f32, output: f32}\n"
    "weight: {encode: offline}\n"
    "variants:\n"
    "  basis: [{name: strassen}, {name: winograd}, {name: laderman}]\n"
    "  weight.encode: [offline, online]\n";

typedef struct worker {
    stile_context *context;
    const stile_spec *spec;
    int index;
    char failure[256]; /* "": none */
} worker;

static void *aligned(size_t size)
{
    return aligned_alloc(256, (size + 256) / 256 * 256);
}

/* Integers from -4 to 4: every intermediate is exact, so Y must be, too. */
static void fill(float *out, int count, unsigned *seed)
{
    for (int i = 0; i < count; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        out[i] = (float)((int)(*seed >> 16) % 9 - 4);
    }
}

static int count_wrong(const float *x, const float *w, const float *y, int M, int K, int N)
{
    int wrong = 0;
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            float sum = 0;
            for (int k = 0; k < K; k++)
                sum += x[i * K + k] * w[j * K + k];
            wrong += y[i * N + j] != sum;
        }
    }
    return wrong;
}

static void note(worker *w, const char *what)
{
    if (!w->failure[0])
        snprintf(w->failure, sizeof w->failure, "%s: %s", what, stile_last_error());
}

/* Makes a plan of its own, runs it twice, compares with plain multiplication. */
static void multiply(worker *w, int round)
{
    unsigned seed = (unsigned)(w->index * ROUNDS + round);
    int M = 1 + (int)seed * 7 % LARGEST, K = 1 + (int)seed * 5 % LARGEST,
        N = 1 + (int)seed * 3 % LARGEST;
    size_t variant = seed % stile_spec_variant_count(w->spec);
    stile_plan_params params = {
        .M = M, .K = K, .N = N, .variant = stile_spec_variant_name(w->spec, variant)};
    stile_plan *plan = NULL;
    if (stile_plan_create(&plan, w->context, w->spec, &params)) {
        note(w, "create");
        return;
    }
    size_t weight_size = stile_plan_weight_size(plan);
    float *x = aligned(LARGEST * LARGEST * sizeof(float)), *y = aligned(LARGEST * LARGEST * 4),
          *weight = aligned(LARGEST * LARGEST * sizeof(float));
    void *encoded = aligned(weight_size), *workspace = aligned(stile_plan_workspace_size(plan));
    fill(weight, N * K, &seed);
    stile_operands operands = {.x = x, .w = weight_size ? encoded : weight, .y = y};
    if (stile_workspace_init(plan, workspace, NULL) ||
        (weight_size && stile_encode_weight(plan, weight, encoded, workspace, NULL)))
        note(w, "encode");
    for (int run = 0; run < 2; run++) {
        fill(x, M * K, &seed);
        memset(y, 0xff, LARGEST * LARGEST * sizeof(float)); /* NaN */
        if (stile_run(plan, &operands, workspace, NULL))
            note(w, "run");
        else if (count_wrong(x, weight, y, M, K, N))
            note(w, "wrong result");
    }
    free(x);
    free(y);
    free(weight);
    free(encoded);
    free(workspace);
    stile_plan_destroy(&plan);
}

/* Fails in a way of its own, and finds its own text. */
static void fail_alone(worker *w)
{
    stile_plan *plan = NULL;
    char expected[64];
    stile_plan_params params = {
        .M = 1, .K = 1, .N = -w->index, .variant = stile_spec_variant_name(w->spec, 0)};
    snprintf(expected, sizeof expected, "N is %d:", -w->index);
    if (stile_plan_create(&plan, w->context, w->spec, &params) != STILE_ERROR_ARGUMENT || plan)
        note(w, "no error");
    else if (!strstr(stile_last_error(), expected))
        note(w, "another thread's error");
}

static void *work(void *user)
{
    worker *w = user;
    for (int round = 0; round < ROUNDS; round++) {
        multiply(w, round);
        fail_alone(w);
    }
    return NULL;
}

static void run_threads(stile_context *const *contexts, int context_count)
{
    stile_spec *spec = NULL;
    assert_int_equal(stile_spec_parse(&spec, spec_text, strlen(spec_text), NULL, NULL), STILE_OK);
    assert_int_equal(stile_spec_variant_count(spec), 6);
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.context = contexts[i % context_count], .spec = spec, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_string_equal(workers[i].failure, "");
    stile_spec_destroy(&spec);
}

static stile_context *create_context(int threads)
{
    stile_context *context = NULL;
    stile_context_params params = {.device = STILE_DEVICE_CPU, .threads = threads};
    assert_int_equal(stile_context_create(&context, &params), STILE_OK);
    return context;
}

static void sixteen_threads_share_one_context(void **state)
{
    (void)state;
    stile_context *context = create_context(2);
    run_threads(&context, 1);
    stile_context_destroy(&context);
}

static void contexts_of_one_process_do_not_meet(void **state)
{
    (void)state;
    stile_context *contexts[3] = {create_context(1), create_context(2), create_context(0)};
    run_threads(contexts, 3);
    for (int i = 0; i < 3; i++)
        stile_context_destroy(&contexts[i]);
}

static void *read_error(void *user)
{
    *(char *)user = stile_last_error()[0];
    return NULL;
}

static void a_new_thread_has_no_error(void **state)
{
    (void)state;
    assert_int_equal(stile_context_create(NULL, NULL), STILE_ERROR_ARGUMENT);
    assert_true(stile_last_error()[0]);
    char first = 'x';
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_error, &first), 0);
    pthread_join(thread, NULL);
    assert_int_equal(first, '\0');
}

static void header_and_library_are_of_one_version(void **state)
{
    (void)state;
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", STILE_VERSION_MAJOR, STILE_VERSION_MINOR,
             STILE_VERSION_PATCH);
    assert_string_equal(version, STILE_VERSION);
    assert_string_equal(stile_version(), STILE_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_threads_share_one_context),
        cmocka_unit_test(contexts_of_one_process_do_not_meet),
        cmocka_unit_test(a_new_thread_has_no_error),
        cmocka_unit_test(header_and_library_are_of_one_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
