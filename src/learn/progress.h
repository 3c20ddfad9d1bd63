/* SPDX-License-Identifier: MIT */
/* How far the learner is: a small text file, a line per lesson. Losing it loses ticks, never work: `fovea learn check
 * --all` makes it again from the files. */
#ifndef LEARN_PROGRESS_H
#define LEARN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

enum { PROGRESS_LESSONS = 100, PROGRESS_PATH = 1024 };

struct lesson_progress {
    bool started, passed;
    int hints;                     /**< shown so far */
    char directory[PROGRESS_PATH]; /**< where its file is, absolute; "": not known */
};

struct progress_file {
    char path[PROGRESS_PATH];
    struct lesson_progress lesson[PROGRESS_LESSONS]; /**< by number */
    int last;                                        /**< the lesson started or checked last; 0: none */
};

/** Reads $FOVEA_LEARN_PROGRESS, else $XDG_STATE_HOME/fovea/learn.txt, else ~/.local/state/fovea/learn.txt. A file that
 *  is not there, or lines that make no sense, are no progress, and no failure. To be freed; NULL: no memory. */
struct progress_file *progress_read(void);
/** Writes it, atomically. false: errno says why. */
bool progress_write(const struct progress_file *progress);

#endif
