/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device memory for tests and benchmarks: poisoned with NaN, between guard bands that show what was
 * written out of bounds. The context must be current in every call (stile_context_enter).
 */
#ifndef STILE_RUNTIME_DEVICE_BUFFER_H
#define STILE_RUNTIME_DEVICE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "driver.h"

enum {
    STILE_GUARD_BYTES = 4096, /* before and behind the data: keeps it aligned */
    STILE_POISON = 0xff,      /* as bytes: a NaN in every format */
};

/* Zero-initialise; destroying such a buffer does nothing. */
typedef struct stile_device_buffer {
    const stile_driver *driver;
    CUdeviceptr base; /* 0: no memory */
    size_t size;      /* of the data, without guards */
} stile_device_buffer;

/* All of it poisoned, guards included. Errors: MEMORY, DEVICE. */
int stile_device_buffer_create(stile_device_buffer *out, const stile_driver *driver, size_t size);
void stile_device_buffer_destroy(stile_device_buffer *buffer);

/* The data as the pointer that stile.h takes, at least 256-byte aligned. */
static inline void *stile_device_pointer(const stile_device_buffer *buffer)
{
    return buffer->base ? (void *)(uintptr_t)(buffer->base + STILE_GUARD_BYTES) : NULL;
}

/* `size` bytes from or to host memory, at byte `offset`; complete on return. Errors: DEVICE. */
int stile_device_buffer_write(const stile_device_buffer *buffer, size_t offset, const void *from,
                              size_t size);
int stile_device_buffer_read(const stile_device_buffer *buffer, size_t offset, void *to,
                             size_t size);

/* Poisons the data again. */
int stile_device_buffer_poison(const stile_device_buffer *buffer);

/* Whether both guard bands still hold the poison. Errors: DEVICE. */
int stile_device_buffer_check(const stile_device_buffer *buffer, bool *intact);

#endif
