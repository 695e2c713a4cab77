/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "nearest.h"

static const char *const WORDS[] = {"check", "explain", "run", "rows-per-group", "x"};

static const char *nearest(const char *word)
{
    return stile_nearest(WORDS, 5, word, strlen(word));
}

static void slips_of_the_finger_are_understood(void **state)
{
    (void)state;
    assert_string_equal(nearest("chek"), "check");   /* a letter left out */
    assert_string_equal(nearest("cheeck"), "check"); /* one too many */
    assert_string_equal(nearest("chrck"), "check");  /* another one */
    assert_string_equal(nearest("hceck"), "check");  /* two swapped */
    assert_string_equal(nearest("rnu"), "run");
    assert_string_equal(nearest("row-per-groups"), "rows-per-group");
}

static void other_words_are_not_guessed_at(void **state)
{
    (void)state;
    static const char *const others[] = {"", "z", "frobnicate",
                                         "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"};
    for (int i = 0; i < 4; i++)
        assert_null(nearest(others[i]));
}

static void only_the_given_length_counts(void **state)
{
    (void)state;
    assert_string_equal(stile_nearest(WORDS, 5, "chek=value", 4), "check");
}

static void a_start_that_one_word_has_names_it(void **state)
{
    (void)state;
    static const char *const words[] = {"cache", "check", "explain", "generate"};
    assert_string_equal(stile_nearest(words, 4, "gen", 3), "generate");
    assert_string_equal(stile_nearest(words, 4, "ch", 2), "check");
    assert_null(stile_nearest(words, 4, "c", 1)); /* too little, and two have it */
    assert_null(stile_nearest(words, 4, "g", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_of_the_finger_are_understood),
        cmocka_unit_test(other_words_are_not_guessed_at),
        cmocka_unit_test(a_start_that_one_word_has_names_it),
        cmocka_unit_test(only_the_given_length_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
