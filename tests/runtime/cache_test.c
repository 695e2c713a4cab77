/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "cache_lock.h"
#include "cache_stats.h"
#include "cache_testing.h"

static void hits_and_misses_are_counted(void **state)
{
    const scratch *folder = *state;
    stile_cache *cache = open_cache(folder->path, NULL);
    get_and_drop(cache, source_a, &sm_90);
    assert_counters(cache, 0, 1, 1, 0);
    get_and_drop(cache, source_a, &sm_90);
    assert_counters(cache, 1, 1, 1, 0);
    get_and_drop(cache, source_b, &sm_90);
    get_and_drop(cache, source_a, &sm_80);
    assert_counters(cache, 1, 3, 3, 0);
    stile_cache_close(&cache);
}

/* In a process that cannot have NVRTC: status 0 where source_a is a hit. */
static int hit_without_nvrtc(void *user)
{
    const scratch *folder = user;
    setenv("STILE_NVRTC", "/nowhere", 1);
    stile_cache *cache = NULL;
    stile_cubin cubin = {0};
    if (stile_cache_open(&cache, folder->path, NULL, NULL) ||
        stile_cache_get(cache, &cubin, "k", source_a, &sm_90))
        return 1;
    char path[512];
    entry_path(path, folder, source_a, &sm_90, "kernel.cubin");
    size_t size;
    char *bytes = read_text(path, &size);
    bool same = size == cubin.size && memcmp(bytes, cubin.data, size) == 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024];
    bool loaded = false;
    while (maps && fgets(line, sizeof line, maps))
        loaded = loaded || strstr(line, "libnvrtc");
    return same && !loaded && stile_cache_count(cache).hits == 1 ? 0 : 2;
}

static int compile_in_child(void *user)
{
    const scratch *folder = user;
    stile_cache *cache = open_cache(folder->path, NULL);
    get_and_drop(cache, source_a, &sm_90);
    return (int)stile_cache_count(cache).compiles;
}

/* Runs first, since a child inherits what its parent has loaded. */
static void a_fresh_process_hits_without_loading_nvrtc(void **state)
{
    assert_int_equal(in_child(hit_without_nvrtc, *state), 1);
    assert_int_equal(in_child(compile_in_child, *state), 1);
    assert_int_equal(in_child(hit_without_nvrtc, *state), 0);
}

/* Status: warnings, or 100 where a get failed or compiled twice. */
static int run_on_full_disk(void *user)
{
    const scratch *folder = user;
    recorder log = {0};
    stile_cache *cache = open_cache(folder->path, &log);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {256, 256}; /* bytes a file may have */
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 2; i++) {
        get_and_drop(cache, source_a, &sm_90);
        get_and_drop(cache, source_b, &sm_90);
    }
    stile_cache_counters counters = stile_cache_count(cache);
    stile_cache_close(&cache);
    return counters.compiles == 2 && counters.hits == 2 ? log.warnings : 100;
}

static void a_full_disk_costs_one_warning_and_leaves_nothing(void **state)
{
    const scratch *folder = *state;
    char path[128];
    assert_int_equal(in_child(run_on_full_disk, *state), 1);
    snprintf(path, sizeof path, "%s/v1/sm_90", folder->path);
    assert_int_equal(count_names(path), 0);
}

static void a_directory_that_vanishes_fails_no_run(void **state)
{
    const scratch *folder = *state;
    recorder log = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/cache", folder->path);
    stile_cache *cache = open_cache(path, &log);
    shell("rm -r %s", path);
    get_and_drop(cache, source_a, &sm_90);
    get_and_drop(cache, source_a, &sm_90);
    assert_counters(cache, 1, 1, 1, 0);
    assert_int_equal(log.warnings, 1);
    stile_cache_close(&cache);
}

typedef struct racer {
    stile_cache *cache;
    const char *source;
    stile_cubin cubin;
    int error;
    char text[1024];
} racer;

static void *race(void *user)
{
    racer *r = user;
    r->error = stile_cache_get(r->cache, &r->cubin, "k", r->source, &sm_90);
    if (r->error)
        snprintf(r->text, sizeof r->text, "%s", stile_last_error());
    return NULL;
}

enum { RACERS = 8 };

static void run_race(racer racers[RACERS], stile_cache *cache, const char *source)
{
    pthread_t threads[RACERS];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (racer){.cache = cache, .source = source};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
}

static void threads_share_one_compile(void **state)
{
    const scratch *folder = *state;
    static racer racers[RACERS];
    const char *const directories[] = {folder->path, "/proc/stile-cache"};
    for (int d = 0; d < 2; d++) {
        stile_cache *cache = open_cache(directories[d], NULL);
        run_race(racers, cache, source_a);
        for (int i = 0; i < RACERS; i++) {
            assert_int_equal(racers[i].error, STILE_OK);
            assert_int_equal(racers[i].cubin.size, racers[0].cubin.size);
            assert_memory_equal(racers[i].cubin.data, racers[0].cubin.data, racers[0].cubin.size);
        }
        for (int i = 0; i < RACERS; i++)
            stile_cubin_free(&racers[i].cubin);
        assert_counters(cache, RACERS - 1, 1, 1, 0);
        stile_cache_close(&cache);
    }
}

static void every_thread_hears_of_a_compile_error_and_nothing_is_kept(void **state)
{
    const scratch *folder = *state;
    static racer racers[RACERS];
    recorder log = {0};
    stile_cache *cache = open_cache(folder->path, &log);
    const char *source = "extern \"C\" __global__ void k() { unknown; }\n";
    run_race(racers, cache, source);
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(racers[i].error, STILE_ERROR_COMPILE);
        assert_non_null(strstr(racers[i].text, "unknown"));
        assert_null(racers[i].cubin.data);
        assert_null(racers[i].cubin.log);
    }
    char path[512];
    entry_path(path, folder, source, &sm_90, NULL);
    assert_false(exists(path));
    stile_cache_counters counters = stile_cache_count(cache);
    assert_int_equal(counters.hits, 0);
    assert_int_equal(counters.misses, RACERS);
    stile_cache_close(&cache);
}

static void processes_share_one_compile(void **state)
{
    enum { COUNT = 6 };
    pid_t children[COUNT];
    fflush(NULL);
    for (int i = 0; i < COUNT; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            become_child();
            _exit(compile_in_child(*state));
        }
    }
    int compiles = 0;
    for (int i = 0; i < COUNT; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        compiles += WEXITSTATUS(status);
    }
    assert_int_equal(compiles, 1);
    const scratch *folder = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/v1/sm_90", folder->path);
    assert_int_equal(count_names(path), 1);
    snprintf(path, sizeof path, "%s/v1/locks", folder->path);
    assert_int_equal(count_names(path), 0);
}

static void jit_off_serves_hits_and_compiles_nothing(void **state)
{
    const scratch *folder = *state;
    stile_cache *cache = open_cache(folder->path, NULL);
    get_and_drop(cache, source_a, &sm_90);
    stile_cache_close(&cache);

    setenv("STILE_JIT", "off", 1);
    cache = open_cache(folder->path, NULL);
    get_and_drop(cache, source_a, &sm_90);
    stile_cubin cubin = {.size = 7};
    assert_int_equal(stile_cache_get(cache, &cubin, "k", source_b, &sm_90),
                     STILE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(stile_last_error(), "STILE_JIT=off"));
    assert_non_null(strstr(stile_last_error(), folder->path));
    assert_int_equal(cubin.size, 7);
    assert_counters(cache, 1, 1, 0, 0);
    stile_cache_close(&cache);

    recorder log = {0};
    setenv("STILE_JIT", "maybe", 1);
    cache = open_cache(folder->path, &log);
    get_and_drop(cache, source_b, &sm_90);
    assert_int_equal(log.warnings, 1);
    stile_cache_close(&cache);
}

static void jit_off_drops_a_damaged_entry_and_says_that_there_is_none(void **state)
{
    const scratch *folder = *state;
    stile_cache *cache = open_cache(folder->path, NULL);
    get_and_drop(cache, source_a, &sm_90);
    stile_cache_close(&cache);
    char path[512];
    entry_path(path, folder, source_a, &sm_90, "kernel.cubin");
    assert_int_equal(truncate(path, 10), 0);

    setenv("STILE_JIT", "off", 1);
    recorder log = {0};
    cache = open_cache(folder->path, &log);
    stile_cubin cubin = {.size = 7};
    assert_int_equal(stile_cache_get(cache, &cubin, "k", source_a, &sm_90),
                     STILE_ERROR_UNSUPPORTED);
    assert_int_equal(cubin.size, 7);
    assert_counters(cache, 0, 1, 0, 1);
    assert_int_equal(log.warnings, 1);
    entry_path(path, folder, source_a, &sm_90, NULL);
    assert_false(exists(path));
    stile_cache_close(&cache);
}

static void a_lock_that_is_never_released_delays_a_compile_and_fails_none(void **state)
{
    const scratch *folder = *state;
    recorder log = {0};
    stile_cache *cache = open_cache(folder->path, &log);
    char path[128];
    snprintf(path, sizeof path, "%s/v1", folder->path);
    int root = open(path, O_RDONLY | O_DIRECTORY);
    stile_cache_entry entry;
    stile_cache_lock lock;
    assert_int_equal(stile_cache_entry_init(&entry, "k", source_a, &sm_90), STILE_OK);
    assert_int_equal(stile_cache_lock_acquire(&lock, root, entry.key.hex, 0), STILE_CACHE_LOCKED);
    stile_cache_set_timeout(cache, 100);
    get_and_drop(cache, source_a, &sm_90);
    assert_int_equal(log.warnings, 1);
    assert_non_null(strstr(log.last, "another process has been compiling k"));
    assert_counters(cache, 0, 1, 1, 0);
    assert_int_equal(stile_cache_count(cache).waits, 1);
    assert_int_equal(stile_cache_entry_drop(root, entry.folder), ENOENT); /* uncached on disk */
    get_and_drop(cache, source_a, &sm_90);                                /* but not here */
    assert_counters(cache, 1, 1, 1, 0);
    stile_cache_lock_release(&lock);
    close(root);
    stile_cache_close(&cache);
}

static void a_cache_that_is_too_small_keeps_the_last_kernel(void **state)
{
    const scratch *folder = *state;
    char path[512];
    setenv("STILE_CACHE_SIZE", "1K", 1);
    recorder log = {0};
    stile_cache *cache = open_cache(folder->path, &log);
    get_and_drop(cache, source_a, &sm_90);
    get_and_drop(cache, source_b, &sm_90);
    assert_int_equal(stile_cache_count(cache).evictions, 1);
    entry_path(path, folder, source_a, &sm_90, NULL);
    assert_false(exists(path));
    entry_path(path, folder, source_b, &sm_90, NULL);
    assert_true(exists(path));
    get_and_drop(cache, source_a, &sm_90);
    assert_counters(cache, 0, 3, 3, 0);
    assert_int_equal(log.warnings, 0);
    stile_cache_close(&cache);
}

static void the_directory_counts_what_its_processes_do(void **state)
{
    const scratch *folder = *state;
    assert_int_equal(in_child(compile_in_child, *state), 1);
    stile_cache *cache = open_cache(folder->path, NULL);
    get_and_drop(cache, source_a, &sm_90);
    get_and_drop(cache, source_b, &sm_90);
    stile_cache_close(&cache);
    char path[128];
    snprintf(path, sizeof path, "%s/v1", folder->path);
    int root = open(path, O_RDONLY | O_DIRECTORY);
    stile_cache_stats stats;
    assert_int_equal(stile_cache_stats_read(root, &stats), 0);
    assert_int_equal(stats.counters.hits, 1);
    assert_int_equal(stats.counters.misses, 2);
    assert_int_equal(stats.counters.compiles, 2);
    close(root);
}

static void the_cpu_device_has_a_cache_that_does_nothing(void **state)
{
    (void)state;
    stile_context *context = NULL;
    stile_context_params params = {.device = STILE_DEVICE_CPU};
    stile_cache_counters counters, zeros = {0};
    memset(&counters, 1, sizeof counters);
    assert_int_equal(stile_context_create(&context, &params), STILE_OK);
    assert_int_equal(stile_context_cache_counters(&counters, context), STILE_OK);
    assert_memory_equal(&counters, &zeros, sizeof zeros);
    assert_int_equal(stile_context_cache_counters(NULL, context), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_context_cache_counters(&counters, NULL), STILE_ERROR_ARGUMENT);
    stile_context_destroy(&context);
}

static void dump_shows_sources_and_logs_of_hits_misses_and_failures(void **state)
{
    const scratch *folder = *state;
    char dump[128], path[1024];
    snprintf(dump, sizeof dump, "%s/dump", folder->path);
    setenv("STILE_DUMP", dump, 1);
    const char *broken = "extern \"C\" __global__ void k() { unknown; }\n";
    const char *const sources[] = {source_a, source_a, broken};
    for (int i = 0; i < 3; i++) {
        stile_cache *cache = open_cache(folder->path, NULL);
        stile_cubin cubin = {0};
        assert_int_equal(stile_cache_get(cache, &cubin, "k", sources[i], &sm_90),
                         i == 2 ? STILE_ERROR_COMPILE : STILE_OK);
        stile_cubin_free(&cubin);
        stile_cache_close(&cache);

        stile_cache_entry entry;
        assert_int_equal(stile_cache_entry_init(&entry, "k", sources[i], &sm_90), STILE_OK);
        size_t size;
        snprintf(path, sizeof path, "%s/k-sm_90-%.16s.cu", dump, entry.key.hex);
        char *text = read_text(path, &size);
        assert_string_equal(text, sources[i]);
        free(text);
        snprintf(path, sizeof path, "%s/k-sm_90-%.16s.log", dump, entry.key.hex);
        text = read_text(path, &size);
        assert_non_null(strstr(text, i == 2 ? "unknown" : "registers"));
        free(text);
        shell("rm -r %s", dump);
    }
    recorder log = {0};
    setenv("STILE_DUMP", "/proc/stile-dump", 1);
    stile_cache *cache = open_cache(folder->path, &log);
    get_and_drop(cache, source_a, &sm_90);
    assert_int_equal(log.warnings, 1);
    stile_cache_close(&cache);
}

int main(void)
{
    if (in_child(look_for_nvrtc, NULL) == 77)
        return 77;
    const struct CMUnitTest tests[] = {
        TEST(a_fresh_process_hits_without_loading_nvrtc),
        TEST(processes_share_one_compile),
        TEST(hits_and_misses_are_counted),
        TEST(a_full_disk_costs_one_warning_and_leaves_nothing),
        TEST(a_directory_that_vanishes_fails_no_run),
        TEST(threads_share_one_compile),
        TEST(every_thread_hears_of_a_compile_error_and_nothing_is_kept),
        TEST(jit_off_serves_hits_and_compiles_nothing),
        TEST(jit_off_drops_a_damaged_entry_and_says_that_there_is_none),
        TEST(a_lock_that_is_never_released_delays_a_compile_and_fails_none),
        TEST(a_cache_that_is_too_small_keeps_the_last_kernel),
        TEST(the_directory_counts_what_its_processes_do),
        TEST(the_cpu_device_has_a_cache_that_does_nothing),
        TEST(dump_shows_sources_and_logs_of_hits_misses_and_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
