/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cuSPARSELt, opened at run time with declarations of our own: the product with 2:4 sparse weights
 * that benchmarks compare with. A context must be current in every call that takes a library.
 */
#ifndef STILE_RUNTIME_CUSPARSELT_H
#define STILE_RUNTIME_CUSPARSELT_H

#include <stddef.h>

#include "config.h"
#include "driver.h"

typedef struct stile_cusparselt stile_cusparselt;

/*
 * Opens libcusparseLt.so.0, from the loader's path, $CUDA_PATH/lib64 or /usr/local/cuda/lib64, and a
 * handle. Errors: UNSUPPORTED (not found, or older than 0.6: the text says so), DEVICE, MEMORY.
 */
int stile_cusparselt_create(stile_cusparselt **out, const stile_driver *driver);
void stile_cusparselt_destroy(stile_cusparselt **library);

/* 1000 for 0.10.0. */
int stile_cusparselt_version(const stile_cusparselt *library);

/* Y[M,N] = X · Wᵀ, row-major, two of four neighbours along K of each row of W [N,K] kept. */
typedef struct stile_sparse_product stile_sparse_product;

/*
 * Prunes and compresses `w`, in device memory, and lets the library search its algorithms on x and
 * y, whose contents are lost. `w` is overwritten with its pruned self. f16 and bf16 alone.
 * Errors: UNSUPPORTED (types, or sizes that the library refuses), DEVICE, MEMORY.
 */
int stile_sparse_create(stile_sparse_product **out, stile_cusparselt *library,
                        const stile_shape *shape, stile_type input, stile_type output,
                        const void *x, void *w, void *y, CUstream stream);
void stile_sparse_destroy(stile_sparse_product **product);

/* The compressed weights, in device memory that belongs to the product, and their bytes. */
const void *stile_sparse_weight(const stile_sparse_product *product, size_t *size);

/* Launches it with compressed weights, or a copy of them. Errors: DEVICE. */
int stile_sparse_run(stile_sparse_product *product, const void *x, const void *compressed, void *y,
                     CUstream stream);

#endif
