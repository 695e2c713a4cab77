/* SPDX-License-Identifier: Apache-2.0 */
#include "cost_backward.h"

#include <math.h>

#include "fail.h"
#include "straight_line.h"

/* Sizes of what the steps read and write: bytes, or FLOP for each tile. */
typedef struct sizes {
    double x, w, dy;                  /* of a row-major matrix: also dX, dW, dZ and Z */
    double x_hat, w_hat, dy_hat;      /* encoded */
    double w_transposed;              /* Ŵᵀ */
    double dx_hat, y_hat, dw_hat;     /* products; dŴ where weights are trained is dW */
    double encode_x, encode_w;        /* FLOP per tile, by U and by V */
    double encode_dy, transpose_w;    /* by Dᵀ, and by V on transposed tiles */
    double decode_dx, decode_dw;      /* by Uᵀ and by Vᵀ */
    double gemm;                      /* FLOP of one of the channel GEMMs */
    double x_tiles, w_tiles, y_tiles; /* of each matrix */
} sizes;

/* FLOP of applying a factor to one tile: additions after sharing, or 2 per coefficient. */
static int count_map(double *out, stile_arena *arena, const stile_config *config,
                     stile_basis_matrix matrix)
{
    *out = 2.0 * matrix.rows * matrix.columns;
    if (!config->sparse)
        return 0;
    stile_straight_line *program;
    int error =
        stile_straight_line_compile(&program, arena, matrix.exact, matrix.rows, matrix.columns);
    if (!error)
        *out = program->addition_count;
    return error;
}

static int measure(sizes *s, stile_arena *arena, const stile_config *config,
                   const stile_gradient_configs *configs, const stile_shape *shape,
                   const stile_tiling *t)
{
    const stile_precision *p = &config->precision;
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    const bool nk = config->layout == STILE_WEIGHT_NK;
    const double M = (double)shape->M, K = (double)shape->K, N = (double)shape->N;
    const double rank = config->basis->rank, in = stile_type_size(p->input);
    const double encoded = rank * stile_type_size(p->encoded);
    const double product = rank * stile_type_size(p->product);
    const double rows = (double)t->tile_rows, inner = (double)t->tile_inner;
    const double columns = (double)t->tile_columns;
    const double x_pitch = (double)stile_encoded_pitch(configs->forward, shape->K);
    const double dy_pitch = (double)stile_encoded_pitch(configs->input, shape->N);
    const double f32 = stile_type_size(STILE_TYPE_F32);
    const double dw_pitch = (double)stile_product_pitch(configs->weight, nk ? shape->K : shape->N);

    s->x = in * M * K;
    s->w = in * (trained ? rank * inner * columns : K * N);
    s->dy = stile_type_size(p->output) * M * N;
    s->x_hat = encoded * rows * x_pitch;
    s->w_hat = encoded * columns * x_pitch;
    s->dy_hat = encoded * rows * dy_pitch;
    s->w_transposed = encoded * inner * dy_pitch;
    s->dx_hat = product * rows * (double)stile_product_pitch(configs->input, shape->K);
    s->y_hat = product * rows * (double)stile_product_pitch(configs->forward, shape->N);
    s->dw_hat = trained ? s->w : rank * f32 * (nk ? columns : inner) * dw_pitch;
    s->gemm = 2 * rank * rows * inner * columns;
    s->x_tiles = rows * inner;
    s->w_tiles = inner * columns;
    s->y_tiles = rows * columns;

    const stile_basis *f = config->basis, *i = configs->input->basis, *w = configs->weight->basis;
    int error = count_map(&s->encode_x, arena, config, stile_basis_u(f));
    if (!error)
        error = count_map(&s->encode_w, arena, config, stile_basis_v(f));
    if (!error)
        error = count_map(&s->encode_dy, arena, config, stile_basis_u(i));
    if (!error)
        error = count_map(&s->transpose_w, arena, config, stile_basis_v(i));
    if (!error)
        error = count_map(&s->decode_dx, arena, config, stile_basis_d(i));
    if (!error)
        error = count_map(&s->decode_dw, arena, config, stile_basis_d(w));
    return error;
}

static stile_step_cost cost_of(stile_gradient_step step, const stile_config *config, const sizes *s)
{
    const stile_basis *b = config->basis;
    const double rank = b->rank, mk = b->m * b->k, kn = b->k * b->n, mn = b->m * b->n;
    const bool online = config->encode == STILE_ENCODE_ONLINE;
    switch (step) {
    case STILE_STEP_ACTIVATION:
        return (stile_step_cost){step, 0, 2 * s->dy, s->dy};
    case STILE_STEP_COLUMN_SUMS:
        return (stile_step_cost){step, mn * s->y_tiles, s->dy, 0};
    case STILE_STEP_ENCODE_DY:
        return (stile_step_cost){step, s->encode_dy * s->y_tiles, s->dy, s->dy_hat};
    case STILE_STEP_TRANSPOSE_W:
        return (stile_step_cost){step, online ? s->transpose_w * s->w_tiles : 0,
                                 online ? s->w : s->w_hat, s->w_transposed};
    case STILE_STEP_PRODUCT_DX:
        return (stile_step_cost){step, s->gemm, s->dy_hat + s->w_transposed, s->dx_hat};
    case STILE_STEP_DECODE_DX:
        return (stile_step_cost){step, s->decode_dx * s->x_tiles, s->dx_hat, s->x};
    case STILE_STEP_CONTRACT_U:
        return (stile_step_cost){step, 2 * rank * mk * s->x_tiles, s->dx_hat + s->x, 0};
    case STILE_STEP_ENCODE_X:
        return (stile_step_cost){step, s->encode_x * s->x_tiles, s->x, s->x_hat};
    case STILE_STEP_PRODUCT_DW:
        return (stile_step_cost){step, s->gemm, s->dy_hat + s->x_hat, s->dw_hat};
    case STILE_STEP_DECODE_DW:
        return (stile_step_cost){step, s->decode_dw * s->w_tiles, s->dw_hat, s->w};
    case STILE_STEP_CONTRACT_V:
        return (stile_step_cost){step, 2 * rank * kn * s->w_tiles, s->dw_hat + s->w, 0};
    case STILE_STEP_ENCODE_W:
        return (stile_step_cost){step, s->encode_w * s->w_tiles, s->w, s->w_hat};
    case STILE_STEP_PRODUCT_Y:
        return (stile_step_cost){step, s->gemm, s->x_hat + s->w_hat, s->y_hat};
    case STILE_STEP_CONTRACT_D:
        return (stile_step_cost){step, 2 * rank * mn * s->y_tiles, s->y_hat + s->dy, 0};
    default:
        return (stile_step_cost){.step = step};
    }
}

static double workspace_bytes(const stile_config *config, const sizes *s, int gradients)
{
    const struct {
        stile_gradient_step step;
        double bytes;
    } parts[] = {
        {STILE_STEP_ACTIVATION, s->dy},
        {STILE_STEP_ENCODE_DY, s->dy_hat},
        {STILE_STEP_TRANSPOSE_W, s->w_transposed},
        {STILE_STEP_ENCODE_X, s->x_hat},
        {STILE_STEP_ENCODE_W, s->w_hat},
        {STILE_STEP_PRODUCT_DW, config->encode == STILE_ENCODE_TRAINED ? 0 : s->dw_hat},
    };
    double bytes = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (stile_gradient_step_runs(parts[i].step, config, gradients))
            bytes += parts[i].bytes;
    /* dX̂, then Ŷ in its place. */
    const bool dx = stile_gradient_step_runs(STILE_STEP_PRODUCT_DX, config, gradients);
    const bool y = stile_gradient_step_runs(STILE_STEP_PRODUCT_Y, config, gradients);
    return bytes + fmax(dx ? s->dx_hat : 0, y ? s->y_hat : 0);
}

int stile_backward_cost_count(stile_backward_cost *out, const stile_config *config,
                              const stile_shape *shape, int64_t rows_per_group, int gradients)
{
    stile_backward_cost cost = {0};
    stile_gradient_configs configs;
    sizes s = {0};
    const stile_problem problem = {config, shape->M, shape->K, shape->N, rows_per_group};
    const stile_tiling tiling = stile_problem_tiling(&problem);
    stile_arena *arena = stile_arena_create();
    if (!arena)
        return stile_fail_memory();
    int error = stile_gradient_configure(&configs, arena, config, gradients);
    if (!error)
        error = measure(&s, arena, config, &configs, shape, &tiling);
    stile_arena_destroy(&arena);
    if (error)
        return error;

    for (int i = 0; i < STILE_STEP_COUNT; i++) {
        const stile_gradient_step step = (stile_gradient_step)i;
        if (!stile_gradient_step_runs(step, config, gradients))
            continue;
        cost.steps[cost.step_count++] = cost_of(step, config, &s);
        if (step == STILE_STEP_PRODUCT_DX || step == STILE_STEP_PRODUCT_DW ||
            step == STILE_STEP_PRODUCT_Y)
            cost.mma_flops += s.gemm;
    }
    const double dense = 2 * (double)shape->M * (double)shape->K * (double)shape->N;
    cost.dense_flops = (gradients & STILE_GRADIENT_INPUT ? dense : 0) +
                       (gradients & STILE_GRADIENT_WEIGHT ? dense : 0);
    cost.workspace_bytes = workspace_bytes(config, &s, gradients);
    cost.kept_bytes = config->epilogue.activation != STILE_ACTIVATION_NONE ? s.dy : 0;
    *out = cost;
    return 0;
}
