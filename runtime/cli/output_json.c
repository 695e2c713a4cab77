/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <string.h>

int stile_emit_json(const stile_arguments *arguments, stile_text *text)
{
    const char *path = stile_argument(arguments, "json");
    if (!path || !*path || strcmp(path, "-") == 0 || text->failed)
        return stile_emit(text);
    int result = stile_write_file(path, text->data, text->size);
    stile_text_free(text);
    return result;
}
