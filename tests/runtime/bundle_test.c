/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "bundle.h"
#include "bundle_format.h"
#include "context.h"
#include "scratch.h"

enum { KERNELS = 5, LARGEST = 3000 };

/* A few "cubins" of different sizes: bundles do not look inside. */
typedef struct fixture {
    scratch folder;
    char path[128];
    stile_bundle_item items[KERNELS];
    char data[KERNELS][LARGEST];
    stile_text bytes;
} fixture;

static uint64_t random_state = 88172645463325252u;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static void write_bytes(const char *path, const char *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    static const size_t sizes[KERNELS] = {1, 700, LARGEST, 64, 1234};
    scratch_create(&f->folder);
    snprintf(f->path, sizeof f->path, "%s/kernels.stile", f->folder.path);
    for (int i = 0; i < KERNELS; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            f->data[i][j] = (char)random_next();
        char seed = (char)i;
        f->items[i] = (stile_bundle_item){.key = stile_sha256_of(&seed, 1),
                                          .kernel = i % 2 ? "decode" : "channel_gemm",
                                          .data = f->data[i],
                                          .size = sizes[i]};
        assert_int_equal(stile_arch_parse(&f->items[i].arch, i < 3 ? "sm_80" : "sm_90a"), 0);
    }
    size_t count = KERNELS;
    assert_int_equal(stile_bundle_pack(&f->bytes, f->items, &count), 0);
    assert_int_equal(count, KERNELS);
    write_bytes(f->path, f->bytes.data, f->bytes.size);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    scratch_remove(&f->folder);
    stile_text_free(&f->bytes);
    free(f);
    return 0;
}

/* Makes the header's checksum right again, as a forger would. */
static void seal(char *bytes, uint64_t count)
{
    stile_sha256 hash;
    stile_sha256_begin(&hash);
    stile_sha256_update(&hash, bytes, STILE_BUNDLE_CHECK_AT);
    stile_sha256_update(&hash, bytes + STILE_BUNDLE_INDEX_AT,
                        (size_t)count * STILE_BUNDLE_ENTRY_SIZE);
    stile_digest check = stile_sha256_end(&hash);
    memcpy(bytes + STILE_BUNDLE_CHECK_AT, check.hex, STILE_BUNDLE_DIGEST_SIZE);
}

static void a_bundle_gives_back_what_was_packed(void **state)
{
    fixture *f = *state;
    stile_bundle *bundle = NULL;
    assert_int_equal(stile_bundle_open(&bundle, f->path), STILE_OK);
    assert_int_equal(stile_bundle_count(bundle), KERNELS);
    assert_string_equal(stile_bundle_path(bundle), f->path);
    char producer[64];
    snprintf(producer, sizeof producer, "stile %s", stile_version());
    assert_string_equal(stile_bundle_producer(bundle), producer);
    for (int i = 0; i < KERNELS; i++) {
        stile_cubin cubin = {0};
        assert_int_equal(stile_bundle_get(bundle, &cubin, &f->items[i].key), STILE_BUNDLE_FOUND);
        assert_int_equal(cubin.size, f->items[i].size);
        assert_memory_equal(cubin.data, f->items[i].data, cubin.size);
        assert_string_equal(cubin.log, "");
        stile_cubin_free(&cubin);
    }
    stile_cubin untouched = {.size = 17};
    stile_digest other = stile_sha256_of("other", 5);
    assert_int_equal(stile_bundle_get(bundle, &untouched, &other), STILE_BUNDLE_ABSENT);
    assert_int_equal(untouched.size, 17);
    stile_bundle_close(&bundle);
    assert_null(bundle);
    stile_bundle_close(&bundle);
    stile_bundle_close(NULL);
}

static void order_and_duplicates_leave_no_trace(void **state)
{
    fixture *f = *state;
    stile_bundle_item items[2 * KERNELS];
    for (int i = 0; i < KERNELS; i++)
        items[i] = items[2 * KERNELS - 1 - i] = f->items[KERNELS - 1 - i];
    size_t count = 2 * KERNELS;
    stile_text again = {0};
    assert_int_equal(stile_bundle_pack(&again, items, &count), 0);
    assert_int_equal(count, KERNELS);
    assert_int_equal(again.size, f->bytes.size);
    assert_memory_equal(again.data, f->bytes.data, again.size);
    stile_text_free(&again);
}

static void a_bundle_of_nothing_is_one(void **state)
{
    fixture *f = *state;
    stile_text bytes = {0};
    size_t count = 0;
    assert_int_equal(stile_bundle_pack(&bytes, f->items, &count), 0);
    write_bytes(f->path, bytes.data, bytes.size);
    stile_bundle *bundle = NULL;
    assert_int_equal(stile_bundle_open(&bundle, f->path), STILE_OK);
    stile_cubin cubin;
    assert_int_equal(stile_bundle_get(bundle, &cubin, &f->items[0].key), STILE_BUNDLE_ABSENT);
    stile_bundle_close(&bundle);
    stile_text_free(&bytes);
}

static void what_no_bundle_can_hold_is_not_packed(void **state)
{
    fixture *f = *state;
    stile_text bytes = {0};
    char name[80];
    memset(name, 'k', sizeof name);
    name[sizeof name - 1] = '\0';
    size_t count = KERNELS;
    f->items[1].kernel = name;
    assert_int_equal(stile_bundle_pack(&bytes, f->items, &count), STILE_ERROR_ARGUMENT);
    f->items[1].kernel = "";
    assert_int_equal(stile_bundle_pack(&bytes, f->items, &count), STILE_ERROR_ARGUMENT);
    f->items[1].kernel = "decode";
    f->items[1].size = 0;
    assert_int_equal(stile_bundle_pack(&bytes, f->items, &count), STILE_ERROR_ARGUMENT);
    assert_null(bytes.data);
}

static int open_error(const char *path)
{
    stile_bundle *bundle = NULL;
    int error = stile_bundle_open(&bundle, path);
    if (error)
        assert_null(bundle);
    stile_bundle_close(&bundle);
    return error;
}

static void what_is_no_bundle_is_refused_by_name(void **state)
{
    fixture *f = *state;
    char path[160];
    snprintf(path, sizeof path, "%s/missing.stile", f->folder.path);
    assert_int_equal(open_error(path), STILE_ERROR_IO);
    assert_non_null(strstr(stile_last_error(), "missing.stile"));
    assert_int_equal(open_error(f->folder.path), STILE_ERROR_IO);
    assert_non_null(strstr(stile_last_error(), "regular file"));
    assert_int_equal(mkfifo(path, 0600), 0); /* must not hang */
    assert_int_equal(open_error(path), STILE_ERROR_IO);

    write_bytes(f->path, "", 0);
    assert_int_equal(open_error(f->path), STILE_ERROR_IO);
    char text[500];
    memset(text, 'x', sizeof text);
    write_bytes(f->path, text, sizeof text);
    assert_int_equal(open_error(f->path), STILE_ERROR_IO);
    assert_non_null(strstr(stile_last_error(), "stile build"));
}

static void another_format_is_refused_with_both_versions(void **state)
{
    fixture *f = *state;
    stile_store_integer(f->bytes.data + STILE_BUNDLE_VERSION_AT, 4, 4711);
    seal(f->bytes.data, KERNELS);
    write_bytes(f->path, f->bytes.data, f->bytes.size);
    assert_int_equal(open_error(f->path), STILE_ERROR_UNSUPPORTED);
    char ours[32];
    snprintf(ours, sizeof ours, "format %d", STILE_BUNDLE_FORMAT);
    assert_non_null(strstr(stile_last_error(), "4711"));
    assert_non_null(strstr(stile_last_error(), ours));
}

/* Every field with a value that would lead a trusting reader astray, under a right checksum. */
static void forged_fields_are_refused(void **state)
{
    fixture *f = *state;
    enum { ENTRY = STILE_BUNDLE_INDEX_AT + STILE_BUNDLE_ENTRY_SIZE };
    const struct {
        int at, size;
        uint64_t value;
    } forged[] = {
        {STILE_BUNDLE_COUNT_AT, 4, UINT32_MAX},
        {STILE_BUNDLE_COUNT_AT, 4, KERNELS + 1},
        {STILE_BUNDLE_COUNT_AT, 4, KERNELS - 1},
        {STILE_BUNDLE_COUNT_AT, 4, 0},
        {STILE_BUNDLE_SIZE_AT, 8, UINT64_MAX},
        {STILE_BUNDLE_SIZE_AT, 8, 0},
        {STILE_BUNDLE_ZERO_AT, 8, 1},
        {STILE_BUNDLE_PRODUCER_AT, 8, 0},
        {STILE_BUNDLE_PRODUCER_AT + STILE_BUNDLE_PRODUCER_SIZE - 1, 1, 'x'},
        {ENTRY + STILE_BUNDLE_ENTRY_KEY_AT, 1, '0' - 1},
        {ENTRY + STILE_BUNDLE_ENTRY_KEY_AT, 1, 'F'},
        {ENTRY + STILE_BUNDLE_ENTRY_CHECK_AT + 63, 1, 'g'},
        {ENTRY + STILE_BUNDLE_ENTRY_OFFSET_AT, 8, 0},
        {ENTRY + STILE_BUNDLE_ENTRY_OFFSET_AT, 8, UINT64_MAX},
        {ENTRY + STILE_BUNDLE_ENTRY_SIZE_AT, 8, 0},
        {ENTRY + STILE_BUNDLE_ENTRY_SIZE_AT, 8, UINT64_MAX},
        {ENTRY + STILE_BUNDLE_ENTRY_SIZE_AT, 8, INT64_MAX},
        {ENTRY + STILE_BUNDLE_ENTRY_ARCH_AT, 8, 0},
        {ENTRY + STILE_BUNDLE_ENTRY_ARCH_AT + STILE_BUNDLE_ENTRY_ARCH_SIZE - 1, 1, 'x'},
        {ENTRY + STILE_BUNDLE_ENTRY_KERNEL_AT, 1, 0},
        {ENTRY + STILE_BUNDLE_ENTRY_KERNEL_AT + STILE_BUNDLE_ENTRY_KERNEL_SIZE - 1, 1, 'x'},
    };
    char *copy = malloc(f->bytes.size);
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        memcpy(copy, f->bytes.data, f->bytes.size);
        stile_store_integer(copy + forged[i].at, forged[i].size, forged[i].value);
        seal(copy, forged[i].at == STILE_BUNDLE_COUNT_AT && forged[i].value < KERNELS
                       ? forged[i].value
                       : KERNELS);
        write_bytes(f->path, copy, f->bytes.size);
        if (open_error(f->path) != STILE_ERROR_IO)
            fail_msg("forged field %zu was accepted", i);
    }
    /* Entries out of order would hide kernels from the search. */
    memcpy(copy, f->bytes.data, f->bytes.size);
    memcpy(copy + STILE_BUNDLE_INDEX_AT, f->bytes.data + ENTRY, STILE_BUNDLE_DIGEST_SIZE);
    memcpy(copy + ENTRY, f->bytes.data + STILE_BUNDLE_INDEX_AT, STILE_BUNDLE_DIGEST_SIZE);
    seal(copy, KERNELS);
    write_bytes(f->path, copy, f->bytes.size);
    assert_int_equal(open_error(f->path), STILE_ERROR_IO);
    free(copy);
}

/* Opens what is left of a bundle: each kernel is as packed, or not given out. Returns how many are
   not. -1: the file is refused. */
static int lost_kernels(const fixture *f)
{
    stile_bundle *bundle = NULL;
    if (stile_bundle_open(&bundle, f->path))
        return -1;
    int lost = 0;
    for (int i = 0; i < KERNELS; i++) {
        stile_cubin cubin = {0};
        if (stile_bundle_get(bundle, &cubin, &f->items[i].key) != STILE_BUNDLE_FOUND) {
            lost++;
            continue;
        }
        assert_int_equal(cubin.size, f->items[i].size);
        assert_memory_equal(cubin.data, f->items[i].data, cubin.size);
        stile_cubin_free(&cubin);
    }
    stile_bundle_close(&bundle);
    return lost;
}

static void ten_thousand_accidents_never_yield_a_wrong_kernel(void **state)
{
    fixture *f = *state;
    char *copy = malloc(f->bytes.size + 64);
    int memory = memfd_create("accident", MFD_CLOEXEC); /* a disk would take a minute */
    assert_true(memory >= 0);
    snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", memory);
    for (int i = 0; i < 10000; i++) {
        size_t size = f->bytes.size;
        memcpy(copy, f->bytes.data, size);
        switch (i % 4) {
        case 0:   /* a flipped bit anywhere */
        case 1: { /* or in header and index */
            size_t range = i % 4 ? STILE_BUNDLE_INDEX_AT + KERNELS * STILE_BUNDLE_ENTRY_SIZE : size;
            copy[random_next() % range] ^= (char)(1 << random_next() % 8);
            break;
        }
        case 2: /* cut off */
            size = random_next() % size;
            break;
        case 3: /* longer */
            memset(copy + size, 0, 64);
            size += 1 + random_next() % 64;
            break;
        }
        write_bytes(f->path, copy, size);
        int lost = lost_kernels(f);
        if (lost == 0 || lost > 1)
            fail_msg("accident %d went unnoticed, or cost %d kernels", i, lost);
    }
    free(copy);
    write_bytes(f->path, f->bytes.data, f->bytes.size);
    assert_int_equal(lost_kernels(f), 0);
    close(memory);
}

static void a_file_cut_off_while_open_loses_kernels_not_the_process(void **state)
{
    fixture *f = *state;
    stile_bundle *bundle = NULL;
    assert_int_equal(stile_bundle_open(&bundle, f->path), STILE_OK);
    assert_int_equal(truncate(f->path, STILE_BUNDLE_INDEX_AT), 0);
    for (int i = 0; i < KERNELS; i++) {
        stile_cubin cubin;
        assert_int_equal(stile_bundle_get(bundle, &cubin, &f->items[i].key), STILE_BUNDLE_DAMAGED);
    }
    stile_bundle_close(&bundle);
}

static void a_replaced_file_stays_as_it_was_opened(void **state)
{
    fixture *f = *state;
    stile_bundle *bundle = NULL;
    char other[160];
    snprintf(other, sizeof other, "%s.new", f->path);
    assert_int_equal(stile_bundle_open(&bundle, f->path), STILE_OK);
    write_bytes(other, "new", 3);
    assert_int_equal(rename(other, f->path), 0);
    stile_cubin cubin = {0};
    assert_int_equal(stile_bundle_get(bundle, &cubin, &f->items[2].key), STILE_BUNDLE_FOUND);
    stile_cubin_free(&cubin);
    stile_bundle_close(&bundle);
}

static void a_context_checks_what_it_loads(void **state)
{
    fixture *f = *state;
    stile_context *context = NULL;
    stile_context_params params = {.device = STILE_DEVICE_CPU};
    assert_int_equal(stile_context_create(&context, &params), STILE_OK);
    assert_int_equal(stile_context_load_bundle(context, f->path), STILE_OK);
    assert_int_equal(stile_context_load_bundle(context, f->path), STILE_OK);
    assert_int_equal(stile_context_load_bundle(context, "/nonexistent"), STILE_ERROR_IO);
    assert_int_equal(stile_context_load_bundle(context, NULL), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_context_load_bundle(NULL, f->path), STILE_ERROR_ARGUMENT);
    assert_string_equal(stile_context_device_name(context), "CPU");
    assert_null(stile_context_arch(context));
    assert_null(stile_context_device_name(NULL));
    assert_null(stile_context_arch(NULL));
    stile_context_destroy(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_bundle_gives_back_what_was_packed),
        TEST(order_and_duplicates_leave_no_trace),
        TEST(a_bundle_of_nothing_is_one),
        TEST(what_no_bundle_can_hold_is_not_packed),
        TEST(what_is_no_bundle_is_refused_by_name),
        TEST(another_format_is_refused_with_both_versions),
        TEST(forged_fields_are_refused),
        TEST(ten_thousand_accidents_never_yield_a_wrong_kernel),
        TEST(a_file_cut_off_while_open_loses_kernels_not_the_process),
        TEST(a_replaced_file_stays_as_it_was_opened),
        TEST(a_context_checks_what_it_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
