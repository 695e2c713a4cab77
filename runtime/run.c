/* SPDX-License-Identifier: Apache-2.0 */
/* Using a plan: operands are checked here, then handed to the device's own file. */
#include "plan.h"

#include <inttypes.h>

#include "fail.h"

/* --- what must hold before a launch --- */

int stile_check_operand(const stile_plan *plan, const char *name, const void *pointer,
                        int64_t leading_dimension, stile_type type)
{
    uintptr_t address = (uintptr_t)pointer;
    uintptr_t element = (uintptr_t)stile_type_size(type);
    if (!pointer)
        return stile_fail(STILE_ERROR_ARGUMENT, "%s is NULL, but the spec needs it", name);
    if (address % element)
        return stile_fail(STILE_ERROR_ARGUMENT, "%s is not aligned to its %s elements", name,
                          stile_type_name(type));
    if (plan->alignment &&
        (address | (uintptr_t)leading_dimension * element) % (uintptr_t)plan->alignment)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s or its rows are not aligned to the %d bytes promised to the plan",
                          name, plan->alignment);
    return 0;
}

static int check_buffer(const char *name, const void *pointer)
{
    if (pointer && (uintptr_t)pointer % STILE_ALIGNMENT == 0)
        return 0;
    return stile_fail(STILE_ERROR_ARGUMENT, "%s must be a buffer aligned to %d bytes", name,
                      STILE_ALIGNMENT);
}

int stile_check_optional_operand(const stile_plan *plan, const char *name, bool wanted,
                                 const void *pointer, int64_t leading_dimension, stile_type type)
{
    if (wanted)
        return stile_check_operand(plan, name, pointer, leading_dimension, type);
    if (pointer)
        return stile_fail(STILE_ERROR_ARGUMENT, "%s was given, but this plan has no use for it",
                          name);
    return 0;
}

int stile_check_weights(const stile_plan *plan, const void *w)
{
    if (plan->config->encode == STILE_ENCODE_ONLINE)
        return stile_check_operand(plan, "w", w, plan->ldw, plan->config->precision.input);
    return check_buffer("w, the encoded weights,", w);
}

static int check_optional(const stile_plan *plan, const char *name, bool wanted,
                          const void *pointer, int64_t leading_dimension)
{
    if (wanted || !pointer)
        return stile_check_optional_operand(plan, name, wanted, pointer, leading_dimension,
                                            plan->config->precision.output);
    return stile_fail(STILE_ERROR_ARGUMENT, "a %s was given, but the spec has none", name);
}

/* Of a forward run, but for M. */
static int check_forward(const stile_plan *plan, const stile_operands *o)
{
    const stile_config *config = plan->config;
    const stile_type input = config->precision.input, output = config->precision.output;
    int error;
    if ((error = stile_check_operand(plan, "x", o->x, plan->ldx, input)) ||
        (error = stile_check_operand(plan, "y", o->y, plan->ldy, output)) ||
        (error = check_optional(plan, "bias", config->epilogue.bias, o->bias, 0)) ||
        (error = check_optional(plan, "residual", config->epilogue.residual, o->residual,
                                plan->ldr)) ||
        (error = stile_check_optional_operand(plan, "z", plan->keep_z, o->z, plan->ldz, output)) ||
        (error = stile_check_weights(plan, o->w)))
        return error;
    if (o->dy || o->dx || o->dw || o->dbias || o->du || o->dv || o->dd)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "a gradient was given, but this is a forward plan");
    if (o->y == o->x)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "y is x: only the residual may share memory with y");
    return 0;
}

static int check_operands(const stile_plan *plan, const stile_operands *operands,
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
                          "M is %" PRId64 ", but the plan was made for at most %" PRId64 " rows",
                          o.M, plan->M);
    if (plan->rows_per_group && o.M % plan->rows_per_group)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "M is %" PRId64 ", not a multiple of the plan's rows_per_group %" PRId64,
                          o.M, plan->rows_per_group);
    error = plan->op == STILE_OP_FORWARD ? check_forward(plan, &o)
                                         : stile_plan_backward_check(plan, &o);
    if (error || (error = check_buffer("the workspace", workspace)))
        return error;
    if (config->sparse && (o.u || o.v || o.d))
        return stile_fail(
            STILE_ERROR_ARGUMENT,
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
    if (plan->op != STILE_OP_FORWARD)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "a backward plan encodes no weights: a forward plan with the same K and "
                          "N does, and its result serves both");
    int error = stile_check_operand(plan, "w", w, trained ? 0 : plan->ldw, config->precision.input);
    if (error || (error = check_buffer("w_hat", w_hat)) ||
        (error = check_buffer("the workspace", workspace)))
        return error;
    if (plan->context->device == STILE_DEVICE_CPU)
        return stile_plan_cpu_encode_weight(plan, w, w_hat);
    return stile_launch_encode_weight(plan, w, w_hat, workspace, stream);
}

int stile_run(const stile_plan *plan, const stile_operands *operands, void *workspace,
              stile_stream stream)
{
    stile_operands checked;
    int error = plan ? check_operands(plan, operands, workspace, &checked) : fail_no_plan();
    if (error)
        return error;
    if (plan->context->device == STILE_DEVICE_CPU)
        return stile_plan_cpu_run(plan, &checked, workspace);
    return stile_launch_kernels(plan, 0, plan->order_count, &checked, workspace, stream);
}

/* --- kernels one by one, for benchmarks --- */

int stile_plan_kernel_count(const stile_plan *plan)
{
    return plan->context->device == STILE_DEVICE_CPU ? 0 : plan->order_count;
}

const char *stile_plan_kernel_name(const stile_plan *plan, int index)
{
    if (plan->backward)
        return stile_backward_kernel_name(plan, index);
    if (plan->to_z)
        return index < plan->to_z->order_count ? stile_plan_kernel_name(plan->to_z, index)
                                               : plan->activate.kernel.name;
    return stile_kernel_role_name(plan->order[index]);
}

int stile_run_kernel(const stile_plan *plan, int index, const stile_operands *operands,
                     void *workspace, stile_stream stream)
{
    stile_operands checked;
    if (index < 0 || index >= stile_plan_kernel_count(plan))
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "a run of this plan has %d kernels, not one number %d",
                          stile_plan_kernel_count(plan), index);
    int error = check_operands(plan, operands, workspace, &checked);
    if (error)
        return error;
    return stile_launch_kernels(plan, index, 1, &checked, workspace, stream);
}
