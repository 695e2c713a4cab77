/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "arch.h"
#include "fail.h"

static void every_known_architecture_has_its_limit(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int number, suffix, shared_bytes;
    } known[] = {
        {"sm_80", 80, 0, 166912},     {"sm_86", 86, 0, 101376},     {"sm_87", 87, 0, 166912},
        {"sm_89", 89, 0, 101376},     {"sm_90", 90, 0, 232448},     {"sm_90a", 90, 'a', 232448},
        {"sm_100", 100, 0, 232448},   {"sm_100a", 100, 'a', 232448},
        {"sm_100f", 100, 'f', 232448}, {"sm_103", 103, 0, 232448},   {"sm_110", 110, 0, 232448},
        {"sm_120", 120, 0, 101376},   {"sm_120a", 120, 'a', 101376}, {"sm_121", 121, 0, 101376},
        {"sm_130", 130, 0, 101376},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        stile_arch arch = {0};
        assert_int_equal(stile_arch_parse(&arch, known[i].name), 0);
        assert_string_equal(arch.name, known[i].name);
        assert_int_equal(arch.number, known[i].number);
        assert_int_equal(arch.suffix, known[i].suffix);
        assert_int_equal(arch.shared_bytes_per_block, known[i].shared_bytes);
    }
}

static void other_names_are_refused_and_leave_the_output_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int error;
    } wrong[] = {
        {"", STILE_ERROR_ARGUMENT},
        {"s", STILE_ERROR_ARGUMENT},
        {"sm_", STILE_ERROR_ARGUMENT},
        {"sm_9", STILE_ERROR_ARGUMENT},
        {"sm_a", STILE_ERROR_ARGUMENT},
        {"sm_090", STILE_ERROR_ARGUMENT},
        {"sm_-90", STILE_ERROR_ARGUMENT},
        {"sm_90aa", STILE_ERROR_ARGUMENT},
        {"sm_90A", STILE_ERROR_ARGUMENT},
        {"sm_90f", STILE_ERROR_ARGUMENT},
        {"sm_80a", STILE_ERROR_ARGUMENT},
        {"SM_90", STILE_ERROR_ARGUMENT},
        {" sm_90", STILE_ERROR_ARGUMENT},
        {"sm_90 ", STILE_ERROR_ARGUMENT},
        {"compute_90", STILE_ERROR_ARGUMENT},
        {"sm_99999999999999999999", STILE_ERROR_ARGUMENT},
        {"sm_75", STILE_ERROR_UNSUPPORTED},
        {"sm_52", STILE_ERROR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        stile_arch arch = {.number = -1};
        assert_int_equal(stile_arch_parse(&arch, wrong[i].name), wrong[i].error);
        assert_int_equal(arch.number, -1);
    }
}

static void a_missing_architecture_is_explained(void **state)
{
    (void)state;
    stile_arch arch;
    stile_arch_parse(&arch, "sm_86a");
    assert_string_equal(stile_last_error(),
                        "'sm_86a' does not exist: the suffix a starts with sm_90a");
    stile_arch_parse(&arch, "volta");
    assert_string_equal(stile_last_error(),
                        "'volta' is not an architecture: write it as sm_80 or sm_90a");
    stile_arch_parse(&arch, "sm_70");
    assert_string_equal(stile_last_error(),
                        "sm_70 is too old: the kernels need sm_80 (Ampere) or later");
}

static void devices_get_their_own_architecture(void **state)
{
    (void)state;
    stile_arch arch;
    assert_int_equal(stile_arch_of_device(&arch, 9, 0), 0);
    assert_string_equal(arch.name, "sm_90a");
    assert_int_equal(arch.shared_bytes_per_block, 232448);
    assert_int_equal(stile_arch_of_device(&arch, 8, 6), 0);
    assert_string_equal(arch.name, "sm_86");
    assert_int_equal(stile_arch_of_device(&arch, 12, 0), 0);
    assert_string_equal(arch.name, "sm_120");
    assert_int_equal(stile_arch_of_device(&arch, 7, 5), STILE_ERROR_UNSUPPORTED);
    assert_int_equal(stile_arch_of_device(&arch, -1, 0), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_arch_of_device(&arch, 8, 10), STILE_ERROR_ARGUMENT);
    assert_string_equal(arch.name, "sm_120");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_known_architecture_has_its_limit),
        cmocka_unit_test(other_names_are_refused_and_leave_the_output_alone),
        cmocka_unit_test(a_missing_architecture_is_explained),
        cmocka_unit_test(devices_get_their_own_architecture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
