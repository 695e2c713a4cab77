/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small text files that tuning keeps beside the kernels: a first line that names kind and version,
 * a body, and a checksum of both. Written aside, synced and renamed, so that readers and processes
 * that are killed never meet half of one. Results are 0 or an errno value; no function sets the
 * thread's error.
 */
#ifndef STILE_RUNTIME_TUNE_FILE_H
#define STILE_RUNTIME_TUNE_FILE_H

/* Begins the names of what sessions leave; what they found is in the file called this. */
#define STILE_TUNE_STATE "tune-"
#define STILE_TUNE_WINNERS "winners"

enum { STILE_TUNE_FILE_LIMIT = 4 << 20 }; /* bytes */

/*
 * The body of a file of kind `head` ("stile winners 1"); free it. ENOENT: there is none. EBADMSG:
 * it is not what we write, or of another version.
 */
int stile_tune_file_read(int root, const char *name, const char *head, char **out);

/* `body`: lines. */
int stile_tune_file_write(int root, const char *name, const char *head, const char *body);

#endif
