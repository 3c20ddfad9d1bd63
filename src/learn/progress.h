/* SPDX-License-Identifier: MIT */
/* The learner's progress: a small text file, a line per lesson. Losing it loses ticks, never work: `fovea learn check
 * --all` rebuilds it from the lessons' files. */
#ifndef LEARN_PROGRESS_H
#define LEARN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

enum { PROGRESS_LESSONS = 100, PROGRESS_PATH = 1024 };

struct lesson_progress {
    bool started, passed;
    int hints;                     /**< shown so far */
    char directory[PROGRESS_PATH]; /**< absolute folder of the learner's file; "": not known */
};

struct progress_file {
    char path[PROGRESS_PATH];
    struct lesson_progress lesson[PROGRESS_LESSONS]; /**< by number */
    int last;                                        /**< the lesson started or checked last; 0: none */
};

/** Reads $FOVEA_LEARN_PROGRESS, else $XDG_STATE_HOME/fovea/learn.txt, else ~/.local/state/fovea/learn.txt. A missing
 *  file and malformed lines count as no progress, not as failures. The caller frees the result; NULL: out of memory. */
struct progress_file *progress_read(void);
/** Writes the file, atomically. false: errno says why. */
bool progress_write(const struct progress_file *progress);

#endif
