/* SPDX-License-Identifier: MIT */
/* What Teach keeps on disk if --keep DIR asks for it: each picture as it was sent, in a folder per class, which is
 * also a dataset for fovea train; and the run folder of the training, so that a killed training resumes from its last
 * epoch. */
#ifndef CLI_SERVE_KEEP_H
#define CLI_SERVE_KEEP_H

#include <stdbool.h>
#include <stddef.h>

enum { KEEP_PATH = 4096 };

/** Writes a picture's bytes as DIR/CLASS/NUMBER.SUFFIX. Returns 0, or -1 with errno. */
int keep_picture(const char *folder, const char *class, int number, const void *bytes, size_t size);
/** Calls `take` for each picture on disk, in the order in which they came, until it returns false. Returns the largest
 *  number of a file, whether it was taken or not; 0: there is none. */
int keep_each(const char *folder, bool (*take)(void *user, const char *class, const char *path), void *user);

/** DIR/.run, where the training leaves its checkpoints. */
const char *keep_run(const char *folder, char out[KEEP_PATH]);
/** Whether a training began in the folder and did not finish; keep_mark sets or removes the mark that says so. */
bool keep_is_unfinished(const char *folder);
void keep_mark(const char *folder, bool unfinished);

#endif
