/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forward plans on CUDA devices that keep Z: a plan without activation and residual, whose Y is Z,
 * and a kernel that makes Y of it. So every kernel of the forward pass serves, whatever it fuses.
 */
#include "fail.h"
#include "gradient.h"
#include "launch.h"

int stile_plan_cuda_create_keeping(stile_plan *plan)
{
    const stile_config *config = stile_config_to_z(plan->arena, plan->config);
    if (!config)
        return stile_fail_memory();
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    const stile_plan_params params = {
        .M = plan->M,
        .K = plan->K,
        .N = plan->N,
        .rows_per_group = plan->rows_per_group,
        .ldx = plan->ldx,
        .ldw = trained ? 0 : plan->ldw,
        .ldy = plan->ldz,
        .alignment = plan->alignment,
    };
    int error = stile_plan_create_config(&plan->to_z, plan->context, config, &params);
    if (!error)
        error = stile_kernel_render(&plan->activate.kernel, plan->arena, plan->config,
                                    &plan->context->arch, STILE_KERNEL_ACTIVATE);
    stile_plan_kernel *const kernels[] = {&plan->activate};
    if (!error)
        error = stile_plan_load_training_kernels(plan->context, plan->config, kernels, 1);
    if (error)
        return error;
    plan->order_count = plan->to_z->order_count + 1;
    plan->workspace = plan->to_z->workspace;
    plan->weight_size = plan->to_z->weight_size;
    return 0;
}

void stile_plan_cuda_unload_keeping(stile_plan *plan)
{
    if (plan->activate.module)
        plan->context->driver->cuModuleUnload(plan->activate.module);
    stile_plan_destroy(&plan->to_z);
}

static int activate(const stile_plan *plan, const stile_operands *o, stile_stream stream)
{
    const stile_kernel *kernel = &plan->activate.kernel;
    const stile_type type = plan->config->precision.output;
    const int chunk = kernel->tiles_per_thread;
    stile_activate_params params = {
        .z = o->z,
        .residual = o->residual,
        .y = o->y,
        .z_pitch = plan->ldz,
        .residual_pitch = plan->ldr,
        .y_pitch = plan->ldy,
        .rows = (int)o->M,
        .columns = (int)plan->N,
        .vectorized = stile_can_vectorize(o->z, plan->ldz, type, chunk) &&
                      stile_can_vectorize(o->y, plan->ldy, type, chunk) &&
                      stile_can_vectorize(o->residual, o->residual ? plan->ldr : 0, type, chunk),
    };
    return stile_launch_kernel(plan, &plan->activate,
                               stile_looping_grid(plan, kernel, o->M, plan->N), 1, &params, stream);
}

int stile_launch_keeping(const stile_plan *plan, int index, const stile_operands *operands,
                         void *workspace, stile_stream stream)
{
    if (index == plan->to_z->order_count)
        return activate(plan, operands, stream);
    stile_operands to_z = *operands;
    to_z.y = operands->z;
    to_z.residual = NULL;
    to_z.z = NULL;
    return stile_launch_kernels(plan->to_z, index, 1, &to_z, workspace, stream);
}
