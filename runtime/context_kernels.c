/* SPDX-License-Identifier: Apache-2.0 */
/* Where a context's kernels come from: its bundles, then its cache. */
#include "context.h"

#include <stdlib.h>
#include <string.h>

#include <stile/version.h>

#include "bundle.h"
#include "cache_entry.h"
#include "fail.h"

struct stile_loaded_bundle {
    stile_loaded_bundle *next;
    stile_bundle *bundle;
};

int stile_context_load_bundle(stile_context *context, const char *path)
{
    if (!context || !path)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "stile_context_load_bundle needs a context and the path of a bundle");
    stile_loaded_bundle *loaded = calloc(1, sizeof *loaded);
    if (!loaded)
        return stile_fail_memory();
    int error = stile_bundle_open(&loaded->bundle, path);
    if (error) {
        free(loaded);
        return error;
    }
    stile_context_log(context, STILE_LOG_INFO, "loaded %s: %zu kernels by %s", path,
                      stile_bundle_count(loaded->bundle), stile_bundle_producer(loaded->bundle));
    loaded->next = atomic_load(&context->bundles);
    while (!atomic_compare_exchange_weak(&context->bundles, &loaded->next, loaded))
        ;
    return STILE_OK;
}

void stile_context_unload_bundles(stile_context *context)
{
    for (stile_loaded_bundle *next, *l = atomic_load(&context->bundles); l; l = next) {
        next = l->next;
        stile_bundle_close(&l->bundle);
        free(l);
    }
    atomic_store(&context->bundles, NULL);
}

/* Looks through the bundles; passes over a damaged kernel with a warning. */
static bool find_in_bundles(const stile_context *context, stile_cubin *out,
                            const stile_cache_entry *entry)
{
    for (stile_loaded_bundle *l = atomic_load(&context->bundles); l; l = l->next) {
        stile_bundle_read result = stile_bundle_get(l->bundle, out, &entry->key);
        if (result == STILE_BUNDLE_FOUND)
            return true;
        if (result == STILE_BUNDLE_DAMAGED)
            stile_context_log(
                context, STILE_LOG_WARNING,
                "%s: kernel %s for %s is damaged and passed over; build the bundle again",
                stile_bundle_path(l->bundle), entry->kernel, entry->arch.name);
    }
    return false;
}

bool stile_context_has_bundled(const stile_context *context, const stile_kernel *kernel)
{
    stile_cache_entry entry;
    stile_cubin cubin = {0};
    if (stile_cache_entry_init(&entry, kernel->name, kernel->source, &context->arch) ||
        !find_in_bundles(context, &cubin, &entry))
        return false;
    stile_cubin_free(&cubin);
    return true;
}

/* --- what to do about a kernel that cannot be had --- */

/* A word of a shell command, quoted where it must be. */
static void append_word(stile_text *out, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "_-+=.,:/@%";
    if (*word && word[strspn(word, plain)] == '\0') {
        stile_text_append(out, word);
        return;
    }
    stile_text_append(out, "'");
    for (const char *c = word; *c; c++)
        stile_text_append_bytes(out, *c == '\'' ? "'\\''" : c, *c == '\'' ? 4 : 1);
    stile_text_append(out, "'");
}

static void append_build_command(stile_text *out, const stile_config *config,
                                 const stile_arch *arch)
{
    stile_text_append(out, "stile build ");
    if (config->spec_path) {
        append_word(out, config->spec_path);
    } else {
        append_word(out, config->spec_name); /* of [A-Za-z0-9_-], so never quoted */
        stile_text_append(out, ".yaml");
    }
    if (*config->variant_text) {
        stile_text_append(out, " --variant ");
        append_word(out, config->name);
    }
    stile_text_appendf(out, " --arch %s -o %s.stile", arch->name, config->spec_name);
}

/* Names bundles that another version of stile wrote, whose sources may have been others. */
static void append_foreign_bundles(stile_text *out, const stile_context *context)
{
    for (stile_loaded_bundle *l = atomic_load(&context->bundles); l; l = l->next) {
        const char *producer = stile_bundle_producer(l->bundle);
        if (strcmp(producer, "stile " STILE_VERSION) != 0)
            stile_text_appendf(out, "%s was built by %s, but this is stile " STILE_VERSION "; ",
                               stile_bundle_path(l->bundle), producer);
    }
}

/* Adds to the thread's error what would mend it. */
static int explain_missing(const stile_context *context, const stile_config *config)
{
    stile_text text = {0};
    bool loaded = atomic_load(&context->bundles) != NULL;
    stile_text_appendf(&text, "%s: ", config->name);
    if (loaded)
        stile_text_append(&text, "not in a bundle that was loaded: ");
    stile_text_appendf(&text, "%s; ", stile_last_error());
    append_foreign_bundles(&text, context);
    stile_text_append(&text, "or, on a machine with NVRTC, build a bundle to load here: ");
    append_build_command(&text, config, &context->arch);
    int error =
        text.failed ? stile_fail_memory() : stile_fail(STILE_ERROR_UNSUPPORTED, "%s", text.data);
    stile_text_free(&text);
    return error;
}

int stile_context_get_kernel(const stile_context *context, stile_cubin *out,
                             const stile_config *config, const stile_kernel *kernel)
{
    stile_cache_entry entry;
    int error = stile_cache_entry_init(&entry, kernel->name, kernel->source, &context->arch);
    if (error)
        return error;
    if (find_in_bundles(context, out, &entry))
        return STILE_OK;
    error = stile_cache_get(context->cache, out, kernel->name, kernel->source, &context->arch);
    return error == STILE_ERROR_UNSUPPORTED ? explain_missing(context, config) : error;
}
