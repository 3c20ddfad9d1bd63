/* SPDX-License-Identifier: MIT */
/* A temporary folder for one test, made before it and removed after it. */
#ifndef TESTS_BASE_FOLDER_H
#define TESTS_BASE_FOLDER_H

/** cmocka set-up: makes the folder below $TMPDIR or /tmp; *state is its path. */
int folder_make(void **state);
/** cmocka tear-down: removes the folder and everything in it. */
int folder_remove(void **state);
/** The path of `name` in the folder. Valid for the next seven calls; the eighth overwrites it. */
const char *folder_path(void **state, const char *name);

#endif
