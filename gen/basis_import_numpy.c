/* SPDX-License-Identifier: Apache-2.0 */
/* Factors as NumPy arrays: AlphaTensor's (3, size, rank), or u, v and w of an .npz. */
#include <stdio.h>
#include <string.h>

#include "basis_import_factors.h"
#include "number.h"
#include "numpy_array.h"
#include "text.h"
#include "zip.h"

typedef struct numpy_file {
    const stile_import_source *source;
    const char *entry; /* NULL: not named */
    stile_mark mark;
    stile_diagnostics *diagnostics;
} numpy_file;

/* One factor inside an array: coefficient i of vector c is elements[i·stride + c·step]. */
typedef struct numpy_factor {
    const double *elements;
    int64_t size, stride, step;
} numpy_factor;

static int fill(stile_basis **out, stile_arena *arena, const numpy_file *file,
                const numpy_factor parts[3], int64_t rank)
{
    const int64_t sizes[3] = {parts[0].size, parts[1].size, parts[2].size};
    stile_factors factors;
    const int error =
        stile_factors_create(&factors, arena, sizes, rank, file->mark, file->diagnostics);
    if (error)
        return error;
    for (int f = 0; f < 3; f++) {
        for (int c = 0; c < (int)rank; c++) {
            for (int i = 0; i < (int)sizes[f]; i++) {
                char text[32];
                stile_format_double(text,
                                    parts[f].elements[i * parts[f].stride + c * parts[f].step]);
                stile_factors_set(&factors, f, c, i, text, file->mark);
            }
        }
    }
    *out = stile_factors_finish(&factors);
    return STILE_OK;
}

static int read_stack(stile_basis **out, stile_arena *arena, const numpy_file *file,
                      const unsigned char *bytes, size_t size)
{
    stile_numpy_array array;
    const int error = stile_numpy_array_parse(&array, arena, bytes, size, "the array", file->mark,
                                              file->diagnostics);
    if (error)
        return error;
    if (array.rank != 3 || array.dims[0] != 3)
        return stile_diagnose(file->diagnostics, file->mark, STILE_CODE_IMPORT_SIZES,
                              "the array must be of shape (3, size, rank), not (%lld, %lld, %lld)",
                              (long long)array.dims[0], (long long)array.dims[1],
                              (long long)array.dims[2]);
    const int64_t length = array.dims[1], rank = array.dims[2];
    numpy_factor parts[3];
    for (int i = 0; i < 3; i++)
        parts[i] = (numpy_factor){array.elements + i * length * rank, length, rank, 1};
    return fill(out, arena, file, parts, rank);
}

/* Whether vectors as long as this dimension belong to a tile. */
static bool fit_a_tile(const stile_numpy_array arrays[3], int dimension)
{
    const int64_t sizes[3] = {arrays[0].dims[dimension], arrays[1].dims[dimension],
                              arrays[2].dims[dimension]};
    int tile[3];
    return stile_factors_find_tile(tile, sizes);
}

static int read_three(stile_basis **out, stile_arena *arena, const numpy_file *file,
                      const stile_zip *zip, const stile_zip_entry *const entries[3])
{
    stile_numpy_array arrays[3];
    bool matrices = true, same[2] = {true, true};
    for (int i = 0; i < 3; i++) {
        const unsigned char *bytes;
        char what[] = "array u";
        what[sizeof what - 2] = "uvw"[i];
        int error =
            stile_zip_extract(&bytes, arena, zip, entries[i], file->mark, file->diagnostics);
        if (!error)
            error = stile_numpy_array_parse(&arrays[i], arena, bytes, entries[i]->size, what,
                                            file->mark, file->diagnostics);
        if (error)
            return error;
        matrices &= arrays[i].rank == 2;
        for (int d = 0; d < 2; d++)
            same[d] &= arrays[i].dims[d] == arrays[0].dims[d];
    }
    if (!matrices || (!same[0] && !same[1]))
        return stile_diagnose(file->diagnostics, file->mark, STILE_CODE_IMPORT_SIZES,
                              "u, v and w must be matrices (size, rank) of one rank");
    const bool by_rows = !same[1] || (same[0] && !fit_a_tile(arrays, 0) && fit_a_tile(arrays, 1));
    const int64_t rank = arrays[0].dims[by_rows ? 0 : 1];
    numpy_factor parts[3];
    for (int i = 0; i < 3; i++) {
        const int64_t length = arrays[i].dims[by_rows ? 1 : 0];
        parts[i] =
            (numpy_factor){arrays[i].elements, length, by_rows ? 1 : rank, by_rows ? length : 1};
    }
    return fill(out, arena, file, parts, rank);
}

/* The entry NAME.npy of an archive, or NULL. */
static const stile_zip_entry *find_entry(const stile_zip *zip, const char *name)
{
    const size_t size = strlen(name);
    for (size_t i = 0; i < zip->count; i++) {
        const char *here = zip->entries[i].name;
        if (strncmp(here, name, size) == 0 && (!here[size] || !strcmp(here + size, ".npy")))
            return &zip->entries[i];
    }
    return NULL;
}

/* Reports that the entry to read is not known, with the names that there are. */
static int report_entries(const numpy_file *file, const stile_zip *zip)
{
    enum { SHOWN = 12 };
    stile_text list = {0};
    for (size_t i = 0; i < zip->count && i < SHOWN; i++) {
        const char *name = zip->entries[i].name;
        const size_t size = strlen(name);
        char plain[64];
        const bool ending = size > 4 && strcmp(name + size - 4, ".npy") == 0;
        snprintf(plain, sizeof plain, "%.*s", (int)(ending ? size - 4 : size), name);
        stile_text_appendf(&list, "%s%s", i ? ", " : "", stile_quote(plain).text);
    }
    if (zip->count > SHOWN)
        stile_text_append(&list, ", ...");
    const int result = stile_diagnose(
        file->diagnostics, file->mark, STILE_CODE_MISSING_KEY,
        file->entry ? "the archive has no array %s, but %s"
                    : "the archive has no arrays u, v, w%s: name (--entry) one of %s",
        file->entry ? stile_quote(file->entry).text : "",
        list.failed  ? ""
        : zip->count ? list.data
                     : "none at all");
    stile_text_free(&list);
    return result;
}

static int read_archive(stile_basis **out, stile_arena *arena, const numpy_file *file)
{
    stile_zip zip;
    int error = stile_zip_open(&zip, arena, file->source->data, file->source->size, file->mark,
                               file->diagnostics);
    if (error)
        return error;
    if (!file->entry) {
        const stile_zip_entry *const three[3] = {find_entry(&zip, "u"), find_entry(&zip, "v"),
                                                 find_entry(&zip, "w")};
        if (three[0] && three[1] && three[2])
            return read_three(out, arena, file, &zip, three);
    }
    const stile_zip_entry *entry = file->entry      ? find_entry(&zip, file->entry)
                                   : zip.count == 1 ? zip.entries
                                                    : NULL;
    if (!entry)
        return report_entries(file, &zip);
    const unsigned char *bytes;
    error = stile_zip_extract(&bytes, arena, &zip, entry, file->mark, file->diagnostics);
    return error ? error : read_stack(out, arena, file, bytes, entry->size);
}

static int read(stile_basis **out, stile_arena *arena, void *user, stile_diagnostics *diagnostics)
{
    numpy_file *file = user;
    const stile_import_source *source = file->source;
    file->diagnostics = diagnostics;
    if (source->size >= 2 && memcmp(source->data, "PK", 2) == 0)
        return read_archive(out, arena, file);
    if (file->entry)
        return stile_diagnose(diagnostics, file->mark, STILE_CODE_IMPORT_SYNTAX,
                              "the file is no .npz archive, so it has no array %s",
                              stile_quote(file->entry).text);
    return read_stack(out, arena, file, (const unsigned char *)source->data, source->size);
}

int stile_basis_import_numpy(stile_basis **out, stile_arena *arena, const stile_import_source *file,
                             const char *entry, stile_diagnostics *diagnostics)
{
    numpy_file request = {.source = file, .entry = entry, .mark = {file->file, 0, 0}};
    return stile_factors_read(out, arena, read, &request, diagnostics);
}
