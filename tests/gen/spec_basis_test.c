/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec_basis.h"

typedef struct fixture {
    stile_arena *arena;
    stile_diagnostics *diagnostics;
    stile_basis_resolver resolver;
} fixture;

static int setup(void **state)
{
    static fixture f;
    f = (fixture){.arena = stile_arena_create()};
    *state = &f;
    int result = stile_diagnostics_create(&f.diagnostics);
    f.resolver =
        (stile_basis_resolver){.arena = f.arena, .scratch = f.arena, .diagnostics = f.diagnostics};
    return result;
}

static int teardown(void **state)
{
    fixture *f = *state;
    stile_arena_destroy(&f->arena);
    stile_diagnostics_destroy(&f->diagnostics);
    return 0;
}

static bool resolve(fixture *f, const char *text, stile_spec_basis *out)
{
    const stile_node *node;
    assert_int_equal(stile_yaml_parse(&node, f->arena, "t", text, strlen(text), f->diagnostics), 0);
    bool good = stile_basis_resolve(&f->resolver, node, out);
    assert_int_equal(f->resolver.error, 0);
    return good;
}

static void each_form_gives_its_basis(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text;
        int m, k, n, rank;
    } cases[] = {
        {"{name: strassen}", 2, 2, 2, 7},
        {"{name: winograd}", 2, 2, 2, 7},
        {"{name: laderman}", 3, 3, 3, 23},
        {"{classical: [1, 2, 3]}", 1, 2, 3, 6},
        {"{random: {rank: 16, seed: 2, tile: [4, 4, 4]}}", 4, 4, 4, 16},
        {"{kron: [strassen, winograd]}", 4, 4, 4, 49},
        {"{kron: [{classical: [1, 2, 1]}, strassen]}", 2, 4, 2, 14},
        {"{kron: [strassen, {kron: [{classical: [2, 1, 1]}, winograd]}]}", 8, 4, 4, 98},
        {"{kron: [strassen, strassen, strassen]}", 8, 8, 8, 343},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stile_spec_basis found;
        if (!resolve(f, cases[i].text, &found))
            fail_msg("%s", stile_last_error());
        assert_int_equal(found.basis->m, cases[i].m);
        assert_int_equal(found.basis->k, cases[i].k);
        assert_int_equal(found.basis->n, cases[i].n);
        assert_int_equal(found.basis->rank, cases[i].rank);
        assert_string_equal(found.text, cases[i].text); /* these are in canonical form */
    }
}

static void references_have_one_canonical_form(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text, *canonical, *compact;
    } cases[] = {
        {"name: 'strassen'", "{name: strassen}", "{name:strassen}"},
        {"{random: {tile: [1,1,1], rank: 1}}", "{random: {rank: 1, seed: 1, tile: [1, 1, 1]}}",
         "{random:{rank:1,seed:1,tile:[1,1,1]}}"},
        {"kron:\n- {name: strassen}\n- strassen\n", "{kron: [strassen, strassen]}",
         "{kron:[strassen,strassen]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stile_spec_basis found;
        assert_true(resolve(f, cases[i].text, &found));
        assert_string_equal(found.text, cases[i].canonical);
        assert_string_equal(found.compact_text, cases[i].compact);
    }
}

static void a_file_is_read_once_and_its_name_kept(void **state)
{
    fixture *f = *state;
    char folder[] = "/tmp/stile-test-XXXXXX", path[128];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a b\\\"c.yaml", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("{basis: 1, name: t, tile: [2, 1, 1], rank: 1, U: [[1, 1]], V: [[2]], D: [[1], [1]]}",
          file);
    fclose(file);
    snprintf(path, sizeof path, "%s/", folder);
    f->resolver.directory = path;
    stile_spec_basis found, again;
    assert_true(resolve(f, "{file: \"a b\\\\\\\"c.yaml\"}", &found));
    assert_string_equal(found.text, "{file: \"a b\\\\\\\"c.yaml\"}");
    assert_string_equal(found.compact_text, "{file:\"a b\\\\\\\"c.yaml\"}");
    assert_true(resolve(f, "{kron: [{file: 'a b\\\"c.yaml'}, {file: 'a b\\\"c.yaml'}]}", &again));
    assert_int_equal(again.basis->m, 4);
    assert_true(again.basis->v[0] == 4);
    assert_true(resolve(f, "{file: 'a b\\\"c.yaml'}", &again));
    assert_ptr_equal(found.basis, again.basis);

    snprintf(path, sizeof path, "%s/a b\\\"c.yaml", folder);
    remove(path);
    remove(folder);
}

static void the_kronecker_product_of_large_coefficients_is_refused(void **state)
{
    fixture *f = *state;
    char folder[] = "/tmp/stile-test-XXXXXX", path[128];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/large", folder);
    FILE *file = fopen(path, "w");
    fputs("{basis: 1, name: t, tile: [1, 1, 1], rank: 1, U: [[1e30]], V: [[1]], D: [[1]]}", file);
    fclose(file);
    char text[512];
    stile_spec_basis found;
    f->resolver.directory = "";
    snprintf(text, sizeof text, "{kron: [{file: %s}, {file: %s}]}", path, path);
    assert_false(resolve(f, text, &found));
    assert_int_equal(stile_diagnostics_get(f->diagnostics, 0)->code, STILE_CODE_BASIS_LIMIT);
    remove(path);
    remove(folder);
}

static void metrics_are_measured_on_demand(void **state)
{
    fixture *f = *state;
    stile_spec_basis found;
    assert_true(resolve(f, "{kron: [strassen, strassen]}", &found));
    assert_false(found.measured);
    assert_int_equal(stile_spec_basis_measure(&found), 0);
    assert_true(found.measured && found.metrics.exact);
    assert_true(found.metrics.growth == 16);
    assert_int_equal(stile_spec_basis_measure(&found), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_form_gives_its_basis, setup, teardown),
        cmocka_unit_test_setup_teardown(references_have_one_canonical_form, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_is_read_once_and_its_name_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(the_kronecker_product_of_large_coefficients_is_refused,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(metrics_are_measured_on_demand, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
