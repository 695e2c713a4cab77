/* SPDX-License-Identifier: Apache-2.0 */
#include "device_buffer.h"

int stile_device_buffer_create(stile_device_buffer *out, const stile_driver *driver, size_t size)
{
    CUdeviceptr base;
    size_t whole = size + 2 * STILE_GUARD_BYTES;
    int error = stile_driver_check(driver, driver->cuMemAlloc(&base, whole), "cuMemAlloc");
    if (error)
        return error;
    error = stile_driver_check(driver, driver->cuMemsetD8(base, STILE_POISON, whole), "cuMemsetD8");
    if (error) {
        driver->cuMemFree(base);
        return error;
    }
    *out = (stile_device_buffer){driver, base, size};
    return 0;
}

void stile_device_buffer_destroy(stile_device_buffer *buffer)
{
    if (buffer->base)
        buffer->driver->cuMemFree(buffer->base);
    *buffer = (stile_device_buffer){0};
}

int stile_device_buffer_write(const stile_device_buffer *buffer, size_t offset, const void *from,
                              size_t size)
{
    const stile_driver *driver = buffer->driver;
    CUdeviceptr to = buffer->base + STILE_GUARD_BYTES + offset;
    return stile_driver_check(driver, driver->cuMemcpyHtoD(to, from, size), "cuMemcpyHtoD");
}

int stile_device_buffer_read(const stile_device_buffer *buffer, size_t offset, void *to,
                             size_t size)
{
    const stile_driver *driver = buffer->driver;
    CUdeviceptr from = buffer->base + STILE_GUARD_BYTES + offset;
    return stile_driver_check(driver, driver->cuMemcpyDtoH(to, from, size), "cuMemcpyDtoH");
}

int stile_device_buffer_poison(const stile_device_buffer *buffer)
{
    const stile_driver *driver = buffer->driver;
    CUdeviceptr data = buffer->base + STILE_GUARD_BYTES;
    return stile_driver_check(driver, driver->cuMemsetD8(data, STILE_POISON, buffer->size),
                              "cuMemsetD8");
}

int stile_device_buffer_check(const stile_device_buffer *buffer, bool *intact)
{
    const stile_driver *driver = buffer->driver;
    const CUdeviceptr guards[2] = {buffer->base, buffer->base + STILE_GUARD_BYTES + buffer->size};
    bool whole = true;
    for (int i = 0; i < 2; i++) {
        unsigned char bytes[STILE_GUARD_BYTES];
        int error = stile_driver_check(driver, driver->cuMemcpyDtoH(bytes, guards[i], sizeof bytes),
                                       "cuMemcpyDtoH");
        if (error)
            return error;
        for (size_t j = 0; j < sizeof bytes; j++)
            whole = whole && bytes[j] == STILE_POISON;
    }
    *intact = whole;
    return 0;
}
