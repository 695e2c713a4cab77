/* SPDX-License-Identifier: Apache-2.0 */
/* A bump allocator: everything one generator run makes lives and dies together. */
#ifndef STILE_GEN_ARENA_H
#define STILE_GEN_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct stile_arena stile_arena;

/* NULL when memory is exhausted, as every allocation below. */
stile_arena *stile_arena_create(void);
void stile_arena_destroy(stile_arena **arena);

/* `size` zeroed bytes, aligned for any type. */
void *stile_arena_alloc(stile_arena *arena, size_t size);

/* `count` zeroed elements of `size` bytes; NULL also when the product overflows. */
void *stile_arena_array(stile_arena *arena, size_t count, size_t size);

/* Copies of a string, and of its first `size` bytes with a NUL added. */
char *stile_arena_strdup(stile_arena *arena, const char *string);
char *stile_arena_strndup(stile_arena *arena, const char *string, size_t size);

/* A formatted string. Do not format floating-point numbers with it: see number.h. */
__attribute__((format(printf, 2, 3))) char *stile_arena_printf(stile_arena *arena,
                                                               const char *format, ...);
char *stile_arena_vprintf(stile_arena *arena, const char *format, va_list arguments);

#endif
