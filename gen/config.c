/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <string.h>

#include "fail.h"
#include "yaml_tree.h"

/* --- Names --- */

static const struct {
    const char *name;
    int size;
} types[] = {
    [STILE_TYPE_F32] = {"f32", 4},   [STILE_TYPE_TF32] = {"tf32", 4},
    [STILE_TYPE_F16] = {"f16", 2},   [STILE_TYPE_BF16] = {"bf16", 2},
    [STILE_TYPE_E4M3] = {"e4m3", 1}, [STILE_TYPE_E5M2] = {"e5m2", 1},
};

const char *const stile_rows_names[] = {
    [STILE_ROWS_ANY] = "any", [STILE_ROWS_CAUSAL] = "causal", [STILE_ROWS_NONE] = "none", NULL};

const char *const stile_weight_layout_names[] = {
    [STILE_WEIGHT_NK] = "nk", [STILE_WEIGHT_KN] = "kn", NULL};

const char *const stile_weight_encode_names[] = {[STILE_ENCODE_OFFLINE] = "offline",
                                                 [STILE_ENCODE_ONLINE] = "online",
                                                 [STILE_ENCODE_TRAINED] = "trained",
                                                 NULL};

const char *const stile_activation_names[] = {
    [STILE_ACTIVATION_NONE] = "none", [STILE_ACTIVATION_RELU] = "relu",
    [STILE_ACTIVATION_GELU] = "gelu", [STILE_ACTIVATION_GELU_TANH] = "gelu_tanh",
    [STILE_ACTIVATION_SILU] = "silu", NULL};

bool stile_type_is_scaled(stile_type type)
{
    return types[type].size == 1;
}

const char *stile_type_name(stile_type type)
{
    return types[type].name;
}

int stile_type_size(stile_type type)
{
    return types[type].size;
}

bool stile_type_parse(stile_type *out, const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!strcmp(types[i].name, name)) {
            *out = (stile_type)i;
            return true;
        }
    }
    return false;
}

const char *stile_rows_name(stile_rows rows)
{
    return stile_rows_names[rows];
}

const char *stile_weight_layout_name(stile_weight_layout layout)
{
    return stile_weight_layout_names[layout];
}

const char *stile_weight_encode_name(stile_weight_encode encode)
{
    return stile_weight_encode_names[encode];
}

const char *stile_activation_name(stile_activation activation)
{
    return stile_activation_names[activation];
}

/* --- Specs --- */

void stile_spec_destroy(stile_spec **spec)
{
    if (!spec || !*spec)
        return;
    stile_arena *arena = (*spec)->arena; /* holds the spec itself */
    stile_arena_destroy(&arena);
    *spec = NULL;
}

const char *stile_spec_name(const stile_spec *spec)
{
    return spec->name;
}

size_t stile_spec_variant_count(const stile_spec *spec)
{
    return spec->variant_count;
}

const char *stile_spec_variant_name(const stile_spec *spec, size_t index)
{
    return index < spec->variant_count ? spec->variants[index].name : NULL;
}

/* Fails with a message that lists the variants, as many as fit. */
static void fail_with_variants(const stile_spec *spec, const char *problem)
{
    enum { LONGEST = 3000 }; /* stile_last_error() holds 4 KiB */
    stile_text list = {0};
    size_t shown = 0;
    for (; shown < spec->variant_count && list.size < LONGEST; shown++)
        stile_text_appendf(&list, "\n  %s", spec->variants[shown].name);
    if (shown < spec->variant_count)
        stile_text_appendf(&list, "\n  and %zu more", spec->variant_count - shown);
    stile_fail(STILE_ERROR_ARGUMENT, "%s; choose one of:%s", problem, list.data ? list.data : "");
    stile_text_free(&list);
}

const stile_config *stile_spec_variant(const stile_spec *spec, const char *name)
{
    if (!name && spec->variant_count == 1)
        return &spec->variants[0];
    for (size_t i = 0; name && i < spec->variant_count; i++)
        if (!strcmp(spec->variants[i].name, name))
            return &spec->variants[i];

    stile_text problem = {0};
    if (name)
        stile_text_appendf(&problem, "the spec %s has no variant %s", spec->name,
                           stile_quote(name).text);
    else
        stile_text_appendf(&problem, "the spec %s has %zu variants", spec->name,
                           spec->variant_count);
    fail_with_variants(spec, problem.data ? problem.data : "no such variant");
    stile_text_free(&problem);
    return NULL;
}

/* --- The canonical form --- */

static const char *boolean_name(bool value)
{
    return value ? "true" : "false";
}

static void print_schedule(stile_text *out, const stile_schedule *schedule)
{
    if (!schedule->block_m && !schedule->stages && !schedule->region)
        return; /* nothing is pinned: there is no value to name */
    stile_text_append(out, "schedule:\n");
    if (schedule->block_m)
        stile_text_appendf(out, "  block: [%d, %d, %d]\n", schedule->block_m, schedule->block_n,
                           schedule->block_k);
    if (schedule->region)
        stile_text_appendf(out, "  region: %d\n", schedule->region);
    if (schedule->stages)
        stile_text_appendf(out, "  stages: %d\n", schedule->stages);
}

void stile_config_print(stile_text *out, const stile_config *config)
{
    const stile_precision *precision = &config->precision;
    stile_text_appendf(out, "basis: %s\n", config->basis_text);
    stile_text_appendf(out, "epilogue:\n  activation: %s\n  bias: %s\n  residual: %s\n",
                       stile_activation_name(config->epilogue.activation),
                       boolean_name(config->epilogue.bias),
                       boolean_name(config->epilogue.residual));
    stile_text_append(out, "name: ");
    stile_yaml_print_string(out, config->spec_name);
    stile_text_appendf(out,
                       "\nprecision:\n  accumulate: f32\n  encoded: %s\n  input: %s\n  output: %s\n"
                       "  product: %s\n",
                       stile_type_name(precision->encoded), stile_type_name(precision->input),
                       stile_type_name(precision->output), stile_type_name(precision->product));
    stile_text_appendf(out, "rows: %s\n", stile_rows_name(config->rows));
    print_schedule(out, &config->schedule);
    if (config->shape_count)
        stile_text_append(out, "shapes:\n");
    for (size_t i = 0; i < config->shape_count; i++) {
        const stile_shape *shape = &config->shapes[i];
        stile_text_appendf(out, "  - {K: %lld, M: %lld, N: %lld}\n", (long long)shape->K,
                           (long long)shape->M, (long long)shape->N);
    }
    stile_text_append(out, "stile: 1\n");
    if (*config->variant_text)
        stile_text_appendf(out, "variants:\n%s", config->variant_text);
    stile_text_appendf(out, "weight:\n  encode: %s\n  layout: %s\n",
                       stile_weight_encode_name(config->encode),
                       stile_weight_layout_name(config->layout));
}
