/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

#define HEAD "stile: 1\nname: base\nbasis: {name: strassen}\n"

static stile_spec *parse(const char *text)
{
    stile_spec *spec = NULL;
    if (stile_spec_parse(&spec, text, strlen(text), NULL, NULL))
        fail_msg("%s", stile_last_error());
    return spec;
}

static void variants_are_the_product_in_order_and_named_after_their_values(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "base/weight.encode=online,precision.encoded=bf16",
        "base/weight.encode=online,precision.encoded=e4m3",
        "base/weight.encode=online,precision.encoded=f16",
        "base/weight.encode=trained,precision.encoded=bf16",
        "base/weight.encode=trained,precision.encoded=e4m3",
        "base/weight.encode=trained,precision.encoded=f16",
    };
    stile_spec *spec = parse(HEAD "precision: {encoded: e5m2, product: f32}\n"
                                  "variants:\n  weight.encode: [online, trained]\n"
                                  "  precision.encoded: [bf16, e4m3, f16]\n");
    assert_int_equal(stile_spec_variant_count(spec), 6);
    for (size_t i = 0; i < 6; i++) {
        const stile_config *config = &spec->variants[i];
        assert_string_equal(stile_spec_variant_name(spec, i), expected[i]);
        assert_ptr_equal(stile_spec_variant(spec, expected[i]), config);
        assert_string_equal(config->spec_name, "base");
        assert_int_equal(config->encode, i < 3 ? STILE_ENCODE_ONLINE : STILE_ENCODE_TRAINED);
        static const stile_type types[] = {STILE_TYPE_BF16, STILE_TYPE_E4M3, STILE_TYPE_F16};
        assert_int_equal(config->precision.encoded, types[i % 3]);
        assert_int_equal(config->precision.product, STILE_TYPE_F32); /* the base's value stays */
    }
    stile_spec_destroy(&spec);
}

static void values_in_names_are_compact_flow_text(void **state)
{
    (void)state;
    stile_spec *spec =
        parse(HEAD "variants:\n  schedule.block: [[128, 256, 64]]\n  schedule.stages: [3]\n"
                   "  epilogue.bias: [true]\n  basis: [{kron: [strassen, {name: winograd}]}]\n");
    assert_string_equal(stile_spec_variant_name(spec, 0),
                        "base/schedule.block=[128,256,64],schedule.stages=3,epilogue.bias=true,"
                        "basis={kron:[strassen,winograd]}");
    assert_int_equal(spec->variants[0].basis->rank, 49);
    assert_int_equal(spec->variants[0].schedule.block_n, 256);
    assert_int_equal(spec->variants[0].schedule.stages, 3);
    assert_true(spec->variants[0].epilogue.bias);
    stile_spec_destroy(&spec);
}

static void defaults_follow_the_values_of_the_variant(void **state)
{
    (void)state;
    stile_spec *spec = parse(HEAD "variants: {precision.input: [bf16, f16, f32]}\n");
    static const stile_type encoded[] = {STILE_TYPE_BF16, STILE_TYPE_F16, STILE_TYPE_TF32};
    static const stile_type output[] = {STILE_TYPE_BF16, STILE_TYPE_F16, STILE_TYPE_F32};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(spec->variants[i].precision.encoded, encoded[i]);
        assert_int_equal(spec->variants[i].precision.product, output[i]);
    }
    stile_spec_destroy(&spec);
}

static void the_largest_product_is_allowed(void **state)
{
    (void)state;
    stile_text text = {0};
    stile_text_append(&text, HEAD "variants:\n  basis: [");
    for (int i = 0; i < 1024; i++)
        stile_text_appendf(&text, "{random: {tile: [1, 1, 1], rank: 1, seed: %d}}, ", i);
    stile_text_append(&text, "]\n  rows: [any, none]\n  epilogue.bias: [true, false]\n");
    stile_spec *spec = parse(text.data);
    assert_int_equal(stile_spec_variant_count(spec), 4096);
    assert_string_equal(stile_spec_variant_name(spec, 4095),
                        "base/basis={random:{rank:1,seed:1023,tile:[1,1,1]}},rows=none,"
                        "epilogue.bias=false");
    assert_null(stile_spec_variant(spec, NULL)); /* the list of all is cut to fit */
    assert_non_null(strstr(stile_last_error(), " more"));
    stile_spec_destroy(&spec);
    stile_text_append(&text, "  schedule.stages: [2, 3]\n");
    assert_int_equal(stile_spec_parse(&spec, text.data, text.size, NULL, NULL), STILE_ERROR_SPEC);
    stile_text_free(&text);
}

static void only_valid_combinations_are_demanded_not_a_valid_base(void **state)
{
    (void)state;
    /* The base itself would be refused: random bases couple rows. */
    stile_spec *spec = parse("stile: 1\nname: t\nbasis: {random: {tile: [2, 2, 2], rank: 4}}\n"
                             "rows: none\nvariants: {basis: [{name: strassen}]}\n");
    assert_string_equal(spec->variants[0].basis->name, "strassen");
    stile_spec_destroy(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_are_the_product_in_order_and_named_after_their_values),
        cmocka_unit_test(values_in_names_are_compact_flow_text),
        cmocka_unit_test(defaults_follow_the_values_of_the_variant),
        cmocka_unit_test(the_largest_product_is_allowed),
        cmocka_unit_test(only_valid_combinations_are_demanded_not_a_valid_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
