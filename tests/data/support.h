/* SPDX-License-Identifier: MIT */
/* What the tests of datasets share: temporary folders, hand-made files, contexts, expected error sentences. */
#ifndef TESTS_DATA_SUPPORT_H
#define TESTS_DATA_SUPPORT_H

/* cmocka.h needs these before itself, in this order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fovea/context.h>
#include <fovea/dataset.h>

/** cmocka set-up and tear-down: *state becomes the path of an empty folder, removed with all that is in it. */
int folder_make(void **state);
int folder_remove(void **state);
/** Returns "FOLDER/name" and makes the folders in between; the eighth call after this one overwrites the result. */
const char *path_in(void **state, const char *name);

void put_file(const char *path, const void *bytes, size_t size);
/** Returns the bytes of a whole file, or NULL if it cannot be opened; free() them. */
uint8_t *get_file(const char *path, size_t *size);
/** Returns $FOVEA_SHARED/name, or ../shared/name; skips the test, naming the path, if that does not exist. */
const char *shared_path(const char *name);

/** Writes an IDX file of unsigned bytes: rank 1 (labels) or 3 (pictures). */
void put_idx(const char *path, int rank, const uint32_t *dim, const uint8_t *bytes, size_t size);
/** Writes a small MNIST into the test's folder: `count` pictures of 28 x 28 in both splits, labels i % 10. */
void put_mnist(void **state, uint32_t count);

/** A context with this many threads; fails the test if it cannot be created. */
fov_context *make_context(int threads);
/** Asserts that opening fails with `status` and a sentence that contains `part`. */
void refuse(const char *source, fov_split split, fov_status status, const char *part);

#endif
