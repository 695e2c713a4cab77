/* SPDX-License-Identifier: Apache-2.0 */
/* What backward plans need on every device. */
#include "plan.h"

#include <string.h>

#include "fail.h"

static const struct {
    const char *name;
    stile_op op;
} ops[] = {
    {"forward", STILE_OP_FORWARD},
    {"backward_input", STILE_OP_BACKWARD_INPUT},
    {"backward_weight", STILE_OP_BACKWARD_WEIGHT},
    {"backward_basis", STILE_OP_BACKWARD_BASIS},
    {"backward", STILE_OP_BACKWARD},
};

enum { OP_COUNT = sizeof ops / sizeof *ops };

const char *stile_op_name(stile_op op)
{
    for (int i = 0; i < OP_COUNT; i++)
        if (ops[i].op == op)
            return ops[i].name;
    return NULL;
}

bool stile_op_parse(stile_op *out, const char *name, size_t size)
{
    for (int i = 0; i < OP_COUNT; i++) {
        if (strlen(ops[i].name) == size && memcmp(ops[i].name, name, size) == 0) {
            *out = ops[i].op;
            return true;
        }
    }
    return false;
}

int stile_plan_backward_check(const stile_plan *plan, const stile_operands *o)
{
    const stile_config *config = plan->config;
    const stile_type input = config->precision.input, output = config->precision.output;
    const bool trained = config->encode == STILE_ENCODE_TRAINED;
    const bool online = config->encode == STILE_ENCODE_ONLINE;
    const bool dx = stile_plan_does(plan, STILE_OP_BACKWARD_INPUT);
    const bool dw = stile_plan_does(plan, STILE_OP_BACKWARD_WEIGHT);
    const bool basis = stile_plan_does(plan, STILE_OP_BACKWARD_BASIS);
    const bool active = config->epilogue.activation != STILE_ACTIVATION_NONE;
    const stile_type f32 = STILE_TYPE_F32;
    int error;

    if (o->y || o->bias || o->residual)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%s was given, but backward plans have no use for it",
                          o->y      ? "y"
                          : o->bias ? "a bias"
                                    : "a residual");
    if ((error = stile_check_operand(plan, "dy", o->dy, plan->ldy, output)) ||
        (error = stile_check_optional_operand(plan, "z", active, o->z, plan->ldz, output)) ||
        (error = stile_check_optional_operand(plan, "x", dw || basis, o->x, plan->ldx, input)) ||
        (error = stile_check_optional_operand(plan, "dx", dx, o->dx, plan->lddx, input)) ||
        (error = stile_check_optional_operand(plan, "dw", dw, o->dw, trained ? 0 : plan->lddw,
                                              input)) ||
        (error = stile_check_optional_operand(plan, "dbias", dw && config->epilogue.bias, o->dbias,
                                              0, output)) ||
        (error = stile_check_optional_operand(plan, "du", basis, o->du, 0, f32)) ||
        (error = stile_check_optional_operand(plan, "dv", basis && online, o->dv, 0, f32)) ||
        (error = stile_check_optional_operand(plan, "dd", basis, o->dd, 0, f32)))
        return error;
    if (dx || basis)
        return stile_check_weights(plan, o->w);
    if (o->w)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "w was given, but the gradient of the weights does not depend on it");
    return 0;
}
