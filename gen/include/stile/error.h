/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error codes and the text of the last error.
 *
 * Every function of stile that can fail returns an int: 0 on success, else one of the negative
 * codes below. Unless its comment says otherwise, a failed call has left its outputs untouched.
 */
#ifndef STILE_ERROR_H
#define STILE_ERROR_H

#ifndef STILE_API
#define STILE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum {
    STILE_OK = 0,
    STILE_ERROR_ARGUMENT = -1,    /* the caller passed something that cannot work */
    STILE_ERROR_SPEC = -2,        /* a spec or basis file is wrong; the diagnostics say where */
    STILE_ERROR_UNSUPPORTED = -3, /* valid, but this build, machine or environment cannot do it */
    STILE_ERROR_COMPILE = -4,     /* NVRTC refused a kernel */
    STILE_ERROR_DEVICE = -5,      /* the CUDA driver reported a failure */
    STILE_ERROR_MEMORY = -6,      /* host or device memory is exhausted */
    STILE_ERROR_IO = -7,          /* a file could not be read or written */
    STILE_ERROR_INTERNAL = -8,    /* a bug in stile */
};

/* The name of a code as a short phrase ("bad argument"); never NULL. Static storage. */
STILE_API const char *stile_error_string(int error);

/*
 * What went wrong in the last failed call of this thread: one or more sentences without a trailing
 * newline, "" if none failed yet. Owned by the thread; valid until its next failing call.
 */
STILE_API const char *stile_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
