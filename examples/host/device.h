/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory, streams and graphs of one device: what a host program has already, from the CUDA runtime,
 * the driver or a framework. Here it is the driver, opened with dlopen, so that the example builds
 * without the CUDA toolkit and runs, on the CPU device, without a GPU. Nothing in it is about
 * stile.
 *
 * Every function ends the program with a message where the driver reports a failure.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stddef.h>

/* Opens CUDA device 0, or with `cpu` host memory behind the same functions. */
void device_open(bool cpu);
void device_close(void);

/* Aligned to 256 bytes, as stile wants workspaces and encoded weights. */
void *device_alloc(size_t size);
void device_free(void *memory);
void device_upload(void *to, const void *from, size_t size);
void device_download(void *to, const void *from, size_t size);

/* NULL on the CPU device. */
void *device_stream_create(void);
void device_stream_wait(void *stream);
void device_stream_destroy(void *stream);

/* What is put on the stream between begin and end becomes a graph. CUDA devices only. */
void device_capture_begin(void *stream);
void *device_capture_end(void *stream);
void device_graph_launch(void *graph, void *stream);
void device_graph_destroy(void *graph);

#endif
