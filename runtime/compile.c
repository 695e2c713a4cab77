/* SPDX-License-Identifier: Apache-2.0 */
#include "compile.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "nvrtc.h"
#include "text.h"

enum { SHOWN_ERRORS = 3 };

void stile_cubin_free(stile_cubin *cubin)
{
    if (!cubin)
        return;
    free(cubin->data);
    free(cubin->log);
    *cubin = (stile_cubin){0};
}

void stile_compile_options_for(stile_compile_options *out, const stile_arch *arch)
{
    *out = (stile_compile_options){0};
    snprintf(out->arch_option, sizeof out->arch_option, "--gpu-architecture=%s", arch->name);
    out->items[out->count++] = out->arch_option;
    out->items[out->count++] = "--std=c++17";
    out->items[out->count++] = "--ptxas-options=-v"; /* registers and spills into the log */
}

/* Whether NVRTC lists the number of `arch`; its list does not tell sm_90 from sm_90a. */
static bool knows(const stile_nvrtc_info *info, const stile_arch *arch)
{
    for (int i = 0; i < info->architecture_count; i++) {
        if (info->architectures[i] == arch->number)
            return true;
    }
    return false;
}

static int fail_unknown_arch(const stile_nvrtc_info *info, const stile_arch *arch)
{
    stile_text list = {0};
    for (int i = 0; i < info->architecture_count; i++)
        stile_text_appendf(&list, "%ssm_%d", i ? ", " : "", info->architectures[i]);
    int error = stile_fail(STILE_ERROR_UNSUPPORTED,
                           "NVRTC %d.%d (%s) does not know %s, only %s; use a CUDA toolkit that "
                           "does: name its libnvrtc.so in STILE_NVRTC",
                           info->major, info->minor, info->path, arch->name,
                           list.data ? list.data : "no architecture");
    stile_text_free(&list);
    return error;
}

/* The program's log, NUL-terminated, or NULL when memory is exhausted; "" where there is none. */
static char *get_log(const stile_nvrtc *nvrtc, nvrtcProgram program)
{
    size_t size = 0;
    if (nvrtc->nvrtcGetProgramLogSize(program, &size))
        size = 0;
    char *log = calloc(1, size + 1);
    if (log && size && nvrtc->nvrtcGetProgramLog(program, log))
        log[0] = '\0';
    return log;
}

/* The first lines of `log` that speak of errors, joined by "; "; else its first line. */
static void quote_errors(stile_text *out, const char *log)
{
    int shown = 0;
    for (const char *line = log; *line && shown < SHOWN_ERRORS;) {
        size_t size = strcspn(line, "\n");
        if (memmem(line, size, "error", strlen("error")) &&
            !memmem(line, size, "detected in th", strlen("detected in th"))) {
            stile_text_append(out, shown++ ? "; " : "");
            stile_text_append_bytes(out, line, size);
        }
        line += size + (line[size] == '\n');
    }
    if (!shown)
        stile_text_append_bytes(out, log, strcspn(log, "\n"));
}

/* What an option that NVRTC does not take looks like: of ours, only the architecture can be one. */
static bool is_refused_option(nvrtcResult result, const char *log)
{
    return result == STILE_NVRTC_ERROR_INVALID_OPTION ||
           (result == STILE_NVRTC_ERROR_COMPILATION && strstr(log, "Command-line error"));
}

static int fail_compile(nvrtcResult result, const stile_nvrtc *nvrtc, const char *name,
                        const stile_arch *arch, const char *log)
{
    stile_text errors = {0};
    quote_errors(&errors, log);
    const char *text = errors.data ? errors.data : "no message";
    stile_nvrtc_info info = {.path = "?"};
    stile_nvrtc_describe(&info);

    int error;
    if (result == STILE_NVRTC_ERROR_OUT_OF_MEMORY)
        error = stile_fail(STILE_ERROR_MEMORY, "out of memory while compiling %s", name);
    else if (is_refused_option(result, log))
        error = stile_fail(STILE_ERROR_UNSUPPORTED,
                           "NVRTC %d.%d (%s) cannot compile for %s: %s; use a CUDA toolkit that "
                           "can: name its libnvrtc.so in STILE_NVRTC",
                           info.major, info.minor, info.path, arch->name, text);
    else
        error = stile_fail(STILE_ERROR_COMPILE, "kernel %s does not compile for %s (%s): %s", name,
                           arch->name, nvrtc->nvrtcGetErrorString(result), text);
    stile_text_free(&errors);
    return error;
}

/* Compiles an open program; cubin->log is set in every case but MEMORY. */
static int run_compiler(stile_cubin *cubin, const stile_nvrtc *nvrtc, nvrtcProgram program,
                        const char *name, const stile_arch *arch)
{
    stile_compile_options options;
    stile_compile_options_for(&options, arch);
    nvrtcResult result = nvrtc->nvrtcCompileProgram(program, options.count, options.items);
    cubin->log = get_log(nvrtc, program);
    if (!cubin->log)
        return stile_fail_memory();
    if (result)
        return fail_compile(result, nvrtc, name, arch, cubin->log);
    result = nvrtc->nvrtcGetCUBINSize(program, &cubin->size);
    if (result || !cubin->size)
        return stile_fail(STILE_ERROR_COMPILE, "NVRTC made no cubin of kernel %s for %s", name,
                          arch->name);
    cubin->data = malloc(cubin->size);
    if (!cubin->data)
        return stile_fail_memory();
    result = nvrtc->nvrtcGetCUBIN(program, cubin->data);
    return result ? fail_compile(result, nvrtc, name, arch, cubin->log) : STILE_OK;
}

int stile_compile(stile_cubin *out, const char *name, const char *source, const stile_arch *arch)
{
    const stile_nvrtc *nvrtc;
    stile_nvrtc_info info;
    int error = stile_nvrtc_get(&nvrtc);
    if (!error)
        error = stile_nvrtc_describe(&info);
    if (error)
        return error;
    if (!knows(&info, arch))
        return fail_unknown_arch(&info, arch);

    char file[128];
    snprintf(file, sizeof file, "%s.cu", name);
    nvrtcProgram program = NULL;
    nvrtcResult result = nvrtc->nvrtcCreateProgram(&program, source, file, 0, NULL, NULL);
    stile_cubin cubin = {0};
    if (result) {
        error = fail_compile(result, nvrtc, name, arch, "");
    } else {
        error = run_compiler(&cubin, nvrtc, program, name, arch);
        nvrtc->nvrtcDestroyProgram(&program);
    }
    if (error) {
        free(cubin.data);
        cubin.data = NULL;
        cubin.size = 0;
    }
    if (!error || error == STILE_ERROR_COMPILE)
        *out = cubin;
    else
        stile_cubin_free(&cubin);
    return error;
}
