/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static stile_spec *parse(const char *text)
{
    stile_spec *spec = NULL;
    if (stile_spec_parse(&spec, text, strlen(text), NULL, NULL))
        fail_msg("%s", stile_last_error());
    return spec;
}

static char *canonical(const stile_config *config)
{
    stile_text text = {0};
    stile_config_print(&text, config);
    assert_false(text.failed);
    return text.data;
}

#define REST                                                                                       \
    "precision: {input: f16, product: f32}\nweight: {layout: kn}\nepilogue: {bias: true}\n"        \
    "schedule: {stages: 3}\nvariants: {weight.encode: [online, offline]}\n"

/* The sanitizer guards what the copy still reads when the spec is gone. */
static void a_copy_outlives_its_spec_and_prints_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "stile: 1\nname: a\nbasis: {name: winograd}\n" REST,
        "stile: 1\nname: b\nbasis: {random: {tile: [2, 3, 4], rank: 9, seed: 5}}\n" REST,
        "stile: 1\nname: c\nbasis: {kron: [{classical: [1, 2, 1]}, strassen]}\n" REST,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        stile_spec *spec = parse(texts[i]);
        stile_arena *arena = stile_arena_create();
        assert_non_null(arena);
        const stile_config *config = &spec->variants[1];
        const stile_basis *from = config->basis;
        const stile_config *copy = stile_config_copy(arena, config);
        assert_non_null(copy);

        const stile_basis_matrix old[] = {stile_basis_u(from), stile_basis_v(from),
                                          stile_basis_d(from)};
        const stile_basis_matrix new[] = {stile_basis_u(copy->basis), stile_basis_v(copy->basis),
                                          stile_basis_d(copy->basis)};
        for (int j = 0; j < 3; j++) {
            const size_t count = (size_t)old[j].rows * (size_t)old[j].columns;
            assert_int_equal((size_t) new[j].rows *(size_t) new[j].columns, count);
            assert_ptr_not_equal(new[j].entries, old[j].entries);
            assert_memory_equal(new[j].entries, old[j].entries, count * sizeof(double));
            assert_int_equal(new[j].exact != NULL, old[j].exact != NULL);
            if (old[j].exact) {
                assert_ptr_not_equal(new[j].exact, old[j].exact);
                assert_memory_equal(new[j].exact, old[j].exact, count * sizeof(stile_rational));
            }
        }

        char *before = canonical(config);
        stile_spec_destroy(&spec);
        char *after = canonical(copy);
        assert_string_equal(before, after);
        assert_non_null(strstr(copy->name, "/weight.encode=offline"));
        assert_true(copy->metrics.growth > 0);
        free(before);
        free(after);
        stile_arena_destroy(&arena);
    }
}

static void a_copy_leaves_the_shapes_behind(void **state)
{
    (void)state;
    stile_spec *spec = parse("stile: 1\nname: t\nbasis: {name: strassen}\n"
                             "shapes: [{M: 1, K: 2, N: 3}, {M: 4, K: 5, N: 6}]\n");
    stile_arena *arena = stile_arena_create();
    const stile_config *copy = stile_config_copy(arena, &spec->variants[0]);
    assert_non_null(copy);
    assert_null(copy->shapes);
    assert_int_equal(copy->shape_count, 0);
    assert_int_equal(spec->variants[0].shape_count, 2);
    assert_null(copy->spec_path); /* of a text, as in the original */
    stile_arena_destroy(&arena);
    stile_spec_destroy(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_outlives_its_spec_and_prints_the_same),
        cmocka_unit_test(a_copy_leaves_the_shapes_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
