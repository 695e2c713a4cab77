/* SPDX-License-Identifier: Apache-2.0 */
/* CUDA source to cubin with NVRTC, which is opened on first use and needs no GPU. */
#ifndef STILE_RUNTIME_COMPILE_H
#define STILE_RUNTIME_COMPILE_H

#include <stddef.h>

#include "arch.h"
#include "nvrtc.h"

/* A compiled kernel; freed with stile_cubin_free. */
typedef struct stile_cubin {
    void *data;
    size_t size;
    char *log; /* compiler and assembler messages: registers, shared memory, spills; may be "" */
} stile_cubin;

void stile_cubin_free(stile_cubin *cubin);

/* The options of every compilation for `arch`, NULL-terminated, in order; part of the cache key. */
typedef struct stile_compile_options {
    const char *items[12];
    int count;
    char arch_option[40];
} stile_compile_options;
void stile_compile_options_for(stile_compile_options *out, const stile_arch *arch);

/*
 * Compiles `source` for the real architecture `arch`. `name` stands for the file in messages.
 * Thread-safe. Errors: UNSUPPORTED (no NVRTC: the text says where it was looked for; or this NVRTC
 * does not know `arch`: names both), COMPILE (the text holds the first compiler errors; alone among
 * failures this one sets *out: no data, and a log with all of them, or NULL; free it as ever),
 * MEMORY.
 */
int stile_compile(stile_cubin *out, const char *name, const char *source, const stile_arch *arch);

#endif
