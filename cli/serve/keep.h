/* SPDX-License-Identifier: MIT */
/* What Teach keeps on disk where it was asked to (--keep DIR): each picture as it was sent, in a folder per class,
 * which is a dataset for fovea train, too; and the run of the training, so that one that was killed goes on from its
 * last epoch. */
#ifndef CLI_SERVE_KEEP_H
#define CLI_SERVE_KEEP_H

#include <stdbool.h>
#include <stddef.h>

enum { KEEP_PATH = 4096 };

/** Writes a picture's bytes as DIR/CLASS/NUMBER.SUFFIX. 0, or -1 with errno. */
int keep_picture(const char *folder, const char *class, int number, const void *bytes, size_t size);
/** Calls `take` for each picture that is there, in the order in which they came; false ends it. */
void keep_each(const char *folder, bool (*take)(void *user, const char *class, const char *path), void *user);

/** DIR/.run, where the training leaves its checkpoints. */
const char *keep_run(const char *folder, char out[KEEP_PATH]);
/** Whether a training began there and did not end; and a mark that says so, or takes it away. */
bool keep_is_unfinished(const char *folder);
void keep_mark(const char *folder, bool unfinished);

#endif
