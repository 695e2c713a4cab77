/* SPDX-License-Identifier: Apache-2.0 */
#include "gradient.h"

#include "fail.h"

/* --- operators derived from an operator --------------------------------------------------------
 */

/* Where entry (row i, column j) of a new factor comes from. */
typedef struct source {
    int matrix;     /* 0: U, 1: V, 2: D */
    bool transpose; /* the tile that it encodes: (i,j) → (j,i) */
    int rows;       /* of the tile in the new operator */
    int columns;
} source;

/* Index into a factor of `basis` of its coefficient for channel c, tile entry `entry`. */
static int index_of(const stile_basis *basis, int matrix, int c, int entry)
{
    const int entries[2] = {basis->m * basis->k, basis->k * basis->n};
    return matrix == 2 ? entry * basis->rank + c : c * entries[matrix] + entry;
}

/* Fills one factor; `decoder`: of the new operator. */
static void fill(stile_basis *out, double *entries, stile_rational *exact, bool decoder,
                 const stile_basis *from, const source *s)
{
    const double *const matrices[3] = {from->u, from->v, from->d};
    const stile_rational *const exacts[3] = {from->u_exact, from->v_exact, from->d_exact};
    const int count = s->rows * s->columns;
    for (int c = 0; c < from->rank; c++) {
        for (int e = 0; e < count; e++) {
            const int i = e / s->columns, j = e % s->columns;
            const int at = index_of(from, s->matrix, c, s->transpose ? j * s->rows + i : e);
            const int to = decoder ? e * out->rank + c : c * count + e;
            entries[to] = matrices[s->matrix][at];
            if (exact)
                exact[to] = exacts[s->matrix][at];
        }
    }
}

/* The basis ⟨m,k,n;r⟩ whose U, V and D are the factors of `from` that `sources` names. */
static const stile_basis *rotate(stile_arena *arena, const stile_basis *from, int m, int k, int n,
                                 const int matrices[3], const bool transposed[3])
{
    const source sources[3] = {{matrices[0], transposed[0], m, k},
                               {matrices[1], transposed[1], k, n},
                               {matrices[2], transposed[2], m, n}};
    stile_basis *out =
        stile_basis_create(arena, from->name, m, k, n, from->rank, stile_basis_is_rational(from));
    if (!out)
        return NULL;
    fill(out, out->u, out->u_exact, false, from, &sources[0]);
    fill(out, out->v, out->v_exact, false, from, &sources[1]);
    fill(out, out->d, out->d_exact, true, from, &sources[2]);
    return out;
}

/* A copy without epilogue, with another basis, types and family. */
static stile_config *derive(stile_arena *arena, const stile_config *config,
                            const stile_basis *basis, stile_precision precision,
                            stile_kernel_family family)
{
    stile_config *out = basis ? stile_arena_alloc(arena, sizeof *out) : NULL;
    if (!out)
        return NULL;
    *out = *config;
    out->basis = basis;
    out->precision = precision;
    out->epilogue = (stile_epilogue){0};
    out->schedule = (stile_schedule){.family = family};
    out->rows = STILE_ROWS_ANY;
    return out;
}

int stile_gradient_configure(stile_gradient_configs *out, stile_arena *arena,
                             const stile_config *config, int gradients)
{
    enum { U, V, D };
    const stile_basis *b = config->basis;
    const stile_precision p = config->precision;
    const bool nk = config->layout == STILE_WEIGHT_NK;
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    const stile_kernel_family rows = STILE_FAMILY_SM_80;

    const stile_basis *input =
        rotate(arena, b, b->m, b->n, b->k, (int[]){D, V, U}, (bool[]){false, true, false});
    const stile_basis *weight =
        nk ? rotate(arena, b, b->n, b->m, b->k, (int[]){D, U, V}, (bool[]){true, false, true})
           : rotate(arena, b, b->k, b->m, b->n, (int[]){U, D, V}, (bool[]){true, false, false});
    const stile_precision of_input = {p.output, p.encoded, p.product, p.input};
    const stile_precision of_weight = {p.output, p.encoded, trained ? p.input : STILE_TYPE_F32,
                                       p.input};
    const bool read_by_others = gradients & STILE_GRADIENT_BASIS;
    stile_config *f = derive(arena, config, b, p, rows);
    stile_config *i =
        derive(arena, config, input, of_input, read_by_others ? rows : STILE_FAMILY_ANY);
    stile_config *t = derive(arena, config, input, of_input, STILE_FAMILY_ANY);
    stile_config *w = derive(arena, config, weight, of_weight, rows);
    if (!f || !i || !t || !w)
        return stile_fail_memory();
    f->epilogue = config->epilogue;
    i->layout = t->layout = nk ? STILE_WEIGHT_KN : STILE_WEIGHT_NK;
    t->precision.input = p.input;
    if (!trained)
        w->encode = STILE_ENCODE_ONLINE;
    *out = (stile_gradient_configs){.forward = f, .input = i, .weight_transposed = t, .weight = w};
    return 0;
}

int stile_gradient_check_types(const stile_config *config)
{
    const stile_type encoded = config->precision.encoded;
    if (!stile_type_is_scaled(encoded))
        return 0;
    return stile_fail(STILE_ERROR_UNSUPPORTED,
                      "%s: there are no backward kernels for precision.encoded %s: use bf16 or f16",
                      config->name, stile_type_name(encoded));
}

/* --- steps -------------------------------------------------------------------------------------
 */

/* The operator of a step. */
enum { FORWARD, INPUT, TRANSPOSED, WEIGHT };

typedef struct step_kind {
    const char *name;
    stile_kernel_role role;
    int config;
} step_kind;

static const step_kind steps[STILE_STEP_COUNT] = {
    [STILE_STEP_PERMUTE] = {"permute", STILE_KERNEL_PERMUTE_COEFFICIENTS, FORWARD},
    [STILE_STEP_ACTIVATION] = {"activation", STILE_KERNEL_ACTIVATION_GRADIENT, FORWARD},
    [STILE_STEP_COLUMN_SUMS] = {"column_sums", STILE_KERNEL_COLUMN_SUMS, FORWARD},
    [STILE_STEP_SUM_BIAS] = {"sum_bias", STILE_KERNEL_SUM_COLUMNS, FORWARD},
    [STILE_STEP_ENCODE_DY] = {"encode_dy", STILE_KERNEL_ENCODE_X, INPUT},
    [STILE_STEP_TRANSPOSE_W] = {"transpose_w", STILE_KERNEL_TRANSPOSE_WEIGHT, TRANSPOSED},
    [STILE_STEP_PRODUCT_DX] = {"product_dx", STILE_KERNEL_CHANNEL_GEMM, INPUT},
    [STILE_STEP_DECODE_DX] = {"decode_dx", STILE_KERNEL_DECODE, INPUT},
    [STILE_STEP_CONTRACT_U] = {"contract_u", STILE_KERNEL_CONTRACT_TILES, INPUT},
    [STILE_STEP_SUM_U] = {"sum_u", STILE_KERNEL_SUM_TILES, INPUT},
    [STILE_STEP_ENCODE_X] = {"encode_x", STILE_KERNEL_ENCODE_X, FORWARD},
    [STILE_STEP_PRODUCT_DW] = {"product_dw", STILE_KERNEL_WEIGHT_GEMM, WEIGHT},
    [STILE_STEP_DECODE_DW] = {"decode_dw", STILE_KERNEL_DECODE, WEIGHT},
    [STILE_STEP_CONTRACT_V] = {"contract_v", STILE_KERNEL_CONTRACT_TILES, WEIGHT},
    [STILE_STEP_SUM_V] = {"sum_v", STILE_KERNEL_SUM_TILES, WEIGHT},
    [STILE_STEP_ENCODE_W] = {"encode_w", STILE_KERNEL_ENCODE_W, FORWARD},
    [STILE_STEP_PRODUCT_Y] = {"product_y", STILE_KERNEL_CHANNEL_GEMM, FORWARD},
    [STILE_STEP_CONTRACT_D] = {"contract_d", STILE_KERNEL_CONTRACT_TILES, FORWARD},
    [STILE_STEP_SUM_D] = {"sum_d", STILE_KERNEL_SUM_TILES, FORWARD},
};

const char *stile_gradient_step_name(stile_gradient_step step)
{
    return steps[step].name;
}

bool stile_gradient_step_runs(stile_gradient_step step, const stile_config *config, int gradients)
{
    const bool input = gradients & STILE_GRADIENT_INPUT;
    const bool weight = gradients & STILE_GRADIENT_WEIGHT;
    const bool basis = gradients & STILE_GRADIENT_BASIS;
    const bool online = config->encode == STILE_ENCODE_ONLINE;
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    switch (step) {
    case STILE_STEP_PERMUTE:
        return !config->sparse;
    case STILE_STEP_ACTIVATION:
        return config->epilogue.activation != STILE_ACTIVATION_NONE;
    case STILE_STEP_COLUMN_SUMS:
    case STILE_STEP_SUM_BIAS:
        return weight && config->epilogue.bias;
    case STILE_STEP_ENCODE_DY:
        return true;
    case STILE_STEP_TRANSPOSE_W:
    case STILE_STEP_PRODUCT_DX:
        return input || basis;
    case STILE_STEP_DECODE_DX:
        return input;
    case STILE_STEP_ENCODE_X:
        return weight || basis;
    case STILE_STEP_PRODUCT_DW:
        return weight || (basis && online);
    case STILE_STEP_DECODE_DW:
        return weight && !trained;
    case STILE_STEP_CONTRACT_V:
    case STILE_STEP_SUM_V:
    case STILE_STEP_ENCODE_W:
        return basis && online;
    case STILE_STEP_CONTRACT_U:
    case STILE_STEP_SUM_U:
    case STILE_STEP_PRODUCT_Y:
    case STILE_STEP_CONTRACT_D:
    case STILE_STEP_SUM_D:
        return basis;
    }
    return false;
}

/* What a step is rendered from. */
static const stile_config *config_of(const stile_gradient_configs *configs,
                                     stile_gradient_step step)
{
    const stile_config *const of[] = {configs->forward, configs->input, configs->weight_transposed,
                                      configs->weight};
    return of[steps[step].config];
}

static stile_kernel_role role_of(const stile_gradient_configs *configs, stile_gradient_step step)
{
    /* Dense W is encoded again, the other way; Ŵ is transposed. */
    if (step == STILE_STEP_TRANSPOSE_W && configs->forward->encode == STILE_ENCODE_ONLINE)
        return STILE_KERNEL_ENCODE_W;
    return steps[step].role;
}

int stile_gradient_step_render(stile_kernel *out, stile_arena *arena,
                               const stile_gradient_configs *configs, const stile_arch *arch,
                               stile_gradient_step step)
{
    return stile_kernel_render(out, arena, config_of(configs, step), arch, role_of(configs, step));
}

/* --- all kernels of training -------------------------------------------------------------------
 */

const stile_config *stile_config_to_z(stile_arena *arena, const stile_config *config)
{
    stile_config *out = stile_arena_alloc(arena, sizeof *out);
    if (!out)
        return NULL;
    *out = *config;
    out->epilogue.activation = STILE_ACTIVATION_NONE;
    out->epilogue.residual = false;
    return out;
}

/* Adds the steps of a plan; `all`: or those alone that depend on what reads dX̂ besides. */
static int add_steps(stile_training_kernel *list, int *count, stile_arena *arena,
                     const stile_config *config, int gradients, bool all, const char *format)
{
    stile_gradient_configs configs;
    int error = stile_gradient_configure(&configs, arena, config, gradients);
    for (int i = 0; i < STILE_STEP_COUNT && !error; i++) {
        const stile_gradient_step step = (stile_gradient_step)i;
        if (!stile_gradient_step_runs(step, config, gradients) ||
            (!all && step != STILE_STEP_PRODUCT_DX && step != STILE_STEP_DECODE_DX))
            continue;
        const char *name = stile_arena_printf(arena, format, stile_gradient_step_name(step));
        if (!name)
            return stile_fail_memory();
        list[(*count)++] =
            (stile_training_kernel){name, config_of(&configs, step), role_of(&configs, step)};
    }
    return error;
}

int stile_training_kernels(stile_training_kernel **out, int *count, stile_arena *arena,
                           const stile_config *config)
{
    enum { MOST = STILE_STEP_COUNT + 4 };
    const int everything = STILE_GRADIENT_INPUT | STILE_GRADIENT_WEIGHT | STILE_GRADIENT_BASIS;
    stile_training_kernel *list = stile_arena_array(arena, MOST, sizeof *list);
    const stile_config *to_z = stile_config_to_z(arena, config);
    int n = 0;
    if (!list || !to_z)
        return stile_fail_memory();
    int error = stile_gradient_check_types(config);
    if (!error)
        error = add_steps(list, &n, arena, config, everything, true, "backward_%s");
    if (!error)
        error =
            add_steps(list, &n, arena, config, STILE_GRADIENT_INPUT, false, "backward_%s_alone");
    if (error)
        return error;
    if (config->epilogue.activation != STILE_ACTIVATION_NONE) {
        const stile_kernel_role last =
            config->schedule.region ? STILE_KERNEL_FUSED : STILE_KERNEL_DECODE;
        list[n++] = (stile_training_kernel){"decode_z", to_z, last};
        list[n++] = (stile_training_kernel){"activate", config, STILE_KERNEL_ACTIVATE};
    }
    *out = list;
    *count = n;
    return 0;
}
