/* SPDX-License-Identifier: MIT */
/* C of the learner, compiled by the system's compiler and run in a child process: limited in time, memory and size of
 * files, without network where the system lets us take it away, and killed with all that it started. */
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
    const char *input;        /**< its standard input, a file there; NULL: nothing */
    const char *printed;      /**< receives what it prints, a file there */
    const char *answers;      /**< its descriptor 3, a file there; NULL: none */
    double seconds;           /**< of the clock and of the processor */
    size_t memory;            /**< bytes of address space */
    bool alone;               /**< no network and no further processes, where the system allows */
};

struct child_result {
    enum child_end end;
    int code;
};

struct child_result child_run(const struct child *child);

#endif
