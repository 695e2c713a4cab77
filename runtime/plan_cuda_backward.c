/* SPDX-License-Identifier: Apache-2.0 */
/* Backward plans on CUDA devices: the layout of the workspace, and the kernels of every step. */
#include "backward.h"
#include "fail.h"

static const double MAX_PART = 0x1p60; /* bytes */
enum { BLOCK_ROUNDING = 1024, DZ_PITCH_BYTES = 128 };

_Static_assert(STILE_GRADIENT_INPUT == (int)STILE_OP_BACKWARD_INPUT &&
                   STILE_GRADIENT_WEIGHT == (int)STILE_OP_BACKWARD_WEIGHT &&
                   STILE_GRADIENT_BASIS == (int)STILE_OP_BACKWARD_BASIS,
               "the generator's bits are those of the public enumeration");

int64_t stile_contract_blocks(int64_t tile_rows, int64_t tile_columns, int run)
{
    const int64_t runs = (tile_columns + run - 1) / run;
    const int64_t blocks =
        tile_rows < STILE_MAX_CONTRACT_BLOCKS ? tile_rows * runs : STILE_MAX_CONTRACT_BLOCKS;
    return blocks < STILE_MAX_CONTRACT_BLOCKS ? blocks : STILE_MAX_CONTRACT_BLOCKS;
}

int64_t stile_strips(int64_t rows)
{
    const int64_t strips = (rows + STILE_STRIP_ROWS - 1) / STILE_STRIP_ROWS;
    return strips < STILE_MAX_STRIPS ? strips : STILE_MAX_STRIPS;
}

static bool runs(const stile_plan *plan, stile_gradient_step step)
{
    return stile_gradient_step_runs(step, plan->config, (int)plan->op);
}

/* Places the next part behind the ones before, where it is wanted. */
static void place(size_t *offset, size_t *end, bool wanted, size_t bytes)
{
    *offset = *end;
    *end += wanted ? stile_align(bytes) : 0;
}

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Bytes of partial sums: those of one step at a time. */
static size_t partial_bytes(const stile_plan *plan, const stile_tiling *t)
{
    const stile_backward_plan *b = plan->backward;
    const stile_basis *basis = plan->config->basis;
    const struct {
        stile_gradient_step step;
        int64_t rows, columns;
        int entries;
    } sums[] = {
        {STILE_STEP_CONTRACT_U, t->tile_rows, t->tile_inner, basis->m * basis->k},
        {STILE_STEP_CONTRACT_V,
         plan->config->layout == STILE_WEIGHT_NK ? t->tile_columns : t->tile_inner,
         plan->config->layout == STILE_WEIGHT_NK ? t->tile_inner : t->tile_columns,
         basis->k * basis->n},
        {STILE_STEP_CONTRACT_D, t->tile_rows, t->tile_columns, basis->m * basis->n},
    };
    size_t bytes = runs(plan, STILE_STEP_COLUMN_SUMS)
                       ? (size_t)stile_strips(plan->M) * (size_t)plan->N * sizeof(float)
                       : 0;
    for (int i = 0; i < 3; i++) {
        if (!runs(plan, sums[i].step))
            continue;
        const int run = b->kernels[sums[i].step].kernel.block_columns;
        const size_t blocks = (size_t)stile_contract_blocks(sums[i].rows, sums[i].columns, run);
        bytes = largest(bytes, blocks * (size_t)(basis->rank * sums[i].entries) * sizeof(float));
    }
    return bytes;
}

/* Floats that are zero where `matrix` is, else one. */
static int make_support(float **out, stile_arena *arena, stile_basis_matrix matrix)
{
    const int count = matrix.rows * matrix.columns;
    *out = stile_arena_array(arena, (size_t)count, sizeof **out);
    if (!*out)
        return stile_fail_memory();
    for (int i = 0; i < count; i++)
        (*out)[i] = matrix.entries[i] != 0;
    return 0;
}

/* Whether no part of the workspace comes near what its sizes can count. */
static bool fits(const stile_plan *plan, const stile_tiling *t)
{
    const double rank = plan->config->basis->rank, size = sizeof(float);
    const double rows = (double)(t->tile_rows + BLOCK_ROUNDING);
    const double inner = (double)(t->tile_inner + BLOCK_ROUNDING);
    const double columns = (double)(t->tile_columns + BLOCK_ROUNDING);
    return rank * size * rows * inner <= MAX_PART && rank * size * rows * columns <= MAX_PART &&
           rank * size * inner * columns <= MAX_PART &&
           size * (double)plan->M * (double)(plan->N + DZ_PITCH_BYTES) <= MAX_PART;
}

static int lay_out(stile_plan *plan)
{
    stile_backward_plan *b = plan->backward;
    stile_backward_layout *w = &b->layout;
    const stile_config *config = plan->config, *forward = b->configs.forward;
    const stile_config *input = b->configs.input, *weight = b->configs.weight;
    const stile_basis *basis = config->basis;
    const stile_problem problem = stile_plan_problem(plan, 0);
    const stile_tiling t = stile_problem_tiling(&problem);
    const bool nk = config->layout == STILE_WEIGHT_NK, dense = !config->sparse;
    if (!fits(plan, &t))
        return stile_fail(STILE_ERROR_MEMORY, "%s: a problem of this size cannot be addressed",
                          config->name);

    const size_t rank = (size_t)basis->rank, real = sizeof(float);
    const size_t u = rank * (size_t)(basis->m * basis->k) * real;
    const size_t v = rank * (size_t)(basis->k * basis->n) * real;
    const size_t d = rank * (size_t)(basis->m * basis->n) * real;
    const size_t encoded = rank * (size_t)stile_type_size(config->precision.encoded);
    const size_t product = (size_t)stile_type_size(config->precision.product);
    const size_t x_pitch = (size_t)stile_encoded_pitch(forward, plan->K);
    const size_t dy_pitch = (size_t)stile_encoded_pitch(input, plan->N);
    const size_t output = (size_t)stile_type_size(config->precision.output);
    const size_t rows = (size_t)t.tile_rows, inner = (size_t)t.tile_inner;
    const size_t columns = (size_t)t.tile_columns;
    const bool keep_apart =
        stile_plan_does(plan, STILE_OP_BACKWARD_BASIS) && config->rows != STILE_ROWS_ANY;
    const stile_kernel *dx = &b->kernels[STILE_STEP_PRODUCT_DX].kernel;
    const stile_kernel *y = &b->kernels[STILE_STEP_PRODUCT_Y].kernel;
    const size_t dx_hat =
        runs(plan, STILE_STEP_PRODUCT_DX)
            ? (size_t)stile_product_elements(input, dx, t.tile_rows, plan->K) * product
            : 0;
    const size_t y_hat =
        runs(plan, STILE_STEP_PRODUCT_Y)
            ? (size_t)stile_product_elements(forward, y, t.tile_rows, plan->N) * product
            : 0;
    const size_t dw_hat = nk ? columns * (size_t)stile_product_pitch(weight, plan->K)
                             : inner * (size_t)stile_product_pitch(weight, plan->N);
    size_t end = 0;

    b->dz_pitch = (plan->N * (int64_t)output + DZ_PITCH_BYTES - 1) / DZ_PITCH_BYTES *
                  DZ_PITCH_BYTES / (int64_t)output;
    place(&plan->workspace.u, &end, dense, u);
    place(&plan->workspace.v, &end, dense, v);
    place(&plan->workspace.d, &end, dense, d);
    place(&w->input_u, &end, dense, d);
    place(&w->input_v, &end, dense, v);
    place(&w->input_d, &end, dense, u);
    place(&w->weight_d, &end, dense, v);
    place(&w->support_u, &end, keep_apart, u);
    place(&w->support_d, &end, keep_apart, d);
    place(&w->dz, &end, runs(plan, STILE_STEP_ACTIVATION),
          (size_t)plan->M * (size_t)b->dz_pitch * output);
    place(&w->dy_encoded, &end, true, rows * dy_pitch * encoded);
    place(&w->x_encoded, &end, runs(plan, STILE_STEP_ENCODE_X), rows * x_pitch * encoded);
    place(&w->w_encoded, &end, runs(plan, STILE_STEP_ENCODE_W), columns * x_pitch * encoded);
    place(&w->w_transposed, &end, runs(plan, STILE_STEP_TRANSPOSE_W), inner * dy_pitch * encoded);
    place(&w->product, &end, true, largest(dx_hat, y_hat));
    place(&w->weight_product, &end,
          runs(plan, STILE_STEP_PRODUCT_DW) && config->encode != STILE_ENCODE_TRAINED,
          rank * dw_hat * real);
    place(&w->partials, &end, true, partial_bytes(plan, &t));
    plan->workspace.size = end;
    plan->weight_size = stile_align(columns * x_pitch * encoded);

    int error = dense ? stile_plan_round_coefficients(plan) : 0;
    if (!error && keep_apart)
        error = make_support(&b->support_u, plan->arena, stile_basis_u(basis));
    if (!error && keep_apart)
        error = make_support(&b->support_d, plan->arena, stile_basis_d(basis));
    return error;
}

int stile_plan_cuda_create_backward(stile_plan *plan)
{
    stile_plan_kernel *wanted[STILE_STEP_COUNT];
    stile_backward_plan *b = stile_arena_alloc(plan->arena, sizeof *b);
    if (!b)
        return stile_fail_memory();
    *b = (stile_backward_plan){0};
    plan->backward = b;
    int error = stile_gradient_check_types(plan->config);
    if (!error)
        error = stile_gradient_configure(&b->configs, plan->arena, plan->config, (int)plan->op);
    for (int step = 0; step < STILE_STEP_COUNT && !error; step++) {
        if (!runs(plan, (stile_gradient_step)step))
            continue;
        wanted[b->order_count] = &b->kernels[step];
        b->order[b->order_count++] = (stile_gradient_step)step;
        error = stile_gradient_step_render(&b->kernels[step].kernel, plan->arena, &b->configs,
                                           &plan->context->arch, (stile_gradient_step)step);
    }
    plan->order_count = b->order_count;
    if (!error)
        error = lay_out(plan);
    if (!error)
        error =
            stile_plan_load_training_kernels(plan->context, plan->config, wanted, b->order_count);
    return error;
}

const char *stile_backward_kernel_name(const stile_plan *plan, int index)
{
    return stile_gradient_step_name(plan->backward->order[index]);
}

void stile_plan_cuda_unload_backward(stile_plan *plan)
{
    for (int step = 0; plan->backward && step < STILE_STEP_COUNT; step++)
        if (plan->backward->kernels[step].module)
            plan->context->driver->cuModuleUnload(plan->backward->kernels[step].module);
}
