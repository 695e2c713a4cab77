/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "importing.h"
#include "zip.h"
#include "zip_writer.h"

static const char CONTENT[] = "some bytes";

/* An archive with the entry "a.npy" of CONTENT. */
static zip_layout write_one(stile_text *out)
{
    const stile_text content = {.data = (char *)CONTENT, .size = sizeof CONTENT - 1};
    return zip_write(out, 1, (const char *const[]){"a.npy"}, &content);
}

/* Opens the archive and extracts its first entry. */
static int extract(stile_arena *arena, const void *bytes, size_t size, const unsigned char **out,
                   stile_diagnostics *diagnostics)
{
    stile_zip zip;
    int error = stile_zip_open(&zip, arena, bytes, size, (stile_mark){"z", 0, 0}, diagnostics);
    if (!error)
        error =
            stile_zip_extract(out, arena, &zip, zip.entries, (stile_mark){"z", 0, 0}, diagnostics);
    return error;
}

static void stored_entries_are_found_and_read(void **state)
{
    stile_text text = {0};
    stile_zip zip;
    const unsigned char *bytes;
    const stile_text contents[2] = {{.data = (char *)"first", .size = 5},
                                    {.data = (char *)"", .size = 0}};
    zip_write(&text, 2, (const char *const[]){"a", "folder/b"}, contents);
    assert_int_equal(
        stile_zip_open(&zip, *state, text.data, text.size, (stile_mark){"z", 0, 0}, NULL), 0);
    assert_int_equal(zip.count, 2);
    assert_string_equal(zip.entries[0].name, "a");
    assert_string_equal(zip.entries[1].name, "folder/b");
    assert_int_equal(zip.entries[1].size, 0);
    assert_int_equal(
        stile_zip_extract(&bytes, *state, &zip, zip.entries, (stile_mark){"z", 0, 0}, NULL), 0);
    assert_memory_equal(bytes, "first", 5);
    stile_text_free(&text);
}

static void a_comment_behind_the_directory_is_passed_over(void **state)
{
    stile_text text = {0};
    const unsigned char *bytes;
    write_one(&text);
    text.data[text.size - 2] = 5;
    stile_text_append(&text, "PK\x05\x06!");
    assert_int_equal(extract(*state, text.data, text.size, &bytes, NULL), 0);
    assert_memory_equal(bytes, CONTENT, sizeof CONTENT - 1);
    stile_text_free(&text);
}

/* One field of the archive, overwritten. */
static const struct {
    enum { LOCAL, DIRECTORY, END } part;
    int at, bytes;
    uint32_t value;
    const char *message;
} damages[] = {
    {END, 0, 1, 'Q',
     "z: error: [STILE-031] the zip archive is damaged: it has no directory; is the "
     "file cut off?"},
    {END, 20, 2, 1,
     "z: error: [STILE-031] the zip archive is damaged: it has no directory; is the "
     "file cut off?"},
    {END, 16, 4, 0xffffffff,
     "z: error: [STILE-031] the zip archive is damaged: its directory lies "
     "outside the file"},
    {END, 12, 4, 0x7fffffff,
     "z: error: [STILE-031] the zip archive is damaged: its directory lies "
     "outside the file"},
    {END, 10, 2, 2,
     "z: error: [STILE-031] the zip archive is damaged: its directory is cut off or no "
     "directory"},
    {END, 10, 2, 1025,
     "z: error: [STILE-023] the zip archive has 1025 entries; at most 1024 are read"},
    {DIRECTORY, 0, 1, 'Q',
     "z: error: [STILE-031] the zip archive is damaged: its directory is cut "
     "off or no directory"},
    {DIRECTORY, 28, 2, 6,
     "z: error: [STILE-031] the zip archive is damaged: its directory is cut off "
     "or no directory"},
    {DIRECTORY, 8, 2, 1, "z: error: [STILE-033] entry \"a.npy\" is encrypted"},
    {DIRECTORY, 10, 2, 14,
     "z: error: [STILE-033] entry \"a.npy\" is compressed by method 14: write "
     "it with numpy.savez"},
    {DIRECTORY, 16, 4, 1,
     "z: error: [STILE-031] the zip archive is damaged: the checksum of an entry "
     "is wrong"},
    {DIRECTORY, 20, 4, 9,
     "z: error: [STILE-031] the zip archive is damaged: a stored entry has two "
     "sizes"},
    {DIRECTORY, 20, 4, 0xffffffff,
     "z: error: [STILE-031] the zip archive is damaged: an entry "
     "reaches past the end of the file"},
    {DIRECTORY, 24, 4, 0xffffffff,
     "z: error: [STILE-023] entry \"a.npy\" is larger than 4 MiB: no "
     "basis is"},
    {DIRECTORY, 42, 4, 0xffffffff,
     "z: error: [STILE-031] the zip archive is damaged: an entry is "
     "not where the directory says"},
    {DIRECTORY, 42, 4, 1,
     "z: error: [STILE-031] the zip archive is damaged: an entry is not where "
     "the directory says"},
    {LOCAL, 28, 2, 0xffff,
     "z: error: [STILE-031] the zip archive is damaged: an entry reaches past "
     "the end of the file"},
};

static void every_damage_is_noticed(void **state)
{
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        stile_text text = {0};
        const unsigned char *untouched = (const unsigned char *)CONTENT, *bytes = untouched;
        const zip_layout layout = write_one(&text);
        const size_t starts[] = {0, layout.directory, layout.end};
        for (int byte = 0; byte < damages[i].bytes; byte++)
            text.data[starts[damages[i].part] + (size_t)(damages[i].at + byte)] =
                (char)(damages[i].value >> 8 * byte);
        stile_diagnostics *diagnostics;
        assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
        const int result = extract(*state, text.data, text.size, &bytes, diagnostics);
        assert_refused(result, diagnostics, damages[i].message);
        assert_ptr_equal(bytes, untouched);
        stile_text_free(&text);
    }
}

static void an_archive_cut_off_anywhere_is_refused(void **state)
{
    stile_text text = {0};
    write_one(&text);
    for (size_t size = 0; size < text.size; size++) {
        const unsigned char *bytes;
        stile_diagnostics *diagnostics;
        assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
        char *exactly = malloc(size ? size : 1); /* its own, so that a sanitizer sees its end */
        memcpy(exactly, text.data, size);
        assert_int_equal(extract(*state, exactly, size, &bytes, diagnostics), STILE_ERROR_SPEC);
        free(exactly);
        stile_diagnostics_destroy(&diagnostics);
    }
    stile_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_entries_are_found_and_read),
        cmocka_unit_test(a_comment_behind_the_directory_is_passed_over),
        cmocka_unit_test(every_damage_is_noticed),
        cmocka_unit_test(an_archive_cut_off_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
