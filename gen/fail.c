/* SPDX-License-Identifier: Apache-2.0 */
#include "fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_error[4096];

const char *stile_error_string(int error)
{
    switch (error) {
    case STILE_OK:
        return "success";
    case STILE_ERROR_ARGUMENT:
        return "bad argument";
    case STILE_ERROR_SPEC:
        return "bad spec";
    case STILE_ERROR_UNSUPPORTED:
        return "not supported here";
    case STILE_ERROR_COMPILE:
        return "kernel compilation failed";
    case STILE_ERROR_DEVICE:
        return "device failure";
    case STILE_ERROR_MEMORY:
        return "out of memory";
    case STILE_ERROR_IO:
        return "input or output failed";
    case STILE_ERROR_INTERNAL:
        return "internal error";
    default:
        return "unknown error";
    }
}

const char *stile_last_error(void)
{
    return last_error;
}

int stile_fail(int error, const char *format, ...)
{
    /* Formatted aside, so that the old text may be an argument of the new one. */
    char text[sizeof last_error];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(last_error, text, sizeof text);
    return error;
}

int stile_fail_memory(void)
{
    return stile_fail(STILE_ERROR_MEMORY, "out of memory");
}
