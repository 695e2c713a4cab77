/* SPDX-License-Identifier: Apache-2.0 */
/* How long the objects live that others of a script refer to. */
#include "objects.h"

#include <stdlib.h>

stile_script_spec *stile_script_spec_retain(stile_script_spec *spec)
{
    spec->references++;
    return spec;
}

void stile_script_spec_release(stile_script_spec *spec)
{
    if (!spec || --spec->references)
        return;
    stile_spec_destroy(&spec->spec);
    stile_arena *arena = spec->arena; /* holds the handle itself */
    stile_arena_destroy(&arena);
}

stile_script_context *stile_script_context_retain(stile_script_context *context)
{
    context->references++;
    return context;
}

void stile_script_context_release(stile_script_context *context)
{
    if (!context || --context->references)
        return;
    stile_context_destroy(&context->context);
    free(context);
}
