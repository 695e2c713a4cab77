/* SPDX-License-Identifier: Apache-2.0 */
/* stile cache prune: takes out entries that are old, of an older NVRTC, or too many. */
#include "cache_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cache_evict.h"
#include "number.h"
#include "nvrtc.h"
#include "output.h"

enum { DAY_SECONDS = 24 * 60 * 60, MAX_DAYS = 100000 };

/* What has to go. */
typedef struct rules {
    int nvrtc_major, nvrtc_minor; /* what is older; 0.0: nothing */
    int64_t used_before;          /* seconds since 1970; INT64_MIN: nothing */
    bool bounded;
    uint64_t max_size;
} rules;

typedef struct tally {
    uint64_t removed, bytes;
    int busy;
} tally;

static bool parse_version(const char *text, int *major, int *minor)
{
    int end = 0;
    return strspn(text, "0123456789.") == strlen(text) &&
           sscanf(text, "%4d.%4d%n", major, minor, &end) == 2 && !text[end];
}

/* Reads the options; prints what is wrong. Returns an exit code. */
static int read_rules(rules *out, const stile_arguments *arguments)
{
    const char *nvrtc = stile_argument(arguments, "older-nvrtc");
    const char *size = stile_argument(arguments, "max-size");
    int64_t days = -1;
    rules r = {.used_before = INT64_MIN};
    if (nvrtc && *nvrtc && !parse_version(nvrtc, &r.nvrtc_major, &r.nvrtc_minor)) {
        stile_print_error("--older-nvrtc is '%s', but must be a version such as 13.0", nvrtc);
        return STILE_EXIT_USAGE;
    }
    if (nvrtc && !*nvrtc) {
        stile_nvrtc_info info;
        int error = stile_nvrtc_describe(&info);
        if (error)
            return stile_report_failure(error, "--older-nvrtc");
        r.nvrtc_major = info.major;
        r.nvrtc_minor = info.minor;
    }
    if (size && !stile_cache_parse_size(size, &r.max_size)) {
        stile_print_error("--max-size is '%s', but must be a size such as 512M, 2G or 1000000",
                          size);
        return STILE_EXIT_USAGE;
    }
    if (!stile_argument_int(arguments, "days", 0, MAX_DAYS, &days))
        return STILE_EXIT_USAGE;
    if (days >= 0)
        r.used_before = (int64_t)time(NULL) - days * DAY_SECONDS;
    r.bounded = size != NULL;
    if (!nvrtc && !size && days < 0) {
        r.bounded = true;
        if (!stile_cache_size_limit(&r.max_size))
            stile_print_note("STILE_CACHE_SIZE says no size; taken as 1G");
    }
    *out = r;
    return STILE_EXIT_OK;
}

static bool is_outdated(const stile_cache_in_use *in_use, const stile_cache_item *item,
                        const rules *r)
{
    int major, minor;
    if (item->used < r->used_before)
        return true;
    return (r->nvrtc_major || r->nvrtc_minor) &&
           stile_cache_item_nvrtc(in_use->root, item, &major, &minor) &&
           (major < r->nvrtc_major || (major == r->nvrtc_major && minor < r->nvrtc_minor));
}

/* Returns an errno value. */
static int take_out(tally *t, const stile_cache_in_use *in_use, const stile_cache_item *item)
{
    int error = stile_cache_evict_one(in_use->root, item->folder);
    if (!error) {
        t->removed++;
        t->bytes += item->bytes;
    }
    if (error == EBUSY)
        t->busy++;
    return error == EBUSY || error == ENOENT ? 0 : error;
}

/* The items are in the order of their use; those taken out are left without bytes. */
static int prune(tally *t, const stile_cache_in_use *in_use, stile_cache_index *index,
                 const rules *r)
{
    int error = 0;
    for (int i = 0; i < index->count && !error; i++) {
        stile_cache_item *item = &index->items[i];
        if (is_outdated(in_use, item, r)) {
            error = take_out(t, in_use, item);
            index->bytes -= item->bytes;
            item->bytes = 0;
        }
    }
    for (int i = 0; i < index->count && !error && r->bounded && index->bytes > r->max_size; i++) {
        const stile_cache_item *item = &index->items[i];
        if (item->bytes) {
            error = take_out(t, in_use, item);
            index->bytes -= item->bytes;
        }
    }
    return error;
}

static int run(const stile_arguments *arguments)
{
    rules r = {0};
    stile_cache_in_use in_use;
    stile_cache_index index;
    int result = read_rules(&r, arguments);
    if (!result)
        result = stile_cache_use_index(&in_use, &index, true);
    if (result)
        return result;

    tally t = {0};
    stile_cache_index_sort_by_use(&index);
    int error = prune(&t, &in_use, &index, &r);
    if (error)
        result = stile_cache_report(&in_use, error);
    stile_cache_count_removed(&in_use, t.removed, 0);
    stile_text text = {0};
    if (stile_flag(arguments, "json")) {
        stile_json json = {.text = &text};
        stile_json_begin_object(&json, NULL);
        stile_json_string(&json, "directory", in_use.path);
        stile_json_int(&json, "removed", (int64_t)t.removed);
        stile_json_int(&json, "bytes", (int64_t)t.bytes);
        stile_json_int(&json, "in_use", t.busy);
        stile_json_int(&json, "kept", index.count - (int64_t)t.removed);
        stile_json_end_object(&json);
    } else {
        stile_text_appendf(&text, "%s: removed %llu of %d entries, %llu bytes\n", in_use.path,
                           (unsigned long long)t.removed, index.count, (unsigned long long)t.bytes);
    }
    if (t.busy)
        stile_print_note("%d entries that programs are working on were left", t.busy);
    int emitted = stile_emit_json(arguments, &text);
    stile_cache_index_free(&index);
    stile_cache_location_close(&in_use.location);
    return emitted > result ? emitted : result;
}

static const stile_option options[] = {
    {"older-nvrtc", 0, "[VERSION]",
     "remove kernels compiled by an NVRTC before --older-nvrtc=VERSION,\n"
     "or without VERSION before the one that is found here"},
    {"days", 0, "N", "remove kernels that nobody has used for N days"},
    {"max-size", 0, "SIZE",
     "remove the least recently used until the rest has at most SIZE:\n"
     "bytes, or 512M, 2G, ..."},
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_cache_prune = {
    .name = "cache prune",
    .synopsis = "[--older-nvrtc[=VERSION]] [--days N] [--max-size SIZE]",
    .summary = "remove compiled kernels that are old or too many",
    .text = "Removes what any of the options names; without one, what exceeds $STILE_CACHE_SIZE\n"
            "(1G if unset), as programs do by themselves. Kernels that a program is compiling are\n"
            "left.",
    .options = options,
    .run = run,
};
