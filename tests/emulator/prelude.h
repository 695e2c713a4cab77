/* SPDX-License-Identifier: Apache-2.0 */
/* CUDA's words for a kernel that a C++ compiler compiles for the emulator. */
#ifndef STILE_TESTS_EMULATOR_PRELUDE_H
#define STILE_TESTS_EMULATOR_PRELUDE_H

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <utility>

#include "emulator.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __grid_constant__
#define __constant__ static

#define threadIdx (emulator_current->thread_index)
#define blockIdx (emulator_current->block_index)
#define blockDim (emulator_current->block_size)
#define gridDim (emulator_current->grid_size)
#define warpSize 32

using dim3 = emulator_dim3;

/* --- vectors --- */

#define EMULATOR_VECTORS(name, type)                                                               \
    struct name##2 { type x, y; } __attribute__((aligned(2 * sizeof(type))));                      \
    struct name##3 { type x, y, z; };                                                              \
    struct name##4 { type x, y, z, w; }                                                            \
        __attribute__((aligned(4 * sizeof(type) < 16 ? 4 * sizeof(type) : 16)));                   \
    static inline name##2 make_##name##2(type x, type y) { return {x, y}; }                        \
    static inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

EMULATOR_VECTORS(char, signed char)
EMULATOR_VECTORS(uchar, unsigned char)
EMULATOR_VECTORS(short, short)
EMULATOR_VECTORS(ushort, unsigned short)
EMULATOR_VECTORS(int, int)
EMULATOR_VECTORS(uint, unsigned)
EMULATOR_VECTORS(longlong, long long)
EMULATOR_VECTORS(ulonglong, unsigned long long)
EMULATOR_VECTORS(float, float)
EMULATOR_VECTORS(double, double)

/* --- arithmetic --- */

#define EMULATOR_MIN_MAX(type, a_type, b_type)                                                     \
    static inline type min(a_type a, b_type b) { return (type)a < (type)b ? (type)a : (type)b; }   \
    static inline type max(a_type a, b_type b) { return (type)a < (type)b ? (type)b : (type)a; }

EMULATOR_MIN_MAX(int, int, int)
EMULATOR_MIN_MAX(unsigned, unsigned, unsigned)
EMULATOR_MIN_MAX(unsigned, int, unsigned)
EMULATOR_MIN_MAX(unsigned, unsigned, int)
EMULATOR_MIN_MAX(long, long, long)
EMULATOR_MIN_MAX(unsigned long, unsigned long, unsigned long)
EMULATOR_MIN_MAX(long long, long long, long long)
EMULATOR_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }

namespace emulator {

/* The value of the same bits, or a conversion where the sizes differ. */
template <class To, class From>
inline To cast(From value)
{
    if constexpr (sizeof(To) == sizeof(From)) {
        To result;
        memcpy(&result, &value, sizeof result);
        return result;
    } else {
        return static_cast<To>(value);
    }
}

template <class T>
inline uint64_t bits(T value)
{
    uint64_t result = 0;
    memcpy(&result, &value, sizeof value < sizeof result ? sizeof value : sizeof result);
    return result;
}

}

/* The C library has functions of these names. */
#define __expf expf
#define __logf logf

static inline float __uint_as_float(unsigned value) { return emulator::cast<float>(value); }
static inline unsigned __float_as_uint(float value) { return emulator::cast<unsigned>(value); }
static inline float __int_as_float(int value) { return emulator::cast<float>(value); }
static inline int __float_as_int(float value) { return emulator::cast<int>(value); }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (uint64_t)a * b >> 32; }

static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector)
{
    const uint64_t bytes = (uint64_t)b << 32 | a;
    unsigned result = 0;
    for (int i = 0; i < 4; i++)
        result |= (unsigned)(bytes >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
    return result;
}

/* --- threads --- */

static inline void __syncthreads() { emulator_barrier(0, 0, 1); }
static inline void __syncwarp(unsigned mask = ~0u) { emulator_sync_warp(mask); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}
static inline void __threadfence_system() {}
static inline void __nanosleep(unsigned) { emulator_poll(); }
static inline long long clock64() { return (long long)emulator_clock(); }
static inline unsigned __activemask() { return emulator_active_mask(); }
[[noreturn]] static inline void __trap() { emulator_fail("__trap"); }

namespace emulator {

/* What lane `source` of this thread's `width` gave; its own value where there is no such lane. */
template <class T>
inline T shuffle(unsigned mask, T value, int source, int width)
{
    const int lane = (int)emulator_current->lane, first = lane / width * width;
    uint64_t all[32];
    emulator_exchange(mask, bits(value), all);
    const bool inside = source >= first && source < first + width;
    if (inside && !(mask >> source & 1))
        emulator_fail("a shuffle from lane %d, which does not take part", source);
    T result;
    memcpy(&result, &all[inside ? source : lane], sizeof result);
    return result;
}

inline unsigned ballot(unsigned mask, int predicate)
{
    uint64_t all[32];
    unsigned votes = 0;
    emulator_exchange(mask, predicate != 0, all);
    for (int i = 0; i < 32; i++)
        votes |= (unsigned)all[i] << i;
    return votes;
}

}

template <class T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32)
{
    const int first = (int)emulator_current->lane / width * width;
    return emulator::shuffle(mask, value, first + (source & (width - 1)), width);
}

template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32)
{
    return emulator::shuffle(mask, value, (int)emulator_current->lane ^ bits, width);
}

template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32)
{
    return emulator::shuffle(mask, value, (int)(emulator_current->lane + delta), width);
}

template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32)
{
    return emulator::shuffle(mask, value, (int)emulator_current->lane - (int)delta, width);
}

static inline unsigned __ballot_sync(unsigned mask, int predicate)
{
    return emulator::ballot(mask, predicate);
}
static inline int __any_sync(unsigned mask, int predicate)
{
    return emulator::ballot(mask, predicate) != 0;
}
static inline int __all_sync(unsigned mask, int predicate)
{
    return emulator::ballot(mask, predicate) == mask;
}

/* --- memory --- */

static inline size_t __cvta_generic_to_shared(const void *pointer)
{
    return emulator_shared_address(pointer);
}
static inline void *__cvta_shared_to_generic(size_t address)
{
    return emulator_shared((unsigned)address, 1, 1);
}

template <class T> inline T __ldg(const T *memory) { return *memory; }
template <class T> inline T __ldcg(const T *memory) { return *memory; }
template <class T> inline T __ldcs(const T *memory) { return *memory; }
template <class T> inline void __stcg(T *memory, T value) { *memory = value; }
template <class T> inline void __stcs(T *memory, T value) { *memory = value; }

namespace emulator {

/* One OS thread runs all of the kernel's, so what does not give way is atomic. */
template <class T, class Update>
inline T atomic(T *memory, Update update)
{
    emulator_poll();
    const T old = *memory, fresh = update(old);
    if (bits(old) == bits(fresh))
        emulator_polled(memory, bits(old));
    else
        emulator_wrote();
    *memory = fresh;
    return old;
}

}

template <class T, class V> inline T atomicAdd(T *memory, V value)
{
    return emulator::atomic(memory, [=](T old) { return (T)(old + (T)value); });
}
template <class T, class V> inline T atomicSub(T *memory, V value)
{
    return emulator::atomic(memory, [=](T old) { return (T)(old - (T)value); });
}
template <class T, class V> inline T atomicMax(T *memory, V value)
{
    return emulator::atomic(memory, [=](T old) { return old < (T)value ? (T)value : old; });
}
template <class T, class V> inline T atomicMin(T *memory, V value)
{
    return emulator::atomic(memory, [=](T old) { return (T)value < old ? (T)value : old; });
}
template <class T, class V> inline T atomicOr(T *memory, V value)
{
    return emulator::atomic(memory, [=](T old) { return (T)(old | (T)value); });
}
template <class T, class V> inline T atomicAnd(T *memory, V value)
{
    return emulator::atomic(memory, [=](T old) { return (T)(old & (T)value); });
}
template <class T, class V> inline T atomicExch(T *memory, V value)
{
    return emulator::atomic(memory, [=](T) { return (T)value; });
}
template <class T, class C, class V> inline T atomicCAS(T *memory, C compare, V value)
{
    return emulator::atomic(memory, [=](T old) { return old == (T)compare ? (T)value : old; });
}
static inline unsigned atomicInc(unsigned *memory, unsigned limit)
{
    return emulator::atomic(memory, [=](unsigned old) { return old >= limit ? 0 : old + 1; });
}

/* --- what ptx.py's translation uses --- */

namespace emulator {

template <class T> inline uint64_t as_u64(T value) { return (uint64_t)value; }
template <class T> inline uint64_t as_u64(T *pointer) { return (uint64_t)(uintptr_t)pointer; }

/* `count` elements at an address of global memory, or a generic one. */
template <class T>
inline T *global(uint64_t address, unsigned count)
{
    if (address % (sizeof(T) * count))
        emulator_fail("access to %zu bytes at 0x%llx, which is not aligned", sizeof(T) * count,
                      (unsigned long long)address);
    return (T *)(uintptr_t)address;
}

template <class T>
inline T *shared(unsigned address, unsigned count)
{
    return (T *)emulator_shared(address, sizeof(T) * count, sizeof(T) * count);
}

/* A float rounded to tf32, ties away from zero. */
inline unsigned tf32(float value)
{
    const unsigned bits = __float_as_uint(value);
    return (bits & 0x7f800000) == 0x7f800000 ? bits : (bits + 0x1000) & 0xffffe000;
}

/* Whether this lane is the one that elect.sync chooses. */
inline bool elect(unsigned mask)
{
    emulator_sync_warp(mask);
    return (int)emulator_current->lane == __builtin_ctz(mask);
}

template <auto Function> struct Kernel;

template <class... P, void (*Function)(P...)>
struct Kernel<Function> {
    static constexpr unsigned count = sizeof...(P);
    static constexpr unsigned sizes[] = {(unsigned)sizeof(P)..., 0};

    static void run(void *const *parameters) { call(parameters, std::index_sequence_for<P...>()); }

    template <size_t... I>
    static void call(void *const *parameters, std::index_sequence<I...>)
    {
        Function(*(const P *)parameters[I]...);
    }
};

/* Of the __shared__ variables of this kernel: bytes that have an address. */
static unsigned shared_bytes;

}

#endif
