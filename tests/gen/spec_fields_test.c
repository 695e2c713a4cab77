/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basis.h"
#include "number.h"
#include "spec_basis.h"
#include "spec_fields.h"
#include "spec_variants.h"

/* --- The JSON Schema says what the loader does. JSON is YAML: our own parser reads it. --- */

static stile_arena *arena;
static const stile_node *schema;

static int load_schema(void **state)
{
    (void)state;
    char path[1024];
    const char *text;
    size_t size;
    stile_diagnostics *diagnostics;
    snprintf(path, sizeof path, "%s/specs/stile.schema.json", getenv("STILE_TEST_SOURCE"));
    arena = stile_arena_create();
    int result = stile_diagnostics_create(&diagnostics);
    if (!result)
        result =
            stile_yaml_read_file(&text, &size, arena, path, (stile_mark){path, 0, 0}, diagnostics);
    if (!result)
        result = stile_yaml_parse(&schema, arena, "schema", text, size, diagnostics);
    if (stile_diagnostics_count(diagnostics))
        print_error("%s\n", stile_diagnostics_get(diagnostics, 0)->text);
    result |= stile_diagnostics_count(diagnostics) != 0;
    stile_diagnostics_destroy(&diagnostics);
    return result;
}

static int drop_schema(void **state)
{
    (void)state;
    stile_arena_destroy(&arena);
    return 0;
}

/* The node at "a/b/c"; fails where there is none. */
static const stile_node *at(const stile_node *node, const char *path)
{
    char key[128];
    for (const char *rest = path; *rest;) {
        size_t length = strcspn(rest, "/");
        snprintf(key, sizeof key, "%.*s", (int)length, rest);
        assert_int_equal(node->kind, STILE_NODE_MAP);
        node = stile_node_get(node, key);
        if (!node)
            fail_msg("the schema has no %s", path);
        rest += length + (rest[length] == '/');
    }
    return node;
}

/* What a property of the schema refers to in $defs. */
static const stile_node *resolve(const stile_node *node)
{
    const stile_node *reference = stile_node_get(node, "$ref");
    assert_non_null(reference);
    assert_memory_equal(reference->text, "#/$defs/", 8);
    return at(at(schema, "$defs"), reference->text + 8);
}

static void assert_keys(const stile_node *properties, const char *const *keys)
{
    size_t count = 0;
    for (; keys[count]; count++)
        if (!stile_node_get(properties, keys[count]))
            fail_msg("the schema lacks the key %s", keys[count]);
    assert_int_equal(properties->count, count);
}

static void assert_integer(const stile_node *node, const char *key, int64_t expected)
{
    int64_t value;
    assert_true(stile_parse_int64(at(node, key)->text, &value));
    assert_true(value == expected);
}

static void assert_closed(const stile_node *object)
{
    assert_string_equal(at(object, "type")->text, "object");
    assert_string_equal(at(object, "additionalProperties")->text, "false");
}

static void the_schema_has_the_loaders_keys(void **state)
{
    (void)state;
    assert_closed(schema);
    assert_keys(at(schema, "properties"), stile_spec_keys);
    for (int i = 0; stile_section_names[i]; i++) {
        const char *keys[STILE_FIELD_COUNT + 1];
        stile_section_keys(i, keys);
        const stile_node *section = at(at(schema, "properties"), stile_section_names[i]);
        assert_closed(section);
        assert_keys(at(section, "properties"), keys);
    }
    const char *paths[STILE_FIELD_COUNT + 1] = {NULL};
    for (int i = 0; i < STILE_FIELD_COUNT; i++)
        paths[i] = stile_field_table[i].path;
    assert_closed(at(schema, "properties/variants"));
    assert_keys(at(schema, "properties/variants/properties"), paths);
}

/* Checks the definition of one field in the schema. */
static void check_field(const stile_field_info *info, const stile_node *definition)
{
    const stile_node *values;
    switch (info->kind) {
    case STILE_FIELD_KIND_BASIS:
        assert_ptr_equal(definition, at(schema, "$defs/basis"));
        break;
    case STILE_FIELD_KIND_CHOICE:
        values = at(definition, "enum");
        for (size_t i = 0; i < values->count; i++) {
            assert_non_null(info->names[i]);
            assert_string_equal(values->items[i]->text, info->names[i]);
        }
        assert_null(info->names[values->count]);
        break;
    case STILE_FIELD_KIND_BOOLEAN:
        assert_string_equal(at(definition, "type")->text, "boolean");
        break;
    case STILE_FIELD_KIND_BLOCK:
        assert_integer(definition, "minItems", 3);
        assert_integer(definition, "maxItems", 3);
        values = at(definition, "items/enum");
        for (size_t i = 0; i < values->count; i++) {
            int64_t side;
            assert_true(stile_parse_int64(values->items[i]->text, &side));
            assert_int_equal(side, STILE_MIN_BLOCK << i);
        }
        assert_int_equal(STILE_MIN_BLOCK << (values->count - 1), STILE_MAX_BLOCK);
        break;
    case STILE_FIELD_KIND_INTEGER:
        assert_integer(definition, "minimum", info->least);
        assert_integer(definition, "maximum", info->most);
        break;
    }
}

static void the_schema_has_the_loaders_values(void **state)
{
    (void)state;
    for (int i = 0; i < STILE_FIELD_COUNT; i++) {
        const stile_field_info *info = &stile_field_table[i];
        const stile_node *node = at(schema, "properties");
        char path[64];
        snprintf(path, sizeof path, "%s", info->path);
        char *dot = strchr(path, '.');
        if (dot) {
            *dot = '\0';
            node = at(at(node, path), "properties");
        }
        node = at(node, dot ? dot + 1 : path);
        assert_non_null(stile_node_get(node, "description"));
        check_field(info, resolve(node));

        const stile_node *list =
            stile_node_get(at(schema, "properties/variants/properties"), info->path);
        assert_string_equal(at(list, "type")->text, "array");
        check_field(info, resolve(at(list, "items")));
    }
}

static void the_schema_has_the_loaders_bases_and_limits(void **state)
{
    (void)state;
    const stile_node *basis = at(schema, "$defs/basis");
    assert_closed(basis);
    assert_keys(at(basis, "properties"), stile_basis_forms);
    assert_keys(at(basis, "properties/random/properties"), stile_random_basis_keys);
    assert_integer(at(basis, "properties/random/properties/rank"), "maximum", STILE_MAX_RANK);
    assert_integer(at(basis, "properties/kron"), "maxItems", STILE_MAX_KRON_FACTORS);
    assert_integer(at(schema, "$defs/tile/items"), "maximum", STILE_MAX_TILE);
    const stile_node *names = at(schema, "$defs/basis_name/enum");
    for (size_t i = 0; i < names->count; i++)
        assert_string_equal(names->items[i]->text, stile_basis_names()[i]);
    assert_null(stile_basis_names()[names->count]);
    assert_integer(at(schema, "$defs/extent"), "maximum", INT32_MAX);
}

static void every_part_of_the_schema_is_described(void **state)
{
    (void)state;
    const stile_node *properties = at(schema, "properties");
    for (size_t i = 0; i < properties->count; i++)
        assert_non_null(stile_node_get(properties->entries[i].value, "description"));
    properties = at(schema, "$defs/basis/properties");
    for (size_t i = 0; i < properties->count; i++)
        assert_non_null(stile_node_get(properties->entries[i].value, "description"));
}

/* --- Fields --- */

static void a_path_finds_its_field_and_nothing_else_does(void **state)
{
    (void)state;
    for (int i = 0; i < STILE_FIELD_COUNT; i++)
        assert_int_equal(stile_field_find(stile_field_table[i].path), i);
    static const char *const others[] = {"",      "precision",  "precision.",
                                         "input", "basis.name", "name"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(stile_field_find(others[i]), STILE_FIELD_COUNT);
}

static void a_printed_value_reads_back_as_itself(void **state)
{
    (void)state;
    static const struct {
        stile_field field;
        const char *text, *compact;
    } cases[] = {
        {STILE_FIELD_ENCODED, "e4m3", "e4m3"},
        {STILE_FIELD_ACTIVATION, "gelu_tanh", "gelu_tanh"},
        {STILE_FIELD_BIAS, "true", "true"},
        {STILE_FIELD_BLOCK, "[128, 256, 64]", "[128,256,64]"},
        {STILE_FIELD_STAGES, "4", "4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const stile_node *node;
        stile_diagnostics *diagnostics;
        stile_field_value value;
        stile_text text = {0}, compact = {0};
        assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
        assert_int_equal(
            stile_yaml_parse(&node, arena, "t", cases[i].text, strlen(cases[i].text), diagnostics),
            0);
        assert_true(stile_field_read(diagnostics, cases[i].field, node, &value));
        stile_field_print(&text, cases[i].field, &value, false);
        stile_field_print(&compact, cases[i].field, &value, true);
        assert_string_equal(text.data, cases[i].text);
        assert_string_equal(compact.data, cases[i].compact);
        stile_text_free(&text);
        stile_text_free(&compact);
        stile_diagnostics_destroy(&diagnostics);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_has_the_loaders_keys),
        cmocka_unit_test(the_schema_has_the_loaders_values),
        cmocka_unit_test(the_schema_has_the_loaders_bases_and_limits),
        cmocka_unit_test(every_part_of_the_schema_is_described),
        cmocka_unit_test(a_path_finds_its_field_and_nothing_else_does),
        cmocka_unit_test(a_printed_value_reads_back_as_itself),
    };
    return cmocka_run_group_tests(tests, load_schema, drop_schema);
}
