/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_location.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_file.h"
#include "fail.h"

enum { STALE_SECONDS = 24 * 60 * 60 };

/* mkdir -p. A failure shows when the directory is opened. */
static void make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    mkdir(path, 0700);
}

/* Whether nobody but this user and root can put files into an open directory; says why not. */
static bool is_private(int directory, stile_text *reason)
{
    struct stat status;
    if (fstat(directory, &status) != 0)
        stile_text_append(reason, strerror(errno));
    else if (status.st_uid != geteuid() && status.st_uid != 0)
        stile_text_appendf(reason, "it belongs to user %ld", (long)status.st_uid);
    else if (status.st_mode & (S_IWGRP | S_IWOTH))
        stile_text_appendf(reason, "others may write to it (mode %04o; chmod go-w mends it)",
                           (unsigned)status.st_mode & 07777);
    else if (faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) != 0)
        stile_text_append(reason, strerror(errno));
    else
        return true;
    return false;
}

/* Removes what crashed processes left behind, in every folder of an architecture. */
static void clean(int root)
{
    int folder = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = folder < 0 ? NULL : fdopendir(folder);
    if (!listing) {
        if (folder >= 0)
            close(folder);
        return;
    }
    for (struct dirent *item; (item = readdir(listing));) {
        int child;
        if (strncmp(item->d_name, "sm_", 3) == 0 &&
            (child = openat(folder, item->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0) {
            stile_cache_remove_stale(child, STILE_CACHE_TEMPORARY, STALE_SECONDS);
            close(child);
        }
    }
    closedir(listing);
}

/* Opens <path>/v1; says why not. */
static bool open_root(char *path, int *root, stile_text *reason)
{
    make_directories(path);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        stile_text_append(reason, strerror(errno));
        return false;
    }
    int version = -1;
    bool usable = is_private(directory, reason);
    if (usable) {
        int error = stile_cache_folder_open(directory, "v1", &version);
        if (error)
            stile_text_append(reason, strerror(error));
        usable = !error && is_private(version, reason);
    }
    close(directory);
    if (!usable) {
        if (version >= 0)
            close(version);
        return false;
    }
    clean(version);
    *root = version;
    return true;
}

/* "<base><suffix>", or NULL where `base` is unset or empty, or relative though it must not be. */
static char *candidate(const char *base, const char *suffix, bool absolute, bool *failed)
{
    if (!base || !*base || (absolute && *base != '/'))
        return NULL;
    char *path;
    if (asprintf(&path, "%s%s", base, suffix) < 0) {
        *failed = true;
        return NULL;
    }
    return path;
}

int stile_cache_location_open(stile_cache_location *out, const char *configured,
                              stile_text *warning)
{
    bool failed = false;
    char *candidates[] = {
        candidate(configured, "", false, &failed),
        candidate(getenv("STILE_CACHE_DIR"), "", false, &failed),
        candidate(getenv("XDG_CACHE_HOME"), "/stile", true, &failed),
        candidate(getenv("HOME"), "/.cache/stile", true, &failed),
    };
    stile_cache_location found = {.root = -1};
    stile_text refused = {0};
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0] && !failed && found.root < 0;
         i++) {
        stile_text reason = {0};
        if (candidates[i] && open_root(candidates[i], &found.root, &reason)) {
            found.path = realpath(candidates[i], NULL);
            failed = !found.path;
        } else if (candidates[i]) {
            stile_text_appendf(&refused, "%scannot use %s: %s", refused.size ? "; " : "",
                               candidates[i], reason.data ? reason.data : "out of memory");
        }
        stile_text_free(&reason);
    }
    if (!failed && (refused.size || !found.path)) {
        stile_text_appendf(warning, "kernel cache: %s; ",
                           refused.size ? refused.data : "no directory is named (HOME is not set)");
        if (found.path)
            stile_text_appendf(warning, "using %s", found.path);
        else
            stile_text_append(warning, "compiled kernels stay in memory only");
    }
    failed = failed || refused.failed || warning->failed;
    stile_text_free(&refused);
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
        free(candidates[i]);
    if (failed) {
        stile_cache_location_close(&found);
        return stile_fail_memory();
    }
    *out = found;
    return STILE_OK;
}

void stile_cache_location_close(stile_cache_location *location)
{
    if (location->root >= 0)
        close(location->root);
    free(location->path);
    *location = (stile_cache_location){.root = -1};
}
