/* SPDX-License-Identifier: Apache-2.0 */
#include "spec_basis.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "basis_file.h"
#include "fail.h"
#include "reader.h"

typedef stile_basis_resolver resolver;

/* A basis file that was read; the basis is NULL where it was in error. */
struct stile_basis_in_file {
    struct stile_basis_in_file *next;
    const char *path;
    const stile_basis *basis;
};

const char *const stile_basis_forms[] = {"classical", "file", "kron", "name", "random", NULL};
const char *const stile_random_basis_keys[] = {"rank", "seed", "tile", NULL};

static const stile_basis *resolve(resolver *r, const stile_node *node, int depth, stile_text *text);

/* Keeps an error that the spec is not to blame for. */
static const stile_basis *give_up(resolver *r, int error)
{
    r->error = error;
    return NULL;
}

/* Whether one more basis of this size is allowed; counts it. */
static bool reserve(resolver *r, const stile_node *node, int m, int k, int n, int rank)
{
    size_t size = (size_t)rank * (size_t)(m * k + k * n + m * n);
    if (size <= STILE_MAX_COEFFICIENTS - r->coefficients) {
        r->coefficients += size;
        return true;
    }
    stile_diagnose(
        r->diagnostics, node->mark, STILE_CODE_BASIS_LIMIT,
        "the bases of this spec have more than %d coefficients in all; use several specs",
        STILE_MAX_COEFFICIENTS);
    return false;
}

/* --- One function a form; each appends its canonical text --- */

static const stile_basis *resolve_name(resolver *r, const stile_node *node, stile_text *text)
{
    int index;
    stile_basis *basis = NULL;
    if (!stile_read_choice(r->diagnostics, node, "the name of a basis", stile_basis_names(),
                           &index))
        return NULL;
    stile_text_append(text, node->text);
    int result = stile_basis_named(&basis, r->arena, node->text);
    if (result || !basis)
        return give_up(r, result ? result : STILE_ERROR_INTERNAL);
    return basis;
}

static const stile_basis *resolve_classical(resolver *r, const stile_node *node, stile_text *text)
{
    int64_t tile[3];
    stile_basis *basis;
    if (!stile_read_integers(r->diagnostics, node, "classical", "[m, k, n]", 1, STILE_MAX_TILE, 3,
                             tile))
        return NULL;
    int m = (int)tile[0], k = (int)tile[1], n = (int)tile[2];
    stile_text_appendf(text, "[%d, %d, %d]", m, k, n);
    if (!reserve(r, node, m, k, n, m * k * n))
        return NULL;
    int result = stile_basis_classical(&basis, r->arena, m, k, n);
    return result ? give_up(r, result) : basis;
}

static const stile_basis *resolve_random(resolver *r, const stile_node *node, stile_text *text)
{
    stile_diagnostics *diagnostics = r->diagnostics;
    if (!stile_read_kind(diagnostics, node, "random", STILE_NODE_MAP))
        return NULL;
    bool good = stile_read_keys(diagnostics, node, stile_random_basis_keys);
    int64_t tile[3], rank, seed = 1;
    const stile_node *value = stile_read_required(diagnostics, node, "tile");
    good &= value && stile_read_integers(diagnostics, value, "tile", "[m, k, n]", 1, STILE_MAX_TILE,
                                         3, tile);
    value = stile_read_required(diagnostics, node, "rank");
    good &= value && stile_read_integer(diagnostics, value, "rank", 1, STILE_MAX_RANK, &rank);
    value = stile_node_get(node, "seed");
    good &= !value || stile_read_integer(diagnostics, value, "seed", 0, INT64_MAX, &seed);
    if (!good)
        return NULL;
    int m = (int)tile[0], k = (int)tile[1], n = (int)tile[2];
    stile_text_appendf(text, "{rank: %d, seed: %lld, tile: [%d, %d, %d]}", (int)rank,
                       (long long)seed, m, k, n);
    stile_basis *basis;
    if (!reserve(r, node, m, k, n, (int)rank))
        return NULL;
    int result = stile_basis_random(&basis, r->arena, m, k, n, (int)rank, (uint64_t)seed);
    return result ? give_up(r, result) : basis;
}

static const stile_basis *resolve_file(resolver *r, const stile_node *node, stile_text *text)
{
    enum { LONGEST = 1024 };
    const char *name;
    if (!stile_read_text(r->diagnostics, node, "the path of a basis file", LONGEST, &name))
        return NULL;
    stile_yaml_print_string(text, name);
    if (!r->directory) {
        stile_diagnose(r->diagnostics, node->mark, STILE_CODE_FILE_FORBIDDEN,
                       "a spec given as text without a directory cannot name the file %s; load the "
                       "spec from a file, or use another form of basis",
                       stile_quote(name).text);
        return NULL;
    }
    const char *path =
        stile_arena_printf(r->scratch, "%s%s", *name == '/' ? "" : r->directory, name);
    struct stile_basis_in_file *file = r->files;
    while (file && path && strcmp(file->path, path))
        file = file->next;
    if (file)
        return file->basis;

    file = path ? stile_arena_alloc(r->scratch, sizeof *file) : NULL;
    if (!file)
        return give_up(r, STILE_ERROR_MEMORY);
    stile_basis *basis;
    int result = stile_basis_file_read(&basis, r->arena, path, node->mark, r->diagnostics);
    if (result && result != STILE_ERROR_SPEC && result != STILE_ERROR_IO)
        return give_up(r, result);
    if (!result && !reserve(r, node, basis->m, basis->k, basis->n, basis->rank))
        return NULL;
    *file = (struct stile_basis_in_file){r->files, path, result ? NULL : basis};
    r->files = file;
    return file->basis;
}

/* Whether kernels can hold the coefficients: f32 can. */
static bool fits_f32(const stile_basis *basis)
{
    const stile_basis_matrix matrices[] = {stile_basis_u(basis), stile_basis_v(basis),
                                           stile_basis_d(basis)};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < matrices[i].rows * matrices[i].columns; j++)
            if (fabs(matrices[i].entries[j]) > (double)FLT_MAX)
                return false;
    return true;
}

/* The Kronecker product of two factors; `node` is the inner one's. */
static const stile_basis *multiply(resolver *r, const stile_node *node, const stile_basis *outer,
                                   const stile_basis *inner)
{
    int m = outer->m * inner->m, k = outer->k * inner->k, n = outer->n * inner->n;
    int rank = outer->rank * inner->rank;
    if (m > STILE_MAX_TILE || k > STILE_MAX_TILE || n > STILE_MAX_TILE || rank > STILE_MAX_RANK) {
        stile_diagnose(r->diagnostics, node->mark, STILE_CODE_BASIS_LIMIT,
                       "with this factor the Kronecker product has tile %dx%dx%d and rank %d; at "
                       "most %d a side and rank %d are possible",
                       m, k, n, rank, STILE_MAX_TILE, STILE_MAX_RANK);
        return NULL;
    }
    stile_basis *product;
    if (!reserve(r, node, m, k, n, rank))
        return NULL;
    int result = stile_basis_kron(&product, r->arena, outer, inner);
    if (result == STILE_ERROR_ARGUMENT || (!result && !fits_f32(product))) {
        stile_diagnose(r->diagnostics, node->mark, STILE_CODE_BASIS_LIMIT,
                       "the coefficients of the Kronecker product overflow with this factor");
        return NULL;
    }
    return result ? give_up(r, result) : product;
}

static const stile_basis *resolve_kron(resolver *r, const stile_node *node, int depth,
                                       stile_text *text)
{
    if (!stile_read_kind(r->diagnostics, node, "kron", STILE_NODE_LIST))
        return NULL;
    if (node->count < 2 || node->count > STILE_MAX_KRON_FACTORS) {
        stile_diagnose(r->diagnostics, node->mark, STILE_CODE_BAD_LENGTH,
                       "kron takes 2 to %d bases, not %zu", STILE_MAX_KRON_FACTORS, node->count);
        return NULL;
    }
    if (depth >= STILE_MAX_KRON_DEPTH) {
        stile_diagnose(r->diagnostics, node->mark, STILE_CODE_TOO_DEEP,
                       "kron is nested more than %d deep; write one list, the product is "
                       "associative",
                       STILE_MAX_KRON_DEPTH);
        return NULL;
    }
    const stile_basis *product = NULL;
    bool good = true;
    for (size_t i = 0; i < node->count; i++) {
        stile_text_append(text, i ? ", " : "[");
        const stile_basis *factor = resolve(r, node->items[i], depth + 1, text);
        good &= factor != NULL;
        if (good && i > 0)
            factor = multiply(r, node->items[i], product, factor);
        product = factor;
        good &= factor != NULL;
    }
    stile_text_append(text, "]");
    return good ? product : NULL;
}

/* --- References --- */

/* A reference `depth` krons deep; appends its canonical text. */
static const stile_basis *resolve(resolver *r, const stile_node *node, int depth, stile_text *text)
{
    if (depth > 0 && node->kind == STILE_NODE_SCALAR)
        return resolve_name(r, node, text);
    if (node->kind != STILE_NODE_MAP) {
        if (node->kind != STILE_NODE_BROKEN)
            stile_diagnose(r->diagnostics, node->mark, STILE_CODE_BASIS_FORM,
                           "a basis is a map such as {name: strassen} or {file: bases/mine.yaml}");
        return NULL;
    }
    bool known = stile_read_keys(r->diagnostics, node, stile_basis_forms);
    if (node->count != 1) {
        stile_diagnose(r->diagnostics, node->mark, STILE_CODE_BASIS_FORM,
                       "a basis has exactly one of the keys classical, file, kron, name and "
                       "random; here are %zu keys",
                       node->count);
        return NULL;
    }
    if (!known)
        return NULL;

    const char *form = node->entries[0].key->text;
    const stile_node *value = node->entries[0].value;
    bool bare = depth > 0 && !strcmp(form, "name"); /* a factor's name stands alone */
    if (!bare)
        stile_text_appendf(text, "{%s: ", form);
    const stile_basis *basis = !strcmp(form, "classical") ? resolve_classical(r, value, text)
                               : !strcmp(form, "file")    ? resolve_file(r, value, text)
                               : !strcmp(form, "kron")    ? resolve_kron(r, value, depth, text)
                               : !strcmp(form, "name")    ? resolve_name(r, value, text)
                                                          : resolve_random(r, value, text);
    if (!bare)
        stile_text_append(text, "}");
    return basis;
}

/* The canonical text without the blanks between its tokens. */
static char *compact(stile_arena *arena, const char *text)
{
    char *copy = stile_arena_strdup(arena, text);
    char *to = copy;
    bool quoted = false;
    for (const char *from = text; copy && *from; from++) {
        if (*from == '"')
            quoted = !quoted;
        if (quoted && *from == '\\') /* an escape: the next character is no quote */
            *to++ = *from++;
        if (*from != ' ' || quoted)
            *to++ = *from;
    }
    if (copy)
        *to = '\0';
    return copy;
}

bool stile_basis_resolve(stile_basis_resolver *r, const stile_node *node, stile_spec_basis *out)
{
    stile_text text = {0};
    stile_spec_basis found = {.basis = resolve(r, node, 0, &text)};
    bool good = found.basis != NULL;
    if (good) {
        found.text = text.failed ? NULL : stile_arena_strdup(r->arena, text.data);
        found.compact_text = found.text ? compact(r->arena, found.text) : NULL;
        good = found.compact_text != NULL;
        if (!good)
            give_up(r, STILE_ERROR_MEMORY);
    }
    stile_text_free(&text);
    if (good)
        *out = found;
    return good;
}

int stile_spec_basis_measure(stile_spec_basis *basis)
{
    int result = basis->measured ? STILE_OK : stile_basis_measure(basis->basis, &basis->metrics);
    basis->measured = !result;
    return result;
}
