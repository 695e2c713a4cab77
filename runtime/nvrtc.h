/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVRTC, opened at run time: our own declarations of the functions used, so that building needs no
 * toolkit. Where it is looked for, in this order:
 *
 *     $STILE_NVRTC                  a file, or a folder searched a few levels deep; nothing else is
 *                                   tried where it is set
 *     $CUDA_PATH, /usr/local/cuda   their lib64 and targets/<machine>/lib
 *     the loader's path
 */
#ifndef STILE_RUNTIME_NVRTC_H
#define STILE_RUNTIME_NVRTC_H

#include <stddef.h>

typedef struct nvrtc_program *nvrtcProgram;
typedef int nvrtcResult;

enum {
    STILE_NVRTC_ERROR_OUT_OF_MEMORY = 1,
    STILE_NVRTC_ERROR_INVALID_OPTION = 5,
    STILE_NVRTC_ERROR_COMPILATION = 6,
};

/* What was found, for `doctor` and for cache entries. */
typedef struct stile_nvrtc_info {
    const char *path; /* as opened */
    int major, minor;
    const int *architectures; /* e.g. 75, 80, …, 120 */
    int architecture_count;
} stile_nvrtc_info;

/* Entry points under their own names. A new member also needs its line in nvrtc.c's table. */
typedef struct stile_nvrtc {
    const char *(*nvrtcGetErrorString)(nvrtcResult result);
    nvrtcResult (*nvrtcVersion)(int *major, int *minor);
    nvrtcResult (*nvrtcGetNumSupportedArchs)(int *count);
    nvrtcResult (*nvrtcGetSupportedArchs)(int *architectures);
    nvrtcResult (*nvrtcCreateProgram)(nvrtcProgram *program, const char *source, const char *name,
                                      int header_count, const char *const *headers,
                                      const char *const *include_names);
    nvrtcResult (*nvrtcDestroyProgram)(nvrtcProgram *program);
    nvrtcResult (*nvrtcCompileProgram)(nvrtcProgram program, int count, const char *const *options);
    nvrtcResult (*nvrtcGetCUBINSize)(nvrtcProgram program, size_t *size);
    nvrtcResult (*nvrtcGetCUBIN)(nvrtcProgram program, char *cubin);
    nvrtcResult (*nvrtcGetProgramLogSize)(nvrtcProgram program, size_t *size);
    nvrtcResult (*nvrtcGetProgramLog)(nvrtcProgram program, char *log);
} stile_nvrtc;

/*
 * NVRTC, opened on first use and never closed; a failure is reported again by every later call.
 * Thread-safe. Errors: UNSUPPORTED (the text says where it was looked for).
 */
int stile_nvrtc_get(const stile_nvrtc **out);

/* Its place and version; the strings live as long as the process. Errors: as above. */
int stile_nvrtc_describe(stile_nvrtc_info *out);

#endif
