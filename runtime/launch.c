/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Launching the kernels of a plan: each role fills in its parameters and its grid. Nothing here
 * allocates or synchronises.
 */
#include "launch.h"

#include <inttypes.h>
#include <limits.h>

#include "fail.h"
#include "tensor_map.h"

enum {
    BLOCKS_PER_MULTIPROCESSOR = 16, /* of the kernels that loop over their blocks */
};

/* --- helpers --- */

int stile_can_vectorize(const void *pointer, int64_t leading_dimension, stile_type type,
                        int elements)
{
    uintptr_t element = (uintptr_t)stile_type_size(type);
    uintptr_t chunk = (uintptr_t)elements * element;
    uintptr_t word = chunk & -chunk; /* the largest power of two that divides it */
    if (word > 16)
        word = 16;
    return ((uintptr_t)pointer | (uintptr_t)leading_dimension * element) % word == 0;
}

stile_row_groups stile_row_groups_of(int64_t rows, int64_t rows_per_group, int rows_per_tile)
{
    if (rows_per_group == 0)
        rows_per_group = rows;
    int64_t tile_rows = ceil_div(rows_per_group, rows_per_tile);
    return (stile_row_groups){
        .rows_per_group = (int)rows_per_group,
        .tile_rows_per_group = (int)tile_rows,
        .tile_rows = (int)(tile_rows * (rows / rows_per_group)),
    };
}

int stile_launch_kernel(const stile_plan *plan, const stile_plan_kernel *k, int64_t blocks,
                        unsigned grid_y, void *params, stile_stream stream)
{
    const stile_driver *driver = plan->context->driver;
    void *arguments[] = {params};
    if (blocks > INT_MAX)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s would need %" PRId64
                          " thread blocks, more than CUDA allows: split M or N",
                          k->kernel.name, blocks);
    CUresult result = driver->cuLaunchKernel(
        k->function, (unsigned)blocks, grid_y, 1, (unsigned)k->kernel.threads_x,
        (unsigned)k->kernel.threads_y, 1, (unsigned)k->kernel.shared_bytes, (CUstream)stream,
        arguments, NULL);
    return stile_driver_check(driver, result, k->kernel.name);
}

static int launch(const stile_plan *plan, stile_kernel_role role, int64_t blocks, void *params,
                  stile_stream stream)
{
    return stile_launch_kernel(plan, &plan->kernels[role], blocks, 1, params, stream);
}

int64_t stile_looping_grid(const stile_plan *plan, const stile_kernel *kernel, int64_t rows,
                           int64_t columns)
{
    int64_t blocks = ceil_div(rows, kernel->block_rows) * ceil_div(columns, kernel->block_columns);
    int64_t most = (int64_t)plan->context->multiprocessors * BLOCKS_PER_MULTIPROCESSOR;
    return blocks < most ? blocks : most;
}

/* The caller's coefficients, or those that the workspace holds from its initialisation. */
static const float *coefficients(const stile_plan *plan, const float *given, const void *workspace,
                                 size_t offset)
{
    if (plan->config->sparse)
        return NULL;
    return given ? given : (const float *)((const char *)workspace + offset);
}

/* --- one function per role --- */

stile_encode_params stile_encode_x_params(const stile_plan *plan, const stile_operands *o,
                                          char *workspace, int tiles)
{
    const stile_config *config = plan->config;
    return (stile_encode_params){
        .source = o->x,
        .encoded = workspace + plan->workspace.x_encoded,
        .coefficients = coefficients(plan, o->u, workspace, plan->workspace.u),
        .source_pitch = plan->ldx,
        .encoded_pitch = stile_encoded_pitch(config, plan->K),
        .groups = stile_row_groups_of(o->M, plan->rows_per_group, config->basis->m),
        .inner = (int)plan->K,
        .vectorized = stile_can_vectorize(o->x, plan->ldx, config->precision.input,
                                          tiles * config->basis->k),
    };
}

static int encode_x(const stile_plan *plan, const stile_operands *o, char *workspace,
                    stile_stream stream)
{
    const stile_kernel *kernel = &plan->kernels[STILE_KERNEL_ENCODE_X].kernel;
    stile_encode_params params =
        stile_encode_x_params(plan, o, workspace, kernel->tiles_per_thread);
    return launch(plan, STILE_KERNEL_ENCODE_X,
                  stile_looping_grid(plan, kernel, params.groups.tile_rows, params.encoded_pitch),
                  &params, stream);
}

static int encode_w(const stile_plan *plan, const void *w, void *w_hat, const float *v,
                    const char *workspace, stile_stream stream)
{
    const stile_config *config = plan->config;
    const stile_basis *basis = config->basis;
    const stile_kernel *kernel = &plan->kernels[STILE_KERNEL_ENCODE_W].kernel;
    stile_encode_params params = {
        .source = w,
        .encoded = w_hat,
        .coefficients = coefficients(plan, v, workspace, plan->workspace.v),
        .source_pitch = plan->ldw,
        .encoded_pitch = stile_encoded_pitch(config, plan->K),
        .groups = stile_row_groups_of(plan->N, 0, basis->n),
        .inner = (int)plan->K,
        .vectorized = stile_can_vectorize(w, plan->ldw, config->precision.input,
                                    kernel->tiles_per_thread * basis->k),
    };
    if (stile_type_is_scaled(config->precision.encoded))
        return stile_launch_scaled_encode_w(plan, &params, stream);
    return launch(plan, STILE_KERNEL_ENCODE_W,
                  stile_looping_grid(plan, kernel, params.groups.tile_rows, params.encoded_pitch),
                  &params, stream);
}

static int pack_w(const stile_plan *plan, const void *w, void *w_hat, stile_stream stream)
{
    const stile_config *config = plan->config;
    const stile_kernel *kernel = &plan->kernels[STILE_KERNEL_ENCODE_W].kernel;
    stile_pack_params params = {
        .source = w,
        .encoded = w_hat,
        .encoded_pitch = stile_encoded_pitch(config, plan->K),
        .tile_rows = (int)ceil_div(plan->N, config->basis->n),
        .tile_inner = (int)ceil_div(plan->K, config->basis->k),
    };
    int64_t rows = (int64_t)config->basis->rank * params.tile_rows;
    if (stile_type_is_scaled(config->precision.encoded))
        return stile_launch_scaled_pack_w(plan, &params, stream);
    return launch(plan, STILE_KERNEL_ENCODE_W,
                  stile_looping_grid(plan, kernel, rows, kernel->block_columns), &params, stream);
}

int stile_check_tiles(const stile_kernel *kernel, int64_t tiles)
{
    if (tiles <= INT_MAX / 2) /* what comes with tiles is counted, too */
        return 0;
    return stile_fail(STILE_ERROR_ARGUMENT,
                      "%s would need %" PRId64 " tiles, more than it can count: split M or N",
                      kernel->name, tiles);
}

int stile_gemm_tma_params_of(stile_gemm_tma_params *out, const stile_plan *plan,
                             const stile_kernel *kernel, const stile_config *config,
                             const stile_gemm_params *gemm)
{
    const stile_driver *driver = plan->context->driver;
    const stile_type type = config->precision.encoded;
    int64_t rank = config->basis->rank;
    stile_gemm_tma_params params = {
        .product = gemm->product,
        .row_pairs = (int)ceil_div(gemm->tile_rows, kernel->block_rows * kernel->cluster),
        .columns = (int)ceil_div(gemm->tile_columns, kernel->block_columns),
        .k_blocks = (int)ceil_div(gemm->tile_inner, kernel->block_inner),
    };
    int error = stile_check_tiles(kernel, rank * params.row_pairs * params.columns);
    if (error)
        return error;
    error =
        stile_tensor_map_encode(&params.x_encoded, driver, type, gemm->x_encoded, gemm->tile_inner,
                                gemm->tile_rows, rank, gemm->encoded_pitch, kernel->block_rows);
    if (!error)
        error = stile_tensor_map_encode(
            &params.w_encoded, driver, type, gemm->w_encoded, gemm->tile_inner, gemm->tile_columns,
            rank, gemm->encoded_pitch, kernel->block_columns / kernel->cluster);
    if (!error)
        *out = params;
    return error;
}

int64_t stile_persistent_grid(const stile_plan *plan, const stile_kernel *kernel, int64_t tasks)
{
    int64_t clusters = plan->context->multiprocessors / kernel->cluster;
    return (tasks < clusters ? tasks : clusters) * kernel->cluster;
}

/* sm_90a: persistent clusters, tensor maps of the operands. */
static int channel_gemm_tma(const stile_plan *plan, const stile_plan_kernel *k,
                            const stile_config *config, const stile_gemm_params *gemm,
                            stile_stream stream)
{
    stile_gemm_tma_params params;
    int error = stile_gemm_tma_params_of(&params, plan, &k->kernel, config, gemm);
    if (error)
        return error;
    int64_t tiles = (int64_t)config->basis->rank * params.row_pairs * params.columns;
    return stile_launch_kernel(plan, k, stile_persistent_grid(plan, &k->kernel, tiles), 1, &params,
                               stream);
}

int stile_launch_channel_gemm(const stile_plan *plan, const stile_plan_kernel *k,
                              const stile_config *config, stile_gemm_params *params,
                              stile_stream stream)
{
    if (k->kernel.family == STILE_FAMILY_SM_90A)
        return channel_gemm_tma(plan, k, config, params, stream);
    int64_t blocks = ceil_div(params->tile_rows, k->kernel.block_rows) *
                     ceil_div(params->tile_columns, k->kernel.block_columns) * config->basis->rank;
    return stile_launch_kernel(plan, k, blocks, 1, params, stream);
}

stile_gemm_params stile_gemm_params_of(const stile_plan *plan, const stile_operands *o,
                                       char *workspace)
{
    const stile_config *config = plan->config;
    bool online = config->encode == STILE_ENCODE_ONLINE;
    return (stile_gemm_params){
        .x_encoded = workspace + plan->workspace.x_encoded,
        .w_encoded = online ? workspace + plan->workspace.w_encoded : o->w,
        .product = workspace + plan->workspace.product,
        .encoded_pitch = stile_encoded_pitch(config, plan->K),
        .product_pitch = stile_product_pitch(config, plan->N),
        .tile_rows = stile_row_groups_of(o->M, plan->rows_per_group, config->basis->m).tile_rows,
        .tile_columns = (int)ceil_div(plan->N, config->basis->n),
        .tile_inner = (int)ceil_div(plan->K, config->basis->k),
    };
}

static int channel_gemm(const stile_plan *plan, const stile_operands *o, char *workspace,
                        stile_stream stream)
{
    stile_gemm_params params = stile_gemm_params_of(plan, o, workspace);
    return stile_launch_channel_gemm(plan, &plan->kernels[STILE_KERNEL_CHANNEL_GEMM], plan->config,
                                     &params, stream);
}

stile_decode_params stile_decode_params_of(const stile_plan *plan, const stile_operands *o,
                                           char *workspace, int tiles)
{
    const stile_config *config = plan->config;
    stile_type type = config->precision.output;
    int chunk = tiles * config->basis->n;
    return (stile_decode_params){
        .product = workspace + plan->workspace.product,
        .y = o->y,
        .bias = o->bias,
        .residual = o->residual,
        .coefficients = coefficients(plan, o->d, workspace, plan->workspace.d),
        .product_pitch = stile_product_pitch(config, plan->N),
        .y_pitch = plan->ldy,
        .residual_pitch = plan->ldr,
        .groups = stile_row_groups_of(o->M, plan->rows_per_group, config->basis->m),
        .columns = (int)plan->N,
        .vectorized = stile_can_vectorize(o->y, plan->ldy, type, chunk) &&
                      stile_can_vectorize(o->bias, 0, type, chunk) &&
                      stile_can_vectorize(o->residual, o->residual ? plan->ldr : 0, type, chunk),
    };
}

static int decode(const stile_plan *plan, const stile_operands *o, char *workspace,
                  stile_stream stream)
{
    const stile_kernel *kernel = &plan->kernels[STILE_KERNEL_DECODE].kernel;
    stile_decode_params params =
        stile_decode_params_of(plan, o, workspace, kernel->tiles_per_thread);
    int64_t tile_columns = ceil_div(plan->N, plan->config->basis->n);
    return launch(plan, STILE_KERNEL_DECODE,
                  stile_looping_grid(plan, kernel, params.groups.tile_rows, tile_columns), &params,
                  stream);
}

static int launch_role(const stile_plan *plan, stile_kernel_role role, const stile_operands *o,
                       char *workspace, stile_stream stream)
{
    const bool scaled = stile_type_is_scaled(plan->config->precision.encoded);
    switch (role) {
    case STILE_KERNEL_ENCODE_X:
        return scaled ? stile_launch_scaled_encode_x(plan, o, workspace, stream)
                      : encode_x(plan, o, workspace, stream);
    case STILE_KERNEL_ENCODE_W:
        return encode_w(plan, o->w, workspace + plan->workspace.w_encoded, o->v, workspace, stream);
    case STILE_KERNEL_CHANNEL_GEMM:
        return scaled ? stile_launch_scaled_channel_gemm(plan, o, workspace, stream)
                      : channel_gemm(plan, o, workspace, stream);
    case STILE_KERNEL_DECODE:
        return decode(plan, o, workspace, stream);
    case STILE_KERNEL_FUSED:
        return stile_launch_fused(plan, o, workspace, stream);
    default:
        return stile_fail(STILE_ERROR_INTERNAL, "no forward plan has role %d", (int)role);
    }
}

/* --- what run.c calls --- */

int stile_launch_workspace_init(const stile_plan *plan, void *workspace, stile_stream stream)
{
    if (plan->to_z)
        return stile_launch_workspace_init(plan->to_z, workspace, stream);
    const stile_driver *driver = plan->context->driver;
    const stile_basis *b = plan->config->basis;
    const size_t offsets[3] = {plan->workspace.u, plan->workspace.v, plan->workspace.d};
    const int sizes[3] = {b->m * b->k, b->k * b->n, b->m * b->n};
    stile_context_scope scope;

    int error = stile_context_enter(plan->context, &scope);
    for (int i = 0; i < 3 && !error && !plan->config->sparse; i++)
        error = stile_driver_check(
            driver,
            driver->cuMemcpyHtoDAsync(
                (CUdeviceptr)((char *)workspace + offsets[i]), plan->coefficients[i],
                (size_t)sizes[i] * (size_t)b->rank * sizeof(float), (CUstream)stream),
            "cuMemcpyHtoDAsync");
    if (!error && plan->zero_counters)
        error = stile_driver_check(
            driver,
            driver->cuMemcpyHtoDAsync(
                (CUdeviceptr)((char *)workspace + plan->workspace.counters), plan->zero_counters,
                plan->counters_size, (CUstream)stream),
            "cuMemcpyHtoDAsync");
    if (!error && plan->backward)
        error = stile_launch_backward_init(plan, workspace, stream);
    stile_context_leave(plan->context, &scope);
    return error;
}

int stile_launch_encode_weight(const stile_plan *plan, const void *w, void *w_hat, void *workspace,
                               stile_stream stream)
{
    if (plan->to_z)
        return stile_launch_encode_weight(plan->to_z, w, w_hat, workspace, stream);
    stile_context_scope scope;
    int error = stile_context_enter(plan->context, &scope);
    if (!error)
        error = plan->config->encode == STILE_ENCODE_TRAINED
                    ? pack_w(plan, w, w_hat, stream)
                    : encode_w(plan, w, w_hat, NULL, workspace, stream);
    stile_context_leave(plan->context, &scope);
    return error;
}

int stile_launch_kernels(const stile_plan *plan, int first, int count,
                         const stile_operands *operands, void *workspace, stile_stream stream)
{
    stile_context_scope scope;
    int error = stile_context_enter(plan->context, &scope);
    for (int i = first; i < first + count && !error; i++)
        error = plan->backward ? stile_launch_backward_step(plan, i, operands, workspace, stream)
                : plan->to_z   ? stile_launch_keeping(plan, i, operands, workspace, stream)
                               : launch_role(plan, plan->order[i], operands, workspace, stream);
    stile_context_leave(plan->context, &scope);
    return error;
}
