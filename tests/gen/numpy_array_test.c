/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "importing.h"
#include "npy_writer.h"
#include "numpy_array.h"

static int parse(stile_numpy_array *out, stile_arena *arena, const char *header, const void *data,
                 size_t size, stile_diagnostics *diagnostics)
{
    stile_text text = {0};
    npy_write(&text, header, data, size);
    char *exactly = malloc(text.size); /* its own, so that a sanitizer sees its end */
    assert_non_null(exactly);
    memcpy(exactly, text.data, text.size);
    const int result =
        stile_numpy_array_parse(out, arena, (const unsigned char *)exactly, text.size, "it",
                                (stile_mark){"t", 0, 0}, diagnostics);
    free(exactly);
    stile_text_free(&text);
    return result;
}

static void every_dtype_gives_its_numbers(void **state)
{
    static const struct {
        const char *dtype;
        size_t size;
        unsigned char bytes[16]; /* of two numbers */
        double values[2];
    } cases[] = {
        {"|i1", 2, {0xff, 0x7f}, {-1, 127}},
        {"|u1", 2, {0xff, 0x7f}, {255, 127}},
        {"<i2", 4, {0xfe, 0xff, 0x01, 0x02}, {-2, 513}},
        {"<u2", 4, {0xfe, 0xff, 0x01, 0x02}, {65534, 513}},
        {"<i4", 8, {0xfe, 0xff, 0xff, 0xff, 0, 0, 1, 0}, {-2, 65536}},
        {"<u4", 8, {0xfe, 0xff, 0xff, 0xff, 0, 0, 1, 0}, {4294967294.0, 65536}},
        {"<i8",
         16,
         {0xfd, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0x10, 0},
         {-3, 0x1p52}},
        {"<u8", 16, {5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, {5, 0x1p32}},
        {"<f2", 4, {0x00, 0xbc, 0x01, 0x00}, {-1, 0x1p-24}},
        {"<f4", 8, {0, 0, 0, 0x3f, 0, 0, 0x40, 0xc0}, {0.5, -3}},
        {"<f8", 16, {0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0, 0, 0, 0, 0, 0, 8, 0xc0}, {0.5, -3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stile_text header = {0};
        stile_numpy_array array;
        stile_text_appendf(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }   \n",
                           cases[i].dtype);
        if (parse(&array, *state, header.data, cases[i].bytes, cases[i].size, NULL))
            fail_msg("%s: %s", cases[i].dtype, stile_last_error());
        assert_int_equal(array.rank, 1);
        assert_int_equal(array.dims[0], 2);
        assert_int_equal(array.dims[1], 1);
        assert_memory_equal(array.elements, cases[i].values, sizeof cases[i].values);
        stile_text_free(&header);
    }
}

static void fortran_order_is_transposed(void **state)
{
    stile_numpy_array array;
    const unsigned char bytes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    assert_int_equal(parse(&array, *state,
                           "{'shape': (2, 3, 2), 'fortran_order': True, 'descr': '|u1'}", bytes,
                           sizeof bytes, NULL),
                     0);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 2; k++)
                assert_true(array.elements[(i * 3 + j) * 2 + k] == i + 2 * j + 6 * k);
}

static void a_scalar_and_an_empty_array_are_arrays(void **state)
{
    stile_numpy_array array;
    assert_int_equal(
        parse(&array, *state, "{'descr':'|i1','fortran_order':False,'shape':()}", "\x07", 1, NULL),
        0);
    assert_int_equal(array.rank, 0);
    assert_true(array.elements[0] == 7);
    assert_int_equal(parse(&array, *state,
                           "{'descr':'<f8','fortran_order':True,'shape':(3, 0, 9999)}", "", 0,
                           NULL),
                     0);
    assert_int_equal(array.dims[1], 0);
}

#define PLAIN "'fortran_order': False, 'shape': (2,)}"

static const struct {
    const char *header, *message;
} bad_headers[] = {
    {"", "t: error: [STILE-031] it is no .npy file: its header is no dict"},
    {"{'descr': '<f4', 'shape': (2,)}",
     "t: error: [STILE-031] it is no .npy file: its header lacks "
     "descr, fortran_order or shape"},
    {"{'descr': '<f4', 'descr': '<f4', " PLAIN, "t: error: [STILE-031] it is no .npy file: its "
                                                "header has an unknown or repeated key"},
    {"{'colour': '<f4', " PLAIN,
     "t: error: [STILE-031] it is no .npy file: its header has an unknown "
     "or repeated key"},
    {"{'descr': '|O', " PLAIN,
     "t: error: [STILE-033] it holds Python objects (dtype \"|O\"), which "
     "are never read: save plain arrays of numbers"},
    {"{'descr': [('a', '<f4')], " PLAIN, "t: error: [STILE-033] it holds Python objects (dtype "
                                         "\"[a structure]\"), which are never read: "
                                         "save plain arrays of numbers"},
    {"{'descr': '>f4', " PLAIN, "t: error: [STILE-033] it has the dtype \">f4\": save it as "
                                "little-endian integers or floats"},
    {"{'descr': '<c8', " PLAIN, "t: error: [STILE-033] it has the dtype \"<c8\": save it as "
                                "little-endian integers or floats"},
    {"{'descr': '|b1', " PLAIN, "t: error: [STILE-033] it has the dtype \"|b1\": save it as "
                                "little-endian integers or floats"},
    {"{'descr': '<f1', " PLAIN, "t: error: [STILE-033] it has the dtype \"<f1\": save it as "
                                "little-endian integers or floats"},
    {"{'descr': '<f4, " PLAIN, "t: error: [STILE-033] it has the dtype \"<f4, \": save it as "
                               "little-endian integers or floats"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
     "t: error: [STILE-031] it is no .npy file: its order is neither True nor False"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
     "t: error: [STILE-031] it is no .npy file: its shape is not in parentheses"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
     "t: error: [STILE-031] it is no .npy file: its shape has something that is no number"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
     "t: error: [STILE-031] it is no .npy file: its shape does not end"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1)}",
     "t: error: [STILE-032] it has more than 3 dimensions"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999999,)}",
     "t: error: [STILE-023] it has more than 1048576 numbers: no basis has"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1048576, 1048576)}",
     "t: error: [STILE-023] it has more than 1048576 numbers: no basis has"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}",
     "t: error: [STILE-031] it is no .npy file: it ends before its last number"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)",
     "t: error: [STILE-031] it is no .npy file: its header does not end"},
    {"{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}",
     "t: error: [STILE-018] it has integers from 2^53 on, which are no exact doubles"},
};

static void every_bad_header_is_refused(void **state)
{
    static const unsigned char data[8] = {1, 0, 0, 0, 0, 0, 0x20, 0};
    for (size_t i = 0; i < sizeof bad_headers / sizeof *bad_headers; i++) {
        stile_numpy_array array = {.rank = 17};
        stile_diagnostics *diagnostics;
        assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
        const int result =
            parse(&array, *state, bad_headers[i].header, data, sizeof data, diagnostics);
        assert_refused(result, diagnostics, bad_headers[i].message);
        assert_int_equal(array.rank, 17);
    }
}

static void a_file_cut_off_anywhere_is_refused(void **state)
{
    stile_text text = {0};
    npy_write(&text, "{'descr': '<f4', " PLAIN, "12345678", 8);
    for (size_t size = 0; size < text.size; size++) {
        stile_numpy_array array;
        stile_diagnostics *diagnostics;
        assert_int_equal(stile_diagnostics_create(&diagnostics), 0);
        unsigned char *exactly = malloc(size + !size);
        memcpy(exactly, text.data, size);
        assert_int_equal(stile_numpy_array_parse(&array, *state, exactly, size, "it",
                                                 (stile_mark){"t", 0, 0}, diagnostics),
                         STILE_ERROR_SPEC);
        free(exactly);
        stile_diagnostics_destroy(&diagnostics);
    }
    stile_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dtype_gives_its_numbers),
        cmocka_unit_test(fortran_order_is_transposed),
        cmocka_unit_test(a_scalar_and_an_empty_array_are_arrays),
        cmocka_unit_test(every_bad_header_is_refused),
        cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
