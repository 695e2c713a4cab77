/* SPDX-License-Identifier: Apache-2.0 */
/* What a context says: to its callback, or where $STILE_LOG asks for it to stderr. */
#include "context.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {
    [STILE_LOG_ERROR] = "error",
    [STILE_LOG_WARNING] = "warning",
    [STILE_LOG_INFO] = "info",
    [STILE_LOG_DEBUG] = "debug",
};
enum { LEVEL_COUNT = sizeof level_names / sizeof level_names[0] };

void stile_context_log(const stile_context *context, stile_log_level level, const char *format, ...)
{
    if (!context->log)
        return;
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    context->log(context->log_user, level, text);
}

/* The log that $STILE_LOG asks for; `user` is the last level that it lets through. */
static void log_to_stderr(void *user, stile_log_level level, const char *message)
{
    if ((intptr_t)level <= (intptr_t)user)
        fprintf(stderr, "stile: %s: %s\n", level_names[level], message);
}

void stile_context_choose_log(stile_context *context, const stile_context_params *params)
{
    context->log = params->log;
    context->log_user = params->log_user;
    const char *name = getenv("STILE_LOG");
    if (context->log || !name || !*name)
        return;
    intptr_t level = 0;
    while (level < LEVEL_COUNT && strcmp(name, level_names[level]) != 0)
        level++;
    context->log = log_to_stderr;
    context->log_user = (void *)(level < LEVEL_COUNT ? level : STILE_LOG_WARNING);
    if (level == LEVEL_COUNT)
        stile_context_log(
            context, STILE_LOG_WARNING,
            "STILE_LOG is \"%s\", not error, warning, info or debug; taken as warning", name);
}
