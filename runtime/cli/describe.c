/* SPDX-License-Identifier: Apache-2.0 */
#include "describe.h"

const char *stile_base_case_text(stile_arena *arena, const stile_basis *basis)
{
    return stile_arena_printf(arena, "⟨%d,%d,%d;%d⟩", basis->m, basis->k, basis->n, basis->rank);
}

const char *stile_precision_text(stile_arena *arena, const stile_precision *p)
{
    const stile_type types[] = {p->input, p->encoded, p->product, p->output};
    const char *text = stile_type_name(types[0]);
    for (int i = 1; i < 4 && text; i++) {
        if (types[i] != types[i - 1])
            text = stile_arena_printf(arena, "%s → %s", text, stile_type_name(types[i]));
    }
    return text;
}

const char *stile_epilogue_text(stile_arena *arena, const stile_epilogue *epilogue)
{
    bool active = epilogue->activation != STILE_ACTIVATION_NONE;
    const char *parts[] = {epilogue->bias ? "bias" : "",
                           active ? stile_activation_name(epilogue->activation) : "",
                           epilogue->residual ? "residual" : ""};
    const char *text = "";
    for (int i = 0; i < 3 && text; i++) {
        if (*parts[i])
            text = stile_arena_printf(arena, "%s%s%s", text, *text ? ", " : "", parts[i]);
    }
    return text;
}

const char *stile_coupling_text(stile_arena *arena, const stile_basis_metrics *metrics)
{
    return stile_arena_printf(arena, "%s (algebraic), %s (structural)",
                              stile_coupling_name(metrics->algebraic),
                              stile_coupling_name(metrics->structural));
}

void stile_describe_config_row(stile_table *table, const stile_config *config)
{
    stile_arena *arena = table->arena;
    const stile_basis *basis = config->basis;
    const stile_basis_metrics *metrics = &config->metrics;
    double limit = (double)(basis->m * basis->k * basis->n) / basis->rank;
    stile_table_row(table);
    stile_table_cell(table, config->name);
    stile_table_cell(table, stile_base_case_text(arena, basis));
    stile_table_cellf(table, "limit %s", stile_human_number(arena, limit, 3));
    if (metrics->exact)
        stile_table_cell(table, "exact");
    else
        stile_table_cellf(table, "error %s", stile_human_number(arena, metrics->error, 3));
    stile_table_cellf(table, "growth %s", stile_human_number(arena, metrics->growth, 3));
    stile_table_cell(table, stile_precision_text(arena, &config->precision));
    stile_table_cellf(table, "W %s %s", stile_weight_layout_name(config->layout),
                      stile_weight_encode_name(config->encode));
    stile_table_cellf(table, "rows %s", stile_rows_name(config->rows));
    stile_table_cell(table, stile_epilogue_text(arena, &config->epilogue));
}

void stile_describe_basis_json(stile_json *json, const char *key, const stile_basis *basis,
                               const stile_basis_metrics *metrics)
{
    stile_json_begin_object(json, key);
    stile_json_string(json, "name", basis->name);
    stile_json_begin_array(json, "tile");
    stile_json_int(json, NULL, basis->m);
    stile_json_int(json, NULL, basis->k);
    stile_json_int(json, NULL, basis->n);
    stile_json_end_array(json);
    stile_json_int(json, "rank", basis->rank);
    stile_json_real(json, "limit", (double)(basis->m * basis->k * basis->n) / basis->rank);
    stile_json_bool(json, "rational", stile_basis_is_rational(basis));
    stile_json_bool(json, "sparse", stile_basis_is_sparse(basis));
    stile_json_bool(json, "exact", metrics->exact);
    stile_json_real(json, "error", metrics->error);
    stile_json_real(json, "growth", metrics->growth);
    stile_json_real(json, "gain", metrics->gain);
    stile_json_begin_object(json, "row_coupling");
    stile_json_string(json, "algebraic", stile_coupling_name(metrics->algebraic));
    stile_json_string(json, "structural", stile_coupling_name(metrics->structural));
    stile_json_end_object(json);
    stile_json_begin_object(json, "nonzeros");
    stile_json_int(json, "U", metrics->nonzeros_u);
    stile_json_int(json, "V", metrics->nonzeros_v);
    stile_json_int(json, "D", metrics->nonzeros_d);
    stile_json_end_object(json);
    stile_json_end_object(json);
}

void stile_describe_config_json(stile_json *json, const char *key, const stile_config *config)
{
    stile_json_begin_object(json, key);
    stile_json_string(json, "name", config->name);
    stile_describe_basis_json(json, "basis", config->basis, &config->metrics);
    stile_json_string(json, "rows", stile_rows_name(config->rows));
    stile_json_begin_object(json, "precision");
    stile_json_string(json, "input", stile_type_name(config->precision.input));
    stile_json_string(json, "encoded", stile_type_name(config->precision.encoded));
    stile_json_string(json, "product", stile_type_name(config->precision.product));
    stile_json_string(json, "accumulate", "f32");
    stile_json_string(json, "output", stile_type_name(config->precision.output));
    stile_json_end_object(json);
    stile_json_begin_object(json, "weight");
    stile_json_string(json, "layout", stile_weight_layout_name(config->layout));
    stile_json_string(json, "encode", stile_weight_encode_name(config->encode));
    stile_json_end_object(json);
    stile_json_begin_object(json, "epilogue");
    stile_json_bool(json, "bias", config->epilogue.bias);
    stile_json_string(json, "activation", stile_activation_name(config->epilogue.activation));
    stile_json_bool(json, "residual", config->epilogue.residual);
    stile_json_end_object(json);
    stile_json_end_object(json);
}
