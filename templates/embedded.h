/* SPDX-License-Identifier: Apache-2.0 */
/* The templates as the build embeds them, sorted by name. */
#ifndef STILE_TEMPLATES_EMBEDDED_H
#define STILE_TEMPLATES_EMBEDDED_H

#include <stddef.h>

typedef struct stile_embedded_template {
    const char *name; /* relative to templates/: "sm_80/decode.cu" */
    size_t size;
    const char *text; /* NUL-terminated */
} stile_embedded_template;

extern const stile_embedded_template stile_embedded_templates[];
extern const size_t stile_embedded_template_count;

#endif
