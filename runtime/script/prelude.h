/* SPDX-License-Identifier: Apache-2.0 */
/* prelude.lua as the build embeds it. */
#ifndef STILE_RUNTIME_SCRIPT_PRELUDE_H
#define STILE_RUNTIME_SCRIPT_PRELUDE_H

#include <stddef.h>

extern const char stile_script_prelude[];
extern const size_t stile_script_prelude_size;

#endif
