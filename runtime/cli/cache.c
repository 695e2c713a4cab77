/* SPDX-License-Identifier: Apache-2.0 */
/* stile cache: the group of commands about the kernel cache, `cache stats` and `cache clear`. */
#include "cache_command.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache_evict.h"
#include "cache_stats.h"
#include "fail.h"
#include "output.h"
#include "table.h"

enum { TIMEOUT_MS = 1000 };

/* --- shared --- */

int stile_cache_use(stile_cache_in_use *out, bool write)
{
    stile_cache_in_use result;
    stile_text warning = {0};
    int error = stile_cache_location_open(&result.location, NULL, &warning);
    if (error) {
        stile_text_free(&warning);
        return stile_report_failure(error, NULL);
    }
    result.writable = result.location.root >= 0;
    result.root = result.writable ? result.location.root : result.location.read_only_root;
    result.path = result.writable ? result.location.path : result.location.read_only_path;
    if (warning.data)
        stile_print_note("%s", warning.data);
    stile_text_free(&warning);
    if (result.root < 0 || (write && !result.writable)) {
        stile_print_error("there is no cache directory to %s; name one in STILE_CACHE_DIR",
                          result.root < 0 ? "read" : "change");
        stile_cache_location_close(&result.location);
        return STILE_EXIT_ENVIRONMENT;
    }
    *out = result;
    return STILE_EXIT_OK;
}

int stile_cache_report(const stile_cache_in_use *in_use, int error)
{
    stile_print_error("kernel cache %s: %s", in_use->path, strerror(error));
    return STILE_EXIT_FAILURE;
}

int stile_cache_use_index(stile_cache_in_use *out, stile_cache_index *index, bool write)
{
    int result = stile_cache_use(out, write);
    if (result)
        return result;
    int error = stile_cache_index_read(index, out->root);
    if (!error)
        return STILE_EXIT_OK;
    result = stile_cache_report(out, error);
    stile_cache_location_close(&out->location);
    return result;
}

void stile_cache_time_text(char out[static 40], int64_t time, bool iso)
{
    struct tm parts;
    time_t seconds = (time_t)time;
    if (!gmtime_r(&seconds, &parts)) {
        strcpy(out, "?");
        return;
    }
    int size = snprintf(out, 40, "%d-%02d-%02d%c%02d:%02d", parts.tm_year + 1900, parts.tm_mon + 1,
                        parts.tm_mday, iso ? 'T' : ' ', parts.tm_hour, parts.tm_min);
    if (iso)
        snprintf(out + size, 40 - (size_t)size, ":%02dZ", parts.tm_sec);
    else
        snprintf(out + size, 40 - (size_t)size, " UTC");
}

void stile_cache_count_removed(const stile_cache_in_use *in_use, uint64_t evicted, uint64_t damaged)
{
    uint64_t stamp;
    if (evicted || damaged)
        stile_cache_stats_add(in_use->root,
                              &(stile_cache_counters){.evictions = evicted, .damaged = damaged}, 0,
                              TIMEOUT_MS, &stamp);
}

/* --- stats --- */

/* The counters, in the order in which they are shown. */
static const struct {
    const char *name;
    size_t offset;
    const char *meaning;
} counters[] = {
    {"hits", offsetof(stile_cache_counters, hits), "kernels found"},
    {"misses", offsetof(stile_cache_counters, misses), "kernels not found"},
    {"compiles", offsetof(stile_cache_counters, compiles), "compilations begun"},
    {"waits", offsetof(stile_cache_counters, waits), "waits for another process or thread"},
    {"evictions", offsetof(stile_cache_counters, evictions), "entries taken out to make room"},
    {"damaged", offsetof(stile_cache_counters, damaged), "entries that failed a check"},
};
enum { COUNTER_COUNT = sizeof counters / sizeof counters[0] };

static uint64_t counter(const stile_cache_counters *values, int i)
{
    uint64_t value;
    memcpy(&value, (const char *)values + counters[i].offset, sizeof value);
    return value;
}

static void print_stats_json(stile_text *text, const stile_cache_in_use *in_use,
                             const stile_cache_index *index, uint64_t limit,
                             const stile_cache_counters *values)
{
    stile_json json = {.text = text};
    stile_json_begin_object(&json, NULL);
    stile_json_string(&json, "directory", in_use->path);
    stile_json_bool(&json, "writable", in_use->writable);
    stile_json_int(&json, "entries", index->count);
    stile_json_int(&json, "bytes", (int64_t)index->bytes);
    stile_json_int(&json, "limit", (int64_t)limit);
    for (int i = 0; i < COUNTER_COUNT; i++)
        stile_json_int(&json, counters[i].name, (int64_t)counter(values, i));
    stile_json_end_object(&json);
}

static void print_stats(stile_text *text, stile_arena *arena, const stile_cache_in_use *in_use,
                        const stile_cache_index *index, uint64_t limit,
                        const stile_cache_counters *values)
{
    stile_table table = {.arena = arena, .alignment = "lrl"};
    stile_text_appendf(text, "%s%s\n\n", in_use->path, in_use->writable ? "" : " (read-only)");
    stile_table_row(&table);
    stile_table_cell(&table, "entries");
    stile_table_cellf(&table, "%d", index->count);
    stile_table_cellf(&table, "%s of at most %s", stile_human_bytes(arena, (double)index->bytes),
                      stile_human_bytes(arena, (double)limit));
    for (int i = 0; i < COUNTER_COUNT; i++) {
        stile_table_row(&table);
        stile_table_cell(&table, counters[i].name);
        stile_table_cellf(&table, "%llu", (unsigned long long)counter(values, i));
        stile_table_cell(&table, counters[i].meaning);
    }
    stile_table_print(text, &table);
    if (table.failed)
        text->failed = true;
}

static int run_stats(const stile_arguments *arguments)
{
    stile_cache_in_use in_use;
    stile_cache_index index;
    int result = stile_cache_use_index(&in_use, &index, false);
    if (result)
        return result;
    uint64_t limit;
    if (!stile_cache_size_limit(&limit))
        stile_print_note(
            "STILE_CACHE_SIZE is \"%s\", not a number of bytes or a size such as 512M; "
            "taken as 1G",
            getenv("STILE_CACHE_SIZE"));
    stile_cache_stats stats = {0};
    int error = stile_cache_stats_read(in_use.root, &stats);
    stile_arena *arena = stile_arena_create();
    stile_text text = {0};
    if (error == EBADMSG) {
        stile_print_note("the counters of %s are damaged; they begin anew", in_use.path);
        error = 0;
    }
    if (error) {
        result = stile_cache_report(&in_use, error);
    } else if (!arena) {
        result = stile_report_failure(stile_fail_memory(), NULL);
    } else if (stile_flag(arguments, "json")) {
        print_stats_json(&text, &in_use, &index, limit, &stats.counters);
        result = stile_emit_json(arguments, &text);
    } else {
        print_stats(&text, arena, &in_use, &index, limit, &stats.counters);
        result = stile_emit(&text);
    }
    stile_arena_destroy(&arena);
    stile_cache_index_free(&index);
    stile_cache_location_close(&in_use.location);
    return result;
}

/* --- clear --- */

static int run_clear(const stile_arguments *arguments)
{
    stile_cache_in_use in_use;
    uint64_t evicted = 0, bytes = 0;
    int result = stile_cache_use(&in_use, true);
    if (result)
        return result;
    int error = stile_cache_clear(in_use.root, &evicted, &bytes);
    if (error)
        result = stile_cache_report(&in_use, error);
    stile_text text = {0};
    if (stile_flag(arguments, "json")) {
        stile_json json = {.text = &text};
        stile_json_begin_object(&json, NULL);
        stile_json_string(&json, "directory", in_use.path);
        stile_json_int(&json, "removed", (int64_t)evicted);
        stile_json_int(&json, "bytes", (int64_t)bytes);
        stile_json_end_object(&json);
    } else {
        stile_text_appendf(&text, "%s: removed %llu entries, %llu bytes\n", in_use.path,
                           (unsigned long long)evicted, (unsigned long long)bytes);
    }
    int emitted = stile_emit_json(arguments, &text);
    stile_cache_location_close(&in_use.location);
    return emitted > result ? emitted : result;
}

/* --- the group --- */

static const stile_option json_options[] = {STILE_OPTION_JSON, {NULL}};

const stile_command stile_command_cache_stats = {
    .name = "cache stats",
    .synopsis = "",
    .summary = "size of the cache, and what all programs did with it",
    .text = "Shows the size of the cache directory and what happened in it, counted by all\n"
            "programs that used it since it was made or cleared. Every kernel was compiled once\n"
            "where compiles equals entries, nothing was evicted and nothing damaged.",
    .options = json_options,
    .run = run_stats,
};

const stile_command stile_command_cache_clear = {
    .name = "cache clear",
    .synopsis = "",
    .summary = "remove all compiled kernels",
    .text = "Removes what stile made in the cache directory: kernels, counters and what killed\n"
            "programs left. Nothing else is touched, tuned schedules included, and the folder v1\n"
            "stays for programs that run: they keep the kernels that they have loaded, and compile\n"
            "others anew.",
    .options = json_options,
    .run = run_clear,
};

static const stile_command *const subcommands[] = {
    &stile_command_cache_list,   &stile_command_cache_stats, &stile_command_cache_winners,
    &stile_command_cache_verify, &stile_command_cache_prune, &stile_command_cache_clear,
    NULL,
};

const stile_command stile_command_cache = {
    .name = "cache",
    .synopsis = "list|stats|winners|verify|prune|clear ...",
    .summary = "list, check and clean the cache of compiled kernels",
    .text = "Compiled kernels are kept in the first of these directories that is safe and\n"
            "writable: $STILE_CACHE_DIR, $XDG_CACHE_HOME/stile, $HOME/.cache/stile, and\n"
            "stile-<user id> in $TMPDIR or /tmp. $STILE_CACHE_SIZE (512M, 2G, ...; 1G if unset)\n"
            "bounds its size: those used least recently go first.",
    .subcommands = subcommands,
};
