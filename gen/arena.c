/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024 };

typedef struct block {
    struct block *next;
    size_t used, capacity;
    alignas(max_align_t) unsigned char data[];
} block;

struct stile_arena {
    block *blocks; /* the first is the one being filled */
};

stile_arena *stile_arena_create(void)
{
    return calloc(1, sizeof(stile_arena));
}

void stile_arena_destroy(stile_arena **arena)
{
    if (!arena || !*arena)
        return;
    for (block *next, *b = (*arena)->blocks; b; b = next) {
        next = b->next;
        free(b);
    }
    free(*arena);
    *arena = NULL;
}

void *stile_arena_alloc(stile_arena *arena, size_t size)
{
    const size_t alignment = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + alignment - 1) / alignment * alignment;

    block *b = arena->blocks;
    if (!b || b->capacity - b->used < size) {
        const size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block *fresh = calloc(1, sizeof *fresh + capacity);
        if (!fresh)
            return NULL;
        fresh->capacity = capacity;
        if (b && size > BLOCK_BYTES) { /* full at once: the first goes on being filled */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            arena->blocks = fresh;
        }
        b = fresh;
    }
    void *result = b->data + b->used;
    b->used += size;
    return result;
}

void *stile_arena_array(stile_arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    return stile_arena_alloc(arena, count * size);
}

char *stile_arena_strndup(stile_arena *arena, const char *string, size_t size)
{
    char *copy = stile_arena_alloc(arena, size + 1);
    if (copy)
        memcpy(copy, string, size);
    return copy;
}

char *stile_arena_strdup(stile_arena *arena, const char *string)
{
    return stile_arena_strndup(arena, string, strlen(string));
}

char *stile_arena_vprintf(stile_arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *string = size < 0 ? NULL : stile_arena_alloc(arena, (size_t)size + 1);
    if (string)
        vsnprintf(string, (size_t)size + 1, format, arguments);
    return string;
}

char *stile_arena_printf(stile_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *string = stile_arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return string;
}
