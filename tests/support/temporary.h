/* SPDX-License-Identifier: MIT */
/* Temporary folders and files of the tests, below $TMPDIR or /tmp. A test that fails leaves its own behind, to be
 * looked at. */
#ifndef TESTS_SUPPORT_TEMPORARY_H
#define TESTS_SUPPORT_TEMPORARY_H

enum { TEMPORARY_PATH = 256 };

/** Makes an empty folder, whose path is written into `out`; fails the test where it cannot. Returns `out`. */
const char *temporary_folder(char out[TEMPORARY_PATH]);
/** Makes an empty file with this suffix (".onnx", or ""); as temporary_folder. */
const char *temporary_file(char out[TEMPORARY_PATH], const char *suffix);
/** Removes a folder and all that it holds; fails the test where something stays. */
void temporary_remove(const char *folder);

#endif
