/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Global memory: mappings of their own that end, but for the alignment to 256 bytes, at a guard
 * page, and are NaN at first.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

enum { PAGE = 4096, ALIGNMENT = 256, NEAR = 1 << 20 };

typedef struct allocation {
    struct allocation *next;
    unsigned char *mapping, *pointer;
    size_t mapped, bytes;
} allocation;

static allocation *allocations;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void *memory_allocate(size_t bytes)
{
    const size_t used = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    const size_t pages = (used + PAGE - 1) / PAGE * PAGE;
    allocation *a = malloc(sizeof *a);
    if (!a || bytes > SIZE_MAX / 2)
        goto fail;
    a->mapped = pages + 2 * PAGE;
    a->mapping = mmap(NULL, a->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (a->mapping == MAP_FAILED)
        goto fail;
    if (mprotect(a->mapping + PAGE, pages, PROT_READ | PROT_WRITE)) {
        munmap(a->mapping, a->mapped);
        goto fail;
    }
    memset(a->mapping + PAGE, POISON, pages);
    a->bytes = bytes;
    a->pointer = a->mapping + PAGE + pages - used;
    pthread_mutex_lock(&lock);
    a->next = allocations;
    allocations = a;
    pthread_mutex_unlock(&lock);
    return a->pointer;

fail:
    free(a);
    return NULL;
}

bool memory_free(void *pointer)
{
    pthread_mutex_lock(&lock);
    allocation **link = &allocations;
    while (*link && (*link)->pointer != pointer)
        link = &(*link)->next;
    allocation *found = *link;
    if (found)
        *link = found->next;
    pthread_mutex_unlock(&lock);
    if (!found)
        return false;
    munmap(found->mapping, found->mapped);
    free(found);
    return true;
}

void memory_describe(char *text, size_t size, const void *address)
{
    const uintptr_t wanted = (uintptr_t)address;
    snprintf(text, size, "which is near no allocation");
    for (const allocation *a = allocations; a; a = a->next) {
        const uintptr_t start = (uintptr_t)a->pointer, end = start + a->bytes;
        if (wanted >= end && wanted < end + NEAR) {
            snprintf(text, size, "%zu bytes past an allocation of %zu", (size_t)(wanted - end),
                     a->bytes);
            if (wanted < end + PAGE + ALIGNMENT)
                return;
        } else if (wanted < start && wanted + NEAR > start) {
            snprintf(text, size, "%zu bytes before an allocation of %zu", (size_t)(start - wanted),
                     a->bytes);
            if (wanted + PAGE > start)
                return;
        }
    }
}
