/* SPDX-License-Identifier: Apache-2.0 */
/* stile cache verify: checks every entry of the kernel cache. */
#include "cache_command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cache_evict.h"
#include "output.h"

typedef struct tally {
    int checked, bad, removed;
} tally;

/* Whether an entry is bad, and why. One that was taken out meanwhile is not. */
static bool is_bad(const stile_cache_in_use *in_use, const stile_cache_item *item,
                   const char **reason)
{
    struct stat status;
    switch (stile_cache_entry_check(in_use->root, item->folder, reason)) {
    case STILE_CACHE_FOUND:
        return false;
    case STILE_CACHE_ABSENT:
        return fstatat(in_use->root, item->folder, &status, AT_SYMLINK_NOFOLLOW) == 0;
    case STILE_CACHE_DAMAGED:
        break;
    }
    return true;
}

/* Says what is wrong with one entry, and removes it where that is asked for. */
static void handle_bad(stile_text *text, stile_json *json, const stile_cache_in_use *in_use,
                       const stile_cache_item *item, const char *reason, bool remove, tally *t)
{
    int error = remove ? stile_cache_evict_damaged(in_use->root, item->folder) : 0;
    bool removed = remove && !error;
    t->bad++;
    t->removed += removed;
    if (remove && error)
        stile_print_error("%s/v1/%s cannot be removed: %s", in_use->path, item->folder,
                          error == EBUSY ? "a program is working on it" : strerror(error));
    if (!json->text) {
        stile_text_appendf(text, "%s: %s%s\n", item->folder, reason, removed ? " (removed)" : "");
        return;
    }
    stile_json_begin_object(json, NULL);
    stile_json_string(json, "folder", item->folder);
    stile_json_string(json, "reason", reason);
    stile_json_bool(json, "removed", removed);
    stile_json_end_object(json);
}

static int run(const stile_arguments *arguments)
{
    const bool remove = stile_flag(arguments, "remove");
    stile_cache_in_use in_use;
    stile_cache_index index;
    int result = stile_cache_use_index(&in_use, &index, remove);
    if (result)
        return result;

    tally t = {0};
    stile_text text = {0};
    stile_json json = {.text = stile_flag(arguments, "json") ? &text : NULL};
    if (json.text) {
        stile_json_begin_object(&json, NULL);
        stile_json_string(&json, "directory", in_use.path);
        stile_json_begin_array(&json, "bad");
    }
    for (int i = 0; i < index.count; i++) {
        const char *reason;
        stile_print_progress("checking %d of %d", i + 1, index.count);
        t.checked++;
        if (is_bad(&in_use, &index.items[i], &reason))
            handle_bad(&text, &json, &in_use, &index.items[i], reason, remove, &t);
    }
    stile_print_progress("%s", "");
    stile_cache_count_removed(&in_use, 0, (uint64_t)t.removed);
    if (json.text) {
        stile_json_end_array(&json);
        stile_json_int(&json, "checked", t.checked);
        stile_json_int(&json, "removed", t.removed);
        stile_json_end_object(&json);
    } else {
        stile_text_appendf(&text, "%s: %d entries, %d bad", in_use.path, t.checked, t.bad);
        if (remove)
            stile_text_appendf(&text, ", %d removed", t.removed);
        stile_text_append(&text, "\n");
    }
    result = stile_emit_json(arguments, &text);
    stile_cache_index_free(&index);
    stile_cache_location_close(&in_use.location);
    if (result)
        return result;
    return t.bad ? STILE_EXIT_CHECK_FAILED : STILE_EXIT_OK;
}

static const stile_option options[] = {
    {"remove", 0, NULL, "remove what is bad; it is compiled anew when it is needed"},
    STILE_OPTION_JSON,
    {NULL},
};

const stile_command stile_command_cache_verify = {
    .name = "cache verify",
    .synopsis = "[--remove]",
    .summary = "check every compiled kernel against its checksums",
    .text = "Reads every entry of the cache and compares it with the sizes and checksums it was\n"
            "written with. Exit status 1 where an entry is bad, also where it was removed. Programs\n"
            "check what they load by themselves: this is for the care of disks.",
    .options = options,
    .run = run,
};
