/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cuBLASLt, opened at run time with declarations of our own: the dense product that benchmarks
 * compare with. A context must be current in every call that takes a library.
 */
#ifndef STILE_RUNTIME_CUBLASLT_H
#define STILE_RUNTIME_CUBLASLT_H

#include <stdint.h>

#include "config.h"
#include "driver.h"

typedef struct stile_cublaslt stile_cublaslt;

/*
 * Where it is looked for: the loader's path, $CUDA_PATH/lib64, /usr/local/cuda/lib64; versions 13,
 * 12, 11. *version is 130000 for 13.0.0. Needs no GPU.
 * Errors: UNSUPPORTED (not found: the text says where it was looked for).
 */
int stile_cublaslt_describe(char path[static 256], int *version);

/* Opens the library, a handle and a workspace for it. Errors: UNSUPPORTED, DEVICE, MEMORY. */
int stile_cublaslt_create(stile_cublaslt **out, const stile_driver *driver);
void stile_cublaslt_destroy(stile_cublaslt **library);

/* cublasLtGetVersion(). */
int stile_cublaslt_version(const stile_cublaslt *library);

/* Y[M,N] = X · W, row-major and dense, W as `layout` says, with f32 accumulation (tf32 for f32). */
typedef struct stile_dense_product stile_dense_product;

enum { STILE_DENSE_MAX_CANDIDATES = 8 };

/*
 * Asks the heuristics for up to `most` (at most 8) algorithms.
 * Errors: UNSUPPORTED (no algorithm for these types), DEVICE, MEMORY.
 */
int stile_dense_create(stile_dense_product **out, stile_cublaslt *library, const stile_shape *shape,
                       stile_weight_layout layout, stile_type input, stile_type output, int most);
void stile_dense_destroy(stile_dense_product **product);

int stile_dense_candidates(const stile_dense_product *product);

/* Launches one candidate. Errors: DEVICE. */
int stile_dense_run(const stile_dense_product *product, int candidate, const void *x, const void *w,
                    void *y, CUstream stream);

#endif
