/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for NVRTC, for tests of the kernel cache that compile thousands of times: STILE_NVRTC
 * names it. Its cubins are no code, but follow from source and options alone.
 *
 *     FAKE_NVRTC_MS     how long a compilation takes, milliseconds
 *     FAKE_NVRTC_BYTES  size of a cubin, 4096 if unset
 *     FAKE_NVRTC_LOG    a file that gets one line for each compilation: process, option, file
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nvrtc.h"

#define API __attribute__((visibility("default")))

enum { ERROR_MEMORY = 1, ERROR_COMPILATION = 6, DEFAULT_BYTES = 4096 };
static const int architectures[] = {80, 89, 90, 100};
enum { ARCHITECTURE_COUNT = sizeof architectures / sizeof architectures[0] };
static const char message[] = "fake: Used 42 registers\n";

struct nvrtc_program {
    char *source, *name;
    char *cubin;
    size_t size;
};

API const char *nvrtcGetErrorString(nvrtcResult result);
API nvrtcResult nvrtcVersion(int *major, int *minor);
API nvrtcResult nvrtcGetNumSupportedArchs(int *count);
API nvrtcResult nvrtcGetSupportedArchs(int *out);
API nvrtcResult nvrtcCreateProgram(nvrtcProgram *out, const char *source, const char *name,
                                   int header_count, const char *const *headers,
                                   const char *const *include_names);
API nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program);
API nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int count, const char *const *options);
API nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *size);
API nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *cubin);
API nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *size);
API nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log);

const char *nvrtcGetErrorString(nvrtcResult result)
{
    return result ? "fake error" : "success";
}

nvrtcResult nvrtcVersion(int *major, int *minor)
{
    *major = 99;
    *minor = 0;
    return 0;
}

nvrtcResult nvrtcGetNumSupportedArchs(int *count)
{
    *count = ARCHITECTURE_COUNT;
    return 0;
}

nvrtcResult nvrtcGetSupportedArchs(int *out)
{
    memcpy(out, architectures, sizeof architectures);
    return 0;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram *out, const char *source, const char *name,
                               int header_count, const char *const *headers,
                               const char *const *include_names)
{
    (void)header_count, (void)headers, (void)include_names;
    nvrtcProgram program = calloc(1, sizeof *program);
    if (program) {
        program->source = strdup(source);
        program->name = strdup(name);
    }
    if (!program || !program->source || !program->name) {
        if (program)
            nvrtcDestroyProgram(&program);
        return ERROR_MEMORY;
    }
    *out = program;
    return 0;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program)
{
    free((*program)->source);
    free((*program)->name);
    free((*program)->cubin);
    free(*program);
    *program = NULL;
    return 0;
}

static long number(const char *variable, long otherwise)
{
    const char *text = getenv(variable);
    return text ? strtol(text, NULL, 10) : otherwise;
}

static void write_log(const char *option, const char *name)
{
    const char *path = getenv("FAKE_NVRTC_LOG");
    char line[512];
    if (!path)
        return;
    int size = snprintf(line, sizeof line, "%ld %s %s\n", (long)getpid(), option, name);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || write(file, line, (size_t)size) != size)
        abort();
    close(file);
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int count, const char *const *options)
{
    if (strstr(program->source, "unknown"))
        return ERROR_COMPILATION;
    write_log(count ? options[0] : "", program->name);
    long ms = number("FAKE_NVRTC_MS", 0);
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);

    /* FNV-1a of source and options seeds an LCG. */
    uint64_t state = UINT64_C(14695981039346656037);
    for (const char *c = program->source; *c; c++)
        state = (state ^ (unsigned char)*c) * UINT64_C(1099511628211);
    for (int i = 0; i < count; i++) {
        for (const char *c = options[i]; *c; c++)
            state = (state ^ (unsigned char)*c) * UINT64_C(1099511628211);
    }
    program->size = (size_t)number("FAKE_NVRTC_BYTES", DEFAULT_BYTES);
    program->cubin = malloc(program->size);
    if (!program->cubin)
        return ERROR_MEMORY;
    for (size_t i = 0; i < program->size; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        program->cubin[i] = i < 4 ? "\177ELF"[i] : (char)(state >> 56);
    }
    return 0;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *size)
{
    *size = program->size;
    return 0;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *cubin)
{
    memcpy(cubin, program->cubin, program->size);
    return 0;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *size)
{
    (void)program;
    *size = sizeof message;
    return 0;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log)
{
    (void)program;
    memcpy(log, message, sizeof message);
    return 0;
}
