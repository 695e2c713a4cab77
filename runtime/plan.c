/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* --- creation -------------------------------------------------------------------------------------- */

static double *copy_entries(stile_arena *arena, const double *entries, size_t count)
{
    double *copy = stile_arena_array(arena, count, sizeof *copy);
    if (copy)
        memcpy(copy, entries, count * sizeof *copy);
    return copy;
}

static stile_rational *copy_exact(stile_arena *arena, const stile_rational *entries, size_t count)
{
    stile_rational *copy = stile_arena_array(arena, count, sizeof *copy);
    if (copy)
        memcpy(copy, entries, count * sizeof *copy);
    return copy;
}

/* `string` may be NULL: then it is no failure to copy nothing. */
static bool copy_text(const char **out, stile_arena *arena, const char *string)
{
    *out = string ? stile_arena_strdup(arena, string) : NULL;
    return *out || !string;
}

/* A copy that outlives the spec; NULL: memory. Shapes are left out, plans have their own. */
static const stile_config *copy_config(stile_arena *arena, const stile_config *config)
{
    const stile_basis *from = config->basis;
    size_t u = (size_t)from->rank * from->m * from->k;
    size_t v = (size_t)from->rank * from->k * from->n;
    size_t d = (size_t)from->rank * from->m * from->n;

    stile_config *copy = stile_arena_alloc(arena, sizeof *copy);
    stile_basis *basis = stile_arena_alloc(arena, sizeof *basis);
    if (!copy || !basis)
        return NULL;
    *copy = *config;
    *basis = *from;
    copy->basis = basis;
    copy->shapes = NULL;
    copy->shape_count = 0;
    bool complete = copy_text(&copy->name, arena, config->name)
        && copy_text(&copy->basis_text, arena, config->basis_text)
        && copy_text(&copy->spec_name, arena, config->spec_name)
        && copy_text(&copy->spec_path, arena, config->spec_path)
        && copy_text(&copy->variant_text, arena, config->variant_text)
        && copy_text(&basis->name, arena, from->name)
        && copy_text(&basis->source, arena, from->source);
    basis->u = copy_entries(arena, from->u, u);
    basis->v = copy_entries(arena, from->v, v);
    basis->d = copy_entries(arena, from->d, d);
    complete = complete && basis->u && basis->v && basis->d;
    if (stile_basis_is_rational(from)) {
        basis->u_exact = copy_exact(arena, from->u_exact, u);
        basis->v_exact = copy_exact(arena, from->v_exact, v);
        basis->d_exact = copy_exact(arena, from->d_exact, d);
        complete = complete && basis->u_exact && basis->v_exact && basis->d_exact;
    }
    return complete ? copy : NULL;
}

static int check_extent(const char *name, int64_t value)
{
    if (value >= 1 && value <= STILE_MAX_EXTENT)
        return 0;
    return stile_fail(STILE_ERROR_ARGUMENT, "%s is %" PRId64 ": it must be between 1 and %d", name,
                      value, STILE_MAX_EXTENT);
}

/* A leading dimension: `given`, or where that is 0 the row length; a row of the matrix must fit. */
static int take_leading_dimension(int64_t *out, const char *name, int64_t given, int64_t columns)
{
    if (given && given < columns)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s is %" PRId64 ", less than the %" PRId64 " elements of a row", name,
                          given, columns);
    if (given > INT64_C(1) << 40)
        return stile_fail(STILE_ERROR_ARGUMENT, "%s is %" PRId64 ": it must be at most 2^40", name,
                          given);
    *out = given ? given : columns;
    return 0;
}

static int take_params(stile_plan *plan, const stile_plan_params *params)
{
    int error;
    if (params->op != STILE_OP_FORWARD)
        return stile_fail(STILE_ERROR_UNSUPPORTED, "op %d is not supported: use STILE_OP_FORWARD",
                          (int)params->op);
    if ((error = check_extent("M", params->M)) || (error = check_extent("K", params->K))
        || (error = check_extent("N", params->N)))
        return error;
    plan->M = params->M;
    plan->K = params->K;
    plan->N = params->N;

    if (params->rows_per_group < 0
        || (params->rows_per_group && params->M % params->rows_per_group))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "rows_per_group is %" PRId64 ": it must be positive and divide M = %" PRId64
                          ", or 0 for one group",
                          params->rows_per_group, params->M);
    plan->rows_per_group = params->rows_per_group;

    bool nk = plan->config->layout == STILE_WEIGHT_NK;
    if ((error = take_leading_dimension(&plan->ldx, "ldx", params->ldx, plan->K))
        || (error = take_leading_dimension(&plan->ldw, "ldw", params->ldw, nk ? plan->K : plan->N))
        || (error = take_leading_dimension(&plan->ldy, "ldy", params->ldy, plan->N))
        || (error = take_leading_dimension(&plan->ldr, "ldr", params->ldr, plan->N)))
        return error;
    if (params->ldw && plan->config->encode == STILE_ENCODE_TRAINED)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "ldw is %" PRId64 ", but trained weights are stored densely: leave it 0",
                          params->ldw);

    int alignment = params->alignment;
    if (alignment < 0 || (alignment & (alignment - 1)))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "alignment is %d: it must be a power of two, or 0 for no promise",
                          alignment);
    plan->alignment = alignment;
    return 0;
}

int stile_plan_create(stile_plan **out, stile_context *context, const stile_spec *spec,
                      const stile_plan_params *params)
{
    if (!out || !context || !spec || !params)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "stile_plan_create needs a context, a spec, params and a place for the plan");
    const stile_config *config = stile_spec_variant(spec, params->variant);
    if (!config)
        return STILE_ERROR_ARGUMENT;

    int error = 0;
    stile_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return stile_fail_memory();
    plan->context = context;
    if (!(plan->arena = stile_arena_create())
        || !(plan->config = copy_config(plan->arena, config))) {
        error = stile_fail_memory();
        goto fail;
    }
    error = take_params(plan, params);
    if (error)
        goto fail;

    if (plan->config->encode == STILE_ENCODE_ONLINE)
        plan->order[plan->order_count++] = STILE_KERNEL_ENCODE_W;
    plan->order[plan->order_count++] = STILE_KERNEL_ENCODE_X;
    plan->order[plan->order_count++] = STILE_KERNEL_CHANNEL_GEMM;
    plan->order[plan->order_count++] = STILE_KERNEL_DECODE;

    error = context->device == STILE_DEVICE_CPU ? stile_plan_cpu_create(plan)
                                                : stile_plan_cuda_create(plan);
    if (error)
        goto fail;
    *out = plan;
    return 0;

fail:
    stile_plan_destroy(&plan);
    return error;
}

void stile_plan_destroy(stile_plan **plan)
{
    if (!plan || !*plan)
        return;
    if ((*plan)->context->device != STILE_DEVICE_CPU)
        stile_plan_cuda_unload(*plan);
    stile_arena_destroy(&(*plan)->arena);
    free(*plan);
    *plan = NULL;
}

/* --- what a plan says of itself -------------------------------------------------------------------- */

size_t stile_plan_workspace_size(const stile_plan *plan)
{
    return plan ? plan->workspace.size : 0;
}

size_t stile_plan_weight_size(const stile_plan *plan)
{
    return plan && plan->config->encode != STILE_ENCODE_ONLINE ? plan->weight_size : 0;
}

int stile_plan_get_info(stile_plan_info *out, const stile_plan *plan)
{
    if (!out || !plan)
        return stile_fail(STILE_ERROR_ARGUMENT, "stile_plan_get_info needs a plan and a result");
    const stile_config *config = plan->config;
    *out = (stile_plan_info){
        .variant = config->name,
        .m = config->basis->m,
        .k = config->basis->k,
        .n = config->basis->n,
        .rank = config->basis->rank,
        .input = stile_type_name(config->precision.input),
        .encoded = stile_type_name(config->precision.encoded),
        .product = stile_type_name(config->precision.product),
        .output = stile_type_name(config->precision.output),
        .input_size = stile_type_size(config->precision.input),
        .output_size = stile_type_size(config->precision.output),
        .weight_layout = stile_weight_layout_name(config->layout),
        .weight_encode = stile_weight_encode_name(config->encode),
        .bias = config->epilogue.bias,
        .activation = stile_activation_name(config->epilogue.activation),
        .residual = config->epilogue.residual,
        .dense_basis = !config->sparse,
        .M = plan->M,
        .K = plan->K,
        .N = plan->N,
        .rows_per_group = plan->rows_per_group,
        .ldx = plan->ldx,
        .ldw = plan->ldw,
        .ldy = plan->ldy,
        .ldr = plan->ldr,
    };
    return STILE_OK;
}

stile_problem stile_plan_problem(const stile_plan *plan, int64_t M)
{
    return (stile_problem){
        .config = plan->config,
        .M = M ? M : plan->M,
        .K = plan->K,
        .N = plan->N,
        .rows_per_group = plan->rows_per_group,
        .ldx = plan->ldx,
        .ldw = plan->ldw,
        .ldy = plan->ldy,
        .ldr = plan->ldr,
    };
}

int stile_plan_kernel_count(const stile_plan *plan)
{
    return plan->context->device == STILE_DEVICE_CPU ? 0 : plan->order_count;
}

const char *stile_plan_kernel_name(const stile_plan *plan, int index)
{
    return stile_kernel_role_name(plan->order[index]);
}

/* --- use -------------------------------------------------------------------------------------------- */

/* A pointer and its rows must lie on whole elements, and keep the promise made to the plan. */
static int check_pointer(const stile_plan *plan, const char *name, const void *pointer,
                         int64_t leading_dimension, stile_type type)
{
    uintptr_t address = (uintptr_t)pointer;
    uintptr_t element = (uintptr_t)stile_type_size(type);
    if (!pointer)
        return stile_fail(STILE_ERROR_ARGUMENT, "%s is NULL, but the spec needs it", name);
    if (address % element)
        return stile_fail(STILE_ERROR_ARGUMENT, "%s is not aligned to its %s elements", name,
                          stile_type_name(type));
    if (plan->alignment
        && (address | (uintptr_t)leading_dimension * element) % (uintptr_t)plan->alignment)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s or its rows are not aligned to the %d bytes promised to the plan", name,
                          plan->alignment);
    return 0;
}

static int check_buffer(const char *name, const void *pointer)
{
    if (pointer && (uintptr_t)pointer % STILE_ALIGNMENT == 0)
        return 0;
    return stile_fail(STILE_ERROR_ARGUMENT, "%s must be a buffer aligned to %d bytes", name,
                      STILE_ALIGNMENT);
}

static int check_optional(const stile_plan *plan, const char *name, bool wanted,
                          const void *pointer, int64_t leading_dimension)
{
    if (wanted)
        return check_pointer(plan, name, pointer, leading_dimension,
                             plan->config->precision.output);
    if (pointer)
        return stile_fail(STILE_ERROR_ARGUMENT, "a %s was given, but the spec has none", name);
    return 0;
}

int stile_operands_check(const stile_plan *plan, const stile_operands *operands,
                         const void *workspace, stile_operands *out)
{
    if (!operands)
        return stile_fail(STILE_ERROR_ARGUMENT, "operands are NULL");
    stile_operands o = *operands;
    const stile_config *config = plan->config;
    int error;

    o.M = o.M ? o.M : plan->M;
    if (o.M < 0 || o.M > plan->M)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "M is %" PRId64 ", but the plan was made for at most %" PRId64 " rows", o.M,
                          plan->M);
    if (plan->rows_per_group && o.M % plan->rows_per_group)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "M is %" PRId64 ", not a multiple of the plan's rows_per_group %" PRId64,
                          o.M, plan->rows_per_group);
    if ((error = check_pointer(plan, "x", o.x, plan->ldx, config->precision.input))
        || (error = check_pointer(plan, "y", o.y, plan->ldy, config->precision.output))
        || (error = check_optional(plan, "bias", config->epilogue.bias, o.bias, 0))
        || (error = check_optional(plan, "residual", config->epilogue.residual, o.residual,
                                   plan->ldr)))
        return error;
    error = config->encode == STILE_ENCODE_ONLINE
        ? check_pointer(plan, "w", o.w, plan->ldw, config->precision.input)
        : check_buffer("w, the encoded weights,", o.w);
    if (error || (error = check_buffer("the workspace", workspace)))
        return error;
    if (o.y == o.x)
        return stile_fail(STILE_ERROR_ARGUMENT, "y is x: only the residual may share memory with y");
    if (config->sparse && (o.u || o.v || o.d))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "u, v or d was given, but the coefficients of a sparse basis are compiled in");
    *out = o;
    return 0;
}

static int fail_no_plan(void)
{
    return stile_fail(STILE_ERROR_ARGUMENT, "the plan is NULL: create it with stile_plan_create");
}

int stile_workspace_init(const stile_plan *plan, void *workspace, stile_stream stream)
{
    int error = plan ? check_buffer("the workspace", workspace) : fail_no_plan();
    if (error || plan->context->device == STILE_DEVICE_CPU)
        return error;
    return stile_launch_workspace_init(plan, workspace, stream);
}

int stile_encode_weight(const stile_plan *plan, const void *w, void *w_hat, void *workspace,
                        stile_stream stream)
{
    if (!plan)
        return fail_no_plan();
    const stile_config *config = plan->config;
    bool trained = config->encode == STILE_ENCODE_TRAINED;
    if (config->encode == STILE_ENCODE_ONLINE)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s encodes weights online: give W itself to stile_run", config->name);
    int error = check_pointer(plan, "w", w, trained ? 0 : plan->ldw, config->precision.input);
    if (error || (error = check_buffer("w_hat", w_hat))
        || (error = check_buffer("the workspace", workspace)))
        return error;
    if (plan->context->device == STILE_DEVICE_CPU)
        return stile_plan_cpu_encode_weight(plan, w, w_hat);
    return stile_launch_encode_weight(plan, w, w_hat, workspace, stream);
}

int stile_run(const stile_plan *plan, const stile_operands *operands, void *workspace,
              stile_stream stream)
{
    stile_operands checked;
    int error = plan ? stile_operands_check(plan, operands, workspace, &checked) : fail_no_plan();
    if (error)
        return error;
    if (plan->context->device == STILE_DEVICE_CPU)
        return stile_plan_cpu_run(plan, &checked, workspace);
    return stile_launch_run(plan, &checked, workspace, stream);
}
