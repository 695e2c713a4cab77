/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* Decodes from memory that ends where the text does: the sanitizer guards it. */
static size_t decode(const char *text, uint32_t *point)
{
    const size_t size = strlen(text) ? strlen(text) : 1;
    char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, text, size);
    const size_t length = stile_utf8_decode(copy, size, point);
    free(copy);
    return length;
}

/* What an encoder makes of a code point, written down apart from the decoder. */
static size_t encode(char out[5], uint32_t point)
{
    const size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1; point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3f));
    out[0] = (char)(lead[length] | point);
    out[length] = '\0';
    return length;
}

static void every_code_point_is_read_and_no_surrogate(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x110400; point++) {
        char text[5];
        uint32_t found = 77;
        const size_t length = encode(text, point);
        const int valid = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        const size_t read = stile_utf8_decode(text, length, &found);
        if (read != (valid ? length : 0) || found != (valid ? point : 77))
            fail_msg("U+%04X: %zu bytes, U+%04X", point, read, found);
    }
}

static void a_character_that_is_cut_off_is_none(void **state)
{
    (void)state;
    static const char *const cut[] = {"\xc3", "\xe2\x82", "\xe2", "\xf0\x9f\x98", "\xf0"};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        uint32_t point = 77;
        assert_int_equal(decode(cut[i], &point), 0);
        assert_int_equal(point, 77);
    }
}

static void other_bytes_are_no_characters(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80", /* no lead */
        "\xbf",
        "\xc0\x80", /* overlong */
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xc3(", /* no continuation */
        "\xe2\x82(",
        "\xf0\x9f\x98(",
        "\xf4\x90\x80\x80", /* past U+10FFFF */
        "\xf7\xbf\xbf\xbf",
        "\xf8\x88\x80\x80\x80",
        "\xfe",
        "\xff",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t point = 77;
        if (decode(bad[i], &point) != 0 || point != 77)
            fail_msg("number %zu is taken for U+%04X", i, point);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_read_and_no_surrogate),
        cmocka_unit_test(a_character_that_is_cut_off_is_none),
        cmocka_unit_test(other_bytes_are_no_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
