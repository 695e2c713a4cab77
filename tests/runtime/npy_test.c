/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/npy.h"
#include "fail.h"

/* A file in memory: version, dict, `data_size` bytes counting up from 0. */
static size_t make_file(unsigned char *out, int version, const char *dict, size_t data_size)
{
    const size_t length = strlen(dict);
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (unsigned char)version;
    out[7] = 0;
    size_t at = 8;
    for (int i = 0; i < (version == 1 ? 2 : 4); i++)
        out[at++] = (unsigned char)(length >> 8 * i);
    memcpy(out + at, dict, length);
    at += length;
    for (size_t i = 0; i < data_size; i++)
        out[at++] = (unsigned char)i;
    return at;
}

/* Parses from memory that ends where the file does: the sanitizer guards it. */
static int parse(stile_npy *out, const unsigned char *bytes, size_t size)
{
    unsigned char *copy = calloc(size + 1, 1); /* zeros: compilers see no unset byte go out */
    memcpy(copy + 1, bytes, size);             /* not aligned either */
    const int error = stile_npy_parse(out, "x.npy", copy + 1, size);
    free(copy);
    return error;
}

static int parse_dict(stile_npy *out, const char *dict, size_t data_size)
{
    unsigned char file[4096];
    return parse(out, file, make_file(file, 1, dict, data_size));
}

typedef struct bad_dict {
    const char *dict;
    size_t data_size;
    int error;
    const char *message;
} bad_dict;

#define F4 "'descr': '<f4', "
#define C "'fortran_order': False, "

static const bad_dict BAD[] = {
    {"{'descr': '<i4', " C "'shape': (2, 2), }\n", 16, STILE_ERROR_UNSUPPORTED,
     "x.npy: dtype '<i4' is not supported: convert with .astype('float32')"},
    {"{'descr': '>f4', " C "'shape': (2, 2), }\n", 16, STILE_ERROR_UNSUPPORTED,
     "x.npy: dtype '>f4' is big-endian: convert with .astype('<f4')"},
    {"{'descr': '|O', " C "'shape': (2, 2), }\n", 16, STILE_ERROR_UNSUPPORTED,
     "x.npy: dtype '|O' holds Python objects: convert with .astype('float32')"},
    {"{'descr': '<c8', " C "'shape': (2, 2), }\n", 32, STILE_ERROR_UNSUPPORTED,
     "x.npy: dtype '<c8' is not supported: convert with .astype('float32')"},
    {"{'descr': '', " C "'shape': (2, 2), }\n", 32, STILE_ERROR_UNSUPPORTED,
     "x.npy: dtype '' is not supported: convert with .astype('float32')"},
    {"{'descr': '\x01\xff"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', " C "'shape': (2,), }\n",
     8, STILE_ERROR_UNSUPPORTED,
     "x.npy: dtype '?\?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...' is not supported: convert with "
     ".astype('float32')"},
    {"{'descr': [('a', '<f4'), ('b', '<f4')], " C "'shape': (2,), }\n", 16, STILE_ERROR_UNSUPPORTED,
     "x.npy: structured dtypes are not supported: save one field as float32"},
    {"{" F4 C "'shape': (100, 200), }\n", 1234, STILE_ERROR_IO,
     "x.npy: header says shape (100, 200) of <f4, 80000 bytes, but only 1234 bytes "
     "follow: write the file again"},
    {"{" F4 C "'shape': (2,), }\n", 9, STILE_ERROR_IO,
     "x.npy: header says shape (2,) of <f4, 8 bytes, but 9 bytes follow: write the file again"},
    {"{" F4 C "'shape': (0, 7), }\n", 4, STILE_ERROR_IO,
     "x.npy: header says shape (0, 7) of <f4, 0 bytes, but 4 bytes follow: write the file again"},
    {"{" F4 C "'shape': (4294967296, 4294967296), }\n", 16, STILE_ERROR_IO,
     "x.npy: the shape has more elements than memory can hold"},
    {"{" F4 C "'shape': (4611686018427387904,), }\n", 16, STILE_ERROR_IO,
     "x.npy: the shape has more elements than memory can hold"},
    {"{" F4 C "'shape': (99999999999999999999, 2), }\n", 16, STILE_ERROR_IO,
     "x.npy: a dimension of the shape does not fit 64 bits"},
    {"{" F4 C "'shape': (-1, 2), }\n", 16, STILE_ERROR_IO,
     "x.npy: malformed header: expected a dimension at character 52"},
    {"{" F4 C "'shape': (), }\n", 4, STILE_ERROR_UNSUPPORTED,
     "x.npy: the array has 0 dimensions: 1 to 3 are supported"},
    {"{" F4 C "'shape': (1, 1, 1, 1), }\n", 4, STILE_ERROR_UNSUPPORTED,
     "x.npy: the array has 4 dimensions: 1 to 3 are supported"},
    {"{" F4 C "'shape': (1), }\n", 4, STILE_ERROR_IO,
     "x.npy: malformed header: expected ',' before ')' at character 54"},
    {"{" F4 C "'shape': (1 2), }\n", 8, STILE_ERROR_IO,
     "x.npy: malformed header: expected ',' or ')' at character 54"},
    {"{" F4 C "'shape': [1, 2], }\n", 8, STILE_ERROR_IO,
     "x.npy: malformed header: expected a shape such as (3, 4) at character 51"},
    {"{" F4 "'fortran_order': 0, 'shape': (1, 2), }\n", 8, STILE_ERROR_IO,
     "x.npy: malformed header: expected True or False at character 35"},
    {"{" F4 C "}\n", 8, STILE_ERROR_IO, "x.npy: malformed header: key 'shape' is missing"},
    {"{" F4 "'shape': (1, 2), }\n", 8, STILE_ERROR_IO,
     "x.npy: malformed header: key 'fortran_order' is missing"},
    {"{" C "'shape': (1, 2), }\n", 8, STILE_ERROR_IO,
     "x.npy: malformed header: key 'descr' is missing"},
    {"{" F4 F4 C "'shape': (1, 2), }\n", 8, STILE_ERROR_IO,
     "x.npy: malformed header: repeated key 'descr'"},
    {"{" F4 C "'shape': (1, 2), 'more': 1}\n", 8, STILE_ERROR_IO,
     "x.npy: malformed header: unknown key 'more'"},
    {"{" F4 C "'shape': (1, 2), } + 1\n", 8, STILE_ERROR_IO,
     "x.npy: malformed header: expected nothing after '}' at character 61"},
    {"{" F4 C "'shape': (1, 2)", 8, STILE_ERROR_IO,
     "x.npy: malformed header: expected ',' or '}' at character 57"},
    {"{'descr': <f4", 8, STILE_ERROR_IO,
     "x.npy: malformed header: expected a dtype such as '<f4' at character 11"},
    {"{'descr", 8, STILE_ERROR_IO, "x.npy: malformed header: expected a quoted key at character 2"},
    {"{descr: '<f4'}", 8, STILE_ERROR_IO,
     "x.npy: malformed header: expected a quoted key at character 2"},
    {"{'descr' '<f4'}", 8, STILE_ERROR_IO, "x.npy: malformed header: expected ':' at character 10"},
    {"", 8, STILE_ERROR_IO, "x.npy: malformed header: expected '{' at character 1"},
};

static void bad_headers_are_refused_with_their_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        stile_npy npy = {.rank = 42};
        const int error = parse_dict(&npy, BAD[i].dict, BAD[i].data_size);
        assert_string_equal(stile_last_error(), BAD[i].message);
        assert_int_equal(error, BAD[i].error);
        assert_int_equal(npy.rank, 42); /* untouched */
    }
}

static void refuse(const void *bytes, size_t size, int error, const char *message)
{
    stile_npy npy;
    assert_int_equal(parse(&npy, bytes, size), error);
    assert_string_equal(stile_last_error(), message);
}

static void files_that_are_no_npy_files_are_refused(void **state)
{
    (void)state;
    refuse("", 0, STILE_ERROR_IO, "x.npy: not a .npy file: write it with numpy.save");
    refuse("PK\3\4 a zip file", 15, STILE_ERROR_IO,
           "x.npy: not a .npy file: write it with numpy.save");
    refuse("\x93NUMPY", 6, STILE_ERROR_IO, "x.npy: the file ends within its header");
    refuse("\x93NUMPY\1\0\x10\0{", 11, STILE_ERROR_IO, "x.npy: the file ends within its header");
    refuse("\x93NUMPY\2\0\x10\0", 10, STILE_ERROR_IO, "x.npy: the file ends within its header");
    refuse("\x93NUMPY\4\0\0\0\0\0", 12, STILE_ERROR_UNSUPPORTED,
           "x.npy: .npy version 4.0 is not supported: 1.0, 2.0 and 3.0 are");
    refuse("\x93NUMPY\1\1\0\0\0\0", 12, STILE_ERROR_UNSUPPORTED,
           "x.npy: .npy version 1.1 is not supported: 1.0, 2.0 and 3.0 are");
    refuse("\x93NUMPY\2\0\xff\xff\xff\xff{}", 14, STILE_ERROR_IO,
           "x.npy: the header claims 4294967295 bytes: at most 65536 are read");
}

static void every_prefix_of_a_file_is_refused(void **state)
{
    (void)state;
    unsigned char file[512];
    for (int version = 1; version <= 3; version++) {
        const size_t size = make_file(file, version, "{" F4 C "'shape': (2, 3), }\n", 24);
        for (size_t length = 0; length < size; length++) {
            stile_npy npy;
            assert_true(parse(&npy, file, length) < 0);
        }
        stile_npy npy;
        assert_int_equal(parse(&npy, file, size), 0);
        stile_npy_free(&npy);
    }
}

static void headers_python_would_accept_are_read(void **state)
{
    (void)state;
    const char *const dicts[] = {
        "{" F4 C "'shape': (2, 3), }     \n", "{'shape':(2,3),'fortran_order':False,'descr':'<f4'}",
        "  { \"descr\" : \"<f4\" , \"fortran_order\" : False , \"shape\" : ( 2 , 3 , ) } \n",
        "{" F4 C "'shape': (2L, 3L), }\n", /* Python 2 */
    };
    for (size_t i = 0; i < sizeof dicts / sizeof *dicts; i++) {
        stile_npy npy;
        assert_int_equal(parse_dict(&npy, dicts[i], 24), 0);
        assert_int_equal(npy.dtype, STILE_NPY_F4);
        assert_int_equal(npy.rank, 2);
        assert_int_equal(npy.dims[0], 2);
        assert_int_equal(npy.dims[1], 3);
        assert_int_equal(npy.dims[2], 1);
        assert_int_equal(npy.count, 6);
        assert_int_equal(npy.size, 24);
        for (int b = 0; b < 24; b++)
            assert_int_equal(((unsigned char *)npy.data)[b], b);
        stile_npy_free(&npy);
        assert_null(npy.data);
        stile_npy_free(&npy);
    }
    stile_npy_free(NULL);
}

static void bfloat16_goes_by_three_names(void **state)
{
    (void)state;
    const char *const names[] = {"|V2", "<V2", "<u2"};
    for (int i = 0; i < 3; i++) {
        char dict[128];
        unsigned char file[256];
        snprintf(dict, sizeof dict, "{'descr': '%s', " C "'shape': (2,), }\n", names[i]);
        const size_t size = make_file(file, 1, dict, 4);
        memcpy(file + size - 4, "\x80\x3f\x40\xc0", 4);
        stile_npy npy;
        assert_int_equal(parse(&npy, file, size), 0);
        assert_int_equal(npy.dtype, STILE_NPY_BF16);
        assert_true(stile_npy_element(&npy, 0) == 1 && stile_npy_element(&npy, 1) == -3);
        stile_npy_free(&npy);
    }
}

static void empty_arrays_are_arrays(void **state)
{
    (void)state;
    stile_npy npy;
    assert_int_equal(parse_dict(&npy, "{" F4 C "'shape': (0, 9223372036854775807), }", 0), 0);
    assert_int_equal(npy.count, 0);
    assert_int_equal(npy.size, 0);
    void *array = NULL;
    assert_int_equal(stile_npy_convert(&array, &npy, STILE_TYPE_BF16), 0);
    free(array);
    stile_npy_free(&npy);
    assert_int_equal(parse_dict(&npy, "{" F4 "'fortran_order': True, 'shape': (3, 0, 4), }", 0), 0);
    stile_npy_free(&npy);
}

/* Values that tell their place: 10000·i + 100·j + l, in Fortran order, in each element size. */
static void check_fortran(const char *descr, int size, const char *shape, int a, int b, int c)
{
    char dict[128];
    snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': True, 'shape': %s, }\n", descr,
             shape);
    unsigned char *file = malloc(256 + (size_t)(a * b * c * size));
    unsigned char *data = file + make_file(file, 1, dict, 0);
    for (int l = 0, at = 0; l < c; l++) {
        for (int j = 0; j < b; j++) {
            for (int i = 0; i < a; i++, at++) {
                const double value = 10000 * i + 100 * j + l;
                const float single = (float)value;
                const uint16_t half = (uint16_t)(i * b * c + j * c + l);
                memcpy(data + at * size,
                       size == 8   ? (const void *)&value
                       : size == 4 ? (const void *)&single
                                   : &half,
                       (size_t)size);
            }
        }
    }
    stile_npy npy;
    assert_int_equal(parse(&npy, file, (size_t)(data - file) + (size_t)(a * b * c * size)), 0);
    for (int at = 0; at < a * b * c; at++) {
        if (size == 2)
            assert_int_equal(((uint16_t *)npy.data)[at], at);
        else
            assert_true(stile_npy_element(&npy, at) ==
                        10000 * (at / (b * c)) + 100 * (at / c % b) + at % c);
    }
    stile_npy_free(&npy);
    free(file);
}

static void fortran_order_is_transposed(void **state)
{
    (void)state;
    check_fortran("<f4", 4, "(7,)", 7, 1, 1);
    check_fortran("<f4", 4, "(70, 33)", 70, 33, 1);
    check_fortran("<f8", 8, "(1, 65)", 1, 65, 1);
    check_fortran("<f8", 8, "(33, 64)", 33, 64, 1);
    check_fortran("<f2", 2, "(40, 50)", 40, 50, 1);
    check_fortran("<f4", 4, "(3, 40, 35)", 3, 40, 35);
    check_fortran("<f8", 8, "(34, 2, 33)", 34, 2, 33);
}

static void conversion_rounds_once(void **state)
{
    (void)state;
    /* A tie only if rounded to float first. */
    double values[3] = {1 + 0x1p-8 + 0x1p-30, 1e300, NAN};
    const stile_npy npy = {STILE_NPY_F8, 1, {3, 1, 1}, 3, values, sizeof values};
    uint16_t *bf16 = NULL;
    float *f32 = NULL;
    assert_int_equal(stile_npy_convert((void **)&bf16, &npy, STILE_TYPE_BF16), 0);
    assert_int_equal(bf16[0], 0x3f81);
    assert_int_equal(bf16[1], 0x7f80);
    assert_int_equal(stile_npy_convert((void **)&f32, &npy, STILE_TYPE_F32), 0);
    assert_true(f32[0] == (float)values[0] && isinf(f32[1]) && isnan(f32[2]));
    free(bf16);
    free(f32);
}

/* A fresh folder to write in. */
static int make_folder(void **state)
{
    char path[] = "/tmp/stile-npy-XXXXXX";
    *state = mkdtemp(path) ? strdup(path) : NULL;
    return *state ? 0 : -1;
}

/* The names in a folder; removes them all and the folder. */
static int drop_folder(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
    const int result = system(command);
    free(*state);
    return result;
}

static const char *in_folder(const char *folder, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int files_in(const char *folder)
{
    int count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(directory);
    return count;
}

static void what_is_written_reads_back(void **state)
{
    const struct {
        stile_npy_dtype dtype;
        int rank;
        int64_t dims[3];
    } cases[] = {{STILE_NPY_F4, 2, {3, 5}},      {STILE_NPY_F2, 1, {7}},
                 {STILE_NPY_BF16, 2, {2, 2}},    {STILE_NPY_F8, 3, {2, 3, 4}},
                 {STILE_NPY_F4, 2, {0, 3}},      {STILE_NPY_BF16, 3, {1, 1, 1}},
                 {STILE_NPY_F4, 3, {1000, 1, 1}}};
    unsigned char data[4000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7);
    const char *path = in_folder(*state, "y.npy");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(stile_npy_write(path, cases[i].dtype, cases[i].rank, cases[i].dims, data),
                         0);
        stile_npy npy;
        assert_int_equal(stile_npy_read(&npy, path), 0);
        assert_int_equal(npy.dtype, cases[i].dtype);
        assert_int_equal(npy.rank, cases[i].rank);
        for (int d = 0; d < npy.rank; d++)
            assert_int_equal(npy.dims[d], cases[i].dims[d]);
        assert_memory_equal(npy.data, data, npy.size);
        stile_npy_free(&npy);
        struct stat status;
        assert_int_equal(stat(path, &status), 0);
        const mode_t mask = umask(0);
        umask(mask);
        assert_int_equal(status.st_mode & 0777, 0666 & ~mask);
    }
    assert_int_equal(files_in(*state), 1); /* nothing is left behind */
}

static void data_begins_at_a_multiple_of_64_bytes(void **state)
{
    const char *path = in_folder(*state, "y.npy");
    const int64_t dims[2] = {1, 2};
    const float data[2] = {1, 2};
    assert_int_equal(stile_npy_write(path, STILE_NPY_F4, 2, dims, data), 0);
    char bytes[256];
    FILE *file = fopen(path, "rb");
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_int_equal(size, 128 + 8);
    assert_memory_equal(bytes,
                        "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, "
                        "'shape': (1, 2), }",
                        69);
    assert_int_equal(bytes[127], '\n');
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    const int64_t dims[1] = {2};
    const float data[2] = {1, 2};
    const char *missing = in_folder(*state, "missing/y.npy");
    assert_int_equal(stile_npy_write(missing, STILE_NPY_F4, 1, dims, data), STILE_ERROR_IO);
    assert_non_null(strstr(stile_last_error(), "y.npy: cannot be written: No such file"));
    assert_int_equal(stile_npy_write(*state, STILE_NPY_F4, 1, dims, data), STILE_ERROR_IO);
    assert_int_equal(stile_npy_write("/dev/full", STILE_NPY_F4, 1, dims, data), STILE_ERROR_IO);
    assert_string_equal(stile_last_error(),
                        "/dev/full: cannot be written: No space left on device");
    assert_int_equal(stile_npy_write("/dev/null", STILE_NPY_F4, 1, dims, data), 0);
    assert_int_equal(files_in(*state), 0);

    const char *path = in_folder(*state, "y.npy");
    assert_int_equal(stile_npy_write(path, STILE_NPY_F4, 0, dims, data), STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_npy_write(path, STILE_NPY_F4, 1, (const int64_t[]){-1}, data),
                     STILE_ERROR_ARGUMENT);
    assert_int_equal(stile_npy_write(path, STILE_NPY_F4, 2, (const int64_t[]){INT64_MAX, 3}, data),
                     STILE_ERROR_ARGUMENT);
    assert_int_equal(files_in(*state), 0);
}

static void links_are_followed(void **state)
{
    char target[512];
    snprintf(target, sizeof target, "%s", in_folder(*state, "target.npy"));
    const char *link = in_folder(*state, "link.npy");
    const int64_t dims[1] = {2};
    const float data[2] = {1, 2};
    assert_int_equal(stile_npy_write(target, STILE_NPY_F4, 1, dims, data), 0);
    assert_int_equal(symlink("target.npy", link), 0);
    assert_int_equal(stile_npy_write(link, STILE_NPY_F2, 1, dims, data), 0);
    struct stat status;
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    stile_npy npy;
    assert_int_equal(stile_npy_read(&npy, target), 0);
    assert_int_equal(npy.dtype, STILE_NPY_F2);
    stile_npy_free(&npy);
}

static void what_cannot_be_read_is_named(void **state)
{
    stile_npy npy;
    assert_int_equal(stile_npy_read(&npy, in_folder(*state, "none.npy")), STILE_ERROR_IO);
    assert_non_null(strstr(stile_last_error(), "none.npy: cannot be opened: No such file"));
    assert_int_equal(stile_npy_read(&npy, *state), STILE_ERROR_IO);
    assert_non_null(strstr(stile_last_error(), ": is not a regular file"));
    const char *fifo = in_folder(*state, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(stile_npy_read(&npy, fifo), STILE_ERROR_IO); /* and does not hang */
}

/* A sparse file of 16 TiB whose header lies: refused before any of it is read or allocated. */
static void sizes_are_checked_before_memory_is_taken(void **state)
{
    const char *path = in_folder(*state, "huge.npy");
    unsigned char file[256];
    const size_t size = make_file(file, 1, "{" F4 C "'shape': (4, 4), }\n", 0);
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file, size), (ssize_t)size);
    const bool huge = ftruncate(fd, (off_t)1 << 43) == 0; /* not every file system can */
    close(fd);
    stile_npy npy;
    assert_int_equal(stile_npy_read(&npy, path), STILE_ERROR_IO);
    if (huge)
        assert_non_null(strstr(stile_last_error(), "but 87960930221"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_headers_are_refused_with_their_message),
        cmocka_unit_test(files_that_are_no_npy_files_are_refused),
        cmocka_unit_test(every_prefix_of_a_file_is_refused),
        cmocka_unit_test(headers_python_would_accept_are_read),
        cmocka_unit_test(bfloat16_goes_by_three_names),
        cmocka_unit_test(empty_arrays_are_arrays),
        cmocka_unit_test(fortran_order_is_transposed),
        cmocka_unit_test(conversion_rounds_once),
        cmocka_unit_test_setup_teardown(what_is_written_reads_back, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(data_begins_at_a_multiple_of_64_bytes, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(a_failed_write_leaves_the_old_file, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(links_are_followed, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_named, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(sizes_are_checked_before_memory_is_taken, make_folder,
                                        drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
