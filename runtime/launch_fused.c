/* SPDX-License-Identifier: Apache-2.0 */
/* Launching the fused kernel: how its work is cut and ordered. */
#include <limits.h>

#include "fail.h"
#include "launch.h"
#include "params_fused.h"

size_t stile_fused_counters_size(const stile_kernel *kernel, int64_t tile_rows,
                                 int64_t tile_columns)
{
    int64_t pairs = ceil_div(tile_rows, kernel->block_rows * kernel->cluster);
    int64_t columns = ceil_div(tile_columns, kernel->block_columns);
    return sizeof(unsigned) *
           (STILE_COUNTERS_FIRST + (size_t)kernel->cluster * (size_t)pairs * (1 + (size_t)columns));
}

/* Steps after which a block's channels are most likely multiplied, so that nobody waits: clusters
   have drawn a task each since then, and finished it. */
static int decode_lag(const stile_plan *plan, const stile_kernel *kernel)
{
    int64_t clusters = plan->context->multiprocessors / kernel->cluster;
    int64_t tasks = (int64_t)kernel->fused.region * plan->config->basis->rank; /* of a step */
    return (int)ceil_div(clusters, tasks) + 2;
}

int stile_launch_fused(const stile_plan *plan, const stile_operands *o, char *workspace,
                       stile_stream stream)
{
    const stile_plan_kernel *k = &plan->kernels[STILE_KERNEL_FUSED];
    const stile_kernel *kernel = &k->kernel;
    const stile_gemm_params gemm = stile_gemm_params_of(plan, o, workspace);
    int64_t pieces = kernel->fused.encode_row_pieces *
                     ceil_div(gemm.encoded_pitch, kernel->fused.encode_columns);
    stile_fused_params params = {
        .encode = stile_encode_x_params(plan, o, workspace, kernel->fused.encode_tiles),
        .decode = stile_decode_params_of(plan, o, workspace, kernel->tiles_per_thread),
        .counters = (unsigned *)(workspace + plan->workspace.counters),
        .encode_pieces = (int)pieces,
        .lag = decode_lag(plan, kernel),
    };
    int error = stile_gemm_tma_params_of(&params.gemm, plan, kernel, plan->config, &gemm);
    if (error)
        return error;

    int64_t tiles = (int64_t)plan->config->basis->rank * params.gemm.row_pairs * params.gemm.columns;
    int64_t tasks = tiles + pieces * params.gemm.row_pairs +
                    (int64_t)kernel->fused.decode_pieces * params.gemm.row_pairs * params.gemm.columns;
    if (tasks > INT_MAX / 4) /* some tickets are for nothing */
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s would need more tasks than it can count: split M or N", kernel->name);
    return stile_launch_kernel(plan, k, stile_persistent_grid(plan, kernel, tasks), 1, &params,
                               stream);
}
