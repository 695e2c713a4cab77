/* SPDX-License-Identifier: Apache-2.0 */
#include "cusparselt.h"

#include <dlfcn.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "fail.h"

/* --- what we use of cusparseLt.h ------------------------------------------------------------- */

typedef int lt_status; /* 0 is success */

/* Structures of the library, which it asks its callers to hold; 0.6 has the largest. */
typedef struct lt_object {
    alignas(16) unsigned char data[16 << 10];
} lt_object;

enum {
    LT_R_16F = 2,
    LT_R_16BF = 14,
    LT_COMPUTE_32F = 2,
    LT_ORDER_COLUMN = 1,
    LT_ORDER_ROW = 2,
    LT_OP_N = 0,
    LT_SPARSITY_50_PERCENT = 0,
    LT_ALGORITHM_DEFAULT = 0,
    LT_PRUNE_STRIP = 1,
    LT_ALIGNMENT = 16,
    OLDEST_VERSION = 600, /* LT_COMPUTE_32F had another value before */
};

/* Entry points, each with its symbol: X(member, parameters). */
#define LT_FUNCTIONS(X)                                                                            \
    X(Init, (lt_object * handle))                                                                  \
    X(Destroy, (const lt_object *handle))                                                          \
    X(GetVersion, (const lt_object *handle, int *version))                                         \
    X(DenseDescriptorInit, (const lt_object *handle, lt_object *matrix, int64_t rows,              \
                            int64_t columns, int64_t ld, uint32_t alignment, int type, int order)) \
    X(StructuredDescriptorInit,                                                                    \
      (const lt_object *handle, lt_object *matrix, int64_t rows, int64_t columns, int64_t ld,      \
       uint32_t alignment, int type, int order, int sparsity))                                     \
    X(MatDescriptorDestroy, (const lt_object *matrix))                                             \
    X(MatmulDescriptorInit,                                                                        \
      (const lt_object *handle, lt_object *operation, int op_a, int op_b, const lt_object *a,      \
       const lt_object *b, const lt_object *c, const lt_object *d, int compute_type))              \
    X(MatmulAlgSelectionInit, (const lt_object *handle, lt_object *selection,                      \
                               const lt_object *operation, int algorithm))                         \
    X(MatmulPlanInit, (const lt_object *handle, lt_object *plan, const lt_object *operation,       \
                       const lt_object *selection))                                                \
    X(MatmulPlanDestroy, (const lt_object *plan))                                                  \
    X(MatmulGetWorkspace, (const lt_object *handle, const lt_object *plan, size_t *size))          \
    X(SpMMAPrune, (const lt_object *handle, const lt_object *operation, const void *in, void *out, \
                   int algorithm, CUstream stream))                                                \
    X(SpMMACompressedSize, (const lt_object *handle, const lt_object *plan, size_t *size,          \
                            size_t *buffer_size))                                                  \
    X(SpMMACompress, (const lt_object *handle, const lt_object *plan, const void *dense,           \
                      void *compressed, void *buffer, CUstream stream))                            \
    X(MatmulSearch, (const lt_object *handle, lt_object *plan, const void *alpha, const void *a,   \
                     const void *b, const void *beta, const void *c, void *d, void *workspace,     \
                     CUstream *streams, int32_t stream_count))                                     \
    X(Matmul, (const lt_object *handle, const lt_object *plan, const void *alpha, const void *a,   \
               const void *b, const void *beta, const void *c, void *d, void *workspace,           \
               CUstream *streams, int32_t stream_count))

typedef struct lt_library {
#define X(name, parameters) lt_status(*name) parameters;
    LT_FUNCTIONS(X)
#undef X
} lt_library;

struct stile_cusparselt {
    lt_library lt;
    const stile_driver *driver;
    int version;
    bool open;
    lt_object handle;
};

struct stile_sparse_product {
    const stile_cusparselt *library;
    lt_object x, w, y, operation, selection, plan;
    bool has_x, has_w, has_y, has_plan;
    CUdeviceptr compressed, workspace;
    size_t compressed_size;
};

static int check(lt_status status, const char *call)
{
    enum { NOT_SUPPORTED = 10, ARCH_MISMATCH = 4 };
    if (!status)
        return 0;
    int error = status == NOT_SUPPORTED || status == ARCH_MISMATCH ? STILE_ERROR_UNSUPPORTED
                                                                  : STILE_ERROR_DEVICE;
    return stile_fail(error, "cusparseLt%s failed with status %d", call, status);
}

/* --- opening --------------------------------------------------------------------------------- */

static void *open_object(char path[static 256])
{
    const char *toolkit = getenv("CUDA_PATH");
    const char *const directories[] = {"", toolkit ? toolkit : "", "/usr/local/cuda"};
    for (int d = 0; d < 3; d++) {
        if (d > 0 && !*directories[d])
            continue;
        snprintf(path, 256, "%s%slibcusparseLt.so.0", directories[d], d > 0 ? "/lib64/" : "");
        void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (object)
            return object;
    }
    return NULL;
}

/* The library stays loaded, as cuBLASLt does. */
static int open_library(lt_library *out)
{
    char path[256];
    lt_library lt;
    void *object = open_object(path);
    if (!object)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "libcusparseLt.so.0 is neither on the loader's path nor in "
                          "$CUDA_PATH/lib64 or /usr/local/cuda/lib64: set LD_LIBRARY_PATH to the "
                          "folder that holds it");
    const char *missing = NULL;
#define X(name, parameters)                                                                        \
    if (!(lt.name = (lt_status(*) parameters)dlsym(object, "cusparseLt" #name)))                   \
        missing = #name;
    LT_FUNCTIONS(X)
#undef X
    if (missing)
        return stile_fail(STILE_ERROR_UNSUPPORTED, "%s has no function cusparseLt%s", path, missing);
    *out = lt;
    return 0;
}

int stile_cusparselt_create(stile_cusparselt **out, const stile_driver *driver)
{
    stile_cusparselt *library = aligned_alloc(alignof(lt_object), sizeof *library);
    if (!library)
        return stile_fail_memory();
    *library = (stile_cusparselt){.driver = driver};
    int error = open_library(&library->lt);
    if (!error)
        error = check(library->lt.Init(&library->handle), "Init");
    library->open = !error;
    if (!error)
        error = check(library->lt.GetVersion(&library->handle, &library->version), "GetVersion");
    if (!error && library->version < OLDEST_VERSION)
        error = stile_fail(STILE_ERROR_UNSUPPORTED, "cuSPARSELt %d is too old: 0.6 is needed",
                           library->version);
    if (error)
        stile_cusparselt_destroy(&library);
    else
        *out = library;
    return error;
}

void stile_cusparselt_destroy(stile_cusparselt **library)
{
    stile_cusparselt *l = *library;
    if (!l)
        return;
    if (l->open)
        l->lt.Destroy(&l->handle);
    free(l);
    *library = NULL;
}

int stile_cusparselt_version(const stile_cusparselt *library)
{
    return library->version;
}

/* --- products -------------------------------------------------------------------------------- */

/*
 * Row-major Y = X·Wᵀ is column-major Yᵀ = W·Xᵀ: the library's A is W, row-major N×K and sparse, its B
 * is X, which reads as K×M by columns.
 */
static int describe(stile_sparse_product *p, const stile_shape *s, int input, int output)
{
    const lt_library *lt = &p->library->lt;
    const lt_object *handle = &p->library->handle;
    int error = check(lt->StructuredDescriptorInit(handle, &p->w, s->N, s->K, s->K, LT_ALIGNMENT,
                                                   input, LT_ORDER_ROW, LT_SPARSITY_50_PERCENT),
                      "StructuredDescriptorInit");
    p->has_w = !error;
    if (!error) {
        error = check(lt->DenseDescriptorInit(handle, &p->x, s->K, s->M, s->K, LT_ALIGNMENT, input,
                                              LT_ORDER_COLUMN),
                      "DenseDescriptorInit");
        p->has_x = !error;
    }
    if (!error) {
        error = check(lt->DenseDescriptorInit(handle, &p->y, s->N, s->M, s->N, LT_ALIGNMENT, output,
                                              LT_ORDER_COLUMN),
                      "DenseDescriptorInit");
        p->has_y = !error;
    }
    if (!error)
        error = check(lt->MatmulDescriptorInit(handle, &p->operation, LT_OP_N, LT_OP_N, &p->w, &p->x,
                                               &p->y, &p->y, LT_COMPUTE_32F),
                      "MatmulDescriptorInit");
    if (!error)
        error = check(lt->MatmulAlgSelectionInit(handle, &p->selection, &p->operation,
                                                 LT_ALGORITHM_DEFAULT),
                      "MatmulAlgSelectionInit");
    if (!error) {
        error = check(lt->MatmulPlanInit(handle, &p->plan, &p->operation, &p->selection),
                      "MatmulPlanInit");
        p->has_plan = !error;
    }
    return error;
}

static int compress(stile_sparse_product *p, void *w, CUstream stream)
{
    const lt_library *lt = &p->library->lt;
    const lt_object *handle = &p->library->handle;
    const stile_driver *driver = p->library->driver;
    CUdeviceptr buffer = 0;
    size_t buffer_size = 0;
    int error =
        check(lt->SpMMAPrune(handle, &p->operation, w, w, LT_PRUNE_STRIP, stream), "SpMMAPrune");
    if (!error)
        error = check(lt->SpMMACompressedSize(handle, &p->plan, &p->compressed_size, &buffer_size),
                      "SpMMACompressedSize");
    if (!error)
        error = stile_driver_check(driver, driver->cuMemAlloc(&p->compressed, p->compressed_size),
                                   "cuMemAlloc");
    if (!error && buffer_size)
        error = stile_driver_check(driver, driver->cuMemAlloc(&buffer, buffer_size), "cuMemAlloc");
    if (!error)
        error = check(lt->SpMMACompress(handle, &p->plan, w, (void *)(uintptr_t)p->compressed,
                                        (void *)(uintptr_t)buffer, stream),
                      "SpMMACompress");
    if (!error)
        error = stile_driver_check(driver, driver->cuStreamSynchronize(stream),
                                   "cuStreamSynchronize");
    if (buffer)
        driver->cuMemFree(buffer);
    return error;
}

static int take_workspace(stile_sparse_product *p)
{
    const stile_driver *driver = p->library->driver;
    size_t size = 0;
    int error =
        check(p->library->lt.MatmulGetWorkspace(&p->library->handle, &p->plan, &size), "GetWorkspace");
    if (error)
        return error;
    if (p->workspace)
        driver->cuMemFree(p->workspace);
    p->workspace = 0;
    return size ? stile_driver_check(driver, driver->cuMemAlloc(&p->workspace, size), "cuMemAlloc")
                : 0;
}

/* The fastest algorithm by trial, and the workspace that it needs. */
static int search(stile_sparse_product *p, const void *x, void *y, CUstream stream)
{
    const float one = 1, zero = 0;
    int error = take_workspace(p);
    if (!error)
        error = check(p->library->lt.MatmulSearch(&p->library->handle, &p->plan, &one,
                                                  (void *)(uintptr_t)p->compressed, x, &zero, y, y,
                                                  (void *)(uintptr_t)p->workspace, &stream, 1),
                      "MatmulSearch");
    return error ? error : take_workspace(p);
}

int stile_sparse_create(stile_sparse_product **out, stile_cusparselt *library,
                        const stile_shape *shape, stile_type input, stile_type output,
                        const void *x, void *w, void *y, CUstream stream)
{
    if ((input != STILE_TYPE_BF16 && input != STILE_TYPE_F16) || output != input)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "2:4 products are compared in bf16 or f16, in and out, not from %s to %s",
                          stile_type_name(input), stile_type_name(output));
    stile_sparse_product *product = aligned_alloc(alignof(lt_object), sizeof *product);
    if (!product)
        return stile_fail_memory();
    *product = (stile_sparse_product){.library = library};
    int type = input == STILE_TYPE_BF16 ? LT_R_16BF : LT_R_16F;
    int error = describe(product, shape, type, type);
    if (!error)
        error = compress(product, w, stream);
    if (!error)
        error = search(product, x, y, stream);
    if (error)
        stile_sparse_destroy(&product);
    else
        *out = product;
    return error;
}

void stile_sparse_destroy(stile_sparse_product **product)
{
    stile_sparse_product *p = *product;
    if (!p)
        return;
    const lt_library *lt = &p->library->lt;
    if (p->has_plan)
        lt->MatmulPlanDestroy(&p->plan);
    if (p->has_x)
        lt->MatDescriptorDestroy(&p->x);
    if (p->has_w)
        lt->MatDescriptorDestroy(&p->w);
    if (p->has_y)
        lt->MatDescriptorDestroy(&p->y);
    if (p->compressed)
        p->library->driver->cuMemFree(p->compressed);
    if (p->workspace)
        p->library->driver->cuMemFree(p->workspace);
    free(p);
    *product = NULL;
}

const void *stile_sparse_weight(const stile_sparse_product *product, size_t *size)
{
    *size = product->compressed_size;
    return (const void *)(uintptr_t)product->compressed;
}

int stile_sparse_run(stile_sparse_product *p, const void *x, const void *compressed, void *y,
                     CUstream stream)
{
    const float one = 1, zero = 0;
    return check(p->library->lt.Matmul(&p->library->handle, &p->plan, &one, compressed, x, &zero, y,
                                       y, (void *)(uintptr_t)p->workspace, &stream, 1),
                 "Matmul");
}
