/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define HEAD "stile: 1\nname: t\nbasis: {name: strassen}\n"

static char specs[1024];

static stile_spec *parse(const char *text)
{
    stile_spec *spec = NULL;
    if (stile_spec_parse(&spec, text, strlen(text), specs, NULL))
        fail_msg("%s\n%s", text, stile_last_error());
    return spec;
}

/* The canonical form of each variant loads as that variant alone and prints the same. */
static void assert_idempotent(const stile_spec *spec)
{
    for (size_t i = 0; i < spec->variant_count; i++) {
        stile_text first = {0}, second = {0};
        stile_config_print(&first, &spec->variants[i]);
        stile_spec *again = parse(first.data);
        assert_int_equal(again->variant_count, 1);
        assert_string_equal(again->variants[0].name, spec->variants[i].name);
        assert_memory_equal(&again->variants[0].precision, &spec->variants[i].precision,
                            sizeof(stile_precision));
        stile_config_print(&second, &again->variants[0]);
        assert_string_equal(first.data, second.data);
        stile_spec_destroy(&again);
        stile_text_free(&first);
        stile_text_free(&second);
    }
}

static void the_canonical_form_names_every_default_in_order(void **state)
{
    (void)state;
    stile_spec *spec = parse(HEAD);
    stile_text text = {0};
    stile_config_print(&text, &spec->variants[0]);
    assert_string_equal(text.data,
                        "basis: {name: strassen}\n"
                        "epilogue:\n  activation: none\n  bias: false\n  residual: false\n"
                        "name: t\n"
                        "precision:\n  accumulate: f32\n  encoded: bf16\n  input: bf16\n"
                        "  output: bf16\n  product: bf16\n"
                        "rows: any\n"
                        "stile: 1\n"
                        "weight:\n  encode: offline\n  layout: nk\n");
    stile_text_free(&text);
    stile_spec_destroy(&spec);
}

static void the_canonical_form_of_a_variant_is_that_variant(void **state)
{
    (void)state;
    stile_spec *spec = parse(HEAD "shapes: [{M: 3, N: 2, K: 1}]\n"
                                  "schedule: {stages: 3, block: [64, 32, 16]}\n"
                                  "variants: {weight.encode: [online, offline], "
                                  "basis: [{kron: [strassen, strassen]}]}\n");
    stile_text text = {0};
    stile_config_print(&text, &spec->variants[0]);
    assert_string_equal(text.data,
                        "basis: {kron: [strassen, strassen]}\n"
                        "epilogue:\n  activation: none\n  bias: false\n  residual: false\n"
                        "name: t\n"
                        "precision:\n  accumulate: f32\n  encoded: bf16\n  input: bf16\n"
                        "  output: bf16\n  product: bf16\n"
                        "rows: any\n"
                        "schedule:\n  block: [64, 32, 16]\n  stages: 3\n"
                        "shapes:\n  - {K: 1, M: 3, N: 2}\n"
                        "stile: 1\n"
                        "variants:\n  weight.encode: [online]\n"
                        "  basis: [{kron: [strassen, strassen]}]\n"
                        "weight:\n  encode: online\n  layout: nk\n");
    stile_text_free(&text);
    assert_idempotent(spec);
    stile_spec_destroy(&spec);
}

static void canonical_forms_are_idempotent(void **state)
{
    (void)state;
    static const char *const texts[] = {
        HEAD,
        HEAD "schedule: {block: [128, 128, 32]}\n",
        HEAD "schedule: {stages: 5}\nshapes: [{M: 1, K: 1, N: 1}, {M: 2, K: 2, N: 2}]\n",
        "stile: 1\nname: '007'\nbasis: {classical: [1, 2, 3]}\nprecision: {input: f32}\n",
        "stile: 1\nname: yes\nbasis: {random: {tile: [4, 4, 4], rank: 3, seed: 99}}\n",
        "stile: 1\nname: x\nbasis: {file: 'bases/causal_222_6.yaml'}\nrows: causal\n",
        "stile: 1\nname: x\nbasis: {kron: [{kron: [{file: ./bases/isolated_144_8.yaml}, "
        "strassen]}, "
        "{classical: [1, 1, 1]}]}\nvariants: {rows: [any, none], precision.input: [f32, f16, "
        "bf16]}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        stile_spec *spec = parse(texts[i]);
        assert_idempotent(spec);
        stile_spec_destroy(&spec);
    }
}

static void every_example_has_an_idempotent_canonical_form(void **state)
{
    (void)state;
    DIR *directory = opendir(specs);
    assert_non_null(directory);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".yaml"))
            continue;
        char path[2048];
        stile_spec *spec;
        snprintf(path, sizeof path, "%s/%s", specs, entry->d_name);
        assert_int_equal(stile_spec_load(&spec, path, NULL), 0);
        assert_idempotent(spec);
        stile_spec_destroy(&spec);
        count++;
    }
    closedir(directory);
    assert_true(count >= 6);
}

static void an_open_or_wrong_choice_lists_the_variants(void **state)
{
    (void)state;
    stile_spec *spec = parse(HEAD "variants: {rows: [any, none]}\n");
    assert_null(stile_spec_variant(spec, NULL));
    assert_string_equal(stile_last_error(), "the spec t has 2 variants; choose one of:\n"
                                            "  t/rows=any\n  t/rows=none");
    assert_null(stile_spec_variant(spec, "t"));
    assert_string_equal(stile_last_error(), "the spec t has no variant \"t\"; choose one of:\n"
                                            "  t/rows=any\n  t/rows=none");
    assert_int_equal(stile_spec_variant(spec, "t/rows=none")->rows, STILE_ROWS_NONE);
    stile_spec_destroy(&spec);
    spec = parse(HEAD);
    assert_non_null(stile_spec_variant(spec, NULL));
    assert_non_null(stile_spec_variant(spec, "t"));
    assert_null(stile_spec_variant(spec, ""));
    stile_spec_destroy(&spec);
}

static void types_have_names_and_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int size;
    } expected[] = {{"f32", 4}, {"tf32", 4}, {"f16", 2}, {"bf16", 2}, {"e4m3", 1}, {"e5m2", 1}};
    for (int i = 0; i < 6; i++) {
        stile_type type = STILE_TYPE_F32;
        assert_string_equal(stile_type_name((stile_type)i), expected[i].name);
        assert_int_equal(stile_type_size((stile_type)i), expected[i].size);
        assert_true(stile_type_parse(&type, expected[i].name));
        assert_int_equal(type, i);
    }
    stile_type type = STILE_TYPE_BF16;
    assert_false(stile_type_parse(&type, "f64"));
    assert_int_equal(type, STILE_TYPE_BF16);
}

static int setup(void **state)
{
    (void)state;
    snprintf(specs, sizeof specs, "%s/specs", getenv("STILE_TEST_SOURCE"));
    setlocale(LC_ALL, ""); /* nothing below may depend on it */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_canonical_form_names_every_default_in_order),
        cmocka_unit_test(the_canonical_form_of_a_variant_is_that_variant),
        cmocka_unit_test(canonical_forms_are_idempotent),
        cmocka_unit_test(every_example_has_an_idempotent_canonical_form),
        cmocka_unit_test(an_open_or_wrong_choice_lists_the_variants),
        cmocka_unit_test(types_have_names_and_sizes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
