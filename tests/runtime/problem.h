/* SPDX-License-Identifier: Apache-2.0 */
/* Problems, bases and data that tests of the CPU reference share. */
#ifndef STILE_TESTS_RUNTIME_PROBLEM_H
#define STILE_TESTS_RUNTIME_PROBLEM_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "basis.h"
#include "formats.h"
#include "reference.h"

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Uniform in [low, high]. */
static inline int64_t random_between(uint64_t *state, int64_t low, int64_t high)
{
    return low + (int64_t)(next_random(state) % (uint64_t)(high - low + 1));
}

/* N(0,1), by Box and Muller. */
static inline double random_normal(uint64_t *state)
{
    const double u = ((double)(next_random(state) >> 11) + 0.5) * 0x1p-53;
    const double v = (double)(next_random(state) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* Bytes of an element; tests use no type that is not listed. */
static inline size_t element_size(stile_type type)
{
    return type == STILE_TYPE_F32 || type == STILE_TYPE_TF32   ? 4
           : type == STILE_TYPE_F16 || type == STILE_TYPE_BF16 ? 2
                                                               : 1;
}

/* `count` values of N(0,1) rounded to `type`; freed by the caller. */
static inline void *random_array(uint64_t *state, stile_type type, int64_t count)
{
    void *array = malloc((size_t)count * element_size(type) + 1);
    assert_non_null(array);
    for (int64_t i = 0; i < count; i++)
        stile_store_element(type, array, i, random_normal(state));
    return array;
}

static const char *const BASES[] = {"strassen",  "winograd", "laderman", "strassen²",
                                    "classical", "random16", "random24", "row"};
enum { BASIS_COUNT = sizeof BASES / sizeof *BASES };

/* One of BASES: "row" has tiles ⟨1,4,2⟩, "random24" is ⟨4,4,4;24⟩, "classical" ⟨2,3,2⟩. */
static inline const stile_basis *basis_called(stile_arena *arena, const char *name)
{
    stile_basis *basis = NULL, *strassen = NULL;
    assert_int_equal(stile_basis_named(&strassen, arena, "strassen"), 0);
    if (strcmp(name, "strassen²") == 0)
        assert_int_equal(stile_basis_kron(&basis, arena, strassen, strassen), 0);
    else if (strcmp(name, "classical") == 0)
        assert_int_equal(stile_basis_classical(&basis, arena, 2, 3, 2), 0);
    else if (strcmp(name, "random16") == 0)
        assert_int_equal(stile_basis_random(&basis, arena, 4, 4, 4, 16, 1), 0);
    else if (strcmp(name, "random24") == 0)
        assert_int_equal(stile_basis_random(&basis, arena, 4, 4, 4, 24, 2), 0);
    else if (strcmp(name, "row") == 0)
        assert_int_equal(stile_basis_random(&basis, arena, 1, 4, 2, 5, 3), 0);
    else
        assert_int_equal(stile_basis_named(&basis, arena, name), 0);
    assert_non_null(basis);
    return basis;
}

/* Everything in f32, W as [N, K], no epilogue. */
static inline stile_config plain_config(const stile_basis *basis)
{
    return (stile_config){
        .name = "test",
        .basis = basis,
        .precision = {STILE_TYPE_F32, STILE_TYPE_TF32, STILE_TYPE_F32, STILE_TYPE_F32},
    };
}

#endif
