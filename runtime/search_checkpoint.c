/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file, all of it text:
 *
 *     stile-search 1
 *     tile 4,4,4 rank 24 …          the problem (stile_search_print_problem)
 *     finished 0-11 13              ranges of starts
 *     best 7                        the best of them, −1 for none; then its state
 *     pending 2                     then so many states
 *     end
 */
#include "search_checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "file_write.h"

int stile_search_record_create(stile_search_record *out, int64_t starts)
{
    stile_search_record record = {
        .starts = starts, .first_success = INT64_MAX, .best = {.index = -1}};
    record.finished = calloc((size_t)starts, 1);
    if (!record.finished)
        return stile_fail_memory();
    *out = record;
    return STILE_OK;
}

void stile_search_record_destroy(stile_search_record *record)
{
    for (int i = 0; i < record->pending_count; i++)
        stile_text_free(&record->pending[i].state);
    free(record->pending);
    free(record->finished);
    stile_text_free(&record->best.state);
    *record = (stile_search_record){0};
}

/* The state of a start into a text of its own. */
static int save(stile_text *out, const stile_search_start *start)
{
    stile_text text = {0};
    stile_search_save(&text, start);
    if (text.failed) {
        stile_text_free(&text);
        return stile_fail_memory();
    }
    stile_text_free(out);
    *out = text;
    return STILE_OK;
}

int stile_search_result_offer(stile_search_result *result, int64_t index,
                              const stile_search_start *start, stile_search_quality quality)
{
    const bool worse = result->index >= 0 && stile_search_is_better(&result->quality, &quality);
    const bool equal =
        result->index >= 0 && !worse && !stile_search_is_better(&quality, &result->quality);
    if (worse || (equal && result->index < index))
        return STILE_OK;
    const int error = save(&result->state, start);
    if (error)
        return error;
    result->index = index;
    result->quality = quality;
    return STILE_OK;
}

/* --- Starts under way ------------------------------------------------------------------------- */

static int find_pending(const stile_search_record *record, int64_t index)
{
    for (int i = 0; i < record->pending_count; i++)
        if (record->pending[i].index == index)
            return i;
    return -1;
}

/* An entry for a start that has none. */
static int add_pending(stile_search_record *record, int64_t index)
{
    if (record->pending_count == record->pending_capacity) {
        const int capacity = record->pending_capacity ? 2 * record->pending_capacity : 16;
        stile_search_result *grown =
            realloc(record->pending, (size_t)capacity * sizeof *record->pending);
        if (!grown)
            return -1;
        record->pending = grown;
        record->pending_capacity = capacity;
    }
    record->pending[record->pending_count] = (stile_search_result){.index = index};
    return record->pending_count++;
}

int stile_search_record_save(stile_search_record *record, int64_t index,
                             const stile_search_start *start)
{
    stile_text state = {0};
    const int error = save(&state, start);
    if (error)
        return error;
    int at = find_pending(record, index);
    if (at < 0)
        at = add_pending(record, index);
    if (at < 0) {
        stile_text_free(&state);
        return stile_fail_memory();
    }
    stile_text_free(&record->pending[at].state);
    record->pending[at].state = state;
    return STILE_OK;
}

int stile_search_record_restore(stile_search_record *record, int64_t index,
                                const stile_search_problem *problem, stile_search_start **out)
{
    const int at = find_pending(record, index);
    *out = NULL;
    if (at < 0)
        return STILE_OK;
    const char *text = record->pending[at].state.data;
    return stile_search_restore(out, problem, &text);
}

int stile_search_record_finish(stile_search_record *record, int64_t index,
                               const stile_search_start *start, stile_search_quality quality,
                               bool first_wins)
{
    const bool wins = first_wins && quality.feasible;
    /* The first of an order, not the best: what a later one has found does not count. */
    if (wins && index < record->first_success) {
        record->first_success = index;
        record->best.index = -1;
    }
    if (!first_wins || record->first_success == INT64_MAX || record->first_success == index) {
        const int error = stile_search_result_offer(&record->best, index, start, quality);
        if (error)
            return error;
    }
    record->finished_count += !record->finished[index];
    record->finished[index] = 1;
    const int at = find_pending(record, index);
    if (at >= 0) {
        stile_text_free(&record->pending[at].state);
        record->pending[at] = record->pending[--record->pending_count];
    }
    return STILE_OK;
}

/* --- The file --------------------------------------------------------------------------------- */

static void print_finished(stile_text *out, const stile_search_record *record)
{
    stile_text_append(out, "finished");
    for (int64_t first = 0; first < record->starts; first++) {
        if (!record->finished[first])
            continue;
        int64_t last = first;
        while (last + 1 < record->starts && record->finished[last + 1])
            last++;
        stile_text_appendf(out, " %lld-%lld", (long long)first, (long long)last);
        first = last;
    }
    stile_text_append(out, "\n");
}

int stile_search_record_write(const stile_search_record *record, const char *path,
                              const stile_search_problem *problem)
{
    stile_text text = {0};
    stile_text_append(&text, "stile-search 1\n");
    stile_search_print_problem(&text, problem);
    print_finished(&text, record);
    stile_text_appendf(&text, "best %lld %d\n", (long long)record->best.index,
                       record->first_success != INT64_MAX);
    if (record->best.index >= 0)
        stile_text_append(&text, record->best.state.data);
    stile_text_appendf(&text, "pending %d\n", record->pending_count);
    for (int i = 0; i < record->pending_count; i++)
        stile_text_append(&text, record->pending[i].state.data);
    stile_text_append(&text, "end\n");
    int error = text.failed ? stile_fail_memory() : STILE_OK;
    if (!error) {
        const int problem_of_file =
            stile_file_write(path, &(stile_file_part){text.data, text.size}, 1);
        if (problem_of_file)
            error = stile_fail(STILE_ERROR_IO, "%s: the checkpoint cannot be written: %s", path,
                               strerror(problem_of_file));
    }
    stile_text_free(&text);
    return error;
}

/* All of a file; *out stays empty where there is none. */
static int read_all(stile_text *out, const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT)
        return STILE_OK;
    if (!file)
        return stile_fail(STILE_ERROR_IO, "%s: the checkpoint cannot be read: %s", path,
                          strerror(errno));
    char block[1 << 14];
    size_t size;
    while ((size = fread(block, 1, sizeof block, file)) > 0)
        stile_text_append_bytes(out, block, size);
    const bool failed = ferror(file);
    const int reason = errno;
    fclose(file);
    if (failed)
        return stile_fail(STILE_ERROR_IO, "%s: the checkpoint cannot be read: %s", path,
                          strerror(reason));
    return out->failed ? stile_fail_memory() : STILE_OK;
}

static bool take(const char **text, const char *words)
{
    const size_t size = strlen(words);
    if (strncmp(*text, words, size) != 0)
        return false;
    *text += size;
    return true;
}

/* A number of digits alone, followed by `end`. */
static bool take_number(const char **text, char end, int64_t *out)
{
    int64_t value = 0;
    const char *c = *text;
    for (; *c >= '0' && *c <= '9' && c - *text < 10; c++)
        value = 10 * value + (*c - '0');
    if (c == *text || *c != end)
        return false;
    *text = c + 1;
    *out = value;
    return true;
}

/* Starts past the end, of a search that was meant to be longer, are ignored. */
static bool take_finished(const char **text, stile_search_record *record)
{
    int64_t first, last;
    if (!take(text, "finished"))
        return false;
    while (take(text, " ")) {
        if (!take_number(text, '-', &first))
            return false;
        const char *line = *text;
        if (!take_number(text, ' ', &last)) {
            *text = line;
            if (!take_number(text, '\n', &last))
                return false;
        }
        (*text)--;
        if (first > last || last >= STILE_SEARCH_MAX_STARTS)
            return false;
        for (int64_t i = first; i <= last && i < record->starts; i++) {
            record->finished_count += !record->finished[i];
            record->finished[i] = 1;
        }
    }
    return take(text, "\n");
}

/* Parses a state; judges it where it is the best so far. */
static int take_state(const char **text, const stile_search_problem *problem,
                      stile_search_result *out)
{
    stile_search_start *start;
    int error = stile_search_restore(&start, problem, text);
    if (error)
        return error;
    out->quality = stile_search_assess(start);
    error = save(&out->state, start);
    stile_search_end(&start);
    return error;
}

static int take_record(const char *text, stile_search_record *record,
                       const stile_search_problem *problem)
{
    const int damaged = STILE_ERROR_SPEC;
    int64_t best = -1, won = 0, pending = 0;
    if (!take_finished(&text, record) || !take(&text, "best "))
        return damaged;
    if (!take(&text, "-1 ") && !take_number(&text, ' ', &best))
        return damaged;
    if (!take_number(&text, '\n', &won) || won > 1 || (won && best < 0))
        return damaged;
    if (best >= 0) {
        const int error = take_state(&text, problem, &record->best);
        if (error)
            return error;
        record->best.index = best;
        take(&text, "\n");
    }
    record->first_success = won ? best : INT64_MAX;
    if (!take(&text, "pending ") || !take_number(&text, '\n', &pending) || pending > 1 << 16)
        return damaged;
    for (int64_t i = 0; i < pending; i++) {
        int64_t index;
        const char *peek = text;
        if (!take(&peek, "start ") || !take_number(&peek, ' ', &index))
            return damaged;
        const int at = add_pending(record, index);
        if (at < 0)
            return stile_fail_memory();
        const int error = take_state(&text, problem, &record->pending[at]);
        if (error)
            return error;
        take(&text, "\n");
    }
    return take(&text, "end\n") ? STILE_OK : damaged;
}

int stile_search_record_read(stile_search_record *record, const char *path,
                             const stile_search_problem *problem)
{
    stile_text text = {0}, expected = {0};
    int error = read_all(&text, path);
    stile_search_print_problem(&expected, problem);
    const char *rest = text.data ? text.data : "";
    if (!error && expected.failed)
        error = stile_fail_memory();
    if (error || !text.data)
        goto done;
    if (!take(&rest, "stile-search 1\n"))
        error = stile_fail(STILE_ERROR_SPEC, "%s: this is no checkpoint of a search", path);
    else if (!take(&rest, expected.data))
        error =
            stile_fail(STILE_ERROR_SPEC, "%s: this is the checkpoint of another search, of %.*s",
                       path, (int)strcspn(rest, "\n"), rest);
    if (error)
        goto done;
    error = take_record(rest, record, problem);
    if (error == STILE_ERROR_SPEC)
        error = stile_fail(STILE_ERROR_SPEC, "%s: the checkpoint is damaged", path);
done:
    stile_text_free(&text);
    stile_text_free(&expected);
    return error;
}
