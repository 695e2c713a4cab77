/* SPDX-License-Identifier: Apache-2.0 */
#include "nvrtc.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"

#define STILL_WORKS "check, generate and the cpu device work without NVRTC"

#if defined(__aarch64__)
#define TARGET "sbsa-linux"
#else
#define TARGET "x86_64-linux"
#endif

/* Deep enough for $STILE_NVRTC to be a site-packages folder or the root of a toolkit. */
enum { SEARCH_DEPTH = 4, PATH_BYTES = 4096, MAX_ARCHITECTURES = 64 };

static const char *const names[] = {
    "libnvrtc.so",
    "libnvrtc.so.13",
    "libnvrtc.so.12",
    "libnvrtc.so.11.2",
};
enum { NAME_COUNT = sizeof names / sizeof names[0] };

#define ENTRY(name)                                                                                \
    {                                                                                              \
        offsetof(stile_nvrtc, name), #name                                                         \
    }
static const struct {
    size_t offset;
    const char *symbol;
} entries[] = {
    ENTRY(nvrtcGetErrorString),    ENTRY(nvrtcVersion),       ENTRY(nvrtcGetNumSupportedArchs),
    ENTRY(nvrtcGetSupportedArchs), ENTRY(nvrtcCreateProgram), ENTRY(nvrtcDestroyProgram),
    ENTRY(nvrtcCompileProgram),    ENTRY(nvrtcGetCUBINSize),  ENTRY(nvrtcGetCUBIN),
    ENTRY(nvrtcGetProgramLogSize), ENTRY(nvrtcGetProgramLog),
};
enum { ENTRY_COUNT = sizeof entries / sizeof entries[0] };
_Static_assert(ENTRY_COUNT * sizeof(void (*)(void)) == sizeof(stile_nvrtc),
               "every member of stile_nvrtc has one entry");

/* The library, or why there is none: written once, by open_nvrtc. */
static struct {
    bool found;
    stile_nvrtc nvrtc;
    stile_nvrtc_info info;
    char path[PATH_BYTES];
    int architectures[MAX_ARCHITECTURES];
    char reason[1024]; /* of the last candidate that could not be used */
    char text[2 * PATH_BYTES];
} state;
static pthread_once_t once = PTHREAD_ONCE_INIT;

__attribute__((format(printf, 1, 2))) static bool reject(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(state.reason, sizeof state.reason, format, arguments);
    va_end(arguments);
    return false;
}

static bool resolve(void *library)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        void *symbol = dlsym(library, entries[i].symbol);
        if (!symbol)
            return reject("%s has no %s: stile needs NVRTC 11.2 or later", state.path,
                          entries[i].symbol);
        memcpy((char *)&state.nvrtc + entries[i].offset, &symbol, sizeof symbol);
    }
    return true;
}

/*
 * NVRTC opens its built-in declarations by their bare name, which finds nothing where its folder is
 * not on the loader's path, or another installation's file where one is. Loaded by path first, they
 * are found by that name.
 */
static bool load_builtins(void)
{
    char name[64], path[PATH_BYTES + sizeof name];
    snprintf(name, sizeof name, "libnvrtc-builtins.so.%d.%d", state.info.major, state.info.minor);
    const char *slash = strrchr(state.path, '/');
    if (slash) {
        snprintf(path, sizeof path, "%.*s/%s", (int)(slash - state.path), state.path, name);
        if (dlopen(path, RTLD_NOW | RTLD_LOCAL))
            return true;
    }
    if (dlopen(name, RTLD_NOW | RTLD_LOCAL))
        return true;
    return reject("%s needs %s, which is neither beside it nor on the loader's path", state.path,
                  name);
}

static bool describe(void)
{
    stile_nvrtc_info *info = &state.info;
    int count = 0;
    if (state.nvrtc.nvrtcVersion(&info->major, &info->minor) ||
        state.nvrtc.nvrtcGetNumSupportedArchs(&count) || count < 0 || count > MAX_ARCHITECTURES ||
        state.nvrtc.nvrtcGetSupportedArchs(state.architectures))
        return reject("%s does not describe itself", state.path);
    info->path = state.path;
    info->architectures = state.architectures;
    info->architecture_count = count;
    return true;
}

/* Opens `name`, a path or a name on the loader's path; says why not in state.reason. */
static bool try_library(const char *name)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        return reject("%s", reason ? reason : name);
    }
    Dl_info where;
    void *symbol = dlsym(library, "nvrtcVersion");
    const char *path = symbol && dladdr(symbol, &where) && where.dli_fname ? where.dli_fname : name;
    snprintf(state.path, sizeof state.path, "%s", path);
    if (resolve(library) && describe() && load_builtins())
        return true;
    dlclose(library);
    return false;
}

/* Tries every name in one folder. */
static bool try_folder(const char *folder)
{
    for (int i = 0; i < NAME_COUNT; i++) {
        char path[PATH_BYTES];
        struct stat status;
        if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) < (int)sizeof path &&
            stat(path, &status) == 0 && try_library(path))
            return true;
    }
    return false;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* By bytes, unlike alphasort, which asks the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Tries a folder, then the folders in it by name. */
static bool search_folder(const char *folder, int depth)
{
    if (try_folder(folder))
        return true;
    struct dirent **children;
    int count = depth > 0 ? scandir(folder, &children, is_visible, by_name) : 0;
    if (count <= 0)
        return false;
    bool found = false;
    for (int i = 0; i < count; i++) {
        char path[PATH_BYTES];
        struct stat status;
        if (!found &&
            snprintf(path, sizeof path, "%s/%s", folder, children[i]->d_name) < (int)sizeof path &&
            stat(path, &status) == 0 && S_ISDIR(status.st_mode))
            found = search_folder(path, depth - 1);
        free(children[i]);
    }
    free(children);
    return found;
}

/* $STILE_NVRTC alone: what the user names must work. */
static bool open_named(const char *name)
{
    struct stat status;
    char *path = realpath(name, NULL); /* a bare "libnvrtc.so" would go to the loader's path */
    if (!path || stat(path, &status) != 0) {
        snprintf(state.text, sizeof state.text,
                 "STILE_NVRTC is \"%s\", which does not exist; name libnvrtc.so or a folder that "
                 "holds it, or unset STILE_NVRTC; " STILL_WORKS,
                 name);
        free(path);
        return false;
    }
    reject("no libnvrtc.so, libnvrtc.so.13, .12 or .11.2 in it");
    bool found = S_ISDIR(status.st_mode) ? search_folder(path, SEARCH_DEPTH) : try_library(path);
    if (!found)
        snprintf(state.text, sizeof state.text,
                 "STILE_NVRTC is \"%s\", which cannot be used: %s; name libnvrtc.so or a folder "
                 "that holds it, or unset STILE_NVRTC; " STILL_WORKS,
                 name, state.reason);
    free(path);
    return found;
}

/* A toolkit's root. */
static bool open_toolkit(const char *root)
{
    static const char *const folders[] = {"lib64", "targets/" TARGET "/lib", "lib"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[PATH_BYTES];
        if (snprintf(path, sizeof path, "%s/%s", root, folders[i]) < (int)sizeof path &&
            try_folder(path))
            return true;
    }
    return false;
}

static bool open_anywhere(void)
{
    const char *toolkit = getenv("CUDA_PATH");
    bool has_toolkit = toolkit && *toolkit;
    reject("nothing of that name");
    if (has_toolkit && open_toolkit(toolkit))
        return true;
    if (open_toolkit("/usr/local/cuda"))
        return true;
    for (int i = 0; i < NAME_COUNT; i++) {
        if (try_library(names[i]))
            return true;
    }
    snprintf(state.text, sizeof state.text,
             "no NVRTC: libnvrtc.so is not in $CUDA_PATH (%s), /usr/local/cuda or on the loader's "
             "path (last: %s); install the CUDA toolkit or the wheel nvidia-cuda-nvrtc and set "
             "STILE_NVRTC to its folder; " STILL_WORKS,
             has_toolkit ? toolkit : "unset", state.reason);
    return false;
}

static void open_nvrtc(void)
{
    const char *name = getenv("STILE_NVRTC");
    state.found = name && *name ? open_named(name) : open_anywhere();
}

int stile_nvrtc_get(const stile_nvrtc **out)
{
    pthread_once(&once, open_nvrtc);
    if (!state.found)
        return stile_fail(STILE_ERROR_UNSUPPORTED, "%s", state.text);
    *out = &state.nvrtc;
    return STILE_OK;
}

int stile_nvrtc_describe(stile_nvrtc_info *out)
{
    const stile_nvrtc *nvrtc;
    int error = stile_nvrtc_get(&nvrtc);
    if (!error)
        *out = state.info;
    return error;
}
