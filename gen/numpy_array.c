/* SPDX-License-Identifier: Apache-2.0 */
#include "numpy_array.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"

enum { MAGIC_SIZE = 6, MAX_HEADER = 64 * 1024 };

static const char MAGIC[] = "\x93NUMPY";

/* All smaller integers are exact doubles. */
static const double INEXACT_INTEGER = 0x1p53;

typedef struct header {
    char kind; /* i, u, f */
    int width; /* bytes of an element */
    bool fortran_order;
    stile_numpy_array array;
    int64_t count;
} header;

/* The dict of a header while it is read, and where to complain. */
typedef struct reader {
    const char *at, *end;
    const char *what;
    stile_mark mark;
    stile_diagnostics *diagnostics;
} reader;

static int malformed(const reader *r, const char *why)
{
    return stile_diagnose(r->diagnostics, r->mark, STILE_CODE_IMPORT_SYNTAX,
                          "%s is no .npy file: %s", r->what, why);
}

/* Takes `word` if it comes next, after blanks. */
static bool take(reader *r, const char *word)
{
    const size_t size = strlen(word);
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n'))
        r->at++;
    if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0)
        return false;
    r->at += size;
    return true;
}

static int unsupported(const reader *r, const char *dtype)
{
    const bool objects = strchr(dtype, 'O') != NULL || *dtype == '[';
    return stile_diagnose(r->diagnostics, r->mark, STILE_CODE_IMPORT_UNSUPPORTED,
                          objects
                              ? "%s holds Python objects (dtype %s), which are never read: save "
                                "plain arrays of numbers"
                              : "%s has the dtype %s: save it as little-endian integers or floats",
                          r->what, stile_quote(dtype).text);
}

static int read_dtype(reader *r, header *out)
{
    char dtype[24] = "[a structure]";
    if (!take(r, "'"))
        return unsupported(r, dtype);
    const char *close = memchr(r->at, '\'', (size_t)(r->end - r->at));
    const size_t size = close ? (size_t)(close - r->at) : sizeof dtype;
    if (size >= sizeof dtype)
        return malformed(r, "its dtype is not in quotes, or too long");
    memcpy(dtype, r->at, size);
    dtype[size] = '\0';
    r->at = close + 1;
    if (size != 3 || !strchr("<|>=", dtype[0]) || !strchr("iuf", dtype[1]))
        return unsupported(r, dtype);
    const char *const widths = dtype[1] == 'f' ? "248" : "1248";
    if (!strchr(widths, dtype[2]) || (dtype[0] == '>' && dtype[2] != '1'))
        return unsupported(r, dtype);
    out->kind = dtype[1];
    out->width = dtype[2] - '0';
    return STILE_OK;
}

static bool read_dimension(reader *r, int64_t *out)
{
    int64_t value = 0;
    take(r, "");
    const char *const first = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        if (value <= STILE_NUMPY_MAX_COUNT) /* beyond, only "too many" matters */
            value = 10 * value + (*r->at - '0');
    }
    *out = value;
    return r->at > first;
}

static int read_shape(reader *r, header *out)
{
    stile_numpy_array *array = &out->array;
    if (!take(r, "("))
        return malformed(r, "its shape is not in parentheses");
    out->count = 1;
    while (!take(r, ")")) {
        int64_t dimension;
        if (!read_dimension(r, &dimension))
            return malformed(r, "its shape has something that is no number");
        if (array->rank == STILE_NUMPY_MAX_RANK)
            return stile_diagnose(r->diagnostics, r->mark, STILE_CODE_IMPORT_SIZES,
                                  "%s has more than %d dimensions", r->what, STILE_NUMPY_MAX_RANK);
        if (dimension > STILE_NUMPY_MAX_COUNT / (out->count ? out->count : 1))
            return stile_diagnose(r->diagnostics, r->mark, STILE_CODE_BASIS_LIMIT,
                                  "%s has more than %d numbers: no basis has", r->what,
                                  STILE_NUMPY_MAX_COUNT);
        out->count *= dimension;
        array->dims[array->rank++] = dimension;
        if (!take(r, ",") && (r->at == r->end || *r->at != ')'))
            return malformed(r, "its shape does not end");
    }
    return STILE_OK;
}

static int read_dict(reader *r, header *out)
{
    enum { DTYPE = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    int seen = 0;
    if (!take(r, "{"))
        return malformed(r, "its header is no dict");
    while (!take(r, "}")) {
        const int key = take(r, "'descr'")           ? DTYPE
                        : take(r, "'fortran_order'") ? ORDER
                        : take(r, "'shape'")         ? SHAPE
                                                     : 0;
        int error = STILE_OK;
        if (!key || seen & key || !take(r, ":"))
            return malformed(r, "its header has an unknown or repeated key");
        seen |= key;
        if (key == DTYPE)
            error = read_dtype(r, out);
        else if (key == SHAPE)
            error = read_shape(r, out);
        else if (take(r, "True"))
            out->fortran_order = true;
        else if (!take(r, "False"))
            error = malformed(r, "its order is neither True nor False");
        if (error)
            return error;
        if (!take(r, ",") && (r->at == r->end || *r->at != '}'))
            return malformed(r, "its header does not end");
    }
    return seen == ALL ? STILE_OK : malformed(r, "its header lacks descr, fortran_order or shape");
}

static uint64_t little_endian(const unsigned char *bytes, int width)
{
    uint64_t bits = 0;
    for (int i = width; i-- > 0;)
        bits = bits << 8 | bytes[i];
    return bits;
}

static double half(unsigned bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                             : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                            : ldexp(fraction, -24);
    return bits & 0x8000 ? -magnitude : magnitude;
}

static double element(const header *h, const unsigned char *bytes)
{
    const uint64_t bits = little_endian(bytes, h->width);
    if (h->kind == 'u')
        return (double)bits;
    if (h->kind == 'i') {
        const int unused = 64 - 8 * h->width;
        return (double)((int64_t)(bits << unused) >> unused);
    }
    if (h->width == 2)
        return half((unsigned)bits);
    if (h->width == 4) {
        const uint32_t narrow = (uint32_t)bits;
        float value;
        memcpy(&value, &narrow, sizeof value);
        return value;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Where element `index` of the C order stands in the file. */
static int64_t place(const header *h, int64_t index)
{
    int64_t at = 0, stride = h->count;
    if (!h->fortran_order)
        return index;
    for (int i = h->array.rank; i-- > 0; index /= h->array.dims[i]) {
        stride /= h->array.dims[i];
        at += index % h->array.dims[i] * stride;
    }
    return at;
}

static int read_elements(const reader *r, header *h, stile_arena *arena, const unsigned char *bytes)
{
    double *elements = stile_arena_array(arena, (size_t)h->count + 1, sizeof *elements);
    if (!elements)
        return stile_fail_memory();
    for (int64_t i = 0; i < h->count; i++) {
        elements[i] = element(h, bytes + place(h, i) * h->width);
        if (h->kind != 'f' && fabs(elements[i]) >= INEXACT_INTEGER)
            return stile_diagnose(r->diagnostics, r->mark, STILE_CODE_OUT_OF_RANGE,
                                  "%s has integers from 2^53 on, which are no exact doubles",
                                  r->what);
    }
    h->array.elements = elements;
    return STILE_OK;
}

int stile_numpy_array_parse(stile_numpy_array *out, stile_arena *arena, const unsigned char *bytes,
                            size_t size, const char *what, stile_mark mark,
                            stile_diagnostics *diagnostics)
{
    reader r = {.what = what, .mark = mark, .diagnostics = diagnostics};
    if (size < MAGIC_SIZE + 4 || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return malformed(&r, "it does not begin like one");
    const int version = bytes[MAGIC_SIZE];
    const int field = version == 1 ? 2 : 4; /* bytes of the header's length */
    const size_t prefix = MAGIC_SIZE + 2 + (size_t)field;
    if (version < 1 || version > 3 || size < prefix)
        return malformed(&r, "its version is none of 1, 2 and 3");
    const uint64_t length = little_endian(bytes + MAGIC_SIZE + 2, field);
    if (length > MAX_HEADER || length > size - prefix)
        return malformed(&r, "its header reaches past its end");
    r.at = (const char *)bytes + prefix;
    r.end = r.at + length;

    header h = {.array.dims = {1, 1, 1}};
    int error = read_dict(&r, &h);
    if (error)
        return error;
    const size_t offset = prefix + (size_t)length;
    if ((size - offset) / (size_t)h.width < (size_t)h.count)
        return malformed(&r, "it ends before its last number");
    error = read_elements(&r, &h, arena, bytes + offset);
    if (!error)
        *out = h.array;
    return error;
}
