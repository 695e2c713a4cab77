/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basis_file.h"
#include "config.h"
#include "diagnostics.h"

/* --- Helpers --- */

static stile_spec *parse(const char *text)
{
    stile_spec *spec = NULL;
    if (stile_spec_parse(&spec, text, strlen(text), NULL, NULL))
        fail_msg("%s", stile_last_error());
    return spec;
}

/* The codes of all errors of a text, as "12 13 ". */
static const char *codes_of(const char *text, const char *base_dir)
{
    static char codes[1024];
    stile_spec *spec = NULL;
    stile_diagnostics *diagnostics;
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    int result = stile_spec_parse(&spec, text, strlen(text), base_dir, diagnostics);
    size_t count = stile_diagnostics_count(diagnostics);
    assert_int_equal(result, count ? STILE_ERROR_SPEC : 0);
    codes[0] = '\0';
    for (size_t i = 0; i < count && i < 200; i++)
        sprintf(codes + strlen(codes), "%d ", stile_diagnostics_get(diagnostics, i)->code);
    stile_spec_destroy(&spec);
    stile_diagnostics_destroy(&diagnostics);
    return codes;
}

#define HEAD "stile: 1\nname: t\nbasis: {name: strassen}\n"

/* --- Defaults --- */

static void left_out_fields_take_their_defaults(void **state)
{
    (void)state;
    stile_spec *spec = parse(HEAD);
    assert_int_equal(stile_spec_variant_count(spec), 1);
    assert_string_equal(stile_spec_name(spec), "t");
    assert_string_equal(stile_spec_variant_name(spec, 0), "t");
    assert_null(stile_spec_variant_name(spec, 1));
    const stile_config *config = stile_spec_variant(spec, NULL);
    assert_non_null(config);
    assert_string_equal(config->basis->name, "strassen");
    assert_true(config->metrics.exact);
    assert_true(config->sparse);
    assert_int_equal(config->rows, STILE_ROWS_ANY);
    assert_int_equal(config->precision.input, STILE_TYPE_BF16);
    assert_int_equal(config->precision.encoded, STILE_TYPE_BF16);
    assert_int_equal(config->precision.product, STILE_TYPE_BF16);
    assert_int_equal(config->precision.output, STILE_TYPE_BF16);
    assert_int_equal(config->layout, STILE_WEIGHT_NK);
    assert_int_equal(config->encode, STILE_ENCODE_OFFLINE);
    assert_false(config->epilogue.bias);
    assert_false(config->epilogue.residual);
    assert_int_equal(config->epilogue.activation, STILE_ACTIVATION_NONE);
    assert_int_equal(config->schedule.block_m, 0);
    assert_int_equal(config->schedule.stages, 0);
    assert_int_equal(config->shape_count, 0);
    stile_spec_destroy(&spec);
    assert_null(spec);
    stile_spec_destroy(&spec);
    stile_spec_destroy(NULL);
}

static void formats_follow_the_input_and_the_product_the_output(void **state)
{
    (void)state;
    static const struct {
        const char *precision;
        stile_precision expected;
    } cases[] = {
        {"{input: f16}", {STILE_TYPE_F16, STILE_TYPE_F16, STILE_TYPE_F16, STILE_TYPE_F16}},
        {"{input: f32}", {STILE_TYPE_F32, STILE_TYPE_TF32, STILE_TYPE_F32, STILE_TYPE_F32}},
        {"{input: bf16}", {STILE_TYPE_BF16, STILE_TYPE_BF16, STILE_TYPE_BF16, STILE_TYPE_BF16}},
        {"{output: f32}", {STILE_TYPE_BF16, STILE_TYPE_BF16, STILE_TYPE_F32, STILE_TYPE_F32}},
        {"{input: f32, encoded: bf16, output: f16}",
         {STILE_TYPE_F32, STILE_TYPE_BF16, STILE_TYPE_F16, STILE_TYPE_F16}},
        {"{encoded: e4m3, product: f32}",
         {STILE_TYPE_BF16, STILE_TYPE_E4M3, STILE_TYPE_F32, STILE_TYPE_BF16}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, HEAD "precision: %s\n", cases[i].precision);
        stile_spec *spec = parse(text);
        assert_memory_equal(&stile_spec_variant(spec, NULL)->precision, &cases[i].expected,
                            sizeof(stile_precision));
        stile_spec_destroy(&spec);
    }
}

static void every_field_is_read(void **state)
{
    (void)state;
    stile_spec *spec = parse(
        "stile: 1\nname: all-Of_it\nbasis: {kron: [{classical: [1, 2, 1]}, strassen]}\nrows: none\n"
        "precision: {input: f16, encoded: e5m2, product: f32, accumulate: f32, output: bf16}\n"
        "weight: {layout: kn, encode: online}\n"
        "epilogue: {bias: true, activation: gelu_tanh, residual: true}\n"
        "schedule: {block: [128, 256, 64], stages: 4}\n"
        "shapes: [{M: 1, K: 2, N: 3}, {N: 2147483647, K: 1, M: 512}]\n");
    const stile_config *config = stile_spec_variant(spec, "all-Of_it");
    assert_non_null(config);
    assert_int_equal(config->basis->m, 2);
    assert_int_equal(config->basis->k, 4);
    assert_int_equal(config->basis->rank, 14);
    assert_int_equal(config->rows, STILE_ROWS_NONE);
    assert_int_equal(config->precision.encoded, STILE_TYPE_E5M2);
    assert_int_equal(config->layout, STILE_WEIGHT_KN);
    assert_int_equal(config->encode, STILE_ENCODE_ONLINE);
    assert_true(config->epilogue.bias && config->epilogue.residual);
    assert_int_equal(config->epilogue.activation, STILE_ACTIVATION_GELU_TANH);
    assert_int_equal(config->schedule.block_m, 128);
    assert_int_equal(config->schedule.block_n, 256);
    assert_int_equal(config->schedule.block_k, 64);
    assert_int_equal(config->schedule.stages, 4);
    assert_int_equal(config->shape_count, 2);
    assert_int_equal(config->shapes[0].K, 2);
    assert_int_equal(config->shapes[1].N, 2147483647);
    stile_spec_destroy(&spec);
}

/* --- Errors --- */

static void a_failed_load_leaves_its_output_and_keeps_all_errors(void **state)
{
    (void)state;
    stile_spec *const untouched = (stile_spec *)&state;
    stile_spec *spec = untouched;
    stile_diagnostics *diagnostics;
    const char *text = "stile: 1\nrows: al\nfoo: 1\n";
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    for (size_t round = 1; round <= 2; round++) { /* a list may be reused: each call appends */
        assert_int_equal(stile_spec_parse(&spec, text, strlen(text), NULL, diagnostics),
                         STILE_ERROR_SPEC);
        assert_ptr_equal(spec, untouched);
        assert_int_equal(stile_diagnostics_count(diagnostics), 4 * round);
    }
    const stile_diagnostic *first = stile_diagnostics_get(diagnostics, 0);
    assert_string_equal(first->file, "<text>");
    assert_string_equal(first->text, stile_last_error());
    assert_non_null(strstr(first->text, first->message));
    assert_null(stile_diagnostics_get(diagnostics, 8));
    stile_diagnostics_destroy(&diagnostics);
    assert_null(diagnostics);
    assert_int_equal(stile_spec_parse(&spec, text, strlen(text), NULL, NULL), STILE_ERROR_SPEC);
}

static void a_missing_spec_is_an_io_error_with_a_diagnostic(void **state)
{
    (void)state;
    stile_spec *spec = NULL;
    stile_diagnostics *diagnostics;
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    assert_int_equal(stile_spec_load(&spec, "/nowhere/x.yaml", diagnostics), STILE_ERROR_IO);
    assert_int_equal(stile_diagnostics_count(diagnostics), 1);
    assert_int_equal(stile_diagnostics_get(diagnostics, 0)->line, 0);
    assert_non_null(strstr(stile_last_error(), "/nowhere/x.yaml: error: [STILE-004]"));
    stile_diagnostics_destroy(&diagnostics);
    assert_int_equal(stile_spec_load(NULL, "x", NULL), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_spec_load(&spec, NULL, NULL), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_spec_parse(&spec, NULL, 1, NULL, NULL), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_spec_parse(&spec, NULL, 0, NULL, NULL), STILE_ERROR_SPEC);
}

static void text_without_a_directory_reads_no_files(void **state)
{
    (void)state;
    const char *text = "stile: 1\nname: t\nbasis: {file: /etc/passwd}\n";
    assert_string_equal(codes_of(text, NULL), "25 ");
    assert_string_not_equal(codes_of(text, ""), "25 ");
    assert_string_equal(codes_of("stile: 1\nname: t\nbasis: {file: no.yaml}\n", "/nowhere"), "4 ");
}

static void basis_paths_start_at_the_given_directory(void **state)
{
    (void)state;
    const char *text = "stile: 1\nname: t\nbasis: {file: bases/causal_222_6.yaml}\nrows: causal\n";
    char specs[1024];
    stile_spec *spec;
    snprintf(specs, sizeof specs, "%s/specs", getenv("STILE_TEST_SOURCE"));
    assert_int_equal(stile_spec_parse(&spec, text, strlen(text), specs, NULL), 0);
    stile_spec_destroy(&spec);
    strcat(specs, "/");
    assert_int_equal(stile_spec_parse(&spec, text, strlen(text), specs, NULL), 0);
    assert_string_equal(spec->variants[0].basis_text, "{file: bases/causal_222_6.yaml}");
    stile_spec_destroy(&spec);
}

static void the_limits_themselves_are_allowed(void **state)
{
    (void)state;
    static const char *const good[] = {
        "stile: 1\nname: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
        "basis: {classical: [8, 8, 8]}\n",
        "stile: 1\nname: t\nbasis: {random: {tile: [1, 1, 1], rank: 512, seed: "
        "9223372036854775807}}\n",
        HEAD "schedule: {block: [16, 512, 16], stages: 8}\n",
        HEAD "schedule: {stages: 2}\n",
        HEAD "shapes: [{M: 2147483647, K: 512, N: 512}]\n",
        HEAD "shapes: []\nvariants: {}\nweight: {}\n",
        "\xef\xbb\xbf" HEAD,
        "--- # one document\n" HEAD "...\n",
        "{\"stile\": 1, \"name\": \"json\", \"basis\": {\"name\": \"winograd\"}}",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_string_equal(codes_of(good[i], NULL), "");
}

static void a_row_demand_is_tested_by_zeros_alone_where_weights_are_trained(void **state)
{
    (void)state;
    assert_string_equal(codes_of(HEAD "rows: none\n", NULL), "");
    assert_string_equal(codes_of(HEAD "rows: none\nweight: {encode: online}\n", NULL), "");
    assert_string_equal(codes_of(HEAD "rows: none\nweight: {encode: trained}\n", NULL), "24 ");
    assert_string_equal(codes_of("stile: 1\nname: t\nbasis: {classical: [2, 2, 2]}\nrows: none\n"
                                 "weight: {encode: trained}\n",
                                 NULL),
                        "");
}

static void a_causal_basis_is_causal_but_not_row_isolated(void **state)
{
    (void)state;
    char specs[1024];
    snprintf(specs, sizeof specs, "%s/specs", getenv("STILE_TEST_SOURCE"));
    static const char *const demands[] = {"any", "causal", "none"};
    for (int i = 0; i < 3; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "stile: 1\nname: t\nbasis: {file: bases/causal_222_6.yaml}\nrows: %s\n",
                 demands[i]);
        assert_string_equal(codes_of(text, specs), i == 2 ? "24 " : "");
    }
}

/* --- Examples and bad inputs --- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Calls visit(name) for each *.yaml of the current directory, sorted; returns how many. */
static int for_each_yaml(void (*visit)(const char *name))
{
    enum { MOST = 256 };
    char *names[MOST];
    int count = 0;
    DIR *directory = opendir(".");
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) && count < MOST;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot && !strcmp(dot, ".yaml"))
            names[count++] = strdup(entry->d_name);
    }
    closedir(directory);
    qsort(names, (size_t)count, sizeof *names, by_name);
    for (int i = 0; i < count; i++) {
        visit(names[i]);
        free(names[i]);
    }
    return count;
}

static void enter(const char *folder)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", getenv("STILE_TEST_SOURCE"), folder);
    assert_int_equal(chdir(path), 0);
}

static void check_example(const char *name)
{
    stile_spec *spec = NULL;
    if (stile_spec_load(&spec, name, NULL))
        fail_msg("%s", stile_last_error());
    char stem[128];
    snprintf(stem, sizeof stem, "%.*s", (int)(strlen(name) - 5), name);
    assert_string_equal(stile_spec_name(spec), stem);
    stile_spec_destroy(&spec);
}

static void every_example_loads_and_is_called_as_its_file(void **state)
{
    (void)state;
    enter("specs");
    assert_true(for_each_yaml(check_example) >= 6);
}

/* The diagnostics of a bad file are those of its .expected file; STILE_UPDATE_GOLDEN=1 rewrites it.
 */
static void check_bad(const char *name)
{
    stile_diagnostics *diagnostics;
    assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
    int result;
    if (!strncmp(name, "basis_", 6)) {
        stile_arena *arena = stile_arena_create();
        stile_basis *basis = NULL;
        result = stile_basis_file_load(&basis, arena, name, diagnostics);
        assert_null(basis);
        stile_arena_destroy(&arena);
    } else {
        stile_spec *spec = NULL;
        result = stile_spec_load(&spec, name, diagnostics);
        assert_null(spec);
    }
    if (result != STILE_ERROR_SPEC)
        fail_msg("%s: not refused as a spec (%d)", name, result);

    stile_text found = {0};
    for (size_t i = 0; i < stile_diagnostics_count(diagnostics); i++)
        stile_text_appendf(&found, "%s\n", stile_diagnostics_get(diagnostics, i)->text);
    stile_diagnostics_destroy(&diagnostics);

    char path[256];
    snprintf(path, sizeof path, "%.*s.expected", (int)(strlen(name) - 5), name);
    const char *update = getenv("STILE_UPDATE_GOLDEN");
    FILE *file = fopen(path, update && !strcmp(update, "1") ? "w+" : "r");
    if (!file)
        fail_msg("%s/%s is missing; make it with STILE_UPDATE_GOLDEN=1", "tests/gen/bad", path);
    if (update && !strcmp(update, "1")) {
        fwrite(found.data, 1, found.size, file);
        rewind(file);
    }
    static char expected[1 << 16];
    size_t size = fread(expected, 1, sizeof expected - 1, file);
    expected[size] = '\0';
    fclose(file);
    if (strcmp(found.data, expected))
        fail_msg("%s: found\n%sexpected\n%s", name, found.data, expected);
    stile_text_free(&found);
}

static void every_bad_file_gives_its_messages(void **state)
{
    (void)state;
    enter("tests/gen/bad");
    assert_true(for_each_yaml(check_bad) >= 60);
}

static void messages_and_values_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    static const char *const comma[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof comma / sizeof *comma && !found; i++)
        found = setlocale(LC_NUMERIC, comma[i]);
    if (!found)
        print_message("no locale with a decimal comma is installed: tested in the C locale only\n");
    else
        assert_string_equal(localeconv()->decimal_point, ",");

    const char *text = "basis: 1\nname: t\ntile: [1, 1, 1]\nrank: 1\nU: [[0.1234567891234]]\n"
                       "V: [[0x1.8p-3]]\nD: [[-2.5e-3]]\n";
    stile_arena *arena = stile_arena_create();
    stile_basis *basis;
    assert_int_equal(stile_basis_file_parse(&basis, arena, "t", text, strlen(text), NULL), 0);
    assert_true(basis->u[0] > 0.12345678912339 && basis->u[0] < 0.12345678912341);
    assert_true(basis->v[0] == 0.1875);
    stile_text printed = {0};
    stile_basis_file_print(&printed, basis);
    assert_non_null(strstr(printed.data, "0.1234567891234"));
    assert_non_null(strstr(printed.data, "-0.0025"));
    stile_text_free(&printed);
    stile_arena_destroy(&arena);
    every_bad_file_gives_its_messages(state);
    setlocale(LC_NUMERIC, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(left_out_fields_take_their_defaults),
        cmocka_unit_test(formats_follow_the_input_and_the_product_the_output),
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(a_failed_load_leaves_its_output_and_keeps_all_errors),
        cmocka_unit_test(a_missing_spec_is_an_io_error_with_a_diagnostic),
        cmocka_unit_test(text_without_a_directory_reads_no_files),
        cmocka_unit_test(basis_paths_start_at_the_given_directory),
        cmocka_unit_test(the_limits_themselves_are_allowed),
        cmocka_unit_test(a_row_demand_is_tested_by_zeros_alone_where_weights_are_trained),
        cmocka_unit_test(a_causal_basis_is_causal_but_not_row_isolated),
        cmocka_unit_test(every_example_loads_and_is_called_as_its_file),
        cmocka_unit_test(every_bad_file_gives_its_messages),
        cmocka_unit_test(messages_and_values_do_not_depend_on_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
