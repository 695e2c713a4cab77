/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <stddef.h>

const stile_command *const stile_commands[] = {
    &stile_command_check,
    &stile_command_explain,
    &stile_command_generate,
    &stile_command_build,
    &stile_command_encode,
    &stile_command_run,
    &stile_command_verify,
    &stile_command_bench,
    &stile_command_tune,
    &stile_command_basis,
    &stile_command_cache,
    &stile_command_lua,
    &stile_command_doctor,
    &stile_command_completion,
    &stile_command_man,
    NULL,
};
