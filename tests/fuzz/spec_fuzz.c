/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the spec loader: no text may crash it, and whatever loads has a canonical form that loads
 * again as the same variant and prints the same. See tests/fuzz/meson.build for how to run it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const stile_config *config)
{
    stile_text first = {0}, second = {0};
    stile_spec *again;
    stile_config_print(&first, config);
    if (stile_spec_parse(&again, first.data, first.size, NULL, NULL))
        abort();
    const stile_config *same = stile_spec_variant(again, NULL);
    if (!same || strcmp(same->name, config->name))
        abort();
    stile_config_print(&second, same);
    if (strcmp(first.data, second.data))
        abort();
    stile_spec_destroy(&again);
    stile_text_free(&first);
    stile_text_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 8 }; /* variants checked of one spec */
    stile_spec *spec = NULL;
    stile_diagnostics *diagnostics;
    if (stile_diagnostics_create(&diagnostics))
        return 0;
    int result = stile_spec_parse(&spec, (const char *)data, size, NULL, diagnostics);
    if ((result == 0) != (stile_diagnostics_count(diagnostics) == 0) || (result == 0) != !!spec)
        abort();
    for (size_t i = 0; spec && i < spec->variant_count && i < MOST; i++)
        check(&spec->variants[i]);
    stile_spec_destroy(&spec);
    stile_diagnostics_destroy(&diagnostics);
    return 0;
}
