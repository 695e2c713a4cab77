/* SPDX-License-Identifier: Apache-2.0 */
#include "tune_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_file.h"
#include "sha256.h"
#include "text.h"

#define CHECK "check "

enum {
    DIGEST = 64,
    TRAILER = sizeof CHECK - 1 + DIGEST + 1, /* "check <hex>\n" */
    ABANDONED_SECONDS = 60,
};

/* Takes the head off and the trailer; false where they are not what they should be. */
static bool unwrap(char *data, size_t size, const char *head)
{
    size_t head_size = strlen(head);
    if (strlen(data) != size || size < head_size + 1 + TRAILER)
        return false;
    size_t body_end = size - TRAILER;
    if (memcmp(data, head, head_size) != 0 || data[head_size] != '\n' ||
        data[body_end - 1] != '\n' || data[size - 1] != '\n' ||
        memcmp(data + body_end, CHECK, sizeof CHECK - 1) != 0 ||
        memcmp(data + body_end + sizeof CHECK - 1, stile_sha256_of(data, body_end).hex, DIGEST) !=
            0)
        return false;
    data[body_end] = '\0';
    memmove(data, data + head_size + 1, body_end - head_size);
    return true;
}

int stile_tune_file_read(int root, const char *name, const char *head, char **out)
{
    char *data;
    size_t size;
    int error = stile_cache_file_read(root, name, STILE_TUNE_FILE_LIMIT, &data, &size);
    if (error == EFBIG || error == EISDIR)
        return EBADMSG;
    if (error)
        return error;
    if (!unwrap(data, size, head)) {
        free(data);
        return EBADMSG;
    }
    *out = data;
    return 0;
}

int stile_tune_file_write(int root, const char *name, const char *head, const char *body)
{
    stile_text text = {0};
    stile_text_appendf(&text, "%s\n", head);
    stile_text_append(&text, body);
    if (text.failed || text.size + TRAILER > STILE_TUNE_FILE_LIMIT) {
        int error = text.failed ? ENOMEM : EFBIG;
        stile_text_free(&text);
        return error;
    }
    stile_digest digest = stile_sha256_of(text.data, text.size);
    stile_text_appendf(&text, CHECK "%s\n", digest.hex);

    char aside[64];
    stile_cache_temporary_name(aside);
    int error = text.failed ? ENOMEM : stile_cache_file_write(root, aside, text.data, text.size);
    if (!error && renameat(root, aside, root, name) != 0)
        error = errno;
    if (error)
        unlinkat(root, aside, 0);
    else
        fsync(root); /* a file system that cannot loses no more than the last winner */
    stile_cache_remove_abandoned(root, ".", ABANDONED_SECONDS);
    stile_text_free(&text);
    return error;
}
