/* SPDX-License-Identifier: MIT */
/* A folder of a test's own, made before it and removed after it. */
#ifndef TESTS_BASE_FOLDER_H
#define TESTS_BASE_FOLDER_H

/** cmocka set-up: makes the folder; *state is its path. */
int folder_make(void **state);
/** cmocka tear-down: removes it and all that is in it. */
int folder_remove(void **state);
/** A path in it. The result is overwritten after eight more calls. */
const char *folder_path(void **state, const char *name);

#endif
