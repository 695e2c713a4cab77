/* SPDX-License-Identifier: Apache-2.0 */
#include "spec_variants.h"

#include <string.h>

#include "fail.h"
#include "reader.h"

/* --- Settings --- */

bool stile_setting_read(stile_setting *out, stile_basis_resolver *resolver, stile_field field,
                        const stile_node *node)
{
    stile_setting setting = {.node = node};
    if (field == STILE_FIELD_BASIS) {
        stile_spec_basis *basis = stile_arena_alloc(resolver->scratch, sizeof *basis);
        if (!basis)
            resolver->error = STILE_ERROR_MEMORY;
        setting.good = basis && stile_basis_resolve(resolver, node, basis);
        setting.basis = basis;
    } else {
        setting.good = stile_field_read(resolver->diagnostics, field, node, &setting.value);
    }
    *out = setting;
    return setting.good;
}

void stile_setting_print(stile_text *out, stile_field field, const stile_setting *setting,
                         bool compact)
{
    if (field == STILE_FIELD_BASIS)
        stile_text_append(out, compact ? setting->basis->compact_text : setting->basis->text);
    else
        stile_field_print(out, field, &setting->value, compact);
}

/* --- Reading the section --- */

/* The field that a key of the section names, or STILE_FIELD_COUNT after saying why it cannot vary.
 */
static stile_field find_field(stile_diagnostics *diagnostics, const stile_node *key)
{
    stile_field field = stile_field_find(key->text);
    if (field < STILE_FIELD_COUNT)
        return field;

    const char *paths[STILE_FIELD_COUNT + 1] = {NULL};
    const char *in_section = NULL, *by_key = NULL; /* a field of this section, or with this key */
    size_t length = strlen(key->text);
    for (int i = STILE_FIELD_COUNT; i-- > 0;) {
        const char *path = paths[i] = stile_field_table[i].path;
        const char *dot = strchr(path, '.');
        if (dot && !strcmp(dot + 1, key->text))
            by_key = path;
        if (dot && length == (size_t)(dot - path) && !strncmp(path, key->text, length))
            in_section = path;
    }
    stile_quoted shown = stile_quote(key->text);
    if (in_section)
        stile_diagnose(diagnostics, key->mark, STILE_CODE_UNKNOWN_VARIANT,
                       "the section %s cannot vary as a whole; name its fields, such as \"%s\"",
                       shown.text, in_section);
    else
        stile_diagnose(diagnostics, key->mark, STILE_CODE_UNKNOWN_VARIANT,
                       "%s is not a field that can vary; the nearest is \"%s\"", shown.text,
                       by_key ? by_key : stile_nearest_name(key->text, paths));
    return STILE_FIELD_COUNT;
}

/* Reports a setting that reads as an earlier one of its axis: two variants would share a name. */
static bool check_distinct(stile_basis_resolver *resolver, const stile_variant_axis *axis,
                           size_t index)
{
    stile_text text = {0}, other = {0};
    bool distinct = true;
    stile_setting_print(&text, axis->field, &axis->settings[index], true);
    for (size_t i = 0; i < index && distinct; i++) {
        other.size = 0;
        if (!axis->settings[i].good)
            continue;
        stile_setting_print(&other, axis->field, &axis->settings[i], true);
        distinct = text.failed || other.failed || strcmp(text.data, other.data) != 0;
    }
    if (!distinct)
        stile_diagnose(resolver->diagnostics, axis->settings[index].node->mark,
                       STILE_CODE_DUPLICATE_VARIANT, "%s is listed twice for %s; remove one",
                       stile_quote(text.data).text, stile_field_table[axis->field].path);
    if (text.failed || other.failed)
        resolver->error = STILE_ERROR_MEMORY;
    stile_text_free(&text);
    stile_text_free(&other);
    return distinct;
}

/* Reads the list of one field. */
static bool read_axis(stile_variant_axis *out, stile_basis_resolver *resolver, stile_field field,
                      const stile_node *list)
{
    stile_diagnostics *diagnostics = resolver->diagnostics;
    const char *path = stile_field_table[field].path;
    if (!stile_read_kind(diagnostics, list, path, STILE_NODE_LIST))
        return false;
    if (list->count == 0 || list->count > STILE_MAX_VARIANTS) {
        stile_diagnose(diagnostics, list->mark,
                       list->count ? STILE_CODE_TOO_MANY_VARIANTS : STILE_CODE_BAD_LENGTH,
                       "%s lists %zu values; a variants list has 1 to %d", path, list->count,
                       STILE_MAX_VARIANTS);
        return false;
    }
    stile_variant_axis axis = {field, list->count};
    axis.settings = stile_arena_array(resolver->scratch, list->count, sizeof *axis.settings);
    if (!axis.settings) {
        resolver->error = STILE_ERROR_MEMORY;
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < list->count && !resolver->error; i++)
        good &= stile_setting_read(&axis.settings[i], resolver, field, list->items[i]) &&
                check_distinct(resolver, &axis, i);
    *out = axis;
    return good && !resolver->error;
}

bool stile_variants_read(stile_variant_space *out, stile_basis_resolver *resolver,
                         const stile_node *node)
{
    stile_variant_space space = {.count = 1};
    bool good = true;
    if (node && !stile_read_kind(resolver->diagnostics, node, "variants", STILE_NODE_MAP))
        return false;
    for (size_t i = 0; node && i < node->count; i++) {
        stile_field field = find_field(resolver->diagnostics, node->entries[i].key);
        if (field == STILE_FIELD_COUNT) {
            good = false;
            continue;
        }
        stile_variant_axis *axis = &space.axes[space.axis_count];
        if (!read_axis(axis, resolver, field, node->entries[i].value)) {
            good = false;
            continue;
        }
        space.axis_count++;
        space.count *= axis->count;
        if (space.count > STILE_MAX_VARIANTS) {
            stile_diagnose(resolver->diagnostics, node->entries[i].key->mark,
                           STILE_CODE_TOO_MANY_VARIANTS,
                           "with this field there are %zu variants or more; at most %d are "
                           "possible; larger spaces can be enumerated in Lua",
                           space.count, STILE_MAX_VARIANTS);
            return false;
        }
    }
    if (good)
        *out = space;
    return good;
}

/* --- Using it --- */

void stile_variants_apply(const stile_variant_space *space, size_t index, stile_setting *settings,
                          bool *varied)
{
    for (size_t i = space->axis_count; i-- > 0; index /= space->axes[i].count) {
        const stile_variant_axis *axis = &space->axes[i];
        settings[axis->field] = axis->settings[index % axis->count];
        varied[axis->field] = true;
    }
}

void stile_variants_print(const stile_variant_space *space, const stile_setting *settings,
                          const char *base, stile_text *name, stile_text *section)
{
    stile_text_append(name, base);
    stile_text_append(section, "");
    for (size_t i = 0; i < space->axis_count; i++) {
        stile_field field = space->axes[i].field;
        const char *path = stile_field_table[field].path;
        stile_text_appendf(name, "%s%s=", i ? "," : "/", path);
        stile_setting_print(name, field, &settings[field], true);
        stile_text_appendf(section, "  %s: [", path);
        stile_setting_print(section, field, &settings[field], false);
        stile_text_append(section, "]\n");
    }
}
