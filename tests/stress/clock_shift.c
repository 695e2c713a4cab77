/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded, moves the wall clock of a process by $CLOCK_SHIFT seconds. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

#define API __attribute__((visibility("default")))

API int clock_gettime(clockid_t clock, struct timespec *out);
API time_t time(time_t *out);

static time_t shift(void)
{
    const char *text = getenv("CLOCK_SHIFT");
    return text ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int (*real)(clockid_t, struct timespec *);
    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, out);
    if (result == 0 && clock == CLOCK_REALTIME)
        out->tv_sec += shift();
    return result;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
