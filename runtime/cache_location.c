/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_location.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_entry.h"
#include "cache_file.h"
#include "cache_lock.h"
#include "fail.h"

enum { TEMPORARY_SECONDS = 60, LOCK_SECONDS = 24 * 60 * 60 };

/* What nobody but the owner may do with a directory that lies among those of other users. */
enum { PRIVATE = S_IRWXG | S_IRWXO };

typedef struct candidate {
    char *path;       /* NULL: none */
    mode_t forbidden; /* bits of the mode */
} candidate;

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
static bool is_private(int directory, mode_t forbidden, stile_text *reason)
{
    struct stat status;
    if (fstat(directory, &status) != 0)
        stile_text_append(reason, strerror(errno));
    else if (status.st_uid != geteuid() && (status.st_uid != 0 || forbidden == PRIVATE))
        stile_text_appendf(reason, "it belongs to user %ld", (long)status.st_uid);
    else if (status.st_mode & forbidden)
        stile_text_appendf(reason, "others may %s it (mode %04o; chmod go%s mends it)",
                           forbidden == PRIVATE ? "use" : "write to",
                           (unsigned)status.st_mode & 07777, forbidden == PRIVATE ? "-rwx" : "-w");
    else
        return true;
    return false;
}

/* Removes what killed processes left behind. */
static void clean(int root)
{
    stile_cache_lock_clean(root, LOCK_SECONDS);
    DIR *listing = stile_cache_list(root, ".");
    if (!listing)
        return;
    for (const char *name; (name = stile_cache_list_next(listing));) {
        if (stile_cache_is_arch(name))
            stile_cache_remove_abandoned(root, name, TEMPORARY_SECONDS);
    }
    closedir(listing);
}

typedef enum use { REFUSED, READ_ONLY, WRITABLE } use;

/* Opens <path>/v1; says why not. */
static use open_root(const candidate *c, int *root, stile_text *reason)
{
    make_directories(c->path);
    int nofollow = c->forbidden == PRIVATE ? O_NOFOLLOW : 0; /* anyone may put links into /tmp */
    int directory = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | nofollow);
    if (directory < 0) {
        stile_text_append(reason, strerror(errno));
        return REFUSED;
    }
    int version = -1;
    bool usable = is_private(directory, c->forbidden, reason);
    if (usable) {
        int error = stile_cache_folder_open(directory, "v1", &version);
        if (error)
            stile_text_append(reason, strerror(error));
        usable = !error && is_private(version, c->forbidden, reason);
    }
    close(directory);
    if (!usable) {
        if (version >= 0)
            close(version);
        return REFUSED;
    }
    *root = version;
    if (faccessat(version, ".", W_OK | X_OK, AT_EACCESS) != 0) {
        stile_text_append(reason, strerror(errno));
        return READ_ONLY;
    }
    clean(version);
    return WRITABLE;
}

/* "<base><suffix>"; no path where `base` is unset or empty, or relative though it must not be. */
static candidate make_candidate(const char *base, const char *suffix, bool absolute, bool *failed)
{
    candidate result = {.forbidden = S_IWGRP | S_IWOTH};
    if (!base || !*base || (absolute && *base != '/'))
        return result;
    if (asprintf(&result.path, "%s%s", base, suffix) < 0) {
        result.path = NULL;
        *failed = true;
    }
    return result;
}

static candidate make_temporary(bool *failed)
{
    char suffix[40];
    const char *base = getenv("TMPDIR");
    snprintf(suffix, sizeof suffix, "/stile-%ld", (long)geteuid());
    candidate result = make_candidate(base && *base == '/' ? base : "/tmp", suffix, true, failed);
    result.forbidden = PRIVATE;
    return result;
}

/*
 * Tries one directory; what is to be said of it goes to `remarks`. False where memory is exhausted.
 */
static bool try_candidate(stile_cache_location *found, const candidate *c, stile_text *remarks)
{
    stile_text reason = {0};
    int root = -1;
    use result = open_root(c, &root, &reason);
    const char *because = reason.data ? reason.data : "out of memory";
    const char *separator = remarks->size ? "; " : "";
    char *path = root < 0 ? NULL : realpath(c->path, NULL);
    bool failed = root >= 0 && !path;
    if (result == WRITABLE) {
        found->path = path;
        found->root = root;
    } else if (result == READ_ONLY && found->read_only_root < 0) {
        stile_text_appendf(remarks, "%skernels in %s are used, but none can be added: %s",
                           separator, c->path, because);
        found->read_only_path = path;
        found->read_only_root = root;
    } else {
        stile_text_appendf(remarks, "%scannot use %s: %s", separator, c->path, because);
        if (root >= 0)
            close(root);
        free(path);
    }
    stile_text_free(&reason);
    return !failed;
}

int stile_cache_location_open(stile_cache_location *out, const char *configured,
                              stile_text *warning)
{
    bool failed = false;
    candidate candidates[] = {
        make_candidate(configured, "", false, &failed),
        make_candidate(getenv("STILE_CACHE_DIR"), "", false, &failed),
        make_candidate(getenv("XDG_CACHE_HOME"), "/stile", true, &failed),
        make_candidate(getenv("HOME"), "/.cache/stile", true, &failed),
        make_temporary(&failed),
    };
    enum { COUNT = sizeof candidates / sizeof candidates[0] };
    stile_cache_location found = {.root = -1, .read_only_root = -1};
    stile_text remarks = {0};
    bool named = false;
    for (int i = 0; i < COUNT && !failed && found.root < 0; i++) {
        if (i == COUNT - 1 && !named)
            stile_text_append(&remarks, "no directory is named (HOME is not set)");
        named = named || candidates[i].path;
        if (candidates[i].path)
            failed = !try_candidate(&found, &candidates[i], &remarks);
    }
    if (!failed && remarks.size) {
        stile_text_appendf(warning, "kernel cache: %s; ", remarks.data);
        if (found.path)
            stile_text_appendf(warning, "using %s", found.path);
        else
            stile_text_append(warning, "newly compiled kernels stay in memory only");
    }
    failed = failed || remarks.failed || warning->failed;
    stile_text_free(&remarks);
    for (int i = 0; i < COUNT; i++)
        free(candidates[i].path);
    if (failed) {
        stile_cache_location_close(&found);
        return stile_fail_memory();
    }
    *out = found;
    return STILE_OK;
}

const char *stile_cache_location_path(const stile_cache_location *location)
{
    return location->path ? location->path : location->read_only_path;
}

void stile_cache_location_close(stile_cache_location *location)
{
    if (location->root >= 0)
        close(location->root);
    if (location->read_only_root >= 0)
        close(location->read_only_root);
    free(location->path);
    free(location->read_only_path);
    *location = (stile_cache_location){.root = -1, .read_only_root = -1};
}
