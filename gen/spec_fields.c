/* SPDX-License-Identifier: Apache-2.0 */
#include "spec_fields.h"

#include <string.h>

#include "config.h"
#include "reader.h"

static const char *const dense_types[] = {"f32", "f16", "bf16", NULL};
static const char *const encoded_types[] = {"tf32", "f16", "bf16", "e4m3", "e5m2", NULL};
static const char *const accumulate_types[] = {"f32", NULL};

const stile_field_info stile_field_table[STILE_FIELD_COUNT] = {
    [STILE_FIELD_BASIS] = {"basis", STILE_FIELD_KIND_BASIS},
    [STILE_FIELD_ROWS] = {"rows", STILE_FIELD_KIND_CHOICE, stile_rows_names},
    [STILE_FIELD_INPUT] = {"precision.input", STILE_FIELD_KIND_CHOICE, dense_types},
    [STILE_FIELD_ENCODED] = {"precision.encoded", STILE_FIELD_KIND_CHOICE, encoded_types},
    [STILE_FIELD_PRODUCT] = {"precision.product", STILE_FIELD_KIND_CHOICE, dense_types},
    [STILE_FIELD_ACCUMULATE] = {"precision.accumulate", STILE_FIELD_KIND_CHOICE, accumulate_types},
    [STILE_FIELD_OUTPUT] = {"precision.output", STILE_FIELD_KIND_CHOICE, dense_types},
    [STILE_FIELD_LAYOUT] = {"weight.layout", STILE_FIELD_KIND_CHOICE, stile_weight_layout_names},
    [STILE_FIELD_ENCODE] = {"weight.encode", STILE_FIELD_KIND_CHOICE, stile_weight_encode_names},
    [STILE_FIELD_BIAS] = {"epilogue.bias", STILE_FIELD_KIND_BOOLEAN},
    [STILE_FIELD_ACTIVATION] = {"epilogue.activation", STILE_FIELD_KIND_CHOICE,
                                stile_activation_names},
    [STILE_FIELD_RESIDUAL] = {"epilogue.residual", STILE_FIELD_KIND_BOOLEAN},
    [STILE_FIELD_BLOCK] = {"schedule.block", STILE_FIELD_KIND_BLOCK},
    [STILE_FIELD_REGION] = {"schedule.region", STILE_FIELD_KIND_INTEGER, .least = 1, .most = 64},
    [STILE_FIELD_STAGES] = {"schedule.stages", STILE_FIELD_KIND_INTEGER, .least = 2, .most = 8},
};

const char *const stile_spec_keys[] = {"basis",    "epilogue", "name",   "precision",
                                       "rows",     "schedule", "shapes", "stile",
                                       "variants", "weight",   NULL};

const char *const stile_section_names[] = {"epilogue", "precision", "schedule", "weight", NULL};

void stile_section_keys(int section, const char *keys[static STILE_FIELD_COUNT + 1])
{
    const char *name = stile_section_names[section];
    size_t length = strlen(name);
    for (int i = 0; i < STILE_FIELD_COUNT; i++) {
        const char *path = stile_field_table[i].path;
        if (!strncmp(path, name, length) && path[length] == '.')
            *keys++ = path + length + 1;
    }
    *keys = NULL;
}

stile_field stile_field_find(const char *path)
{
    stile_field field = 0;
    while (field < STILE_FIELD_COUNT && strcmp(stile_field_table[field].path, path))
        field++;
    return field;
}

static bool read_block(stile_diagnostics *diagnostics, const stile_node *node, const char *path,
                       int out[3])
{
    int64_t sides[3];
    if (!stile_read_integers(diagnostics, node, path, "[block_m, block_n, block_k]",
                             STILE_MIN_BLOCK, STILE_MAX_BLOCK, 3, sides))
        return false;
    for (int i = 0; i < 3; i++) {
        if (sides[i] & (sides[i] - 1)) {
            stile_diagnose(diagnostics, node->items[i]->mark, STILE_CODE_OUT_OF_RANGE,
                           "%s must have sides of 16, 32, 64, 128, 256 or 512, not %d", path,
                           (int)sides[i]);
            return false;
        }
    }
    for (int i = 0; i < 3; i++)
        out[i] = (int)sides[i];
    return true;
}

bool stile_field_read(stile_diagnostics *diagnostics, stile_field field, const stile_node *node,
                      stile_field_value *out)
{
    const stile_field_info *info = &stile_field_table[field];
    stile_field_value value = {0};
    bool good = false, flag = false;
    int64_t integer = 0;
    switch (info->kind) {
    case STILE_FIELD_KIND_BASIS:
        break; /* has a reader of its own */
    case STILE_FIELD_KIND_CHOICE:
        good = stile_read_choice(diagnostics, node, info->path, info->names, &value.number);
        break;
    case STILE_FIELD_KIND_BOOLEAN:
        good = stile_read_boolean(diagnostics, node, info->path, &flag);
        value.number = flag;
        break;
    case STILE_FIELD_KIND_BLOCK:
        good = read_block(diagnostics, node, info->path, value.block);
        break;
    case STILE_FIELD_KIND_INTEGER:
        good = stile_read_integer(diagnostics, node, info->path, info->least, info->most, &integer);
        value.number = (int)integer;
        break;
    }
    if (good)
        *out = value;
    return good;
}

void stile_field_print(stile_text *out, stile_field field, const stile_field_value *value,
                       bool compact)
{
    const stile_field_info *info = &stile_field_table[field];
    switch (info->kind) {
    case STILE_FIELD_KIND_BASIS:
        break;
    case STILE_FIELD_KIND_CHOICE:
        stile_text_append(out, info->names[value->number]);
        break;
    case STILE_FIELD_KIND_BOOLEAN:
        stile_text_append(out, value->number ? "true" : "false");
        break;
    case STILE_FIELD_KIND_BLOCK:
        stile_text_appendf(out, compact ? "[%d,%d,%d]" : "[%d, %d, %d]", value->block[0],
                           value->block[1], value->block[2]);
        break;
    case STILE_FIELD_KIND_INTEGER:
        stile_text_appendf(out, "%d", value->number);
        break;
    }
}
