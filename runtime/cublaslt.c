/* SPDX-License-Identifier: Apache-2.0 */
#include "cublaslt.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* --- what we use of cublasLt.h --------------------------------------------------------------- */

typedef struct lt_handle *lt_handle;
typedef struct lt_operation *lt_operation;
typedef struct lt_layout *lt_layout;
typedef struct lt_preference *lt_preference;
typedef int lt_status; /* 0 is success */

enum {
    LT_R_32F = 0,
    LT_R_16F = 2,
    LT_R_16BF = 14,
    LT_COMPUTE_32F = 68,
    LT_COMPUTE_32F_FAST_TF32 = 77,
    LT_OPERATION_TRANSA = 3,
    LT_OP_N = 0,
    LT_OP_T = 1,
    LT_PREFERENCE_MAX_WORKSPACE_BYTES = 1,
    WORKSPACE_BYTES = 64 << 20,
};

typedef struct lt_algorithm {
    uint64_t data[8];
} lt_algorithm;

typedef struct lt_candidate {
    lt_algorithm algorithm;
    size_t workspace_size;
    lt_status state;
    float waves;
    int reserved[4];
} lt_candidate;

/* Entry points, each with its symbol: X(member, parameters). */
#define LT_FUNCTIONS(X)                                                                            \
    X(Create, (lt_handle * handle))                                                                \
    X(Destroy, (lt_handle handle))                                                                 \
    X(MatmulDescCreate, (lt_operation * operation, int compute_type, int scale_type))              \
    X(MatmulDescDestroy, (lt_operation operation))                                                 \
    X(MatmulDescSetAttribute,                                                                      \
      (lt_operation operation, int attribute, const void *value, size_t size))                     \
    X(MatrixLayoutCreate,                                                                          \
      (lt_layout * layout, int type, uint64_t rows, uint64_t columns, int64_t ld))                 \
    X(MatrixLayoutDestroy, (lt_layout layout))                                                     \
    X(MatmulPreferenceCreate, (lt_preference * preference))                                        \
    X(MatmulPreferenceDestroy, (lt_preference preference))                                         \
    X(MatmulPreferenceSetAttribute,                                                                \
      (lt_preference preference, int attribute, const void *value, size_t size))                   \
    X(MatmulAlgoGetHeuristic,                                                                      \
      (lt_handle handle, lt_operation operation, lt_layout a, lt_layout b, lt_layout c,            \
       lt_layout d, lt_preference preference, int wanted, lt_candidate *candidates, int *found))   \
    X(Matmul,                                                                                      \
      (lt_handle handle, lt_operation operation, const void *alpha, const void *a,                 \
       lt_layout a_layout, const void *b, lt_layout b_layout, const void *beta, const void *c,     \
       lt_layout c_layout, void *d, lt_layout d_layout, const lt_algorithm *algorithm,             \
       void *workspace, size_t workspace_size, CUstream stream))

typedef struct lt_library {
    size_t (*GetVersion)(void);
#define X(name, parameters) lt_status(*name) parameters;
    LT_FUNCTIONS(X)
#undef X
} lt_library;

struct stile_cublaslt {
    lt_library lt;
    const stile_driver *driver;
    lt_handle handle;
    CUdeviceptr workspace;
};

struct stile_dense_product {
    const stile_cublaslt *library;
    lt_operation operation;
    lt_layout x, w, y;
    lt_candidate candidates[STILE_DENSE_MAX_CANDIDATES];
    int candidate_count;
};

static int check(lt_status status, const char *call)
{
    if (!status)
        return 0;
    return stile_fail(STILE_ERROR_DEVICE, "cublasLt%s failed with status %d", call, status);
}

/* --- opening --------------------------------------------------------------------------------- */

/* Opens the first library found; its path goes to `path`. */
static void *open_object(char path[static 256])
{
    static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12",
                                        "libcublasLt.so.11", "libcublasLt.so"};
    const char *toolkit = getenv("CUDA_PATH");
    const char *const directories[] = {"", toolkit ? toolkit : "", "/usr/local/cuda"};
    for (int d = 0; d < 3; d++) {
        if (d > 0 && !*directories[d])
            continue;
        for (int n = 0; n < 4; n++) {
            snprintf(path, 256, "%s%s%s", directories[d], d > 0 ? "/lib64/" : "", names[n]);
            void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
            if (object)
                return object;
        }
    }
    return NULL;
}

/* The library stays loaded: the C++ runtime in it does not survive unloading without a leak. */
static int open_library(lt_library *out, char path[static 256])
{
    lt_library lt;
    void *object = open_object(path);
    if (!object)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "libcublasLt.so.13, .12 and .11 are neither on the loader's path nor in "
                          "$CUDA_PATH/lib64 or /usr/local/cuda/lib64: set LD_LIBRARY_PATH to the "
                          "folder that holds it");
    const char *missing = NULL;
    if (!(lt.GetVersion = (size_t(*)(void))dlsym(object, "cublasLtGetVersion")))
        missing = "GetVersion";
#define X(name, parameters)                                                                        \
    if (!(lt.name = (lt_status(*) parameters)dlsym(object, "cublasLt" #name)))                     \
        missing = #name;
    LT_FUNCTIONS(X)
#undef X
    if (missing)
        return stile_fail(STILE_ERROR_UNSUPPORTED, "%s has no function cublasLt%s", path, missing);
    *out = lt;
    return 0;
}

int stile_cublaslt_describe(char path[static 256], int *version)
{
    lt_library lt;
    int error = open_library(&lt, path);
    if (error)
        return error;
    *version = (int)lt.GetVersion();
    return 0;
}

int stile_cublaslt_create(stile_cublaslt **out, const stile_driver *driver)
{
    char path[256];
    stile_cublaslt *library = calloc(1, sizeof *library);
    if (!library)
        return stile_fail_memory();
    library->driver = driver;
    int error = open_library(&library->lt, path);
    if (!error)
        error = check(library->lt.Create(&library->handle), "Create");
    if (!error)
        error = stile_driver_check(driver, driver->cuMemAlloc(&library->workspace, WORKSPACE_BYTES),
                                   "cuMemAlloc");
    if (error)
        stile_cublaslt_destroy(&library);
    else
        *out = library;
    return error;
}

void stile_cublaslt_destroy(stile_cublaslt **library)
{
    stile_cublaslt *l = *library;
    if (!l)
        return;
    if (l->workspace)
        l->driver->cuMemFree(l->workspace);
    if (l->handle)
        l->lt.Destroy(l->handle);
    free(l);
    *library = NULL;
}

int stile_cublaslt_version(const stile_cublaslt *library)
{
    return (int)library->lt.GetVersion();
}

/* --- products -------------------------------------------------------------------------------- */

static int lt_type(stile_type type)
{
    return type == STILE_TYPE_BF16 ? LT_R_16BF : type == STILE_TYPE_F16 ? LT_R_16F : LT_R_32F;
}

/*
 * Row-major Y = X·W is column-major Yᵀ = Wᵀ·Xᵀ: W is the library's A and X its B. A stored [N,K]
 * reads there as K×N and is transposed, one stored [K,N] as N×K.
 */
static int describe(stile_dense_product *p, const stile_shape *s, stile_weight_layout layout,
                    stile_type input, stile_type output)
{
    const lt_library *lt = &p->library->lt;
    bool nk = layout == STILE_WEIGHT_NK;
    int32_t transpose_w = nk ? LT_OP_T : LT_OP_N;
    uint64_t M = (uint64_t)s->M, K = (uint64_t)s->K, N = (uint64_t)s->N;
    int compute = input == STILE_TYPE_F32 ? LT_COMPUTE_32F_FAST_TF32 : LT_COMPUTE_32F;
    int error = check(lt->MatmulDescCreate(&p->operation, compute, LT_R_32F), "MatmulDescCreate");
    if (!error)
        error = check(lt->MatmulDescSetAttribute(p->operation, LT_OPERATION_TRANSA, &transpose_w,
                                                 sizeof transpose_w),
                      "MatmulDescSetAttribute");
    if (!error)
        error = check(
            lt->MatrixLayoutCreate(&p->w, lt_type(input), nk ? K : N, nk ? N : K, nk ? s->K : s->N),
            "MatrixLayoutCreate");
    if (!error)
        error =
            check(lt->MatrixLayoutCreate(&p->x, lt_type(input), K, M, s->K), "MatrixLayoutCreate");
    if (!error)
        error =
            check(lt->MatrixLayoutCreate(&p->y, lt_type(output), N, M, s->N), "MatrixLayoutCreate");
    return error;
}

static int find_candidates(stile_dense_product *p, int most)
{
    const lt_library *lt = &p->library->lt;
    lt_preference preference = NULL;
    uint64_t workspace = WORKSPACE_BYTES;
    int found = 0;
    int error = check(lt->MatmulPreferenceCreate(&preference), "MatmulPreferenceCreate");
    if (!error)
        error =
            check(lt->MatmulPreferenceSetAttribute(preference, LT_PREFERENCE_MAX_WORKSPACE_BYTES,
                                                   &workspace, sizeof workspace),
                  "MatmulPreferenceSetAttribute");
    if (!error && lt->MatmulAlgoGetHeuristic(p->library->handle, p->operation, p->w, p->x, p->y,
                                             p->y, preference, most, p->candidates, &found) != 0)
        found = 0;
    for (int i = 0; i < found; i++) {
        if (p->candidates[i].state == 0)
            p->candidates[p->candidate_count++] = p->candidates[i];
    }
    if (preference)
        lt->MatmulPreferenceDestroy(preference);
    if (!error && p->candidate_count == 0)
        error = stile_fail(STILE_ERROR_UNSUPPORTED, "cuBLASLt has no algorithm for these types");
    return error;
}

int stile_dense_create(stile_dense_product **out, stile_cublaslt *library, const stile_shape *shape,
                       stile_weight_layout layout, stile_type input, stile_type output, int most)
{
    stile_dense_product *product = calloc(1, sizeof *product);
    if (!product)
        return stile_fail_memory();
    product->library = library;
    int error = describe(product, shape, layout, input, output);
    if (!error)
        error = find_candidates(
            product, most < STILE_DENSE_MAX_CANDIDATES ? most : STILE_DENSE_MAX_CANDIDATES);
    if (error)
        stile_dense_destroy(&product);
    else
        *out = product;
    return error;
}

void stile_dense_destroy(stile_dense_product **product)
{
    stile_dense_product *p = *product;
    if (!p)
        return;
    const lt_library *lt = &p->library->lt;
    if (p->x)
        lt->MatrixLayoutDestroy(p->x);
    if (p->w)
        lt->MatrixLayoutDestroy(p->w);
    if (p->y)
        lt->MatrixLayoutDestroy(p->y);
    if (p->operation)
        lt->MatmulDescDestroy(p->operation);
    free(p);
    *product = NULL;
}

int stile_dense_candidates(const stile_dense_product *product)
{
    return product->candidate_count;
}

int stile_dense_run(const stile_dense_product *p, int candidate, const void *x, const void *w,
                    void *y, CUstream stream)
{
    const float one = 1, zero = 0;
    return check(p->library->lt.Matmul(p->library->handle, p->operation, &one, w, p->w, x, p->x,
                                       &zero, y, p->y, y, p->y, &p->candidates[candidate].algorithm,
                                       (void *)(uintptr_t)p->library->workspace, WORKSPACE_BYTES,
                                       stream),
                 "Matmul");
}
