/* SPDX-License-Identifier: Apache-2.0 */
/* Launching the kernels of backward plans: each step fills in its parameters and its grid. */
#include <limits.h>

#include "backward.h"
#include "fail.h"
#include "launch.h"

/* One run, and what its steps share. */
typedef struct run {
    const stile_plan *plan;
    const stile_backward_plan *b;
    const stile_operands *o;
    char *workspace;
    stile_stream stream;
    stile_tiling tiling;
    const void *dz; /* dY itself where there is no activation */
    int64_t dz_pitch;
} run;

static void *part(const run *r, size_t offset)
{
    return r->workspace + offset;
}

static const stile_kernel *kernel_of(const run *r, stile_gradient_step step)
{
    return &r->b->kernels[step].kernel;
}

static int launch(const run *r, stile_gradient_step step, int64_t blocks, void *params)
{
    return stile_launch_kernel(r->plan, &r->b->kernels[step], blocks, 1, params, r->stream);
}

/* The coefficients of the caller, or those that the workspace holds from its initialisation. */
static const float *given(const run *r, const float *coefficients, size_t offset)
{
    return coefficients ? coefficients : (const float *)part(r, offset);
}

static const float *dense(const run *r, size_t offset)
{
    return r->plan->config->sparse ? NULL : (const float *)part(r, offset);
}

/* --- preparation ------------------------------------------------------------------------------ */

static int permute(const run *r)
{
    const stile_basis *b = r->plan->config->basis;
    const stile_workspace_layout *from = &r->plan->workspace;
    const stile_backward_layout *to = &r->b->layout;
    const int rank = b->rank, k = b->k, n = b->n, mk = b->m * k, kn = k * n, mn = b->m * n;
    const float *u = given(r, r->o->u, from->u), *v = given(r, r->o->v, from->v);
    const float *d = given(r, r->o->d, from->d);
    const bool nk = r->plan->config->layout == STILE_WEIGHT_NK;
    stile_permute_params params = {{
        {d, part(r, to->input_u), {1, rank, mn}, {0, 1, rank}},
        {v, part(r, to->input_v), {rank, n, k}, {kn, 1, n}},
        {u, part(r, to->input_d), {1, mk, rank}, {0, 1, mk}},
        {v, part(r, to->weight_d), {k, n, rank}, {n, 1, kn}},
    }};
    if (nk)
        params.permutations[3] =
            (stile_permutation){v, part(r, to->weight_d), {n, k, rank}, {1, n, kn}};
    return launch(r, STILE_STEP_PERMUTE, 4, &params);
}

static int undo_activation(const run *r)
{
    const stile_plan *plan = r->plan;
    const stile_type type = plan->config->precision.output;
    const stile_kernel *kernel = kernel_of(r, STILE_STEP_ACTIVATION);
    const int chunk = kernel->tiles_per_thread;
    stile_activation_params params = {
        .dy = r->o->dy,
        .z = r->o->z,
        .dz = part(r, r->b->layout.dz),
        .dy_pitch = plan->ldy,
        .z_pitch = plan->ldz,
        .dz_pitch = r->b->dz_pitch,
        .rows = (int)r->o->M,
        .columns = (int)plan->N,
        .vectorized = stile_can_vectorize(r->o->dy, plan->ldy, type, chunk) &&
                      stile_can_vectorize(r->o->z, plan->ldz, type, chunk),
    };
    return launch(r, STILE_STEP_ACTIVATION, stile_looping_grid(plan, kernel, r->o->M, plan->N),
                  &params);
}

/* --- encoders --------------------------------------------------------------------------------- */

/* What of a matrix an encoder reads, and where it writes it. */
typedef struct encoding {
    const stile_config *config; /* that the kernel was rendered from */
    const void *source;
    int64_t source_pitch, inner; /* columns, or rows where W lies the other way */
    void *encoded;
    const float *coefficients;
    stile_row_groups groups;
} encoding;

static int encode(const run *r, stile_gradient_step step, const encoding *e)
{
    const stile_kernel *kernel = kernel_of(r, step);
    stile_encode_params params = {
        .source = e->source,
        .encoded = e->encoded,
        .coefficients = e->coefficients,
        .source_pitch = e->source_pitch,
        .encoded_pitch = stile_encoded_pitch(e->config, e->inner),
        .groups = e->groups,
        .inner = (int)e->inner,
        .vectorized = stile_can_vectorize(e->source, e->source_pitch, e->config->precision.input,
                                          kernel->tiles_per_thread * e->config->basis->k),
    };
    return launch(
        r, step, stile_looping_grid(r->plan, kernel, params.groups.tile_rows, params.encoded_pitch),
        &params);
}

static stile_row_groups rows_of_m(const run *r)
{
    return stile_row_groups_of(r->o->M, r->plan->rows_per_group, r->plan->config->basis->m);
}

static int encode_dy(const run *r)
{
    return encode(r, STILE_STEP_ENCODE_DY,
                  &(encoding){r->b->configs.input, r->dz, r->dz_pitch, r->plan->N,
                              part(r, r->b->layout.dy_encoded), dense(r, r->b->layout.input_u),
                              rows_of_m(r)});
}

static int encode_x(const run *r)
{
    const stile_plan *plan = r->plan;
    return encode(r, STILE_STEP_ENCODE_X,
                  &(encoding){r->b->configs.forward, r->o->x, plan->ldx, plan->K,
                              part(r, r->b->layout.x_encoded),
                              plan->config->sparse ? NULL : given(r, r->o->u, plan->workspace.u),
                              rows_of_m(r)});
}

static int encode_w(const run *r)
{
    const stile_plan *plan = r->plan;
    return encode(r, STILE_STEP_ENCODE_W,
                  &(encoding){r->b->configs.forward, r->o->w, plan->ldw, plan->K,
                              part(r, r->b->layout.w_encoded),
                              plan->config->sparse ? NULL : given(r, r->o->v, plan->workspace.v),
                              stile_row_groups_of(plan->N, 0, plan->config->basis->n)});
}

/* Ŵᵀ, from dense W as an encoder of the transposed operator does, or from Ŵ. */
static int transpose_w(const run *r)
{
    const stile_plan *plan = r->plan;
    const stile_config *config = r->b->configs.weight_transposed;
    void *result = part(r, r->b->layout.w_transposed);
    if (plan->config->encode == STILE_ENCODE_ONLINE)
        return encode(r, STILE_STEP_TRANSPOSE_W,
                      &(encoding){config, r->o->w, plan->ldw, plan->N, result,
                                  dense(r, r->b->layout.input_v),
                                  stile_row_groups_of(plan->K, 0, plan->config->basis->k)});
    enum { TILE = 32 }; /* of templates/sm_80/transpose_weight.cu */
    stile_transpose_params params = {
        .source = r->o->w,
        .result = result,
        .source_pitch = stile_encoded_pitch(r->b->configs.forward, plan->K),
        .result_pitch = stile_encoded_pitch(config, plan->N),
        .rank = plan->config->basis->rank,
        .rows = (int)r->tiling.tile_columns,
        .columns = (int)r->tiling.tile_inner,
    };
    int64_t blocks = params.result_pitch / TILE * ceil_div(params.columns, TILE) * params.rank;
    return launch(r, STILE_STEP_TRANSPOSE_W, blocks < INT_MAX ? blocks : INT_MAX, &params);
}

/* --- products --------------------------------------------------------------------------------- */

/* dŶ Ŵ → dX̂ */
static int product_dx(const run *r)
{
    const stile_plan *plan = r->plan;
    const stile_config *config = r->b->configs.input;
    stile_gemm_params params = {
        .x_encoded = part(r, r->b->layout.dy_encoded),
        .w_encoded = part(r, r->b->layout.w_transposed),
        .product = part(r, r->b->layout.product),
        .encoded_pitch = stile_encoded_pitch(config, plan->N),
        .product_pitch = stile_product_pitch(config, plan->K),
        .tile_rows = (int)r->tiling.tile_rows,
        .tile_columns = (int)r->tiling.tile_inner,
        .tile_inner = (int)r->tiling.tile_columns,
    };
    return stile_launch_channel_gemm(plan, &r->b->kernels[STILE_STEP_PRODUCT_DX], config, &params,
                                     r->stream);
}

/* X̂ Ŵᵀ → Ŷ */
static int product_y(const run *r)
{
    const stile_plan *plan = r->plan;
    const stile_config *config = r->b->configs.forward;
    const bool online = plan->config->encode == STILE_ENCODE_ONLINE;
    stile_gemm_params params = {
        .x_encoded = part(r, r->b->layout.x_encoded),
        .w_encoded = online ? part(r, r->b->layout.w_encoded) : r->o->w,
        .product = part(r, r->b->layout.product),
        .encoded_pitch = stile_encoded_pitch(config, plan->K),
        .product_pitch = stile_product_pitch(config, plan->N),
        .tile_rows = (int)r->tiling.tile_rows,
        .tile_columns = (int)r->tiling.tile_columns,
        .tile_inner = (int)r->tiling.tile_inner,
    };
    return stile_launch_channel_gemm(plan, &r->b->kernels[STILE_STEP_PRODUCT_Y], config, &params,
                                     r->stream);
}

/* dŶᵀ X̂ → dŴ, or its transpose where W is stored [K, N]; trained weights: dŴ itself. */
static int product_dw(const run *r)
{
    const stile_plan *plan = r->plan;
    const stile_config *config = r->b->configs.weight;
    const stile_kernel *kernel = kernel_of(r, STILE_STEP_PRODUCT_DW);
    const bool trained = plan->config->encode == STILE_ENCODE_TRAINED;
    const bool by_columns = trained || plan->config->layout == STILE_WEIGHT_NK;
    const void *x = part(r, r->b->layout.x_encoded), *dy = part(r, r->b->layout.dy_encoded);
    const int64_t x_pitch = stile_encoded_pitch(r->b->configs.forward, plan->K);
    const int64_t dy_pitch = stile_encoded_pitch(r->b->configs.input, plan->N);
    const int inner = (int)r->tiling.tile_inner, columns = (int)r->tiling.tile_columns;
    stile_weight_gemm_params params = {
        .left = by_columns ? dy : x,
        .right = by_columns ? x : dy,
        .product = trained ? r->o->dw : part(r, r->b->layout.weight_product),
        .left_pitch = by_columns ? dy_pitch : x_pitch,
        .right_pitch = by_columns ? x_pitch : dy_pitch,
        .product_pitch =
            trained ? inner : stile_product_pitch(config, by_columns ? plan->K : plan->N),
        .tile_rows = (int)r->tiling.tile_rows,
        .left_columns = by_columns ? columns : inner,
        .right_columns = by_columns ? inner : columns,
    };
    params.paired =
        stile_can_vectorize(params.product, params.product_pitch, config->precision.product, 2);
    return launch(r, STILE_STEP_PRODUCT_DW,
                  ceil_div(params.left_columns, kernel->block_rows) *
                      ceil_div(params.right_columns, kernel->block_columns) *
                      plan->config->basis->rank,
                  &params);
}

/* --- decoders --------------------------------------------------------------------------------- */

static int decode(const run *r, stile_gradient_step step, const stile_config *config,
                  stile_decode_params *params)
{
    const stile_kernel *kernel = kernel_of(r, step);
    params->product_pitch = stile_product_pitch(config, params->columns);
    params->vectorized = stile_can_vectorize(params->y, params->y_pitch, config->precision.output,
                                             kernel->tiles_per_thread * config->basis->n);
    return launch(r, step,
                  stile_looping_grid(r->plan, kernel, params->groups.tile_rows,
                                     ceil_div(params->columns, config->basis->n)),
                  params);
}

static int decode_dx(const run *r)
{
    stile_decode_params params = {
        .product = part(r, r->b->layout.product),
        .y = r->o->dx,
        .coefficients = dense(r, r->b->layout.input_d),
        .y_pitch = r->plan->lddx,
        .groups = rows_of_m(r),
        .columns = (int)r->plan->K,
    };
    return decode(r, STILE_STEP_DECODE_DX, r->b->configs.input, &params);
}

static int decode_dw(const run *r)
{
    const stile_plan *plan = r->plan;
    const stile_config *config = r->b->configs.weight;
    const bool nk = plan->config->layout == STILE_WEIGHT_NK;
    stile_decode_params params = {
        .product = part(r, r->b->layout.weight_product),
        .y = r->o->dw,
        .coefficients = dense(r, r->b->layout.weight_d),
        .y_pitch = plan->lddw,
        .groups = stile_row_groups_of(nk ? plan->N : plan->K, 0, config->basis->m),
        .columns = (int)(nk ? plan->K : plan->N),
    };
    return decode(r, STILE_STEP_DECODE_DW, config, &params);
}

/* --- sums ------------------------------------------------------------------------------------- */

static int sum_columns(const run *r)
{
    const int64_t strips = stile_strips(r->o->M);
    stile_column_sums_params params = {
        .source = r->dz,
        .partials = part(r, r->b->layout.partials),
        .source_pitch = r->dz_pitch,
        .rows = (int)r->o->M,
        .columns = (int)r->plan->N,
        .strips = (int)strips,
        .strip_rows = (int)ceil_div(r->o->M, strips),
    };
    return launch(r, STILE_STEP_COLUMN_SUMS, ceil_div(r->plan->N, 32) * strips, &params);
}

static int sum_bias(const run *r)
{
    stile_sum_params params = {
        .partials = part(r, r->b->layout.partials),
        .result = r->o->dbias,
        .partial_count = (int)stile_strips(r->o->M),
        .rows = (int)r->plan->N,
        .tile_rows = 1,
        .tile_columns = 1,
        .row_stride = 1,
        .entry_stride = 1,
    };
    return launch(r, STILE_STEP_SUM_BIAS, ceil_div(r->plan->N, 32), &params);
}

/* The gradient of one factor: a matrix, the products that meet its tiles, and where the sums go. */
typedef struct contraction {
    const stile_config *config; /* whose decoder makes such a matrix of such products */
    const void *source;
    int64_t source_pitch;
    const void *product;
    stile_row_groups groups;
    int64_t columns; /* of the matrix */
    float *result;
    const float *support;
    bool decoder;    /* the factor has a row for each entry, else one for each channel */
    bool transposed; /* and numbers the entries of the transposed tile */
} contraction;

static int64_t contract_blocks(const contraction *c, const stile_kernel *kernel)
{
    return stile_contract_blocks(c->groups.tile_rows, ceil_div(c->columns, c->config->basis->n),
                                 kernel->block_columns);
}

static int contract(const run *r, stile_gradient_step step, const contraction *c)
{
    const stile_kernel *kernel = kernel_of(r, step);
    stile_contract_params params = {
        .product = c->product,
        .source = c->source,
        .partials = part(r, r->b->layout.partials),
        .product_pitch = stile_product_pitch(c->config, c->columns),
        .source_pitch = c->source_pitch,
        .groups = c->groups,
        .columns = (int)c->columns,
        .tile_columns = (int)ceil_div(c->columns, c->config->basis->n),
    };
    const int64_t channel_groups = ceil_div(c->config->basis->rank, kernel->block_rows);
    return stile_launch_kernel(r->plan, &r->b->kernels[step], contract_blocks(c, kernel),
                               (unsigned)channel_groups, &params, r->stream);
}

static int sum(const run *r, stile_gradient_step step, stile_gradient_step contract_step,
               const contraction *c)
{
    const stile_basis *b = c->config->basis;
    const int entries = b->m * b->n;
    stile_sum_params params = {
        .partials = part(r, r->b->layout.partials),
        .result = c->result,
        .support = c->support,
        .partial_count = (int)contract_blocks(c, kernel_of(r, contract_step)),
        .rows = b->rank,
        .tile_rows = b->m,
        .tile_columns = b->n,
        .row_stride = c->decoder ? 1 : entries,
        .entry_stride = c->decoder ? b->rank : 1,
        .transposed = c->transposed,
    };
    return launch(r, step, ceil_div(b->rank * entries, 32), &params);
}

static contraction contraction_u(const run *r)
{
    const stile_plan *plan = r->plan;
    return (contraction){
        .config = r->b->configs.input,
        .source = r->o->x,
        .source_pitch = plan->ldx,
        .product = part(r, r->b->layout.product),
        .groups = rows_of_m(r),
        .columns = plan->K,
        .result = r->o->du,
        .support = r->b->support_u ? part(r, r->b->layout.support_u) : NULL,
    };
}

static contraction contraction_v(const run *r)
{
    const stile_plan *plan = r->plan;
    const bool nk = plan->config->layout == STILE_WEIGHT_NK;
    return (contraction){
        .config = r->b->configs.weight,
        .source = r->o->w,
        .source_pitch = plan->ldw,
        .product = part(r, r->b->layout.weight_product),
        .groups = stile_row_groups_of(nk ? plan->N : plan->K, 0, r->b->configs.weight->basis->m),
        .columns = nk ? plan->K : plan->N,
        .result = r->o->dv,
        .transposed = nk,
    };
}

static contraction contraction_d(const run *r)
{
    const stile_plan *plan = r->plan;
    return (contraction){
        .config = r->b->configs.forward,
        .source = r->dz,
        .source_pitch = r->dz_pitch,
        .product = part(r, r->b->layout.product),
        .groups = rows_of_m(r),
        .columns = plan->N,
        .result = r->o->dd,
        .support = r->b->support_d ? part(r, r->b->layout.support_d) : NULL,
        .decoder = true,
    };
}

/* --- what launch.c calls ---------------------------------------------------------------------- */

static int launch_step(const run *r, stile_gradient_step step)
{
    const contraction u = contraction_u(r), v = contraction_v(r), d = contraction_d(r);
    switch (step) {
    case STILE_STEP_PERMUTE:
        return permute(r);
    case STILE_STEP_ACTIVATION:
        return undo_activation(r);
    case STILE_STEP_COLUMN_SUMS:
        return sum_columns(r);
    case STILE_STEP_SUM_BIAS:
        return sum_bias(r);
    case STILE_STEP_ENCODE_DY:
        return encode_dy(r);
    case STILE_STEP_TRANSPOSE_W:
        return transpose_w(r);
    case STILE_STEP_PRODUCT_DX:
        return product_dx(r);
    case STILE_STEP_DECODE_DX:
        return decode_dx(r);
    case STILE_STEP_CONTRACT_U:
        return contract(r, step, &u);
    case STILE_STEP_SUM_U:
        return sum(r, step, STILE_STEP_CONTRACT_U, &u);
    case STILE_STEP_ENCODE_X:
        return encode_x(r);
    case STILE_STEP_PRODUCT_DW:
        return product_dw(r);
    case STILE_STEP_DECODE_DW:
        return decode_dw(r);
    case STILE_STEP_CONTRACT_V:
        return contract(r, step, &v);
    case STILE_STEP_SUM_V:
        return sum(r, step, STILE_STEP_CONTRACT_V, &v);
    case STILE_STEP_ENCODE_W:
        return encode_w(r);
    case STILE_STEP_PRODUCT_Y:
        return product_y(r);
    case STILE_STEP_CONTRACT_D:
        return contract(r, step, &d);
    case STILE_STEP_SUM_D:
        return sum(r, step, STILE_STEP_CONTRACT_D, &d);
    }
    return stile_fail(STILE_ERROR_INTERNAL, "no backward plan has step %d", (int)step);
}

int stile_launch_backward_step(const stile_plan *plan, int index, const stile_operands *operands,
                               void *workspace, stile_stream stream)
{
    const stile_problem problem = stile_plan_problem(plan, operands->M);
    run r = {
        .plan = plan,
        .b = plan->backward,
        .o = operands,
        .workspace = workspace,
        .stream = stream,
        .tiling = stile_problem_tiling(&problem),
        .dz = operands->dy,
        .dz_pitch = plan->ldy,
    };
    if (operands->z) {
        r.dz = part(&r, r.b->layout.dz);
        r.dz_pitch = r.b->dz_pitch;
    }
    return launch_step(&r, plan->backward->order[index]);
}

static int copy_support(const stile_plan *plan, char *to, const float *from,
                        stile_basis_matrix matrix, stile_stream stream)
{
    const stile_driver *driver = plan->context->driver;
    if (!from)
        return 0;
    return stile_driver_check(
        driver,
        driver->cuMemcpyHtoDAsync((CUdeviceptr)to, from,
                                  (size_t)(matrix.rows * matrix.columns) * sizeof *from,
                                  (CUstream)stream),
        "cuMemcpyHtoDAsync");
}

int stile_launch_backward_init(const stile_plan *plan, void *workspace, stile_stream stream)
{
    const stile_backward_plan *b = plan->backward;
    char *base = workspace;
    int error = copy_support(plan, base + b->layout.support_u, b->support_u,
                             stile_basis_u(plan->config->basis), stream);
    return error ? error
                 : copy_support(plan, base + b->layout.support_d, b->support_d,
                                stile_basis_d(plan->config->basis), stream);
}
