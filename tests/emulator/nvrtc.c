/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libnvrtc of the emulated GPU: compile.py makes a shared object of the source, which is the
 * "cubin". STILE_EMULATOR_COMPILE, if set, is that script's path.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nvrtc.h"

#define API __attribute__((visibility("default")))

enum {
    ERROR_MEMORY = 1,
    ERROR_INPUT = 3,
    ERROR_COMPILATION = 6,
    ERROR_INTERNAL = 11,
    PATH_BYTES = 4096
};
static const int architectures[] = {80, 86, 89, 90};
enum { ARCHITECTURE_COUNT = sizeof architectures / sizeof architectures[0] };

struct nvrtc_program {
    char *source, *cubin, *log;
    size_t cubin_size, log_size;
};

extern char **environ;

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
    return result == ERROR_COMPILATION ? "NVRTC_ERROR_COMPILATION"
           : result                    ? "an error"
                                       : "success";
}

nvrtcResult nvrtcVersion(int *major, int *minor)
{
    *major = 98;
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
    (void)name, (void)headers, (void)include_names;
    if (header_count)
        return ERROR_INPUT;
    nvrtcProgram program = calloc(1, sizeof *program);
    if (program)
        program->source = strdup(source);
    if (!program || !program->source) {
        free(program);
        return ERROR_MEMORY;
    }
    *out = program;
    return 0;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program)
{
    free((*program)->source);
    free((*program)->cubin);
    free((*program)->log);
    free(*program);
    *program = NULL;
    return 0;
}

/* --- compiling --- */

static int write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return -1;
    int error = fputs(text, file) < 0;
    return fclose(file) || error ? -1 : 0;
}

/* The bytes of a file, with a NUL behind them; NULL where it cannot be read. */
static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    struct stat status;
    char *bytes = NULL;
    if (file && fstat(fileno(file), &status) == 0) {
        *size = (size_t)status.st_size;
        bytes = malloc(*size + 1);
        if (bytes && fread(bytes, 1, *size, file) != *size) {
            free(bytes);
            bytes = NULL;
        }
        if (bytes)
            bytes[*size] = '\0';
    }
    if (file)
        fclose(file);
    return bytes;
}

/* The exit status of compile.py, or -1. */
static int run_script(const char *source, const char *output, const char *log, const char *option)
{
    const char *script = getenv("STILE_EMULATOR_COMPILE");
    char *arguments[] = {EMULATOR_PYTHON, script ? (char *)script : EMULATOR_COMPILE,
                         (char *)source,  (char *)output,
                         (char *)option,  NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status;
    if (posix_spawn_file_actions_init(&actions))
        return -1;
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    int error = posix_spawn(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error)
        return -1;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int count, const char *const *options)
{
    const char *parent = getenv("TMPDIR");
    char folder[PATH_BYTES], source[PATH_BYTES + 16], output[PATH_BYTES + 16], log[PATH_BYTES + 16];
    snprintf(folder, sizeof folder, "%s/stile-emulator-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder))
        return ERROR_INTERNAL;
    snprintf(source, sizeof source, "%s/kernel.cu", folder);
    snprintf(output, sizeof output, "%s/kernel.so", folder);
    snprintf(log, sizeof log, "%s/log", folder);

    int status = write_file(source, program->source);
    if (!status)
        status = run_script(source, output, log, count ? options[0] : "--gpu-architecture=sm_80");
    free(program->log);
    program->log = read_file(log, &program->log_size);
    if (!status)
        program->cubin = read_file(output, &program->cubin_size);
    unlink(source);
    unlink(output);
    unlink(log);
    rmdir(folder);
    if (status)
        return status > 0 ? ERROR_COMPILATION : ERROR_INTERNAL;
    return program->cubin ? 0 : ERROR_INTERNAL;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *size)
{
    *size = program->cubin_size;
    return 0;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *cubin)
{
    memcpy(cubin, program->cubin, program->cubin_size);
    return 0;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *size)
{
    *size = program->log ? program->log_size + 1 : 1;
    return 0;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log)
{
    memcpy(log, program->log ? program->log : "", program->log ? program->log_size + 1 : 1);
    return 0;
}
