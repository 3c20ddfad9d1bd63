/* SPDX-License-Identifier: MIT */
/* Runs the compiler and the learner's compiled program as child processes: limited in time, memory and size of files,
 * without network where the system allows that, and killed together with all the processes they started. */
#ifndef LEARN_CHILD_H
#define LEARN_CHILD_H

#include <stdbool.h>
#include <stddef.h>

enum child_end {
    CHILD_EXITED,    /**< .code is its exit status */
    CHILD_SIGNALLED, /**< .code is the signal */
    CHILD_TIMED_OUT,
    CHILD_FAILED /**< it could not be started: .code is errno */
};

struct child {
    const char *const *words; /**< the command, ended by NULL; found along PATH */
    const char *directory;    /**< where it runs */
    const char *input;        /**< its standard input, a file in .directory; NULL: empty */
    const char *printed;      /**< the file in .directory that receives stdout and stderr */
    const char *answers;      /**< its descriptor 3 for writing, a file in .directory; NULL: none */
    double seconds;           /**< limit of wall-clock time, and of processor time */
    size_t memory;            /**< bytes of address space */
    bool alone;               /**< no network and no further processes, where the system allows */
};

struct child_result {
    enum child_end end;
    int code;
};

struct child_result child_run(const struct child *child);

#endif
