/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config.h"
#include "diagnostics.h"
#include "fail.h"
#include "reader.h"
#include "spec_basis.h"
#include "spec_fields.h"
#include "spec_variants.h"
#include "yaml_tree.h"

static const int64_t MAX_EXTENT = INT32_MAX;        /* of M, K and N */
static const int64_t MAX_MATRIX = (int64_t)1 << 40; /* elements of X, W and Y */

/* A spec while it is read. */
typedef struct loader {
    stile_arena *arena;   /* the spec's */
    stile_arena *scratch; /* tree, settings: gone after loading */
    stile_diagnostics *diagnostics;
    stile_basis_resolver resolver;
    const char *path; /* NULL: parsed from text */
    const char *name; /* NULL: in error */
    stile_shape *shapes;
    size_t shape_count;
    stile_setting settings[STILE_FIELD_COUNT]; /* without variants */
    stile_variant_space variants;
} loader;

/* --- Sections --- */

static bool read_name(loader *l, const stile_node *node)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (!stile_read_text(l->diagnostics, node, "name", 64, &l->name))
        return false;
    if (l->name[strspn(l->name, allowed)]) {
        stile_diagnose(l->diagnostics, node->mark, STILE_CODE_BAD_TEXT,
                       "name must consist of letters, digits, _ and -, unlike %s",
                       stile_quote(l->name).text);
        l->name = NULL;
    }
    return l->name != NULL;
}

/* One of precision, weight, epilogue, schedule: `section` indexes stile_section_names. */
static bool read_section(loader *l, int section, const stile_node *node)
{
    const char *keys[STILE_FIELD_COUNT + 1];
    stile_section_keys(section, keys);
    const char *name = stile_section_names[section];
    if (!stile_read_kind(l->diagnostics, node, name, STILE_NODE_MAP))
        return false;
    bool good = stile_read_keys(l->diagnostics, node, keys);
    for (size_t i = 0; i < node->count; i++) {
        const char *path =
            stile_arena_printf(l->scratch, "%s.%s", name, node->entries[i].key->text);
        if (!path) {
            l->resolver.error = STILE_ERROR_MEMORY;
            return false;
        }
        stile_field field = stile_field_find(path);
        if (field < STILE_FIELD_COUNT)
            good &= stile_setting_read(&l->settings[field], &l->resolver, field,
                                       node->entries[i].value);
    }
    return good;
}

static bool read_shape(loader *l, const stile_node *node, stile_shape *out)
{
    static const char *const keys[] = {"K", "M", "N", NULL};
    int64_t extents[3];
    if (!stile_read_kind(l->diagnostics, node, "a shape", STILE_NODE_MAP))
        return false;
    bool good = stile_read_keys(l->diagnostics, node, keys);
    for (int i = 0; i < 3; i++) {
        const stile_node *value = stile_read_required(l->diagnostics, node, keys[i]);
        good &=
            value && stile_read_integer(l->diagnostics, value, keys[i], 1, MAX_EXTENT, &extents[i]);
    }
    if (!good)
        return false;
    int64_t K = extents[0], M = extents[1], N = extents[2];
    if (M * K > MAX_MATRIX || K * N > MAX_MATRIX || M * N > MAX_MATRIX) {
        stile_diagnose(l->diagnostics, node->mark, STILE_CODE_OUT_OF_RANGE,
                       "a matrix of this shape has more than 2^40 elements");
        return false;
    }
    *out = (stile_shape){M, K, N};
    return true;
}

static bool read_shapes(loader *l, const stile_node *node)
{
    if (!stile_read_kind(l->diagnostics, node, "shapes", STILE_NODE_LIST))
        return false;
    stile_shape *shapes = stile_arena_array(l->arena, node->count, sizeof *shapes);
    if (!shapes) {
        l->resolver.error = STILE_ERROR_MEMORY;
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < node->count; i++)
        good &= read_shape(l, node->items[i], &shapes[i]);
    l->shapes = shapes;
    l->shape_count = node->count;
    return good;
}

/* Everything at the top of the file, in its order; the variants last, as they vary the rest. */
static bool read_top(loader *l, const stile_node *root)
{
    if (!stile_read_kind(l->diagnostics, root, "a spec", STILE_NODE_MAP))
        return false;
    if (!stile_node_get(root, "stile") && stile_node_get(root, "tile")) {
        stile_diagnose(l->diagnostics, root->mark, STILE_CODE_WRONG_KIND,
                       "this is a basis file, not a spec; a spec names it as basis: {file: …}");
        return false;
    }
    if (!stile_read_version(l->diagnostics, root, "stile"))
        return false;
    bool good = stile_read_required(l->diagnostics, root, "name") != NULL;
    good &= stile_read_required(l->diagnostics, root, "basis") != NULL;
    good &= stile_read_keys(l->diagnostics, root, stile_spec_keys);

    for (size_t i = 0; i < root->count && !l->resolver.error; i++) {
        const char *key = root->entries[i].key->text;
        const stile_node *value = root->entries[i].value;
        stile_field field = stile_field_find(key);
        if (!strcmp(key, "name"))
            good &= read_name(l, value);
        else if (!strcmp(key, "shapes"))
            good &= read_shapes(l, value);
        else if (field == STILE_FIELD_BASIS || field == STILE_FIELD_ROWS)
            good &= stile_setting_read(&l->settings[field], &l->resolver, field, value);
        for (int section = 0; stile_section_names[section]; section++)
            if (!strcmp(key, stile_section_names[section]))
                good &= read_section(l, section, value);
    }
    good &= !l->resolver.error &&
            stile_variants_read(&l->variants, &l->resolver, stile_node_get(root, "variants"));
    return good;
}

/* --- One variant --- */

static stile_type type_of(const stile_setting *settings, stile_field field, stile_type missing)
{
    const stile_setting *setting = &settings[field];
    if (!setting->node || !setting->good)
        return missing;
    stile_type type = missing;
    stile_type_parse(&type, stile_field_table[field].names[setting->value.number]);
    return type;
}

static stile_precision precision_of(const stile_setting *settings)
{
    stile_precision precision;
    precision.input = type_of(settings, STILE_FIELD_INPUT, STILE_TYPE_BF16);
    stile_type encoded = precision.input == STILE_TYPE_F32 ? STILE_TYPE_TF32 : precision.input;
    precision.encoded = type_of(settings, STILE_FIELD_ENCODED, encoded);
    precision.output = type_of(settings, STILE_FIELD_OUTPUT, precision.input);
    precision.product = type_of(settings, STILE_FIELD_PRODUCT, precision.output);
    return precision;
}

/*
 * Whether the basis keeps rows as independent as `rows` demands. Reported at the value that makes
 * the difference: one of the variants section if there is one, else the demand.
 */
static bool check_rows(loader *l, const stile_setting *settings, const bool *varied)
{
    const stile_setting *rows = &settings[STILE_FIELD_ROWS];
    const stile_setting *basis = &settings[STILE_FIELD_BASIS];
    const stile_setting *encode = &settings[STILE_FIELD_ENCODE];
    if (rows->value.number == STILE_ROWS_ANY || !rows->good || !basis->good ||
        (encode->node && !encode->good))
        return true; /* nothing is demanded, or an error is reported already */

    l->resolver.error = stile_spec_basis_measure(basis->basis);
    if (l->resolver.error)
        return false;
    const stile_basis_metrics *metrics = &basis->basis->metrics;
    bool trained = encode->value.number == STILE_ENCODE_TRAINED;
    stile_coupling found = trained ? metrics->structural : metrics->algebraic;
    stile_coupling allowed =
        rows->value.number == STILE_ROWS_NONE ? STILE_COUPLING_NONE : STILE_COUPLING_CAUSAL;
    if (found <= allowed)
        return true;

    stile_mark mark = rows->node->mark;
    if (varied[STILE_FIELD_ROWS])
        mark = rows->node->mark;
    else if (varied[STILE_FIELD_BASIS])
        mark = basis->node->mark;
    else if (varied[STILE_FIELD_ENCODE])
        mark = encode->node->mark;
    stile_diagnose(l->diagnostics, mark, STILE_CODE_ROW_COUPLING,
                   "rows: %s is demanded, but the row coupling of the basis %s is %s, measured %s; "
                   "choose another basis or relax the demand",
                   stile_rows_names[rows->value.number],
                   stile_quote(basis->basis->basis->name).text, stile_coupling_name(found),
                   trained ? "by its zeros as trained weights are free (weight.encode: trained)"
                           : "algebraically as weights are encoded from W");
    return false;
}

/* Makes variant `index` in `out`, or just checks it where `out` is NULL. */
static bool make_variant(loader *l, size_t index, stile_config *out)
{
    stile_setting settings[STILE_FIELD_COUNT];
    bool varied[STILE_FIELD_COUNT] = {false};
    memcpy(settings, l->settings, sizeof settings);
    stile_variants_apply(&l->variants, index, settings, varied);
    if (!check_rows(l, settings, varied) || !out)
        return false;

    stile_text name = {0}, section = {0};
    stile_variants_print(&l->variants, settings, l->name, &name, &section);
    stile_spec_basis *basis = settings[STILE_FIELD_BASIS].basis;
    l->resolver.error = stile_spec_basis_measure(basis);
    const int *block = settings[STILE_FIELD_BLOCK].value.block;
    *out = (stile_config){
        .name = name.failed ? NULL : stile_arena_strdup(l->arena, name.data),
        .basis = basis->basis,
        .metrics = basis->metrics,
        .sparse = stile_basis_is_sparse(basis->basis),
        .rows = (stile_rows)settings[STILE_FIELD_ROWS].value.number,
        .precision = precision_of(settings),
        .layout = (stile_weight_layout)settings[STILE_FIELD_LAYOUT].value.number,
        .encode = (stile_weight_encode)settings[STILE_FIELD_ENCODE].value.number,
        .epilogue = {.bias = settings[STILE_FIELD_BIAS].value.number,
                     .residual = settings[STILE_FIELD_RESIDUAL].value.number,
                     .activation = (stile_activation)settings[STILE_FIELD_ACTIVATION].value.number},
        .schedule = {.block_m = block[0],
                     .block_n = block[1],
                     .block_k = block[2],
                     .stages = settings[STILE_FIELD_STAGES].value.number,
                     .region = settings[STILE_FIELD_REGION].value.number},
        .shapes = l->shapes,
        .shape_count = l->shape_count,
        .basis_text = basis->text,
        .spec_name = l->name,
        .spec_path = l->path,
        .variant_text = section.failed ? NULL : stile_arena_strdup(l->arena, section.data),
    };
    if (!out->name || !out->variant_text)
        l->resolver.error = STILE_ERROR_MEMORY;
    stile_text_free(&name);
    stile_text_free(&section);
    return !l->resolver.error;
}

/* --- Specs --- */

/* Makes the spec of a tree in l->arena; NULL where anything is wrong. */
static stile_spec *make_spec(loader *l, const stile_node *root)
{
    l->variants.count = 1;
    bool good = read_top(l, root);
    stile_spec *spec = stile_arena_alloc(l->arena, sizeof *spec);
    stile_config *variants = NULL;
    if (good) {
        l->name = stile_arena_strdup(l->arena, l->name);
        variants = stile_arena_array(l->arena, l->variants.count, sizeof *variants);
    }
    if (!spec || (good && (!l->name || !variants)))
        l->resolver.error = STILE_ERROR_MEMORY;
    for (size_t i = 0; i < l->variants.count && !l->resolver.error; i++)
        good &= make_variant(l, i, variants ? &variants[i] : NULL);
    if (!good || l->resolver.error)
        return NULL;
    *spec = (stile_spec){l->arena, l->name, variants, l->variants.count};
    return spec;
}

/*
 * Parses text called `file` in marks, from the file `path` or (NULL) from nowhere; `directory` as
 * in stile_basis_resolver.
 */
static int parse(stile_spec **out, const char *file, const char *path, const char *text,
                 size_t size, const char *directory, stile_diagnostics *diagnostics)
{
    loader l = {.diagnostics = diagnostics};
    stile_spec *spec = NULL;
    const stile_node *root;
    int result = STILE_ERROR_MEMORY;
    l.arena = stile_arena_create();
    l.scratch = stile_arena_create();
    if (!l.arena || !l.scratch || (path && !(l.path = stile_arena_strdup(l.arena, path))))
        goto done;
    l.resolver = (stile_basis_resolver){
        .arena = l.arena, .scratch = l.scratch, .diagnostics = diagnostics, .directory = directory};
    result = stile_yaml_parse(&root, l.scratch, file, text, size, diagnostics);
    if (result)
        goto done;
    spec = make_spec(&l, root);
    if (l.resolver.error)
        result = l.resolver.error;
    else if (stile_diagnostics_failed(diagnostics))
        result = STILE_ERROR_MEMORY;
    else if (stile_diagnostics_count(diagnostics))
        result = STILE_ERROR_SPEC;
    else if (!spec)
        result = stile_fail(STILE_ERROR_INTERNAL, "the spec is refused without a reason");
done:
    stile_arena_destroy(&l.scratch);
    if (result)
        stile_arena_destroy(&l.arena);
    else
        *out = spec;
    return result == STILE_ERROR_MEMORY ? stile_fail_memory() : result;
}

int stile_spec_load(stile_spec **out, const char *path, stile_diagnostics *diagnostics)
{
    if (!out || !path)
        return stile_fail(STILE_ERROR_ARGUMENT, "stile_spec_load needs a result and a path");
    stile_diagnostics *own;
    int result = stile_diagnostics_create(&own);
    if (result)
        return result;
    stile_arena *scratch = stile_arena_create();
    const char *text, *slash = strrchr(path, '/');
    const char *directory = NULL;
    size_t size;
    if (scratch)
        directory = stile_arena_strndup(scratch, path, slash ? (size_t)(slash - path) + 1 : 0);
    result = directory
                 ? stile_yaml_read_file(&text, &size, scratch, path, (stile_mark){path, 0, 0}, own)
                 : stile_fail_memory();
    if (!result)
        result = parse(out, path, path, text, size, directory, own);
    stile_arena_destroy(&scratch);
    return stile_diagnostics_finish(own, result, diagnostics);
}

int stile_spec_parse(stile_spec **out, const char *text, size_t size, const char *base_dir,
                     stile_diagnostics *diagnostics)
{
    if (!out || (!text && size))
        return stile_fail(STILE_ERROR_ARGUMENT, "stile_spec_parse needs a result and a text");
    stile_diagnostics *own;
    int result = stile_diagnostics_create(&own);
    if (result)
        return result;
    stile_arena *scratch = stile_arena_create();
    const char *directory = NULL;
    if (scratch && base_dir) {
        size_t length = strlen(base_dir);
        bool ended = length == 0 || base_dir[length - 1] == '/';
        directory = stile_arena_printf(scratch, "%s%s", base_dir, ended ? "" : "/");
    }
    if (!scratch || (base_dir && !directory))
        result = stile_fail_memory();
    else
        result = parse(out, "<text>", NULL, size ? text : "", size, directory, own);
    stile_arena_destroy(&scratch);
    return stile_diagnostics_finish(own, result, diagnostics);
}
