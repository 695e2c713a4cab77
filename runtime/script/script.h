/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts: the operations of stile for Lua, as the global `stile` (docs/lua.md). */
#ifndef STILE_RUNTIME_SCRIPT_SCRIPT_H
#define STILE_RUNTIME_SCRIPT_SCRIPT_H

#include "text.h"

/*
 * Runs the script words[script] with the words behind it as its arguments. Where it raises,
 * `report` gets the message and a traceback. Errors: ARGUMENT (the script raised), MEMORY.
 */
int stile_script_run(const char *const *words, int count, int script, stile_text *report);

#endif
