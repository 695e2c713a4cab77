/* SPDX-License-Identifier: Apache-2.0 */
/* Random damage to cache entries: always noticed and rebuilt, never loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "cache_evict.h"
#include "cache_testing.h"

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13; /* xorshift64 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

static int round_count(void)
{
    const char *mode = getenv("STILE_STRESS");
    return mode && strcmp(mode, "long") == 0 ? 10000 : 400;
}

/* Rewrites a file in place, without the syncing of the cache. */
static void overwrite(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Changes at least one byte, or the size, of one file of the entry; describes it in `what`. */
static void damage(const char *folder, char what[static 128])
{
    static const char *const files[] = {"kernel.cu", "kernel.cubin", "kernel.log", "kernel.meta"};
    const char *name = files[random_below(4)];
    char path[640];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *bytes = read_text(path, &size);
    assert_true(size > 0);
    switch (random_below(4)) {
    case 0:
    case 1: {
        size_t at = random_below(size);
        int bit = (int)random_below(8);
        bytes[at] = (char)(bytes[at] ^ (1 << bit));
        overwrite(path, bytes, size);
        snprintf(what, 128, "%s: bit %d of byte %zu", name, bit, at);
        break;
    }
    case 2: {
        size_t rest = random_below(size);
        assert_int_equal(truncate(path, (off_t)rest), 0);
        snprintf(what, 128, "%s: %zu of %zu bytes", name, rest, size);
        break;
    }
    default: {
        /* A lost block reads as zeros. */
        size_t from = random_below(size), to = from + random_below(size - from) + 1;
        bool zeros = true;
        for (size_t i = from; i < to; i++) {
            zeros = zeros && bytes[i] == 0;
            bytes[i] = 0;
        }
        if (zeros)
            bytes[from] = 1;
        overwrite(path, bytes, size);
        snprintf(what, 128, "%s: zeros from %zu to %zu", name, from, to);
    }
    }
    free(bytes);
}

static void damage_is_always_rebuilt_and_never_loaded(void **state)
{
    const scratch *folder = *state;
    recorder log = {0};
    stile_cache *cache = open_cache(folder->path, &log);
    stile_cubin good = get(cache, source_a, &sm_90);
    char path[512], root_path[128], what[128];
    entry_path(path, folder, source_a, &sm_90, NULL);
    snprintf(root_path, sizeof root_path, "%s/v1", folder->path);
    int root = open(root_path, O_RDONLY | O_DIRECTORY);
    assert_true(root >= 0);

    const int rounds = round_count();
    for (int i = 0; i < rounds; i++) {
        const char *reason = NULL;
        damage(path, what);
        if (stile_cache_entry_check(root, path + strlen(root_path) + 1, &reason) !=
            STILE_CACHE_DAMAGED)
            fail_msg("round %d, not found by verify: %s", i, what);
        assert_non_null(reason);
        stile_cubin again = get(cache, source_a, &sm_90);
        if (again.size != good.size || memcmp(again.data, good.data, good.size) != 0)
            fail_msg("round %d, loaded: %s", i, what);
        stile_cubin_free(&again);
        if (stile_cache_count(cache).damaged != (uint64_t)i + 1)
            fail_msg("round %d, not noticed: %s", i, what);
        assert_int_equal(stile_cache_entry_check(root, path + strlen(root_path) + 1, &reason),
                         STILE_CACHE_FOUND);
    }
    assert_counters(cache, 0, (uint64_t)rounds + 1, (uint64_t)rounds + 1, (uint64_t)rounds);
    get_and_drop(cache, source_a, &sm_90);
    assert_counters(cache, 1, (uint64_t)rounds + 1, (uint64_t)rounds + 1, (uint64_t)rounds);
    close(root);
    stile_cubin_free(&good);
    stile_cache_close(&cache);
    print_message("%d rounds\n", rounds);
}

int main(void)
{
    const char *seed = getenv("STILE_TEST_SEED");
    random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("STILE_TEST_SEED=%llu\n", (unsigned long long)random_state);
    random_state = random_state * UINT64_C(2654435761) + 1;
    setenv("STILE_NVRTC", getenv("STILE_FAKE_NVRTC"), 1);
    setenv("FAKE_NVRTC_BYTES", "700", 1);
    const struct CMUnitTest tests[] = {TEST(damage_is_always_rebuilt_and_never_loaded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
