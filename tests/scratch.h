/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch folders and child processes for tests. Include after <cmocka.h>. */
#ifndef STILE_TESTS_SCRATCH_H
#define STILE_TESTS_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct scratch {
    char path[64];
} scratch;

static inline int scratch_remove_one(const char *path, const struct stat *status, int type,
                                     struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline void scratch_create(scratch *out)
{
    strcpy(out->path, "/tmp/stile-test-XXXXXX");
    assert_non_null(mkdtemp(out->path));
}

static inline void scratch_remove(scratch *folder)
{
    nftw(folder->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* In a child process: a failed assertion aborts, rather than jump back into the parent's test loop.
 */
static inline void become_child(void)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
}

/* Runs `body` in a child process and returns its exit status; -1 where a signal ended it. */
static inline int in_child(int (*body)(void *user), void *user)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        become_child();
        int result = body(user);
        fflush(NULL);
        _exit(result);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
