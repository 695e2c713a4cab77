/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an emulated kernel calls, in C and in C++. Every function is called by a thread of the
 * kernel, may let others run before it returns, and does not return where the kernel broke a rule:
 * the launch then fails with a text that says so.
 *
 * Addresses of shared memory are 32 bits as in PTX: an offset in the block's own, or one that
 * emulator_mapa made for another block of the cluster.
 */
#ifndef STILE_TESTS_EMULATOR_H
#define STILE_TESTS_EMULATOR_H

#include <stddef.h>
#include <stdint.h>

#define EMULATOR_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

typedef struct emulator_dim3 {
    unsigned x, y, z;
} emulator_dim3;

/* The thread that runs. */
typedef struct emulator_thread {
    emulator_dim3 thread_index, block_index, block_size, grid_size;
    unsigned lane, warp;                 /* in the warp, in the block */
    unsigned cluster_rank, cluster_size; /* in blocks */
    unsigned multiprocessor, multiprocessors;
} emulator_thread;

EMULATOR_API extern const emulator_thread *emulator_current;

/* What a compiled kernel exports under the name emulator_kernel_<name>. */
typedef struct emulator_kernel {
    const char *name;
    void (*run)(void *const *parameters);
    unsigned parameter_count;
    const unsigned *parameter_sizes; /* bytes */
    unsigned max_threads;            /* 0: not bounded */
    emulator_dim3 cluster;
} emulator_kernel;

/* The kernel did what it must not do; printf's format. */
EMULATOR_API __attribute__((format(printf, 1, 2), noreturn)) void emulator_fail(const char *format,
                                                                                ...);

/* --- memory --- */

/* Storage of a __shared__ variable. Zero at first: `used` of the module, `slot` of the variable. */
EMULATOR_API void *emulator_static_shared(unsigned *used, unsigned *slot, size_t bytes,
                                          size_t alignment);
EMULATOR_API void *emulator_dynamic_shared(size_t alignment);
EMULATOR_API unsigned emulator_shared_address(const void *pointer);
/* `bytes` of shared memory that are aligned to a power of two. */
EMULATOR_API void *emulator_shared(unsigned address, size_t bytes, size_t alignment);
EMULATOR_API unsigned emulator_mapa(unsigned address, unsigned rank);
/* Before a read that a loop may repeat until it changes: lets others run. */
EMULATOR_API void emulator_poll(void);
/* Tells the search for deadlocks what a poll read, or that memory was written. */
EMULATOR_API void emulator_polled(const void *address, uint64_t value);
EMULATOR_API void emulator_wrote(void);
EMULATOR_API uint64_t emulator_clock(void);

/* --- groups of threads --- */

/* bar.sync, or bar.arrive without `wait`; a count of 0 means all threads of the block. */
EMULATOR_API void emulator_barrier(unsigned barrier, unsigned count, int wait);
EMULATOR_API void emulator_cluster_arrive(void);
EMULATOR_API void emulator_cluster_wait(void);
EMULATOR_API void emulator_sync_warp(unsigned mask);
/* Gives each lane of `mask` what all of them gave; the others' places hold zeros. */
EMULATOR_API void emulator_exchange(unsigned mask, uint64_t value, uint64_t all[32]);
EMULATOR_API unsigned emulator_active_mask(void);

/* --- matrices --- */

typedef enum emulator_format {
    EMULATOR_F16,
    EMULATOR_BF16,
    EMULATOR_TF32,
    EMULATOR_E4M3,
    EMULATOR_E5M2,
} emulator_format;

EMULATOR_API unsigned short emulator_f16(float value);  /* to nearest even */
EMULATOR_API unsigned short emulator_bf16(float value); /* to nearest even */
/* To E4M3 or E5M2: to nearest even, what is too large to the largest value. */
EMULATOR_API unsigned char emulator_fp8(emulator_format format, float value);
EMULATOR_API float emulator_from_bits(emulator_format format, unsigned bits);

/* count is 1, 2 or 4 matrices of 8 rows by 16 bytes. */
EMULATOR_API void emulator_ldmatrix(unsigned *fragment, unsigned count, int transpose,
                                    unsigned address);
EMULATOR_API void emulator_stmatrix(const unsigned *fragment, unsigned count, int transpose,
                                    unsigned address);
/* 16×8 products, d += a·b, with `bytes` of the inner dimension: 16 or 32. */
EMULATOR_API void emulator_mma(float *d, const unsigned *a, const unsigned *b,
                               emulator_format a_format, emulator_format b_format, unsigned bytes);

EMULATOR_API void emulator_wgmma_fence(void);
EMULATOR_API void emulator_wgmma_commit(void);
EMULATOR_API void emulator_wgmma_wait(unsigned pending);
/* 64×n products with 32 bytes of the inner dimension. a_registers: NULL, or four of the thread's.
 */
EMULATOR_API void emulator_wgmma(float *const *sums, unsigned n, const unsigned *a_registers,
                                 uint64_t a, uint64_t b, int accumulate, emulator_format a_format,
                                 emulator_format b_format);

/* --- barriers in shared memory --- */

EMULATOR_API void emulator_mbarrier_init(unsigned barrier, unsigned arrivals);
EMULATOR_API void emulator_mbarrier_invalidate(unsigned barrier);
/* Returns the phase before the arrival, for emulator_mbarrier_test. */
EMULATOR_API uint64_t emulator_mbarrier_arrive(unsigned barrier, unsigned arrivals, unsigned bytes);
EMULATOR_API void emulator_mbarrier_expect(unsigned barrier, unsigned bytes);
EMULATOR_API void emulator_mbarrier_complete(unsigned barrier, unsigned bytes);
/* Whether the phase of that parity has completed; `wait`: may suspend the thread first. */
EMULATOR_API int emulator_mbarrier_test(unsigned barrier, unsigned parity, int wait);

/* --- copies in the background --- */

EMULATOR_API void emulator_copy_async(unsigned to, const void *from, unsigned bytes,
                                      unsigned valid);
EMULATOR_API void emulator_copy_commit(void);
EMULATOR_API void emulator_copy_wait(unsigned pending);
/* Arrives at the barrier once this thread's copies are done. */
EMULATOR_API void emulator_copy_arrive(unsigned barrier, int counted);

EMULATOR_API void emulator_tensor_load(unsigned to, const void *map, unsigned barrier,
                                       unsigned rank, const int *position, unsigned short blocks);
EMULATOR_API void emulator_tensor_store(const void *map, unsigned from, unsigned rank,
                                        const int *position);
EMULATOR_API void emulator_bulk_load(unsigned to, const void *from, unsigned bytes,
                                     unsigned barrier, unsigned short blocks);
EMULATOR_API void emulator_bulk_store(void *to, unsigned from, unsigned bytes);
/* st.async of 4 to 16 bytes, both addresses of the same block of the cluster. */
EMULATOR_API void emulator_store_async(unsigned to, const void *value, unsigned bytes,
                                       unsigned barrier);
EMULATOR_API void emulator_bulk_commit(void);
/* read: until the sources may be overwritten; else until the results are written, too. */
EMULATOR_API void emulator_bulk_wait(unsigned pending, int read);

#ifdef __cplusplus
}
#endif
#endif
