/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <inttypes.h>
#include <stdlib.h>

#include "fail.h"

/* --- creation --- */

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

static int take_op(stile_plan *plan, const stile_plan_params *params)
{
    if ((int)params->op < 0 || (int)params->op > STILE_OP_BACKWARD)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "op %d is none: use STILE_OP_FORWARD, or the backward ones, which may be "
                          "combined",
                          (int)params->op);
    if (params->keep_z && params->op != STILE_OP_FORWARD)
        return stile_fail(STILE_ERROR_ARGUMENT, "keep_z is for forward plans: others read Z");
    if (params->keep_z && plan->config->epilogue.activation == STILE_ACTIVATION_NONE)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "keep_z is set, but %s has no activation: nothing needs Z",
                          plan->config->name);
    plan->op = params->op;
    plan->keep_z = params->keep_z;
    return 0;
}

static int take_params(stile_plan *plan, const stile_plan_params *params)
{
    int error = take_op(plan, params);
    if (error)
        return error;
    if ((error = check_extent("M", params->M)) || (error = check_extent("K", params->K)) ||
        (error = check_extent("N", params->N)))
        return error;
    plan->M = params->M;
    plan->K = params->K;
    plan->N = params->N;

    if (params->rows_per_group < 0 ||
        (params->rows_per_group && params->M % params->rows_per_group))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "rows_per_group is %" PRId64
                          ": it must be positive and divide M = %" PRId64 ", or 0 for one group",
                          params->rows_per_group, params->M);
    plan->rows_per_group = params->rows_per_group;

    bool nk = plan->config->layout == STILE_WEIGHT_NK;
    if ((error = take_leading_dimension(&plan->ldx, "ldx", params->ldx, plan->K)) ||
        (error = take_leading_dimension(&plan->ldw, "ldw", params->ldw, nk ? plan->K : plan->N)) ||
        (error = take_leading_dimension(&plan->ldy, "ldy", params->ldy, plan->N)) ||
        (error = take_leading_dimension(&plan->ldr, "ldr", params->ldr, plan->N)) ||
        (error = take_leading_dimension(&plan->ldz, "ldz", params->ldz, plan->N)) ||
        (error = take_leading_dimension(&plan->lddx, "lddx", params->lddx, plan->K)) ||
        (error =
             take_leading_dimension(&plan->lddw, "lddw", params->lddw, nk ? plan->K : plan->N)))
        return error;
    if ((params->ldw || params->lddw) && plan->config->encode == STILE_ENCODE_TRAINED)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s is %" PRId64 ", but trained weights are stored densely: leave it 0",
                          params->ldw ? "ldw" : "lddw", params->ldw ? params->ldw : params->lddw);

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
        return stile_fail(
            STILE_ERROR_ARGUMENT,
            "stile_plan_create needs a context, a spec, params and a place for the plan");
    const stile_config *config = stile_spec_variant(spec, params->variant);
    return config ? stile_plan_create_config(out, context, config, params) : STILE_ERROR_ARGUMENT;
}

int stile_plan_create_config(stile_plan **out, stile_context *context, const stile_config *config,
                             const stile_plan_params *params)
{
    int error = 0;
    stile_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return stile_fail_memory();
    plan->context = context;
    if (!(plan->arena = stile_arena_create()) ||
        !(plan->config = stile_config_copy(plan->arena, config))) {
        error = stile_fail_memory();
        goto fail;
    }
    error = take_params(plan, params);
    if (error)
        goto fail;

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

/* --- what a plan says of itself --- */

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
        .op = plan->op,
        .ldz = plan->ldz,
        .lddx = plan->lddx,
        .lddw = plan->lddw,
        .z = plan->op == STILE_OP_FORWARD
                 ? plan->keep_z
                 : config->epilogue.activation != STILE_ACTIVATION_NONE,
    };
    return STILE_OK;
}
