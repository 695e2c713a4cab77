/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <stile/version.h>

#include "group_basis.h"
#include "gen/bases.h"

static const stile_group_request EXACT = {.group = "S3", .m = 2, .k = 2, .n = 2, .seed = 1};

static stile_basis *make(stile_arena *arena, const stile_group_request *request)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_group_basis_make(&basis, arena, request), STILE_OK);
    return basis;
}

static void refuse(stile_arena *arena, const stile_group_request *request, const char *message)
{
    stile_basis *basis = NULL;
    assert_int_equal(stile_group_basis_make(&basis, arena, request), STILE_ERROR_ARGUMENT);
    if (!strstr(stile_last_error(), message))
        fail_msg("'%s' does not say '%s'", stile_last_error(), message);
    assert_null(basis);
}

static void as_many_products_as_it_takes(void **state)
{
    const stile_basis *basis = make(*state, &EXACT);
    assert_int_equal(basis->rank, 9);
    assert_true(measure(basis).exact);
    stile_group_request request = EXACT;
    request.rank = 500;
    assert_same_entries(make(*state, &request), basis);
}

static void the_source_names_every_choice(void **state)
{
    stile_group_request request = {
        "Z6", 1, 2, 3, 4, true, true, 10, UINT64_C(18446744073709551615)};
    const char *source = make(*state, &request)->source;
    assert_non_null(strstr(source, stile_version()));
    assert_non_null(strstr(source, ": stile basis group --group Z6 --tile 1,2,3 --rank 4 --relaxed "
                                   "--truncate --moves 10 --seed 18446744073709551615"));
    source = make(*state, &EXACT)->source;
    assert_string_equal(strstr(source, "--group"), "--group S3 --tile 2,2,2");
}

static void what_there_is_not_is_refused_with_advice(void **state)
{
    stile_group_request request = EXACT;
    request.rank = 8;
    refuse(*state, &request, "has 9 products: truncate it");
    request.relaxed = true;
    request.rank = 1;
    refuse(*state, &request, "truncate");
    request = EXACT;
    request.truncate = true;
    refuse(*state, &request, "needs a rank");
    request = EXACT;
    request.moves = 5;
    refuse(*state, &request, "needs a rank");
    request = EXACT;
    request.group = "Z7";
    refuse(*state, &request, "Z7 has no subsets of 2, 2 and 2 elements");
    request.group = "Z77";
    refuse(*state, &request, "too large");
    request = (stile_group_request){"Z2", 3, 1, 3, 2, true, true, 0, 1};
    refuse(*state, &request, "take a larger group, or ask for moves");
    request.moves = 100;
    assert_in_range(make(*state, &request)->rank, 1, 2);
    request.m = 9;
    refuse(*state, &request, "9x1x3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(as_many_products_as_it_takes),
        ARENA_TEST(the_source_names_every_choice),
        ARENA_TEST(what_there_is_not_is_refused_with_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
