/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <stile/spec.h>

#include "kernel.h"
#include "schedule_space.h"

#define HEAD "stile: 1\nname: space\n"
#define DENSE HEAD "basis: {random: {tile: [4, 4, 4], rank: 16, seed: 1}}\n"
#define SPARSE HEAD "basis: {name: strassen}\n"

typedef struct space {
    stile_spec *spec;
    stile_arena *arena;
    const stile_schedule *list;
    int count;
} space;

static stile_arch arch_of(const char *name)
{
    stile_arch arch;
    assert_int_equal(stile_arch_parse(&arch, name), 0);
    return arch;
}

static space open_space(const char *text, const char *arch_name)
{
    space s = {.arena = stile_arena_create()};
    stile_arch arch = arch_of(arch_name);
    assert_int_equal(stile_spec_parse(&s.spec, text, strlen(text), NULL, NULL), 0);
    assert_int_equal(stile_schedule_space(&s.list, &s.count, s.arena, &s.spec->variants[0], &arch),
                     0);
    return s;
}

static void close_space(space *s)
{
    stile_spec_destroy(&s->spec);
    stile_arena_destroy(&s->arena);
}

static void the_rule_comes_first_and_renders_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {DENSE, SPARSE};
    static const char *const archs[] = {"sm_80", "sm_89", "sm_90a"};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 3; j++) {
            space s = open_space(texts[i], archs[j]);
            stile_arch arch = arch_of(archs[j]);
            stile_config by_rule = s.spec->variants[0], pinned = by_rule;
            pinned.schedule = s.list[0];
            for (int role = 0; role < STILE_KERNEL_ROLE_COUNT; role++) {
                stile_kernel a, b;
                assert_int_equal(
                    stile_kernel_render(&a, s.arena, &by_rule, &arch, (stile_kernel_role)role), 0);
                assert_int_equal(
                    stile_kernel_render(&b, s.arena, &pinned, &arch, (stile_kernel_role)role), 0);
                assert_string_equal(a.source, b.source);
            }
            close_space(&s);
        }
    }
}

static void schedules_are_complete_and_distinct(void **state)
{
    (void)state;
    space s = open_space(DENSE, "sm_90a");
    assert_true(s.count > 50);
    for (int i = 0; i < s.count; i++) {
        const stile_schedule *a = &s.list[i];
        assert_true(a->block_m && a->block_n && a->block_k && a->stages);
        assert_true(a->family && a->band && a->encode && a->decode);
        for (int j = 0; j < i; j++)
            assert_false(stile_schedule_equal(a, &s.list[j]));
    }
    close_space(&s);
}

static void every_schedule_renders(void **state)
{
    (void)state;
    static const char *const archs[] = {"sm_80", "sm_86", "sm_90", "sm_90a"};
    for (int i = 0; i < 4; i++) {
        space s = open_space(DENSE, archs[i]);
        stile_arch arch = arch_of(archs[i]);
        for (int j = 0; j < s.count; j++) {
            stile_config config = s.spec->variants[0];
            stile_kernel gemm;
            config.schedule = s.list[j];
            assert_int_equal(
                stile_kernel_render(&gemm, s.arena, &config, &arch, STILE_KERNEL_CHANNEL_GEMM), 0);
            assert_int_equal(gemm.family, s.list[j].family);
            assert_int_equal(gemm.block_columns, s.list[j].block_n);
        }
        close_space(&s);
    }
}

static void choices_exist_only_where_they_make_a_difference(void **state)
{
    (void)state;
    space dense = open_space(DENSE, "sm_90a"), sparse = open_space(SPARSE, "sm_90a");
    space old = open_space(DENSE, "sm_80");
    bool families[3] = {false}, decoders[3] = {false};
    for (int i = 0; i < dense.count; i++) {
        families[dense.list[i].family] = true;
        decoders[dense.list[i].decode] = true;
        if (dense.list[i].family == STILE_FAMILY_SM_80)
            assert_int_equal(dense.list[i].decode, STILE_METHOD_FMA);
    }
    assert_true(families[STILE_FAMILY_SM_80] && families[STILE_FAMILY_SM_90A]);
    assert_true(decoders[STILE_METHOD_FMA] && decoders[STILE_METHOD_MMA]);
    for (int i = 0; i < sparse.count; i++)
        assert_int_equal(sparse.list[i].encode, STILE_METHOD_FMA);
    for (int i = 0; i < old.count; i++)
        assert_int_equal(old.list[i].family, STILE_FAMILY_SM_80);
    close_space(&dense);
    close_space(&sparse);
    close_space(&old);
}

static void what_the_spec_pins_stays(void **state)
{
    (void)state;
    space s = open_space(SPARSE "schedule: {block: [64, 64, 64], stages: 3}\n", "sm_90a");
    assert_true(s.count > 1); /* bands are free */
    for (int i = 0; i < s.count; i++) {
        assert_int_equal(s.list[i].block_m, 64);
        assert_int_equal(s.list[i].stages, 3);
    }
    close_space(&s);
}

static void types_have_blocks_of_their_own(void **state)
{
    (void)state;
    space narrow = open_space(DENSE "precision: {encoded: e4m3}\n", "sm_90a");
    space wide = open_space(DENSE "precision: {input: f32}\n", "sm_90a");
    bool stages[8] = {false};
    for (int i = 0; i < narrow.count; i++) {
        assert_int_equal(narrow.list[i].block_m, 256);
        assert_int_equal(narrow.list[i].block_k, 128);
        stages[narrow.list[i].stages] = true;
    }
    assert_true(stages[2] && stages[3] && stages[4]);
    assert_true(wide.count > 20);
    for (int i = 0; i < wide.count; i++)
        assert_int_equal(wide.list[i].block_k, 32);
    close_space(&narrow);
    close_space(&wide);
}

static void a_pinned_region_stays_and_none_is_tried_by_itself(void **state)
{
    (void)state;
    space pinned = open_space(DENSE "schedule: {region: 4}\n", "sm_90a");
    space free_to_choose = open_space(DENSE, "sm_90a");
    assert_true(pinned.count > 1);
    for (int i = 0; i < pinned.count; i++)
        assert_int_equal(pinned.list[i].region, 4);
    for (int i = 0; i < free_to_choose.count; i++)
        assert_int_equal(free_to_choose.list[i].region, 0);
    close_space(&pinned);
    close_space(&free_to_choose);
}

static void the_fused_kernel_is_refused_where_there_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *text, *arch;
        int error;
    } cases[] = {
        {SPARSE "schedule: {region: 2}\n", "sm_90a", 0},
        {DENSE "schedule: {region: 2}\n", "sm_90a", 0},
        {SPARSE "schedule: {region: 2}\n", "sm_80", STILE_ERROR_UNSUPPORTED},
        {SPARSE "schedule: {region: 2}\nprecision: {encoded: e4m3}\n", "sm_90a",
         STILE_ERROR_UNSUPPORTED},
        {HEAD "basis: {random: {tile: [3, 3, 3], rank: 16, seed: 1}}\nschedule: {region: 2}\n",
         "sm_90a", STILE_ERROR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stile_arena *arena = stile_arena_create();
        stile_spec *spec = NULL;
        stile_arch arch = arch_of(cases[i].arch);
        stile_kernel kernel;
        assert_int_equal(
            stile_spec_parse(&spec, cases[i].text, strlen(cases[i].text), NULL, NULL), 0);
        assert_int_equal(stile_kernel_render(&kernel, arena, &spec->variants[0], &arch,
                                             STILE_KERNEL_FUSED),
                         cases[i].error);
        if (cases[i].error)
            assert_non_null(strstr(stile_last_error(), "leave schedule.region out"));
        stile_spec_destroy(&spec);
        stile_arena_destroy(&arena);
    }
}

static void texts_read_back(void **state)
{
    (void)state;
    space s = open_space(DENSE, "sm_90a");
    for (int i = 0; i < s.count; i++) {
        stile_text text = {0};
        stile_schedule again;
        stile_schedule_print(&text, &s.list[i]);
        assert_true(stile_schedule_parse(&again, text.data));
        assert_true(stile_schedule_equal(&again, &s.list[i]));
        stile_text_free(&text);
    }
    stile_text text = {0};
    stile_schedule_print(&text, &s.list[0]);
    assert_string_equal(text.data, "sm_90a 128x256x64 stages 4 band 2048 encode mma decode mma");
    stile_text_free(&text);
    close_space(&s);

    static const char *const bad[] = {
        "sm_70",     "128x256",         "128x256x64x4", "stages",     "stages x",
        "stages 0",  "encode tensor",   "band -1",      "128xx64",    "99999999x1x1",
        "colour 12", "stages 4 decode", "12a8x256x64",  "sm_90a sm_", "decode 1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        stile_schedule out = {.stages = 77};
        if (stile_schedule_parse(&out, bad[i]))
            fail_msg("\"%s\" was taken for a schedule", bad[i]);
        assert_int_equal(out.stages, 77);
    }
}

static void what_cannot_be_had_is_refused(void **state)
{
    (void)state;
    space s = open_space(SPARSE "schedule: {stages: 3}\n", "sm_90a");
    stile_arch arch = arch_of("sm_90a"), old = arch_of("sm_80");
    const stile_config *config = &s.spec->variants[0];
    stile_schedule out = {.stages = 77};
    const stile_schedule wrong[] = {
        {.encode = STILE_METHOD_MMA}, /* sparse */
        {.band = 100},
        {.stages = 4},
        {.family = STILE_FAMILY_SM_90A, .block_m = 64, .block_n = 64, .block_k = 64},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_not_equal(stile_schedule_complete(&out, config, &arch, &wrong[i]), 0);
    stile_schedule hopper = {.family = STILE_FAMILY_SM_90A};
    assert_int_not_equal(stile_schedule_complete(&out, config, &old, &hopper), 0);
    assert_int_equal(out.stages, 77);
    close_space(&s);
}

static void distance_counts_what_differs(void **state)
{
    (void)state;
    space s = open_space(DENSE, "sm_90a");
    stile_schedule other = s.list[0];
    assert_int_equal(stile_schedule_distance(&s.list[0], &other), 0);
    other.stages = 3;
    other.block_n = 128;
    assert_int_equal(stile_schedule_distance(&s.list[0], &other), 1);
    other.family = STILE_FAMILY_SM_80; /* which decodes in one way only */
    other.decode = STILE_METHOD_FMA;
    assert_int_equal(stile_schedule_distance(&s.list[0], &other), 1);
    other.band = 1024;
    other.encode = STILE_METHOD_FMA;
    assert_int_equal(stile_schedule_distance(&s.list[0], &other), 3);
    int near = 0;
    for (int i = 0; i < s.count; i++)
        near += stile_schedule_distance(&s.list[0], &s.list[i]) <= 1;
    assert_true(near > 20 && near < s.count / 4);
    close_space(&s);
}

static void families_and_methods_decide_the_arithmetic(void **state)
{
    (void)state;
    stile_schedule a = {.family = STILE_FAMILY_SM_90A, .block_n = 256, .stages = 4, .band = 2048};
    stile_schedule b = a;
    b.block_n = 128;
    b.stages = 3;
    b.band = 1024;
    assert_true(stile_schedule_same_arithmetic(&a, &b));
    b.decode = STILE_METHOD_FMA;
    assert_false(stile_schedule_same_arithmetic(&a, &b));
    b = a;
    b.family = STILE_FAMILY_SM_80;
    assert_false(stile_schedule_same_arithmetic(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule_comes_first_and_renders_the_same),
        cmocka_unit_test(schedules_are_complete_and_distinct),
        cmocka_unit_test(every_schedule_renders),
        cmocka_unit_test(choices_exist_only_where_they_make_a_difference),
        cmocka_unit_test(what_the_spec_pins_stays),
        cmocka_unit_test(types_have_blocks_of_their_own),
        cmocka_unit_test(a_pinned_region_stays_and_none_is_tried_by_itself),
        cmocka_unit_test(the_fused_kernel_is_refused_where_there_is_none),
        cmocka_unit_test(texts_read_back),
        cmocka_unit_test(what_cannot_be_had_is_refused),
        cmocka_unit_test(distance_counts_what_differs),
        cmocka_unit_test(families_and_methods_decide_the_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
