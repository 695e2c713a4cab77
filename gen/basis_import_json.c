/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Factors as JSON, which the YAML tree reads as what it is: YAML in flow style, but for characters
 * that JSON escapes as two surrogates.
 */
#include <stdio.h>
#include <string.h>

#include "basis_import_factors.h"
#include "fail.h"
#include "reader.h"

/* The code of "\uXXXX" at the start of a text, or -1. */
static long escaped_unit(const char *at, const char *end)
{
    long unit = 0;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *digit = at[i] ? strchr(digits, at[i]) : NULL;
        if (!digit)
            return -1;
        const long value = digit - digits;
        unit = 16 * unit + (value < 16 ? value : value - 6);
    }
    return unit;
}

/* A copy in which each pair of escaped surrogates is one escape of YAML; NULL: memory. */
static const char *join_surrogates(stile_arena *arena, const char *text, size_t *size)
{
    char *copy = stile_arena_alloc(arena, *size + 1), *to = copy;
    const char *at = text, *const end = text + *size;
    while (copy && at < end) {
        const long high = escaped_unit(at, end);
        const long low = high >= 0 ? escaped_unit(at + 6, end) : -1;
        if (high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
            /* Ten characters for twelve, so there is room for the NUL. */
            to += snprintf(to, 11, "\\U%08lX", 0x10000 + ((high - 0xd800) << 10) + low - 0xdc00);
            at += 12;
            continue;
        }
        if (*at == '\\' && end - at > 1) /* what follows is no escape */
            *to++ = *at++;
        *to++ = *at++;
    }
    *size = (size_t)(to - copy);
    return copy;
}

/* "name" and "source" of other programs may be anything: what is no line of text is left alone. */
static int read_text(const char **out, stile_arena *arena, const stile_node *root, const char *key)
{
    enum { LONGEST_TEXT = 4096 };
    const stile_node *node = stile_node_get(root, key);
    const char *text;
    stile_diagnostics *unheard;
    if (!node || node->kind != STILE_NODE_SCALAR)
        return STILE_OK;
    int error = stile_diagnostics_create(&unheard);
    if (error)
        return error;
    if (stile_read_text(unheard, node, key, LONGEST_TEXT, &text)) {
        const char *copy = stile_arena_strdup(arena, text);
        if (copy)
            *out = copy;
        else
            error = stile_fail_memory();
    }
    stile_diagnostics_destroy(&unheard);
    return error;
}

/* Whether a node is a list of `count` elements; reports it where not. */
static bool is_list(stile_diagnostics *diagnostics, const stile_node *node, const char *what,
                    int count)
{
    if (!stile_read_kind(diagnostics, node, what, STILE_NODE_LIST))
        return false;
    if (node->count == (size_t)count)
        return true;
    stile_diagnose(diagnostics, node->mark, STILE_CODE_BAD_LENGTH,
                   "%s has %zu elements, but n and m ask for %d", what, node->count, count);
    return false;
}

static void read_factor(stile_factors *factors, int factor, const stile_node *node, const char *key)
{
    stile_diagnostics *diagnostics = factors->diagnostics;
    char what[32];
    if (!is_list(diagnostics, node, key, factors->basis->rank))
        return;
    for (size_t c = 0; c < node->count; c++) {
        const stile_node *vector = node->items[c];
        snprintf(what, sizeof what, "vector %zu of %s", c + 1, key);
        if (!is_list(diagnostics, vector, what, factors->sizes[factor]))
            continue;
        for (size_t i = 0; i < vector->count; i++) {
            const stile_node *entry = vector->items[i];
            if (stile_read_kind(diagnostics, entry, "a coefficient", STILE_NODE_SCALAR))
                stile_factors_set(factors, factor, (int)c, (int)i, entry->text, entry->mark);
        }
    }
}

static int read_tree(stile_basis **out, stile_arena *arena, const stile_node *root,
                     stile_diagnostics *diagnostics)
{
    static const char *const keys[3] = {"u", "v", "w"};
    const stile_node *vectors[3];
    if (!stile_read_kind(diagnostics, root, "a JSON file of factors", STILE_NODE_MAP))
        return STILE_ERROR_SPEC;
    const stile_node *tile_node = stile_read_required(diagnostics, root, "n");
    const stile_node *rank_node = stile_read_required(diagnostics, root, "m");
    bool good = tile_node && rank_node;
    for (int i = 0; i < 3; i++) {
        vectors[i] = stile_read_required(diagnostics, root, keys[i]);
        good &= vectors[i] != NULL;
    }
    int64_t tile[3] = {0}, rank = 0;
    good =
        good &&
        stile_read_integers(diagnostics, tile_node, "n", "[m, k, n]", 1, STILE_MAX_TILE, 3, tile) &&
        stile_read_integer(diagnostics, rank_node, "m", 1, STILE_MAX_RANK, &rank);
    if (!good)
        return STILE_ERROR_SPEC;
    stile_factors factors;
    const int64_t sizes[3] = {tile[0] * tile[1], tile[1] * tile[2], tile[0] * tile[2]};
    int error = stile_factors_create(&factors, arena, sizes, rank, root->mark, diagnostics);
    if (error)
        return error;
    for (int i = 0; i < 3; i++)
        read_factor(&factors, i, vectors[i], keys[i]);
    stile_basis *basis = stile_factors_finish(&factors);
    error = read_text(&basis->name, arena, root, "name");
    if (!error)
        error = read_text(&basis->source, arena, root, "source");
    *out = basis;
    return error;
}

static int read(stile_basis **out, stile_arena *arena, void *user, stile_diagnostics *diagnostics)
{
    const stile_import_source *file = user;
    const stile_node *root;
    stile_arena *scratch = stile_arena_create();
    if (!scratch)
        return stile_fail_memory();
    size_t size = file->size;
    const char *text = join_surrogates(scratch, file->data, &size);
    int result = text ? stile_yaml_parse(&root, scratch, file->file, text, size, diagnostics)
                      : stile_fail_memory();
    if (!result)
        result = read_tree(out, arena, root, diagnostics);
    stile_arena_destroy(&scratch);
    return result;
}

int stile_basis_import_json(stile_basis **out, stile_arena *arena, const stile_import_source *file,
                            stile_diagnostics *diagnostics)
{
    stile_import_source source = *file;
    return stile_factors_read(out, arena, read, &source, diagnostics);
}
