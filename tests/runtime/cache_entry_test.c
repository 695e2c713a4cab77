/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache_testing.h"

static void an_entry_lies_where_the_design_says(void **state)
{
    const scratch *folder = *state;
    stile_cache *cache = open_cache(folder->path, NULL);
    assert_string_equal(stile_cache_directory(cache), folder->path);
    stile_cubin cubin = get(cache, source_a, &sm_90);

    char path[512];
    size_t size;
    entry_path(path, folder, source_a, &sm_90, "kernel.cu");
    char *text = read_text(path, &size);
    assert_string_equal(text, source_a);
    free(text);
    entry_path(path, folder, source_a, &sm_90, "kernel.cubin");
    text = read_text(path, &size);
    assert_int_equal(size, cubin.size);
    assert_memory_equal(text, cubin.data, size);
    free(text);
    entry_path(path, folder, source_a, &sm_90, "kernel.log");
    text = read_text(path, &size);
    assert_string_equal(text, cubin.log);
    assert_non_null(strstr(text, "registers"));
    free(text);
    entry_path(path, folder, source_a, &sm_90, "kernel.meta");
    text = read_text(path, &size);
    assert_memory_equal(text, "format: 1\nkernel: k\narch: sm_90\nkey: ", 36);
    assert_non_null(strstr(text, "\nnvrtc: "));
    assert_non_null(strstr(text, "\nstile: "));
    free(text);

    entry_path(path, folder, source_a, &sm_90, NULL);
    assert_int_equal(count_names(path), 4);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    stile_cubin_free(&cubin);
    stile_cache_close(&cache);
    assert_null(cache);
}

static void the_key_follows_contents_and_nothing_else(void **state)
{
    (void)state;
    stile_cache_entry a, b;
    assert_int_equal(stile_cache_entry_init(&a, "k", source_a, &sm_90), STILE_OK);
    assert_int_equal(stile_cache_entry_init(&b, "other", source_a, &sm_90), STILE_OK);
    assert_string_equal(a.key.hex, b.key.hex);
    assert_string_not_equal(a.folder, b.folder);
    assert_int_equal(stile_cache_entry_init(&b, "k", source_b, &sm_90), STILE_OK);
    assert_string_not_equal(a.key.hex, b.key.hex);
    assert_int_equal(stile_cache_entry_init(&b, "k", source_a, &sm_80), STILE_OK);
    assert_string_not_equal(a.key.hex, b.key.hex);
    stile_arch sm_90a = {.number = 90, .suffix = 'a', .name = "sm_90a"};
    assert_int_equal(stile_cache_entry_init(&b, "k", source_a, &sm_90a), STILE_OK);
    assert_string_not_equal(a.key.hex, b.key.hex);
}

static void a_name_that_is_no_file_name_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", ".", "..", "a/b", "../k", "k k", "k-1", "k\n"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        stile_cache_entry entry;
        assert_int_equal(stile_cache_entry_init(&entry, names[i], source_a, &sm_90),
                         STILE_ERROR_ARGUMENT);
    }
    char name[66] = "";
    memset(name, 'k', 65);
    stile_cache_entry entry;
    assert_int_equal(stile_cache_entry_init(&entry, name, source_a, &sm_90), STILE_ERROR_ARGUMENT);
    name[64] = '\0';
    assert_int_equal(stile_cache_entry_init(&entry, name, source_a, &sm_90), STILE_OK);
    assert_string_equal(entry.folder + strlen(entry.folder) - 64, entry.key.hex);
}

typedef void damage(const char *path);

static void truncate_to_nothing(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
}

static void truncate_by_one(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - 1), 0);
}

static void flip_at(const char *path, int quarter)
{
    size_t size;
    char *bytes = read_text(path, &size);
    size_t at = quarter == 4 ? size - 1 : size * (size_t)quarter / 4;
    bytes[at] = (char)(bytes[at] ^ 1);
    write_text(path, bytes, size);
    free(bytes);
}

static void flip_first(const char *path)
{
    flip_at(path, 0);
}

static void flip_middle(const char *path)
{
    flip_at(path, 2);
}

static void flip_last(const char *path)
{
    flip_at(path, 4);
}

static void append_byte(const char *path)
{
    shell("printf x >> %s", path);
}

static void delete_file(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static void replace_by_folder(const char *path)
{
    delete_file(path);
    assert_int_equal(mkdir(path, 0700), 0);
    shell("touch %s/inside", path);
}

static void replace_by_link(const char *path)
{
    delete_file(path);
    assert_int_equal(symlink("kernel.elsewhere", path), 0);
}

static void replace_by_fifo(const char *path)
{
    delete_file(path);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void no_damaged_file_is_ever_loaded(void **state)
{
    const scratch *folder = *state;
    static const char *const files[] = {"kernel.cu", "kernel.cubin", "kernel.log", "kernel.meta"};
    static damage *const ways[] = {
        truncate_to_nothing, truncate_by_one,   flip_first,      flip_middle,     flip_last,
        append_byte,         replace_by_folder, replace_by_link, replace_by_fifo, delete_file,
    };
    recorder log = {0};
    stile_cache *cache = open_cache(folder->path, &log);
    stile_cubin good = get(cache, source_a, &sm_90);
    uint64_t count = 0;
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
            char path[512];
            entry_path(path, folder, source_a, &sm_90, files[f]);
            ways[w](path);
            stile_cubin again = get(cache, source_a, &sm_90);
            assert_int_equal(again.size, good.size);
            assert_memory_equal(again.data, good.data, good.size);
            stile_cubin_free(&again);
            count++;
            assert_counters(cache, count - 1, count + 1, count + 1, count);
            assert_int_equal(log.warnings, count);
            assert_non_null(strstr(log.last, "damaged and was removed"));
            get_and_drop(cache, source_a, &sm_90); /* rebuilt, whole */
            assert_counters(cache, count, count + 1, count + 1, count);
        }
    }
    char arch_path[512];
    snprintf(arch_path, sizeof arch_path, "%s/v1/sm_90", folder->path);
    assert_int_equal(count_names(arch_path), 1); /* nothing is left of the damaged ones */
    stile_cubin_free(&good);
    stile_cache_close(&cache);
}

static void a_whole_entry_of_another_kernel_is_not_taken(void **state)
{
    const scratch *folder = *state;
    recorder log = {0};
    stile_cache *cache = open_cache(folder->path, &log);
    stile_cubin a = get(cache, source_a, &sm_90);
    get_and_drop(cache, source_b, &sm_90);
    char path_a[512], path_b[512];
    entry_path(path_a, folder, source_a, &sm_90, NULL);
    entry_path(path_b, folder, source_b, &sm_90, NULL);

    /* All of it, and then all but the source. */
    for (int round = 0; round < 2; round++) {
        shell("rm -r %s && cp -r %s %s", path_a, path_b, path_a);
        if (round == 1) {
            strcat(path_a, "/kernel.cu");
            write_text(path_a, source_a, strlen(source_a));
        }
        stile_cubin again = get(cache, source_a, &sm_90);
        assert_int_equal(again.size, a.size);
        assert_memory_equal(again.data, a.data, a.size);
        stile_cubin_free(&again);
        assert_int_equal(stile_cache_count(cache).damaged, round + 1);
    }
    stile_cubin_free(&a);
    stile_cache_close(&cache);
}

static void an_entry_that_is_no_folder_or_empty_is_rebuilt(void **state)
{
    const scratch *folder = *state;
    recorder log = {0};
    stile_cache *cache = open_cache(folder->path, &log);
    char path[512];
    entry_path(path, folder, source_a, &sm_90, NULL);
    get_and_drop(cache, source_a, &sm_90);
    shell("rm -r %s && touch %s", path, path);
    get_and_drop(cache, source_a, &sm_90);
    shell("rm -r %s && mkdir %s", path, path);
    get_and_drop(cache, source_a, &sm_90);
    shell("rm -r %s && ln -s / %s", path, path);
    get_and_drop(cache, source_a, &sm_90);
    assert_counters(cache, 0, 4, 4, 3);
    get_and_drop(cache, source_a, &sm_90);
    assert_counters(cache, 1, 4, 4, 3);
    stile_cache_close(&cache);
}

/* The loser of a race that no lock prevents: publishing over an entry keeps the first. */
static void the_loser_of_a_race_leaves_the_first_entry(void **state)
{
    const scratch *folder = *state;
    stile_cache *cache = open_cache(folder->path, NULL);
    stile_cubin cubin = get(cache, source_a, &sm_90);
    char root_path[128];
    snprintf(root_path, sizeof root_path, "%s/v1", folder->path);
    int root = open(root_path, O_RDONLY | O_DIRECTORY);
    stile_cache_entry entry;
    assert_int_equal(stile_cache_entry_init(&entry, "k", source_a, &sm_90), STILE_OK);
    stile_cubin other = {.data = "\177ELF other", .size = 10, .log = ""};
    assert_int_equal(stile_cache_entry_write(root, &entry, &other, 1), 0);
    stile_cubin found = {0};
    assert_int_equal(stile_cache_entry_read(&found, root, &entry), STILE_CACHE_FOUND);
    assert_int_equal(found.size, cubin.size);
    stile_cubin_free(&found);
    strcat(root_path, "/sm_90");
    assert_int_equal(count_names(root_path), 1);
    close(root);
    stile_cubin_free(&cubin);
    stile_cache_close(&cache);
}

int main(void)
{
    if (in_child(look_for_nvrtc, NULL) == 77)
        return 77;
    const struct CMUnitTest tests[] = {
        TEST(an_entry_lies_where_the_design_says),
        TEST(the_key_follows_contents_and_nothing_else),
        TEST(a_name_that_is_no_file_name_is_refused),
        TEST(no_damaged_file_is_ever_loaded),
        TEST(a_whole_entry_of_another_kernel_is_not_taken),
        TEST(an_entry_that_is_no_folder_or_empty_is_rebuilt),
        TEST(the_loser_of_a_race_leaves_the_first_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
