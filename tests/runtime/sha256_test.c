/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sha256.h"

static void standard_vectors_match(void **state)
{
    (void)state;
    assert_string_equal(stile_sha256_of("", 0).hex,
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(stile_sha256_of("abc", 3).hex,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    static uint8_t million[1000000];
    for (size_t i = 0; i < sizeof million; i++)
        million[i] = 'a';
    assert_string_equal(stile_sha256_of(million, sizeof million).hex,
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Sizes on both sides of where the padding needs a second block; digests by Python's hashlib. */
static const struct {
    size_t size;
    const char *hex;
} sizes[] = {
    { 55, "16fa57a0a3423a715d594516339f36189d6b5f93754a9714fef202616a9fabfe" },
    { 56, "c37b44e5f1b18554b36966f4f8e08bfbf3164c4b6c10374d12d89850892073c5" },
    { 57, "12b234922502022f755ab8550a3d4e202ad39c81d961a4f59ec39d5fd83d15a7" },
    { 63, "bbba992d2c85af960fb2987a1fd05e0aa82a3db3c740dd8982a9e273b75e36a3" },
    { 64, "66bd4633ed6f71c4ecfa4763bf7ba1c8ec7612de9aa6c0578a7b675207c71e0b" },
    { 65, "9f7dc47107b750a1f3d35db5d9547f24ef40da5b731b9540d4f43710a154f6c9" },
    { 119, "a3ed307b730fa77c07531300c6e4a282330011d4d4caf6bb7b63ae05950f4b66" },
    { 120, "8e3b15d9fea7472655aa069620b7f8c2e55ee1499f763200a7515fe826e99d20" },
    { 1000, "095ecb62e30793ab4b954cd6a0586d0cc91f7ea5b1332694d8da780e98676d78" },
};

static void every_padding_matches(void **state)
{
    (void)state;
    uint8_t data[1000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_string_equal(stile_sha256_of(data, sizes[i].size).hex, sizes[i].hex);
}

static void pieces_hash_as_the_whole(void **state)
{
    (void)state;
    uint8_t data[1000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + 1);
    for (size_t piece = 1; piece < 200; piece++) {
        stile_sha256 hash;
        stile_sha256_begin(&hash);
        for (size_t at = 0; at < sizeof data; at += piece)
            stile_sha256_update(&hash, data + at,
                                at + piece < sizeof data ? piece : sizeof data - at);
        assert_string_equal(stile_sha256_end(&hash).hex,
                            "095ecb62e30793ab4b954cd6a0586d0cc91f7ea5b1332694d8da780e98676d78");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_vectors_match),
        cmocka_unit_test(every_padding_matches),
        cmocka_unit_test(pieces_hash_as_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
