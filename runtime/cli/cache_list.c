/* SPDX-License-Identifier: Apache-2.0 */
/* stile cache list: the entries of the kernel cache. */
#include "cache_command.h"

#include <stdio.h>

#include "fail.h"
#include "output.h"
#include "table.h"

enum { SHOWN_DIGITS = 12 };

static void list_json(stile_text *text, const stile_cache_in_use *in_use,
                      const stile_cache_index *index)
{
    stile_json json = {.text = text};
    stile_json_begin_object(&json, NULL);
    stile_json_string(&json, "directory", in_use->path);
    stile_json_int(&json, "bytes", (int64_t)index->bytes);
    stile_json_begin_array(&json, "entries");
    for (int i = index->count - 1; i >= 0; i--) {
        const stile_cache_item *item = &index->items[i];
        char used[40], version[32];
        int major, minor;
        stile_cache_time_text(used, item->used, true);
        bool known = stile_cache_item_nvrtc(in_use->root, item, &major, &minor);
        if (known)
            snprintf(version, sizeof version, "%d.%d", major, minor);
        stile_json_begin_object(&json, NULL);
        stile_json_string(&json, "kernel", item->name.kernel);
        stile_json_string(&json, "arch", item->name.arch);
        stile_json_string(&json, "hash", item->name.key.hex);
        stile_json_int(&json, "bytes", (int64_t)item->bytes);
        stile_json_string(&json, "last_use", used);
        stile_json_string(&json, "nvrtc", known ? version : NULL);
        stile_json_string(&json, "folder", item->folder);
        stile_json_end_object(&json);
    }
    stile_json_end_array(&json);
    stile_json_end_object(&json);
}

static void list_table(stile_text *text, stile_arena *arena, const stile_cache_in_use *in_use,
                       const stile_cache_index *index)
{
    static const char *const header[] = {"kernel", "arch", "hash", "size", "last use", "NVRTC"};
    stile_table table = {.arena = arena, .alignment = "lllrll"};
    stile_table_row(&table);
    for (int i = 0; i < 6; i++)
        stile_table_cell(&table, header[i]);
    for (int i = index->count - 1; i >= 0; i--) {
        const stile_cache_item *item = &index->items[i];
        char used[40];
        int major, minor;
        stile_cache_time_text(used, item->used, false);
        stile_table_row(&table);
        stile_table_cell(&table, item->name.kernel);
        stile_table_cell(&table, item->name.arch);
        stile_table_cellf(&table, "%.*s", SHOWN_DIGITS, item->name.key.hex);
        stile_table_cell(&table, stile_human_bytes(arena, (double)item->bytes));
        stile_table_cell(&table, used);
        if (stile_cache_item_nvrtc(in_use->root, item, &major, &minor))
            stile_table_cellf(&table, "%d.%d", major, minor);
        else
            stile_table_cell(&table, "?");
    }
    if (index->count)
        stile_table_print(text, &table);
    stile_text_appendf(text, "%s%s: %d entries, %s\n", index->count ? "\n" : "", in_use->path,
                       index->count, stile_human_bytes(arena, (double)index->bytes));
    if (table.failed)
        text->failed = true;
}

static int run(const stile_arguments *arguments)
{
    stile_cache_in_use in_use;
    stile_cache_index index;
    int result = stile_cache_use_index(&in_use, &index, false);
    if (result)
        return result;
    stile_cache_index_sort_by_use(&index);
    stile_arena *arena = stile_arena_create();
    stile_text text = {0};
    if (!arena) {
        result = stile_report_failure(stile_fail_memory(), NULL);
    } else if (stile_flag(arguments, "json")) {
        list_json(&text, &in_use, &index);
        result = stile_emit_json(arguments, &text);
    } else {
        list_table(&text, arena, &in_use, &index);
        result = stile_emit(&text);
    }
    stile_arena_destroy(&arena);
    stile_cache_index_free(&index);
    stile_cache_location_close(&in_use.location);
    return result;
}

static const stile_option options[] = {STILE_OPTION_JSON, {NULL}};

const stile_command stile_command_cache_list = {
    .name = "cache list",
    .synopsis = "",
    .summary = "the compiled kernels, the most recently used first",
    .options = options,
    .run = run,
};
