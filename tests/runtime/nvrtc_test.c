/* SPDX-License-Identifier: Apache-2.0 */
/* NVRTC is opened once per process, so each search runs in a child of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdbool.h>

#include <stile/error.h>

#include "nvrtc.h"
#include "scratch.h"

/* What a child found, in memory that it shares with its parent by way of a pipe. */
typedef struct search {
    int error;
    int major, minor, first, count;
    bool builtins_beside; /* the built-in declarations came from the library's folder */
    char path[512], text[2048];
} search;

/* Whether this process has libnvrtc-builtins of `folder` mapped. */
static bool has_builtins_of(const char *folder)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024], wanted[1024];
    char *real = realpath(folder, NULL);
    snprintf(wanted, sizeof wanted, "%s/libnvrtc-builtins", real ? real : folder);
    free(real);
    bool found = false;
    while (maps && !found && fgets(line, sizeof line, maps))
        found = strstr(line, wanted) != NULL;
    if (maps)
        fclose(maps);
    return found;
}

static int search_in_child(void *user)
{
    int pipe = *(int *)user;
    search result = {0};
    stile_nvrtc_info info = {0};
    result.error = stile_nvrtc_describe(&info);
    if (result.error) {
        snprintf(result.text, sizeof result.text, "%s", stile_last_error());
        /* A later call must report the same. */
        if (stile_nvrtc_describe(&info) != result.error ||
            strcmp(result.text, stile_last_error()) != 0)
            return 1;
    } else {
        snprintf(result.path, sizeof result.path, "%s", info.path);
        result.major = info.major;
        result.minor = info.minor;
        result.count = info.architecture_count;
        result.first = info.architectures[0];
        char folder[512];
        strcpy(folder, result.path);
        char *slash = strrchr(folder, '/');
        if (slash)
            *slash = '\0';
        result.builtins_beside = slash && has_builtins_of(folder);
    }
    return write(pipe, &result, sizeof result) != sizeof result;
}

static search find(const char *named, const char *cuda_path)
{
    if (named)
        setenv("STILE_NVRTC", named, 1);
    else
        unsetenv("STILE_NVRTC");
    if (cuda_path)
        setenv("CUDA_PATH", cuda_path, 1);
    else
        unsetenv("CUDA_PATH");
    int pipes[2];
    search result;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(in_child(search_in_child, &pipes[1]), 0);
    assert_int_equal(read(pipes[0], &result, sizeof result), sizeof result);
    close(pipes[0]);
    close(pipes[1]);
    return result;
}

/* Where the environment of the test run leads; set by main. */
static search given;

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    static char buffer[1 << 16];
    for (size_t size; (size = fread(buffer, 1, sizeof buffer, in));)
        assert_int_equal(fwrite(buffer, 1, size, out), size);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* A folder as the wheel unpacks it, with a link to the library and a copy of its built-ins. */
static void make_installation(const char *folder)
{
    char from[1024], to[1024], name[64];
    snprintf(to, sizeof to, "mkdir -p %s", folder);
    assert_int_equal(system(to), 0);
    snprintf(to, sizeof to, "%s/libnvrtc.so.%d", folder, given.major);
    assert_int_equal(symlink(given.path, to), 0);
    snprintf(name, sizeof name, "libnvrtc-builtins.so.%d.%d", given.major, given.minor);
    snprintf(from, sizeof from, "%.*s/%s", (int)(strrchr(given.path, '/') - given.path), given.path,
             name);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    copy_file(from, to);
}

static void nvrtc_describes_itself(void **state)
{
    (void)state;
    assert_int_equal(given.path[0], '/');
    assert_true(given.major >= 11);
    assert_true(given.count >= 1);
    assert_true(given.first >= 30);
    assert_true(given.builtins_beside);
}

static void a_named_file_is_the_one_opened(void **state)
{
    (void)state;
    search found = find(given.path, NULL);
    assert_int_equal(found.error, 0);
    assert_int_equal(found.major, given.major);
    assert_true(found.builtins_beside);
}

static void a_wheel_is_found_below_the_named_folder_with_its_own_builtins(void **state)
{
    (void)state;
    scratch folder;
    scratch_create(&folder);
    char lib[128];
    snprintf(lib, sizeof lib, "%s/site-packages/nvidia/cuda_nvrtc/lib", folder.path);
    make_installation(lib);
    search found = find(folder.path, NULL);
    assert_string_equal(found.text, "");
    assert_memory_equal(found.path, lib, strlen(lib));
    assert_true(found.builtins_beside);
    scratch_remove(&folder);
}

static void cuda_path_comes_before_the_system(void **state)
{
    (void)state;
    scratch folder;
    scratch_create(&folder);
    char lib[128];
    snprintf(lib, sizeof lib, "%s/lib64", folder.path);
    make_installation(lib);
    search found = find(NULL, folder.path);
    assert_string_equal(found.text, "");
    assert_memory_equal(found.path, lib, strlen(lib));
    found = find("", folder.path); /* empty is as good as unset */
    assert_memory_equal(found.path, lib, strlen(lib));
    scratch_remove(&folder);
}

static void assert_refused(const char *name, const char *why)
{
    search found = find(name, NULL);
    assert_int_equal(found.error, STILE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(found.text, "STILE_NVRTC"));
    assert_non_null(strstr(found.text, name));
    assert_non_null(strstr(found.text, why));
}

static void an_unusable_stile_nvrtc_is_no_silent_fallback(void **state)
{
    (void)state;
    scratch folder;
    scratch_create(&folder);
    char path[128];
    assert_refused("/nowhere/libnvrtc.so", "does not exist");
    assert_refused(folder.path, "no libnvrtc.so");

    snprintf(path, sizeof path, "%s/libnvrtc.so", folder.path);
    FILE *text = fopen(path, "w");
    fputs("no library\n", text);
    fclose(text);
    assert_refused(path, "cannot be used");
    assert_refused(folder.path, "cannot be used");

    Dl_info libc;
    void *symbol = dlsym(RTLD_DEFAULT, "qsort");
    assert_true(symbol && dladdr(symbol, &libc) && libc.dli_fname[0] == '/');
    if (strstr(libc.dli_fname, ".so")) /* a library, but not NVRTC */
        assert_refused(libc.dli_fname, "has no nvrtc");
    scratch_remove(&folder);
}

int main(void)
{
    /* Copies, because find() sets what getenv() points to. */
    const char *nvrtc = getenv("STILE_NVRTC"), *cuda = getenv("CUDA_PATH");
    char *named = nvrtc ? strdup(nvrtc) : NULL, *toolkit = cuda ? strdup(cuda) : NULL;
    given = find(named, toolkit);
    free(named);
    free(toolkit);
    if (given.error) {
        printf("skipped: %s\n", given.text);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nvrtc_describes_itself),
        cmocka_unit_test(a_named_file_is_the_one_opened),
        cmocka_unit_test(a_wheel_is_found_below_the_named_folder_with_its_own_builtins),
        cmocka_unit_test(cuda_path_comes_before_the_system),
        cmocka_unit_test(an_unusable_stile_nvrtc_is_no_silent_fallback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
