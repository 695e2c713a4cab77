/* SPDX-License-Identifier: Apache-2.0 */
#include "explain_backward.h"

#include "cost_backward.h"
#include "plan.h"
#include "table.h"

static const stile_op ops[] = {STILE_OP_BACKWARD_INPUT, STILE_OP_BACKWARD_WEIGHT,
                               STILE_OP_BACKWARD_BASIS, STILE_OP_BACKWARD};
enum { OP_COUNT = sizeof ops / sizeof *ops };

static double sum_bytes(const stile_backward_cost *cost)
{
    double bytes = 0;
    for (int i = 0; i < cost->step_count; i++)
        bytes += cost->steps[i].bytes_read + cost->steps[i].bytes_written;
    return bytes;
}

static double sum_flops(const stile_backward_cost *cost)
{
    double flops = 0;
    for (int i = 0; i < cost->step_count; i++)
        flops += cost->steps[i].flops;
    return flops;
}

static void print_steps(stile_text *out, stile_arena *arena, const stile_backward_cost *cost)
{
    stile_table table = {.arena = arena, .alignment = "lrrr", .indent = "  "};
    stile_table_row(&table);
    stile_table_cell(&table, "step");
    stile_table_cell(&table, "FLOP");
    stile_table_cell(&table, "bytes in");
    stile_table_cell(&table, "bytes out");
    for (int i = 0; i < cost->step_count; i++) {
        const stile_step_cost *s = &cost->steps[i];
        if (s->bytes_read == 0 && s->flops == 0)
            continue; /* coefficients and partial sums */
        stile_table_row(&table);
        stile_table_cell(&table, stile_gradient_step_name(s->step));
        stile_table_cell(&table, stile_human_count(arena, s->flops));
        stile_table_cell(&table, stile_human_bytes(arena, s->bytes_read));
        stile_table_cell(&table, stile_human_bytes(arena, s->bytes_written));
    }
    stile_text_append(out, "\n  All gradients in one plan\n");
    stile_table_print(out, &table);
}

int stile_explain_backward(stile_text *out, stile_arena *arena, const stile_config *config,
                           const stile_shape *shape, int64_t rows_per_group)
{
    stile_table table = {.arena = arena, .alignment = "lrrrrr", .indent = "  "};
    const char *const header[] = {"operation", "FLOP",  "of them on tensor cores",
                                  "dense",     "bytes", "workspace"};
    stile_backward_cost cost;
    stile_table_row(&table);
    for (int i = 0; i < 6; i++)
        stile_table_cell(&table, header[i]);
    for (int i = 0; i < OP_COUNT; i++) {
        int error = stile_backward_cost_count(&cost, config, shape, rows_per_group, (int)ops[i]);
        if (error)
            return error;
        stile_table_row(&table);
        stile_table_cell(&table, stile_op_name(ops[i]));
        stile_table_cell(&table, stile_human_count(arena, sum_flops(&cost)));
        stile_table_cell(&table, stile_human_count(arena, cost.mma_flops));
        stile_table_cell(&table,
                         cost.dense_flops > 0 ? stile_human_count(arena, cost.dense_flops) : "-");
        stile_table_cell(&table, stile_human_bytes(arena, sum_bytes(&cost)));
        stile_table_cell(&table, stile_human_bytes(arena, cost.workspace_bytes));
    }
    print_steps(out, arena, &cost); /* the last operation: all of them */
    stile_text_append(out, "\n  Operations alone and together\n");
    stile_table_print(out, &table);
    if (cost.kept_bytes > 0)
        stile_text_appendf(out,
                           "  The forward pass keeps Z, %s, and makes Y of it: twice that more to "
                           "read and write.\n",
                           stile_human_bytes(arena, cost.kept_bytes));
    return 0;
}

int stile_explain_backward_json(stile_json *json, const stile_config *config,
                                const stile_shape *shape, int64_t rows_per_group)
{
    stile_backward_cost costs[OP_COUNT];
    for (int i = 0; i < OP_COUNT; i++) {
        int error =
            stile_backward_cost_count(&costs[i], config, shape, rows_per_group, (int)ops[i]);
        if (error)
            return error;
    }
    stile_json_begin_array(json, "backward");
    for (int i = 0; i < OP_COUNT; i++) {
        const stile_backward_cost *cost = &costs[i];
        stile_json_begin_object(json, NULL);
        stile_json_string(json, "op", stile_op_name(ops[i]));
        stile_json_real(json, "flops", sum_flops(cost));
        stile_json_real(json, "mma_flops", cost->mma_flops);
        stile_json_real(json, "dense_flops", cost->dense_flops);
        stile_json_real(json, "bytes", sum_bytes(cost));
        stile_json_real(json, "workspace_bytes", cost->workspace_bytes);
        stile_json_real(json, "kept_bytes", cost->kept_bytes);
        stile_json_begin_array(json, "steps");
        for (int j = 0; j < cost->step_count; j++) {
            const stile_step_cost *s = &cost->steps[j];
            stile_json_begin_object(json, NULL);
            stile_json_string(json, "name", stile_gradient_step_name(s->step));
            stile_json_real(json, "flops", s->flops);
            stile_json_real(json, "bytes_read", s->bytes_read);
            stile_json_real(json, "bytes_written", s->bytes_written);
            stile_json_end_object(json);
        }
        stile_json_end_array(json);
        stile_json_end_object(json);
    }
    stile_json_end_array(json);
    return 0;
}
