/* SPDX-License-Identifier: Apache-2.0 */
#include "npy_header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"

static const char MAGIC[] = "\x93NUMPY";

enum { MAGIC_SIZE = 6, ALIGNMENT = 64 };

/* A cursor over the text of a header; every step stays before `end`. */
typedef struct reader {
    const char *name; /* of the file */
    const char *at, *end;
    const char *start;
} reader;

typedef struct token {
    const char *text;
    int size;
} token;

static int malformed(const reader *r, const char *expected)
{
    return stile_fail(STILE_ERROR_IO, "%s: malformed header: expected %s at character %td", r->name,
                      expected, r->at - r->start + 1);
}

static void skip_space(reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n\f", *r->at) && *r->at)
        r->at++;
}

/* Takes `c` if it comes next, after white space. */
static bool take(reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_word(reader *r, const char *word)
{
    const size_t size = strlen(word);
    skip_space(r);
    if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0)
        return false;
    r->at += size;
    return true;
}

/* A quoted string without escapes. */
static bool take_string(reader *r, token *out)
{
    skip_space(r);
    if (r->at == r->end || (*r->at != '\'' && *r->at != '"'))
        return false;
    const char *text = r->at + 1;
    const char *close = memchr(text, *r->at, (size_t)(r->end - text));
    if (!close || memchr(text, '\\', (size_t)(close - text)))
        return false;
    *out = (token){text, (int)(close - text)};
    r->at = close + 1;
    return true;
}

static bool is(token t, const char *text)
{
    return (size_t)t.size == strlen(text) && memcmp(t.text, text, (size_t)t.size) == 0;
}

/* Printable start of a string from the file, for messages. */
static const char *shown(char out[static 48], token t)
{
    int size = 0;
    for (; size < t.size && size < 40; size++)
        out[size] = t.text[size] >= 0x20 && t.text[size] < 0x7f ? t.text[size] : '?';
    snprintf(out + size, 4, "%s", size < t.size ? "..." : "");
    return out;
}

static int parse_descr(reader *r, stile_npy_dtype *out)
{
    token descr;
    char text[48];
    skip_space(r);
    if (r->at < r->end && (*r->at == '[' || *r->at == '('))
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: structured dtypes are not supported: save one field as float32",
                          r->name);
    if (!take_string(r, &descr))
        return malformed(r, "a dtype such as '<f4'");
    static const struct {
        const char *descr;
        stile_npy_dtype dtype;
    } known[] = {{"<f4", STILE_NPY_F4},   {"<f8", STILE_NPY_F8},   {"<f2", STILE_NPY_F2},
                 {"|V2", STILE_NPY_BF16}, {"<V2", STILE_NPY_BF16}, {"<u2", STILE_NPY_BF16}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (is(descr, known[i].descr)) {
            *out = known[i].dtype;
            return 0;
        }
    }
    if (descr.size > 1 && descr.text[0] == '>')
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: dtype '%s' is big-endian: convert with .astype('<f4')", r->name,
                          shown(text, descr));
    if (descr.size > 1 && descr.text[1] == 'O')
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: dtype '%s' holds Python objects: convert with .astype('float32')",
                          r->name, shown(text, descr));
    return stile_fail(STILE_ERROR_UNSUPPORTED,
                      "%s: dtype '%s' is not supported: convert with .astype('float32')", r->name,
                      shown(text, descr));
}

static int parse_order(reader *r, bool *out)
{
    if (take_word(r, "True"))
        *out = true;
    else if (take_word(r, "False"))
        *out = false;
    else
        return malformed(r, "True or False");
    return 0;
}

/* Decimal digits, as Python prints them; Python 2 added an L. */
static int parse_dimension(reader *r, int64_t *out)
{
    int64_t value = 0;
    skip_space(r);
    const char *first = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *r->at - '0', &value))
            return stile_fail(STILE_ERROR_IO, "%s: a dimension of the shape does not fit 64 bits",
                              r->name);
    }
    if (r->at == first)
        return malformed(r, "a dimension");
    if (r->at < r->end && *r->at == 'L')
        r->at++;
    *out = value;
    return 0;
}

static int parse_shape(reader *r, stile_npy_header *header)
{
    int rank = 0;
    bool comma = true;
    if (!take(r, '('))
        return malformed(r, "a shape such as (3, 4)");
    while (!take(r, ')')) {
        int64_t dimension = 0;
        if (!comma)
            return malformed(r, "',' or ')'");
        const int error = parse_dimension(r, &dimension);
        if (error)
            return error;
        if (rank < STILE_NPY_MAX_RANK)
            header->dims[rank] = dimension;
        rank++;
        comma = take(r, ',');
    }
    if (rank == 1 && !comma)
        return malformed(r, "',' before ')'"); /* (3) is no tuple */
    if (rank < 1 || rank > STILE_NPY_MAX_RANK)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: the array has %d dimensions: 1 to %d are supported", r->name, rank,
                          STILE_NPY_MAX_RANK);
    header->rank = rank;
    return 0;
}

/* Counts elements and sees that their bytes can be addressed. */
static int measure(const char *name, stile_npy_header *header)
{
    int64_t bytes = stile_npy_dtype_size(header->dtype);
    bool fits = true, empty = false;
    header->count = 1;
    for (int i = 0; i < header->rank; i++)
        empty |= header->dims[i] == 0;
    if (empty) {
        header->count = 0;
        return 0;
    }
    for (int i = 0; i < header->rank; i++) {
        fits = fits && !__builtin_mul_overflow(header->count, header->dims[i], &header->count) &&
               !__builtin_mul_overflow(bytes, header->dims[i], &bytes);
    }
    if (!fits || bytes > PTRDIFF_MAX)
        return stile_fail(STILE_ERROR_IO, "%s: the shape has more elements than memory can hold",
                          name);
    return 0;
}

static int parse_dict(reader *r, stile_npy_header *header)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4 };
    int seen = 0;
    bool comma = true;
    if (!take(r, '{'))
        return malformed(r, "'{'");
    while (!take(r, '}')) {
        token key;
        char text[48];
        if (!comma)
            return malformed(r, "',' or '}'");
        if (!take_string(r, &key))
            return malformed(r, "a quoted key");
        const int which = is(key, "descr")           ? DESCR
                          : is(key, "fortran_order") ? ORDER
                          : is(key, "shape")         ? SHAPE
                                                     : 0;
        if (which == 0 || (seen & which))
            return stile_fail(STILE_ERROR_IO, "%s: malformed header: %s key '%s'", r->name,
                              which ? "repeated" : "unknown", shown(text, key));
        seen |= which;
        if (!take(r, ':'))
            return malformed(r, "':'");
        const int error = which == DESCR   ? parse_descr(r, &header->dtype)
                          : which == ORDER ? parse_order(r, &header->fortran_order)
                                           : parse_shape(r, header);
        if (error)
            return error;
        comma = take(r, ',');
    }
    skip_space(r);
    if (r->at != r->end)
        return malformed(r, "nothing after '}'");
    if (seen != (DESCR | ORDER | SHAPE))
        return stile_fail(STILE_ERROR_IO, "%s: malformed header: key '%s' is missing", r->name,
                          !(seen & DESCR)   ? "descr"
                          : !(seen & ORDER) ? "fortran_order"
                                            : "shape");
    return 0;
}

int stile_npy_header_parse(stile_npy_header *out, const char *name, const unsigned char *bytes,
                           size_t size)
{
    if (size < MAGIC_SIZE || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return stile_fail(STILE_ERROR_IO, "%s: not a .npy file: write it with numpy.save", name);
    if (size < MAGIC_SIZE + 4)
        return stile_fail(STILE_ERROR_IO, "%s: the file ends within its header", name);
    const int major = bytes[6], minor = bytes[7];
    if (major < 1 || major > 3 || minor != 0)
        return stile_fail(STILE_ERROR_UNSUPPORTED,
                          "%s: .npy version %d.%d is not supported: 1.0, 2.0 and 3.0 are", name,
                          major, minor);
    const size_t prefix = major == 1 ? 10 : 12;
    if (size < prefix)
        return stile_fail(STILE_ERROR_IO, "%s: the file ends within its header", name);
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    if (major > 1)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > STILE_NPY_MAX_HEADER)
        return stile_fail(STILE_ERROR_IO, "%s: the header claims %zu bytes: at most %d are read",
                          name, length, STILE_NPY_MAX_HEADER);
    if (length > size - prefix)
        return stile_fail(STILE_ERROR_IO, "%s: the file ends within its header", name);

    const char *text = (const char *)bytes + prefix;
    reader r = {.name = name, .at = text, .end = text + length, .start = text};
    stile_npy_header header = {.dims = {1, 1, 1}, .data_offset = prefix + length};
    int error = parse_dict(&r, &header);
    if (!error)
        error = measure(name, &header);
    if (!error)
        *out = header;
    return error;
}

void stile_npy_shape_print(stile_text *out, int rank, const int64_t *dims)
{
    stile_text_append(out, "(");
    for (int i = 0; i < rank; i++)
        stile_text_appendf(out, "%s%" PRId64, i ? ", " : "", dims[i]);
    stile_text_append(out, rank == 1 ? ",)" : ")");
}

void stile_npy_header_print(stile_text *out, stile_npy_dtype dtype, int rank, const int64_t *dims)
{
    stile_text dict = {0};
    stile_text_appendf(
        &dict, "{'descr': '%s', 'fortran_order': False, 'shape': ", stile_npy_dtype_name(dtype));
    stile_npy_shape_print(&dict, rank, dims);
    stile_text_append(&dict, ", }");
    const size_t prefix = MAGIC_SIZE + 4;
    while (!dict.failed && (prefix + dict.size + 1) % ALIGNMENT != 0)
        stile_text_append(&dict, " ");
    stile_text_append(&dict, "\n");

    const char fixed[] = {1, 0, (char)(dict.size & 0xff), (char)(dict.size >> 8)};
    stile_text_append_bytes(out, MAGIC, MAGIC_SIZE);
    stile_text_append_bytes(out, fixed, sizeof fixed);
    if (!dict.failed)
        stile_text_append_bytes(out, dict.data, dict.size);
    out->failed |= dict.failed;
    stile_text_free(&dict);
}
