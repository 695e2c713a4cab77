/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts allocations of a program by standing in front of glibc's. Include in one file of a test.
 * Under a sanitizer, which has its own allocator, nothing is counted.
 */
#ifndef STILE_TESTS_COUNT_ALLOCATIONS_H
#define STILE_TESTS_COUNT_ALLOCATIONS_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define ALLOCATIONS_COUNTED 0
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ALLOCATIONS_COUNTED 0
#endif
#endif
#ifndef ALLOCATIONS_COUNTED
#define ALLOCATIONS_COUNTED 1
#endif

/*
 * Of this thread, while `counting`: those of the CUDA driver apart from all others. Volatile, as
 * compilers know that malloc does not touch a program's variables.
 */
static _Thread_local volatile struct {
    bool counting;
    int ours, drivers;
} allocations __attribute__((unused));

#if ALLOCATIONS_COUNTED
#define COUNT_ALLOCATION() count_allocation(__builtin_return_address(0))

static void count_allocation(void *caller)
{
    if (!allocations.counting)
        return;
    allocations.counting = false; /* dladdr may allocate */
    Dl_info info;
    bool driver = dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libcuda");
    if (driver)
        allocations.drivers++;
    else
        allocations.ours++;
    allocations.counting = true;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    COUNT_ALLOCATION();
    return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size)
{
    COUNT_ALLOCATION();
    return __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void *realloc(void *memory, size_t size)
{
    COUNT_ALLOCATION();
    return __libc_realloc(memory, size);
}

__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t size)
{
    COUNT_ALLOCATION();
    return __libc_memalign(alignment, size);
}
#endif

#endif
