/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <stile/version.h>

#include "bundle_format.h"
#include "fail.h"

_Static_assert(sizeof "stile " STILE_VERSION <= STILE_BUNDLE_PRODUCER_SIZE, "fits with its NUL");
_Static_assert(sizeof((stile_arch *)0)->name <= STILE_BUNDLE_ENTRY_ARCH_SIZE, "fits");

static int by_key(const void *a, const void *b)
{
    return strcmp(((const stile_bundle_item *)a)->key.hex, ((const stile_bundle_item *)b)->key.hex);
}

/* Keeps the first of each key; returns how many. */
static size_t drop_duplicates(stile_bundle_item *items, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || by_key(&items[kept - 1], &items[i]) != 0)
            items[kept++] = items[i];
    }
    return kept;
}

static void fill_entry(char *entry, const stile_bundle_item *item, uint64_t offset)
{
    stile_digest check = stile_sha256_of(item->data, item->size);
    memcpy(entry + STILE_BUNDLE_ENTRY_KEY_AT, item->key.hex, STILE_BUNDLE_DIGEST_SIZE);
    memcpy(entry + STILE_BUNDLE_ENTRY_CHECK_AT, check.hex, STILE_BUNDLE_DIGEST_SIZE);
    stile_store_integer(entry + STILE_BUNDLE_ENTRY_OFFSET_AT, 8, offset);
    stile_store_integer(entry + STILE_BUNDLE_ENTRY_SIZE_AT, 8, item->size);
    memcpy(entry + STILE_BUNDLE_ENTRY_ARCH_AT, item->arch.name, strlen(item->arch.name));
    memcpy(entry + STILE_BUNDLE_ENTRY_KERNEL_AT, item->kernel, strlen(item->kernel));
}

/* Header, checksum and index; `count` kernels of `items`. NULL: memory. */
static char *make_head(const stile_bundle_item *items, size_t count, size_t head_size)
{
    char *head = calloc(1, head_size);
    if (!head)
        return NULL;
    uint64_t offset = head_size;
    for (size_t i = 0; i < count; i++) {
        fill_entry(head + STILE_BUNDLE_INDEX_AT + i * STILE_BUNDLE_ENTRY_SIZE, &items[i], offset);
        offset += items[i].size;
    }
    memcpy(head, STILE_BUNDLE_MAGIC, strlen(STILE_BUNDLE_MAGIC));
    stile_store_integer(head + STILE_BUNDLE_VERSION_AT, 4, STILE_BUNDLE_FORMAT);
    stile_store_integer(head + STILE_BUNDLE_COUNT_AT, 4, count);
    stile_store_integer(head + STILE_BUNDLE_SIZE_AT, 8, offset);
    strcpy(head + STILE_BUNDLE_PRODUCER_AT, "stile " STILE_VERSION);

    stile_sha256 hash;
    stile_sha256_begin(&hash);
    stile_sha256_update(&hash, head, STILE_BUNDLE_CHECK_AT);
    stile_sha256_update(&hash, head + STILE_BUNDLE_INDEX_AT, head_size - STILE_BUNDLE_INDEX_AT);
    stile_digest check = stile_sha256_end(&hash);
    memcpy(head + STILE_BUNDLE_CHECK_AT, check.hex, STILE_BUNDLE_DIGEST_SIZE);
    return head;
}

int stile_bundle_pack(stile_text *out, stile_bundle_item *items, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        size_t length = strlen(items[i].kernel);
        if (length == 0 || length >= STILE_BUNDLE_ENTRY_KERNEL_SIZE || items[i].size == 0 ||
            items[i].size > STILE_BUNDLE_MAX_CUBIN)
            return stile_fail(
                STILE_ERROR_ARGUMENT,
                "a bundle cannot hold the kernel \"%s\" with a cubin of %zu bytes: names "
                "have 1 to %d bytes, cubins 1 to %d",
                items[i].kernel, items[i].size, STILE_BUNDLE_ENTRY_KERNEL_SIZE - 1,
                STILE_BUNDLE_MAX_CUBIN);
    }
    if (*count)
        qsort(items, *count, sizeof *items, by_key);
    *count = drop_duplicates(items, *count);
    if (*count > STILE_BUNDLE_MAX_KERNELS)
        return stile_fail(STILE_ERROR_ARGUMENT,
                          "%zu kernels are too many for a bundle, which holds %d: make several",
                          *count, STILE_BUNDLE_MAX_KERNELS);

    size_t head_size = STILE_BUNDLE_INDEX_AT + *count * STILE_BUNDLE_ENTRY_SIZE;
    char *head = make_head(items, *count, head_size);
    if (!head)
        return stile_fail_memory();
    stile_text_append_bytes(out, head, head_size);
    for (size_t i = 0; i < *count; i++)
        stile_text_append_bytes(out, items[i].data, items[i].size);
    free(head);
    return out->failed ? stile_fail_memory() : STILE_OK;
}
