/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plinopt's sparse matrices: a line `rows columns R`, lines `row column value` counted from 1, the
 * end `0 0 0`. Blank lines and lines that begin with # or % say nothing, but for "# name: " and
 * "# source: ", which stile leaves behind the end, where other readers have stopped.
 */
#include <string.h>

#include "basis_import_factors.h"
#include "fail.h"
#include "number.h"

enum { MAX_WORDS = 4, LONGEST_WORD = 95, LONGEST_COMMENT = 1024 };

/* The words of one line; no line has a use for more than three. */
typedef struct sms_line {
    int number, count;
    struct {
        char text[LONGEST_WORD + 1];
        int column;
    } words[MAX_WORDS];
} sms_line;

typedef struct sms_file {
    const char *file, *at, *end;
    int number; /* of the line before `at` */
    stile_mark header;
    int64_t rows, columns;
    const char *name, *source;
    stile_arena *arena;
    stile_diagnostics *diagnostics;
} sms_file;

static stile_mark mark_of(const sms_file *file, const sms_line *line, int word)
{
    return (stile_mark){file->file, line->number, line->words[word].column};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void split(sms_line *line, const char *at, const char *end)
{
    const char *const start = at;
    line->count = 0;
    while (line->count < MAX_WORDS) {
        while (at < end && is_blank(*at))
            at++;
        if (at == end)
            return;
        const char *word = at;
        while (at < end && !is_blank(*at))
            at++;
        /* What is cut off is no number either way: messages show less than this. */
        const size_t size = at - word > LONGEST_WORD ? LONGEST_WORD : (size_t)(at - word);
        memcpy(line->words[line->count].text, word, size);
        line->words[line->count].text[size] = '\0';
        line->words[line->count++].column = (int)(word - start) + 1;
    }
}

/* Takes the text of a comment "# key: text", if it is one; control characters make it none. */
static void take_comment(sms_file *file, const char *at, const char *end, const char *key,
                         const char **out)
{
    const size_t length = strlen(key);
    while (end > at && is_blank(end[-1]))
        end--;
    if ((size_t)(end - at) > length && (size_t)(end - at) - length <= LONGEST_COMMENT &&
        memcmp(at, key, length) == 0) {
        for (const char *c = at; c < end; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                return;
        *out = stile_arena_strndup(file->arena, at + length, (size_t)(end - at) - length);
    }
}

/* The next line that has words; false at the end of the file. */
static bool next_line(sms_file *file, sms_line *line)
{
    while (file->at < file->end) {
        const char *start = file->at;
        const char *end = memchr(start, '\n', (size_t)(file->end - start));
        file->at = end ? end + 1 : file->end;
        end = end ? end : file->end;
        line->number = ++file->number;
        if (*start == '#' || *start == '%') {
            take_comment(file, start, end, "# name: ", &file->name);
            take_comment(file, start, end, "# source: ", &file->source);
            continue;
        }
        split(line, start, end);
        if (line->count)
            return true;
    }
    return false;
}

/* Reports a line that lacks a word, or has one too many. */
static int report_form(const sms_file *file, const sms_line *line, const char *form)
{
    const int word = line->count > 3 ? 3 : 0;
    return stile_diagnose(file->diagnostics, mark_of(file, line, word), STILE_CODE_IMPORT_SYNTAX,
                          "the line has %s words; it must read \"%s\"",
                          line->count > 3 ? "more than three" : "fewer than three", form);
}

/* The words of an integer; false after reporting. */
static bool read_index(const sms_file *file, const sms_line *line, int word, const char *what,
                       int64_t least, int64_t most, int64_t *out)
{
    int64_t value;
    if (!stile_parse_int64(line->words[word].text, &value)) {
        stile_diagnose(file->diagnostics, mark_of(file, line, word), STILE_CODE_BAD_NUMBER,
                       "the %s must be an integer, not %s", what,
                       stile_quote(line->words[word].text).text);
        return false;
    }
    if (value < least || value > most) {
        stile_diagnose(file->diagnostics, mark_of(file, line, word), STILE_CODE_OUT_OF_RANGE,
                       "the %s is %lld, but must be from %lld to %lld", what, (long long)value,
                       (long long)least, (long long)most);
        return false;
    }
    *out = value;
    return true;
}

/* `decoder`: rows belong to entries of a tile and columns to channels, else the other way round. */
static int read_header(sms_file *file, bool decoder)
{
    const int64_t most_entries = STILE_MAX_TILE * STILE_MAX_TILE;
    sms_line line;
    if (!next_line(file, &line))
        return stile_diagnose(file->diagnostics, (stile_mark){file->file, 0, 0},
                              STILE_CODE_IMPORT_SYNTAX,
                              "the file is empty; it must begin with \"rows columns R\"");
    if (line.count != 3)
        return report_form(file, &line, "rows columns R");
    file->header = mark_of(file, &line, 0);
    bool good = read_index(file, &line, 0, "number of rows", 1,
                           decoder ? most_entries : STILE_MAX_RANK, &file->rows);
    good &= read_index(file, &line, 1, "number of columns", 1,
                       decoder ? STILE_MAX_RANK : most_entries, &file->columns);
    const char *letter = line.words[2].text;
    if (letter[1] || letter[0] < 'A' || letter[0] > 'Z') {
        stile_diagnose(file->diagnostics, mark_of(file, &line, 2), STILE_CODE_IMPORT_SYNTAX,
                       "the first line must end with a letter for the kind of numbers, such as R, "
                       "not %s",
                       stile_quote(letter).text);
        good = false;
    }
    return good ? STILE_OK : STILE_ERROR_SPEC;
}

static bool is_end(const sms_line *line)
{
    return line->count == 3 && !strcmp(line->words[0].text, "0") &&
           !strcmp(line->words[1].text, "0") && !strcmp(line->words[2].text, "0");
}

/* Reads all behind the header into one of the factors. */
static int read_entries(sms_file *file, stile_factors *factors, int factor, stile_arena *scratch)
{
    bool *seen = stile_arena_array(scratch, (size_t)(file->rows * file->columns), sizeof *seen);
    if (!seen)
        return stile_fail_memory();
    sms_line line;
    bool ended = false;
    while (next_line(file, &line)) {
        int64_t row = 0, column = 0;
        if (ended)
            return stile_diagnose(file->diagnostics, mark_of(file, &line, 0),
                                  STILE_CODE_IMPORT_SYNTAX,
                                  "the file goes on behind its end, the line \"0 0 0\"");
        ended = is_end(&line);
        if (ended)
            continue;
        if (line.count != 3) {
            report_form(file, &line, "row column value");
            continue;
        }
        /* Both, so that both are reported. */
        const bool in_rows = read_index(file, &line, 0, "row", 1, file->rows, &row);
        const bool in_columns = read_index(file, &line, 1, "column", 1, file->columns, &column);
        if (!in_rows || !in_columns)
            continue;
        const int i = (int)row - 1, j = (int)column - 1;
        bool *const here = &seen[i * file->columns + j];
        if (*here)
            stile_diagnose(file->diagnostics, mark_of(file, &line, 0), STILE_CODE_IMPORT_SYNTAX,
                           "the entry in row %lld and column %lld is given twice", (long long)row,
                           (long long)column);
        *here = true;
        stile_factors_set(factors, factor, factor == 2 ? j : i, factor == 2 ? i : j,
                          line.words[2].text, mark_of(file, &line, 2));
    }
    if (!ended)
        return stile_diagnose(file->diagnostics, (stile_mark){file->file, file->number, 1},
                              STILE_CODE_IMPORT_SYNTAX,
                              "the file ends without the line \"0 0 0\": is it cut off?");
    return STILE_OK;
}

static int read_triple(stile_basis **out, stile_arena *arena, void *user,
                       stile_diagnostics *diagnostics)
{
    const stile_import_source *sources = user;
    sms_file files[3];
    stile_factors factors;
    int result = STILE_OK;
    for (int i = 0; i < 3; i++) {
        const stile_import_source *source = &sources[i];
        files[i] = (sms_file){.file = source->file,
                              .at = source->data,
                              .end = source->data + source->size,
                              .arena = arena,
                              .diagnostics = diagnostics};
        const int error = read_header(&files[i], i == 2);
        result = result ? result : error;
    }
    if (result)
        return result;
    const int64_t rank = files[0].rows;
    if (files[1].rows != rank || files[2].columns != rank)
        return stile_diagnose(
            diagnostics, files[files[1].rows != rank ? 1 : 2].header, STILE_CODE_IMPORT_SIZES,
            "the ranks differ: L has %lld rows, R %lld rows and P %lld columns", (long long)rank,
            (long long)files[1].rows, (long long)files[2].columns);
    const int64_t sizes[3] = {files[0].columns, files[1].columns, files[2].rows};
    result = stile_factors_create(&factors, arena, sizes, rank, files[2].header, diagnostics);
    if (result)
        return result;
    stile_arena *scratch = stile_arena_create();
    if (!scratch)
        return stile_fail_memory();
    for (int i = 0; i < 3; i++) {
        const int error = read_entries(&files[i], &factors, i, scratch);
        result = result ? result : error;
    }
    stile_arena_destroy(&scratch);
    if (result)
        return result;
    *out = stile_factors_finish(&factors);
    (*out)->name = files[0].name ? files[0].name : "";
    (*out)->source = files[0].source ? files[0].source : "";
    return STILE_OK;
}

int stile_basis_import_sms(stile_basis **out, stile_arena *arena,
                           const stile_import_source files[3], stile_diagnostics *diagnostics)
{
    stile_import_source sources[3] = {files[0], files[1], files[2]};
    return stile_factors_read(out, arena, read_triple, sources, diagnostics);
}
